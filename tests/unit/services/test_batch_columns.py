"""A file scored by column gives what its rows give one by one, bit for bit."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from leadqual.leads.export import open_export
from leadqual.leads.flat import flatten_lead
from leadqual.leads.mapping import load_mapping
from leadqual.leads.projection import LeadReader, compile_leads
from leadqual.leads.schema import Lead, Rejected
from leadqual.leads.tables import open_table
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.scoring import score_columns
from leadqual.routing.standard import default_standard
from leadqual.services.batch_columns import Stretch, TableReader
from leadqual.services.batch_copies import read_original
from leadqual.services.batch_stretches import Wanted, cut
from leadqual.services.scoring import columns_of
from leadqual.testing import make_bundle

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
N_ROWS = 700
POLICY = default_standard().scoring_policy

TEXTS: dict[str, list[Any]] = {
    "mail": [
        "ada@hafen-logistik.example", " Bob@Nordwind.EXAMPLE ", "c.d+e@gmail.com", "x@co.uk", "no",
        "", None, "a@b@c.example", "ü@münchen.de", "a@x.co.uk", "mailto:z@acme.com", "a\x00@b.com",
        "'=a@b.com", "q@xn--mnchen-3ya.de", "q@a--b.com", f"{'l' * 70}@acme.com", "x@localhost",
        f"x@{'h' * 64}.com", f"x@{'h.' * 120}com", "a@b.c1", "d@mail.invalid", "'e@acme.com",
        "A.B-c@Gmail.com", "a@-acme.com", "a@acme..com", "a.@acme.com", "a..b@acme.com", "@a.com",
        "a@.com", "a@", "a@acme.com.", "e@gmail.com", "f@mail.acme.co.uk", "g@acme.com ", "h@com",
    ],
    "domain": [
        "acme.com", "HTTPS://www.Shop.acme.co.uk:8080/x", "co.uk", "gmail.com", "localhost", "",
        None, "10.0.0.1", "münchen.de", "x" * 600 + ".com", "a_b.com", "acme.com.", " acme.com",
    ],
    "title": ["CEO", "Leiterin Einkauf", "", None, "x" * 501, "VP\x00", "***", " Head of IT "],
    "level": ["Director", "", None, "nonsense", "C-Level"],
    "country": ["DE", "Allemagne", "Atlantis", "", None, "x" * 501],
    "where": ["", None, "Trade Show", "trade-show", "cold call", "outbound_x", "x" * 501, "\x00"],
    "way": ["inbound", "outbound", "", None, "sideways"],
    "industry": [
        "Logistics", "logistics ", "RETAIL", "true", "False", "", None, "'=1", "'-x", "naïve",
        "Straße", "x" * 300, "x" * 501, "tab\tin", "\u00a0Logistics", "1", "1.0", "nul\x00",
    ],
    "staff": ["12", "1,200", "-3", "12.5", "1e400", "", None, "many", "5k", "3000000000", " 7 "],
    "plan": ["pro", "PRO", "", None, "12", "true", "x" * 10_001, "x" * 600, "'+1"],
    "text": ["Please call", "", None, "x" * 10_001, "zwei\nZeilen", "x" * 600, "\x00"],
    "page": ["https://x.com/a?b=1", "/a", "", None, "x" * 501],
    "client": ["yes", "NEIN", "", None, "maybe", "1"],
    "id": ["L1", "", None, " ", "'", "'=", "x" * 501, "é", "id\x00"],
    "when": [
        "2026-11-20T10:00:00Z", "2026-11-20 10:00:00Z", "2026-11-20", "1980-01-01T00:00:00Z",
        "2027-01-01T00:00:00Z", "", None, "2026-02-30T00:00:00Z", "2026-11-20T10:00:00+05:30",
        "2026-11-20T10:00:00+00:00", "2026-11-20 10:00:00.5+00:00", "2026-11-20T10:00:00.123+00:00",
        "2026-11-21T12:04:59.999999Z", "2026-11-21T12:05:00.001Z", "9999-12-31T23:59:59Z",
    ],
}  # fmt: skip
MAPPING = """
source: crm
lead:
  external_id: id
  created_at: when
  source: where
  contact.email: mail
  contact.job_title: title
  contact.seniority: level
  contact.country: country
  company.domain: domain
  company.industry: industry
  company.n_employees: staff
  company.annual_revenue_usd: money
  company.is_customer: client
  interest.message: text
  campaign.landing_page: page
  engagement.n_visits: visits
