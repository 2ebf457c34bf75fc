from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from leadqual.errors import FileFormatError, MappingError
from leadqual.leads.flat import flatten_lead
from leadqual.leads.mapping import load_mapping, parse_mapping
from leadqual.leads.normalise import normalise
from leadqual.leads.parse import parse_raw
from leadqual.leads.schema import Lead, RawLead, Rejected
from leadqual.outcomes.events import OutcomeEvent
from leadqual.outcomes.mapped import iter_events, iter_leads, read_history

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
MAPPINGS = ROOT / "data_samples" / "mappings"
REAL = ROOT.parent / "shared" / "data"

CRM = """
source: crm
files:
  leads: {path: leads.csv}
  events: {path: events.csv, key: lead}
lead: {external_id: id, created_at: created, source: channel, contact.email: mail}
attributes: [plan]
never: [stage]
outcomes:
  - {file: events, type: {column: kind, map: {SQL: handed_off, SAL: accepted, Won: won}},
     occurred_at: at, amount_usd: value, actor: rep, note: note}
  - {file: leads, where: {column: stage, in: [Lost, Junk]}, type: lost,
     reason: {column: why, map: {"No money": no_budget}}}
"""
LEADS = """id,created,channel,mail,plan,stage,why
b,2026-02-01,web,b@x.example,pro,Open,
a,2026-01-01,web,a@x.example,,Lost,No money
c,2026-03-01,fair,not an address,pro,Lost,
d,2026-03-02,fair,d@x.example,free,Junk,Whatever
a,2026-04-01,web,again@x.example,pro,Open,
"""
EVENTS = """lead,kind,at,value,rep,note
b,SQL,2026-02-02T10:00:00Z,,rep-1,good talk
b,Won,2026-01-30,1200,,
b,Called,2026-02-02,,,
zzz,Won,2026-02-02,5,,
b,SAL,,,,
b,Won,2026-02-02,-5,,
"""


@pytest.fixture
def crm(tmp_path):
    (tmp_path / "leads.csv").write_text(LEADS)
    (tmp_path / "events.csv").write_text(EVENTS)
    return tmp_path


def real(name: str) -> Path:
    path = REAL / name
    if not path.exists():
        pytest.skip(f"needs the real data sets in {path.parent.relative_to(ROOT.parent)}")
    return path


def test_history_is_in_time_order_with_the_columns_of_serving(crm):
    history = read_history(crm, parse_mapping(CRM), now=NOW).history

    assert list(history.lead_ids) == ["a", "b", "d"]
    assert list(history.moments) == list(
        np.array(["2026-01-01", "2026-02-01", "2026-03-02"], dtype="datetime64[us]")
    )
    raw = parse_raw({
        "source": "fair",
        "created_at": "2026-03-02T00:00:00Z",
        "contact": {"email": "d@x.example"},
        "attributes": {"plan": "free"},
    })
    assert isinstance(raw, RawLead)
    lead = normalise(raw, now=NOW)
    assert isinstance(lead, Lead)
    row = {name: values[2] for name, values in history.columns.items()}
    assert {name: value for name, value in row.items() if value is not None} == flatten_lead(lead)
    assert history.columns["attributes.plan"] == [None, "pro", "free"]
    assert "attributes.stage" not in history.columns


def test_events_carry_what_the_mapping_reads(crm):
    events = read_history(crm, parse_mapping(CRM), now=NOW).history.events

    assert list(events) == [
        OutcomeEvent(
            lead_id="b",
            type="handed_off",
            occurred_at="2026-02-02T10:00:00Z",
            actor="rep-1",
            note="good talk",
        ),
        # Dated before its lead: kept as recorded, labelling deals with it.
        OutcomeEvent(lead_id="b", type="won", occurred_at="2026-01-30T00:00:00Z", amount_usd=1200),
        OutcomeEvent(lead_id="a", type="lost", reason="no_budget"),
        OutcomeEvent(lead_id="d", type="lost", reason="other"),
    ]


def test_every_row_that_cannot_be_used_is_listed_once_with_its_reason(crm):
    rejected = read_history(crm, parse_mapping(CRM), now=NOW).rejected

    assert [
        (row.file, row.row_number, [reason.field for reason in row.reasons]) for row in rejected
    ] == [
        ("leads", 4, ["contact.email"]),
        ("leads", 6, ["external_id"]),
        ("events", 5, ["lead_id"]),
        ("events", 6, ["occurred_at"]),
        ("events", 7, ["amount_usd"]),
    ]
    assert rejected[0].cells["mail"] == "not an address"
    assert "not an address" not in repr([row.reasons for row in rejected])


