import codecs
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from leadqual.errors import FileFormatError
from leadqual.leads.rows import CHUNK_ROWS, Row
from leadqual.leads.spec import FileSpec
from leadqual.leads.tables import open_table


def rows_of(path, spec=None) -> list[Row]:
    return [row for chunk in open_table(path, spec).chunks() for row in chunk]


def cells_of(path, spec=None):
    return [row.cells for row in rows_of(path, spec)]


@pytest.fixture
def write(tmp_path):
    def write_bytes(content: bytes | str, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_bytes


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_found_out(write, separator):
    path = write(f"name{separator}city\nAda{separator}London\n")

    assert cells_of(path) == [{"name": "Ada", "city": "London"}]


def test_decimal_commas_do_not_look_like_separators(write):
    assert cells_of(write("a;b\n1,5;2,5\n3,5;4,5\n"))[0] == {"a": "1,5", "b": "2,5"}


def test_line_that_a_spreadsheet_writes_for_itself_is_skipped(write):
    rows = rows_of(write("sep=;\r\na;b\r\n1;2\r\n"))

    assert rows == [Row(2, {"a": "1", "b": "2"})]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le"]
)
def test_encoding_is_found_out_or_named(write, encoding):
    content = "name;ort\nJörg;Köln\n".encode(encoding)
    spec = FileSpec(path="x", encoding=encoding) if encoding == "utf-16-le" else None

    assert cells_of(write(content), spec) == [{"name": "Jörg", "ort": "Köln"}]


def test_file_of_mixed_encodings_is_read(write):
    path = write(b"name\n" + "Jörg\n".encode() + "Jörg\n".encode("cp1252") + b"\x81\n")

    assert [cells["name"] for cells in cells_of(path)] == ["Jörg", "Jörg", "\x81"]


def test_named_encoding_is_strict_and_says_where_it_fails(write):
    path = write(b"name\n" + b"ok\n" * 20_000 + "Jörg\n".encode("cp1252"))

    with pytest.raises(FileFormatError, match="not valid utf-8-sig text; leave `encoding` out"):
        rows_of(path, FileSpec(path="x", encoding="utf-8"))


def test_utf16_without_its_mark_asks_for_the_encoding(write):
    with pytest.raises(FileFormatError, match="name its `encoding`"):
        open_table(write("name,city\nAda,London\n".encode("utf-16-le")))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_read(write, end):
    assert len(rows_of(write(end.join(["a,b", "1,2", "3,4", ""])))) == 2


def test_quoted_cells_hold_separators_quotes_and_line_ends(write):
    path = write('a,b\n"x, ""y""\nz",2\n3,4\n')

    assert rows_of(path) == [Row(2, {"a": 'x, "y"\nz', "b": "2"}), Row(3, {"a": "3", "b": "4"})]


def test_row_numbers_count_as_a_spreadsheet_does(write):
    assert [row.number for row in rows_of(write("a,b\n1,2\n\n3,4\n"))] == [2, 4]


def test_row_of_another_width_comes_with_a_problem(write):
    rows = rows_of(write("a,b\n1\n1,2,3\n1,2,,\n1,2\n"))

    assert [row.problem for row in rows] == [
        "has 1 cells where the header has 2",
        "has 3 cells where the header has 2",
        None,
        None,
    ]


def test_quote_that_is_never_closed_is_suspected(write):
    rows = rows_of(write('a,b\n1,"2\n' + "3,4\n" * 200 + '",5,6\n'))

    assert "a quote is probably never closed" in (rows[0].problem or "")


def test_cell_beyond_all_bounds_stops_reading(write):
    with pytest.raises(FileFormatError, match="near row 2"):
        rows_of(write('a,b\n1,"' + "x" * 200_000))


def test_columns_without_or_with_equal_names_are_told_apart(write):
    table = open_table(write("a,,a, a \n1,2,3,4\n"))

    assert table.columns == ("a", "column 2", "a (2)", "a (3)")


