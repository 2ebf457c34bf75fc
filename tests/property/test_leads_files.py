"""Files of any content: read as what they are, or refused in our own words."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from leadqual.errors import FileFormatError, MappingError
from leadqual.leads.cells import compile_reader
from leadqual.leads.fields import Kind
from leadqual.leads.mapping import parse_mapping, suggest_mapping
from leadqual.leads.rejected import RejectedRow, write_rejected
from leadqual.leads.schema import FieldReason, Lead
from leadqual.leads.spec import ColumnSpec
from leadqual.leads.tables import open_table
from leadqual.outcomes.mapped import iter_leads, read_history

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PRINTABLE = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
NAMES = st.text(PRINTABLE, min_size=1, max_size=8).map(str.strip).filter(bool)
CELLS = st.text(PRINTABLE | st.sampled_from("\n,;\t|\"'"), max_size=12)
# fmt: off
WORDS = [
    "source", "files", "lead", "leads", "path", "key", "column", "const", "map", "parse", "unit",
    "default", "file", "where", "in", "type", "order", "row", "outcomes", "attributes", "never",
    "motion", "created_at", "external_id",
]
# fmt: on
SETTINGS = st.recursive(
    st.none() | st.text(max_size=8) | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def in_file(content: bytes, use):
    """Call with the path of a file of this content (a fixture would outlive the examples)."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        path.write_bytes(content)
        return use(path)


@st.composite
def tables(draw):
    header = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    row = st.lists(CELLS, min_size=len(header), max_size=len(header))
    return header, draw(st.lists(row, min_size=1, max_size=5))


@given(
    tables(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back(table, encoding, line_end):
    header, rows = table
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([header, *rows])

    def read(path):
        opened = open_table(path)
        return opened.columns, [row.cells for chunk in opened.chunks() for row in chunk]

    columns, cells = in_file(text.getvalue().encode(encoding), read)

    assert columns == tuple(header)
    assert cells == [dict(zip(header, row, strict=True)) for row in rows]


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace")))
@example(b"a\n\x00")
@example(b"a,b\r1,2\r\n3,4\n5\n")
@example(b'{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}\n{"a": 1}')
@example(b"\xff\xfea")
def test_any_bytes_are_a_table_or_refused(content):
    def read(path):
        mapping = parse_mapping("source: s")
        try:
            return read_history(path, mapping, now=NOW)
        except FileFormatError:
            return None

    mapped = in_file(content, read)

    assert mapped is None or mapped.history.n_leads + len(mapped.rejected) > 0


@given(st.text(max_size=60) | SETTINGS.map(yaml.safe_dump))
def test_any_text_is_a_mapping_or_refused(text):
    try:
        spec = parse_mapping(text)
    except MappingError:
        return

    assert spec.source


@given(tables())
@example((["yes", "a: b"], [["[x", "{y}"]]))
@example((["~", "null"], [["1", "2"]]))
def test_suggestion_is_a_mapping_that_reads_the_file_it_was_made_for(table):
    header, rows = table
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([header, *rows])

    def read(path):
        return read_history(path, parse_mapping(suggest_mapping(path)), now=NOW)

    mapped = in_file(text.getvalue().encode(), read)

    assert mapped.history.n_leads + len(mapped.rejected) >= 1


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_rejected_cells_are_read_back_as_the_text_they_were(cells):
    rows = [
        RejectedRow("leads", i, {"c": cell}, (FieldReason("c", "x"),))
        for i, cell in enumerate(cells)
    ]
    read_text = compile_reader(ColumnSpec(column="c", default=""), Kind.TEXT)

    def write_and_read(path):
        write_rejected(path, rows)
        return [read_text(row.cells) for chunk in open_table(path).chunks() for row in chunk]

    found = in_file(b"", write_and_read)

    # A quote before a formula may have been there before: it is the one thing that is lost.
    assert found == [read_text({"c": cell}) for cell in cells]


@given(st.permutations(range(12)))
def test_order_of_the_rows_does_not_matter_where_there_are_times(order):
    lines = [f"{i},{(NOW - timedelta(days=i)).date()},p{i % 3}\n" for i in range(12)]
    mapping = parse_mapping("""
        source: s
        lead: {external_id: id, created_at: day}
        attributes: [plan]
        outcomes: [{type: won, where: {column: plan, in: [p1]}}]
    """)

    def read(path):
        return read_history(path, mapping, now=NOW).history

    plain = in_file(("id,day,plan\n" + "".join(lines)).encode(), read)
    shuffled = in_file(("id,day,plan\n" + "".join(lines[i] for i in order)).encode(), read)

    assert shuffled.lead_ids == plain.lead_ids
    assert shuffled.columns == plain.columns
    assert {event.lead_id for event in shuffled.events} == {event.lead_id for event in plain.events}


@given(st.lists(st.sampled_from(["a@b.example", "not an address", "", "A@B.example"]), min_size=1))
def test_rows_are_read_one_by_one_as_in_a_file_together(mails):
    mapping = parse_mapping("{source: s, lead: {contact.email: mail}, attributes: [n]}")

    def read(path):
        return [row.result for chunk in iter_leads(path, mapping, now=NOW) for row in chunk]

    lines = [f"{mail},{i}\n" for i, mail in enumerate(mails)]
    together = in_file(("mail,n\n" + "".join(lines)).encode(), read)
    single = [in_file(f"mail,n\n{line}".encode(), read)[0] for line in lines]

    assert [without_id(result) for result in together] == [without_id(result) for result in single]


def without_id(result):
    return result.model_copy(update={"external_id": None}) if isinstance(result, Lead) else result