def test_streams_give_the_same_rows_in_file_order(crm):
    mapping = parse_mapping(CRM)
    leads = [row for chunk in iter_leads(crm, mapping, now=NOW) for row in chunk]
    events = [row for chunk in iter_events(crm, mapping) for row in chunk]

    assert [row.external_id for row in leads] == ["b", "a", "c", "d", "a"]
    assert [row.row_number for row in leads if isinstance(row.result, Rejected)] == [4]
    assert leads[0].raw_cells["stage"] == "Open"
    assert Counter(row.file for row in events) == {"events": 5, "leads": 3}


def test_progress_ends_at_the_size_of_what_is_read(crm):
    mapping = parse_mapping(CRM)
    n_lead_bytes, n_event_bytes = (
        (crm / name).stat().st_size for name in ("leads.csv", "events.csv")
    )
    leads_told: list[int] = []
    events_told: list[int] = []

    list(iter_leads(crm, mapping, now=NOW, on_progress=leads_told.append))
    list(iter_events(crm, mapping, on_progress=events_told.append))

    assert leads_told == [n_lead_bytes]
    assert events_told == [n_event_bytes, n_event_bytes + n_lead_bytes]


def test_fixed_outcome_without_a_time_did_not_happen(tmp_path):
    path = tmp_path / "leads.csv"
    path.write_text("id,sal_at,won_at\n1,2026-01-02,\n2,,2026-01-03\n3,,\n")
    mapping = parse_mapping("""
        source: crm
        lead: {external_id: id}
        outcomes: [{type: accepted, occurred_at: sal_at}, {type: won, occurred_at: won_at}]
    """)

    mapped = read_history(path, mapping, now=NOW)

    assert [(event.lead_id, event.type) for event in mapped.history.events] == [
        ("1", "accepted"),
        ("2", "won"),
    ]
    assert mapped.rejected == []


@pytest.mark.parametrize(
    ("created_at", "ids", "is_ordered"),
    [
        ("{order: file}", ["c", "a", "b"], True),
        ("{order: nr}", ["a", "b", "c"], True),
        ("{order: day}", ["b", "c", "a"], True),
        ("{order: none}", ["c", "a", "b"], False),
    ],
)
def test_order_without_times_puts_rows_one_second_apart(tmp_path, created_at, ids, is_ordered):
    path = tmp_path / "x.csv"
    path.write_text("id,nr,day\nc,10,2026-01-02\na,2,2026-01-03\nb,9,2026-01-01\n")
    mapping = parse_mapping(f"{{source: s, lead: {{external_id: id, created_at: {created_at}}}}}")

    history = read_history(path, mapping, now=NOW).history

    assert list(history.lead_ids) == ids
    assert (history.has_times, history.is_ordered) == (False, is_ordered)
    assert set(np.diff(history.moments)) == {np.timedelta64(1, "s")}
    assert "created_at" not in history.columns


def test_row_without_its_place_in_the_order_is_rejected(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,nr\na,1\nb,\n")
    mapping = parse_mapping("{source: s, lead: {external_id: id, created_at: {order: nr}}}")

    (row,) = read_history(path, mapping, now=NOW).rejected

    assert (row.row_number, row.reasons[0].field) == (3, "created_at")


def test_import_without_times_dates_leads_now(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")

    ((row,),) = iter_leads(path, parse_mapping("source: s"), now=NOW)

    assert isinstance(row.result, Lead)
    assert row.result.created_at == NOW


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_format_gives_the_same_history(tmp_path, kind):
    path = tmp_path / f"data.{kind}"
    if kind == "parquet":
        created = datetime(2026, 1, 2, tzinfo=UTC)
        parquet.write_table(
            pa.table({"id": [1], "created": [created], "seats": [2.0], "won": [True]}), path
        )
    elif kind == "jsonl":
        path.write_text('{"id": 1, "created": "2026-01-02", "seats": 2, "won": true}\n')
    else:
        path.write_text("id,created,seats,won\n1,2026-01-02,2,true\n")
    mapping = parse_mapping("""
        source: s
        lead: {external_id: id, created_at: created, company.n_employees: seats}
        outcomes: [{type: won, where: {column: won, in: [true]}}]
    """)

    history = read_history(path, mapping, now=NOW).history

    assert list(history.lead_ids) == ["1"]
    assert history.columns["company.n_employees"] == [2]
    assert [event.type for event in history.events] == ["won"]


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        ("{type: one}", "`one` is neither a column nor one of: accepted"),
        ("{type: {column: id, map: {x: wonn}}}", "`wonn` is not one of"),
        ("{type: {const: sold}}", "`sold` is not one of"),
        ("{type: lost, reason: to_dear}", "`to_dear` is neither a column nor one of: bad_fit"),
        ("{type: lost, reason: {column: id, map: {x: dear}}}", "`dear` is not one of"),
        ("{type: won, occurred_at: closed}", "has no column `closed`"),
    ],
)
def test_unknown_event_reason_or_column_stops_before_the_first_row(tmp_path, outcome, problem):
    path = tmp_path / "x.csv"
    path.write_text("id\n1\n")
    mapping = parse_mapping(f"{{source: s, lead: {{external_id: id}}, outcomes: [{outcome}]}}")

    for read in (
        lambda: iter_leads(path, mapping, now=NOW),
        lambda: iter_events(path, mapping),
        lambda: read_history(path, mapping, now=NOW),
    ):
        with pytest.raises(MappingError, match=problem):
            read()