def test_nul_and_lone_surrogates_come_through_to_be_rejected_later(write):
    assert cells_of(write(b"a,b\nx\x00y,2\n")) == [{"a": "x\x00y", "b": "2"}]
    assert cells_of(write('{"a": "\\ud800"}\n')) == [{"a": "\ud800"}]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b",,\n1,2,3\n", "its first row is blank"),
        (b"PK\x03\x04rest", "is a spreadsheet"),
        (b"\x1f\x8brest", "is compressed"),
        (b'[{"a": 1}]', "is a JSON list"),
        (b"PAR1 but not really", "is not a Parquet file"),
        (b"{not json\n", "has no JSON object"),
    ],
)
def test_file_that_is_no_table_is_refused_with_what_to_do(write, content, problem):
    with pytest.raises(FileFormatError, match=f"data.csv: {problem}"):
        open_table(write(content))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="cannot be read"):
        open_table(tmp_path / "no.csv")


def test_json_lines_spread_nested_objects(write):
    path = write('{"id": 1, "contact": {"email": "a@b.c", "tags": [1]}}\n\n{"id": 2, "x": null}\n')

    table = open_table(path)
    rows = rows_of(path)

    assert table.columns == ("id", "contact.email", "contact.tags", "x")
    assert [row.number for row in rows] == [1, 2]
    assert (rows[0].cells["contact.email"], str(rows[0].cells["contact.tags"])) == ("a@b.c", "[1]")
    assert rows[1].cells == {"id": 2, "x": None}


def test_bad_lines_among_json_lines_come_with_a_problem(write):
    nested = "[" * 100_000
    path = write(f'{{"a": 1}}\n{{"a": \n3\n{{"a": {nested}\n{{"a": 2}}\n')

    assert [row.problem for row in rows_of(path)] == [
        None,
        "is not valid JSON",
        "is not a JSON object",
        "is nested too deeply",
        None,
    ]


def test_parquet_gives_python_values(tmp_path):
    path = tmp_path / "data.parquet"
    when = datetime(2026, 1, 2, tzinfo=UTC)
    table = pa.table({
        "id": pa.array([1, 2]),
        "at": pa.array([when, None], pa.timestamp("ns", tz="UTC")),
        "price": pa.array([Decimal("1.50"), None]),
        "contact": pa.array([{"email": "a@b.c"}, {"email": None}]),
        "tags": pa.array([["x"], None]),
        "kind": pa.array(["a", "b"]).dictionary_encode(),
    })
    parquet.write_table(table, path)

    rows = rows_of(path)

    assert open_table(path).columns == ("id", "at", "price", "contact.email", "tags", "kind")
    assert str(rows[0].cells.pop("tags")) == json.dumps(["x"])
    assert rows[0] == Row(
        1, {"id": 1, "at": when, "price": 1.5, "contact.email": "a@b.c", "kind": "a"}
    )
    assert rows[1].cells == dict.fromkeys(["at", "price", "contact.email", "tags"], None) | {
        "id": 2,
        "kind": "b",
    }


def test_damaged_parquet_is_refused(tmp_path):
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"a": list(range(10_000))}), path)
    content = bytearray(path.read_bytes())
    content[100:4000] = bytes(3900)
    path.write_bytes(content)

    with pytest.raises(FileFormatError, match=r"data\.parquet"):
        rows_of(path)


def test_rows_come_in_chunks_and_progress_ends_at_the_size(write):
    path = write("a,b\n" + "1,2\n" * (2 * CHUNK_ROWS + 1))
    told: list[int] = []

    sizes = [len(chunk) for chunk in open_table(path).chunks(on_progress=told.append)]

    assert sizes == [CHUNK_ROWS, CHUNK_ROWS, 1]
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_fingerprint_stands_for_the_content(write):
    first, again = open_table(write("a\n1\n", "x.csv")), open_table(write("a\n1\n", "y.csv"))
    other = open_table(write("a\n2\n", "z.csv"))

    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_byte_order_mark_is_no_part_of_the_first_name(write):
    assert open_table(write(codecs.BOM_UTF8 + b"a;b\n1;2\n")).columns == ("a", "b")
    assert open_table(write(codecs.BOM_UTF8 + b'{"a": 1}\n')).columns == ("a",)