motion: {column: way}
attributes: [plan, points]
"""


def messy_table(*, share_of_mess: float) -> pa.Table:
    """Return rows of which some cells are what nobody expects, and most are different."""
    rng = np.random.default_rng(5)

    def column(name: str, usual: Any) -> list[Any]:
        odd = TEXTS[name]
        return [
            odd[rng.integers(len(odd))] if rng.random() < share_of_mess else usual(row)
            for row in range(N_ROWS)
        ]

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    numbers = [0.0, -0.0, 3.0, 2.5, -1.0, float("nan"), float("inf"), 1e16, None, 2.0**31]
    return pa.table({
        "id": column("id", lambda row: f"L{row}"),
        "when": column("when", lambda row: f"{moment + timedelta(hours=row):%Y-%m-%dT%H:%M:%SZ}"),
        "where": column("where", lambda _: "webinar"),
        "mail": column("mail", lambda row: f"p{row}@company-{row}.example"),
        "title": column("title", lambda row: f"Manager {row}"),
        "level": column("level", lambda _: None),
        "country": column("country", lambda _: "FR"),
        "domain": column("domain", lambda row: f"company-{row}.example"),
        "industry": column("industry", lambda row: f"Trade {row}"),
        "staff": column("staff", str),
        "money": pa.array([numbers[row % len(numbers)] for row in range(N_ROWS)]),
        "client": column("client", lambda _: "no"),
        "text": column("text", lambda row: f"Hello {row}"),
        "page": column("page", lambda row: f"https://us.example/{row}?utm=1"),
        "visits": pa.array([None if row % 7 == 0 else row - 3 for row in range(N_ROWS)]),
        "way": column("way", lambda _: None),
        "plan": column("plan", lambda row: f"plan {row}"),
        "points": pa.array([(2**53 + row) if row % 9 == 0 else row - 50 for row in range(N_ROWS)]),
    })


@pytest.fixture(params=["parquet", "codes", "dictionary", "csv", "jsonl"])
def messy_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    table = pa.concat_tables([messy_table(share_of_mess=0.04), messy_table(share_of_mess=0.5)])
    path = tmp_path / f"leads.{request.param}"
    if request.param == "csv":
        table.to_pandas().to_csv(path, index=False)
    elif request.param == "jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()), "utf-8")
    elif request.param == "dictionary":
        encoded = [
            column.dictionary_encode() if pa.types.is_string(column.type) else column
            for column in table.columns
        ]
        parquet.write_table(pa.table(encoded, names=table.column_names), path)
    else:
        parquet.write_table(table, path)
    return path


def stretches(path: Path, columns: frozenset[str]) -> Iterator[Stretch]:
    """Return a file as it is read where it is written again, or only read where it is copied."""
    wanted = None
    if path.suffix == ".codes":
        original = read_original(path, max_rows=2 * N_ROWS)
        assert original is not None
        assert original.few_valued()
        wanted = Wanted(columns, original)
    return (one.stretch for one in cut(open_table(path), wanted))


def one_by_one(path: Path, reader: LeadReader) -> list[Lead | Rejected]:
    return [reader.read(row, now=NOW) for chunk in open_table(path).chunks() for row in chunk]


@pytest.mark.parametrize("bundle", [rules_bundle(), make_bundle()], ids=["rules", "model"])
def test_leads_of_a_table_score_as_they_do_alone_and_bad_rows_say_the_same(
    messy_file: Path, tmp_path: Path, bundle: ModelBundle
) -> None:
    mapping_file = tmp_path / "crm.yaml"
    mapping_file.write_text(MAPPING, encoding="utf-8")
    reader = compile_leads(open_export(messy_file, load_mapping(mapping_file)))
    expected = one_by_one(messy_file, reader)
    table = TableReader(reader, [bundle.encoder], now=NOW)

    start = n_by_column = 0
    for stretch in stretches(messy_file, table.columns):
        table.read(stretch)  # what was learned from a stretch must not change the next
        found = table.read(stretch)
        n_by_column += found.places.size
        columns = score_columns(
            bundle, found.columns, n_leads=found.places.size, policy=POLICY, scored_at=NOW
        )
        leads = [expected[start + place] for place in found.places.tolist()]
        snapshots = [flatten_lead(lead) for lead in leads if isinstance(lead, Lead)]
        rows = score_columns(
            bundle, columns_of(snapshots), n_leads=len(snapshots), policy=POLICY, scored_at=NOW
        )

        assert len(snapshots) == found.places.size
        assert columns.p_conversion.tobytes() == rows.p_conversion.tobytes()
        assert columns.expected_value_usd.tobytes() == rows.expected_value_usd.tobytes()
        assert list(columns.texts()) == list(rows.texts())
        for place, snapshot in found.others.items():
            lead = expected[start + place]
            assert isinstance(lead, Lead)
            assert snapshot == flatten_lead(lead)
        for place, rejected in found.rejected.items():
            assert expected[start + place] == rejected
        assert len(found.places) + len(found.others) + len(found.rejected) == stretch.n_rows
        start += stretch.n_rows

    assert start == len(expected)
    assert n_by_column > N_ROWS / 3