def test_unmapped_event_name_is_rejected_and_one_beside_the_map_is_no_event(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,kind\n1,won\n2,bought\n3,\n")
    plain = parse_mapping("{source: s, lead: {external_id: id}, outcomes: [{type: kind}]}")
    mapped = parse_mapping(
        "{source: s, lead: {external_id: id}, outcomes: [{type: {column: kind, map: {won: won}}}]}"
    )

    plain_history = read_history(path, plain, now=NOW)
    mapped_history = read_history(path, mapped, now=NOW)

    assert [row.row_number for row in plain_history.rejected] == [3]
    assert len(plain_history.history.events) == len(mapped_history.history.events) == 1
    assert mapped_history.rejected == []


@pytest.mark.parametrize("when", ["0001-01-01", "1989-01-01", "9999-12-31", "soon"])
def test_impossible_time_of_an_event_is_rejected(tmp_path, when):
    path = tmp_path / "x.csv"
    path.write_text(f"id,at\n1,{when}\n")
    mapping = parse_mapping(
        "{source: s, lead: {external_id: id}, outcomes: [{type: won, occurred_at: at}]}"
    )

    mapped = read_history(path, mapping, now=NOW)

    assert [row.reasons[0].field for row in mapped.rejected] == ["occurred_at"]


def test_text_that_no_database_holds_rejects_the_event(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "1", "note": "a\\u0000"}\n{"id": "2", "note": "\\ud800"}\n')
    mapping = parse_mapping(
        "{source: s, lead: {external_id: id}, outcomes: [{type: won, note: note}]}"
    )

    assert [row.reasons[0].field for row in read_history(path, mapping, now=NOW).rejected] == [
        "note",
        "note",
    ]


def test_file_with_only_a_header_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,mail\n")
    mapping = parse_mapping("{source: s, lead: {external_id: id}}")

    with pytest.raises(FileFormatError, match=r"x\.csv: has column names and no row"):
        list(iter_leads(path, mapping, now=NOW))
    with pytest.raises(FileFormatError, match="no row"):
        read_history(path, mapping, now=NOW)


def test_joined_file_may_be_empty_of_rows(crm):
    (crm / "events.csv").write_text("lead,kind,at,value,rep,note\n")

    assert len(read_history(crm, parse_mapping(CRM), now=NOW).history.events) == 2


def test_olist_is_read_without_its_leaks():
    mapped = read_history(real("olist_funnel"), load_mapping(MAPPINGS / "olist.yaml"), now=NOW)

    history = mapped.history
    assert (history.n_leads, mapped.rejected) == (8000, [])
    assert set(history.columns) == {
        "source",
        "motion",
        "created_at",
        "attributes.landing_page_id",
    }
    assert Counter(event.type for event in history.events) == {"won": 842}
    assert sum(event.amount_usd is not None for event in history.events) == 45
    assert not history.recorded.losses
    moments = dict(zip(history.lead_ids, history.moments.tolist(), strict=True))
    early = [
        event
        for event in history.events
        if event.occurred_at and event.occurred_at.replace(tzinfo=None) < moments[event.lead_id]
    ]
    assert len(early) == 1


def test_bank_is_read_in_file_order_without_the_length_of_the_call():
    path = real("bank_marketing/bank-additional-full.csv")

    history = read_history(path, load_mapping(MAPPINGS / "bank.yaml"), now=NOW).history

    assert history.n_leads == 41_188
    assert (history.has_times, history.is_ordered) == (False, True)
    assert "attributes.duration" not in history.columns
    assert history.columns["attributes.pdays"].count(None) == 39_673
    assert set(history.columns["motion"]) == {"outbound"}
    assert Counter(event.type for event in history.events) == {"won": 4640, "lost": 36_548}


def test_salvirt_is_read_without_an_order():
    mapped = read_history(real("salvirt_b2b"), load_mapping(MAPPINGS / "salvirt.yaml"), now=NOW)

    history = mapped.history
    assert (history.n_leads, history.is_ordered) == (448, False)
    assert {"attributes.Authority", "attributes.Budgt_alloc"} <= set(history.columns)
    assert "attributes.Status" not in history.columns
    assert Counter(event.type for event in history.events) == {"won": 227, "lost": 221}


def test_sample_is_read_without_a_rejected_row():
    mapped = read_history(
        ROOT / "data_samples" / "sample", load_mapping(MAPPINGS / "sample.yaml"), now=NOW
    )

    assert mapped.rejected == []
    assert mapped.history.n_leads > 1000
    assert max(mapped.history.moments) <= np.datetime64((NOW + timedelta(0)).replace(tzinfo=None))
