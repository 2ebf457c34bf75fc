import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from leadqual.config import Settings
from leadqual.errors import FileFormatError, MappingError, UnknownVersionError
from leadqual.leads.normalise import normalise
from leadqual.leads.parse import parse_raw
from leadqual.leads.schema import Lead, RawLead
from leadqual.qualify.score import Head
from leadqual.routing.standard import default_standard
from leadqual.services.batch_scoring import ScoreRequest, score_file
from leadqual.services.score_files import ScoreFile, open_score_file
from leadqual.services.scoring import LiveScorer
from leadqual.services.workshop import Workshop, open_workshop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMED = """contact.email,contact.job_title,company.n_employees,source,comment,p_fit
ada@hafen-logistik.example,Head of Operations,240,webinar,=1+1,mine
bob@nordwind.example,Intern,-3,webinar,fine,-5
cleo@suedhang.example,CEO,12,referral,-5,+49 30 1
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    with open_workshop(Settings(home=tmp_path / "home")) as opened:
        yield opened


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_input_columns_are_kept_and_a_bad_row_says_why_it_has_no_score(
    workshop: Workshop, tmp_path: Path
) -> None:
    data = tmp_path / "leads.csv"
    data.write_text(NAMED, encoding="utf-8")

    summary = score_file(workshop, ScoreRequest(data=data), now=NOW)

    rows = read_csv(tmp_path / "leads.scored.csv")
    assert summary.out == tmp_path / "leads.scored.csv"
    assert (summary.n_rows, summary.n_scored, summary.model_version) == (3, 2, "rules")
    assert [row["contact.email"][:3] for row in rows] == ["ada", "bob", "cle"]
    assert 0 < float(rows[0]["p_conversion"]) < 1
    assert rows[0]["scored_by"] == "rules"
    assert rows[1]["p_conversion"] == ""
    assert "company.n_employees" in rows[1]["rejected"]


def test_cells_cannot_run_in_a_spreadsheet_and_numbers_stay_numbers(
    workshop: Workshop, tmp_path: Path
) -> None:
    data = tmp_path / "leads.csv"
    data.write_text(NAMED, encoding="utf-8")

    score_file(workshop, ScoreRequest(data=data), now=NOW)

    rows = read_csv(tmp_path / "leads.scored.csv")
    assert [row["comment"] for row in rows] == ["'=1+1", "fine", "-5"]
    assert [row["p_fit"] for row in rows] == ["mine", "-5", "'+49 30 1"]
    assert 0 < float(rows[0]["score.p_fit"]) < 1


def test_scores_of_a_file_are_those_of_single_leads(workshop: Workshop, tmp_path: Path) -> None:
    data = tmp_path / "leads.csv"
    data.write_text(NAMED, encoding="utf-8")
    raw = parse_raw({
        "source": "webinar",
        "contact": {"email": "ada@hafen-logistik.example", "job_title": "Head of Operations"},
        "company": {"n_employees": 240},
    })
    assert isinstance(raw, RawLead)
    lead = normalise(raw, now=NOW)
    assert isinstance(lead, Lead)
    live = LiveScorer(workshop.store, workshop.registry.load, standard=default_standard())

    score_file(workshop, ScoreRequest(data=data), now=NOW)

    alone = live.score(lead, now=NOW).score
    row = read_csv(tmp_path / "leads.scored.csv")[0]
    assert float(row["p_authority"]) == alone.p_authority
    assert float(row["expected_value_usd"]) == alone.expected_value_usd
    assert row["heads.authority"] == alone.heads[Head.AUTHORITY].value
    assert row["reasons"] == "; ".join(reason.text for reason in alone.reasons)


def test_parquet_keeps_its_types_and_gets_score_columns(workshop: Workshop, tmp_path: Path) -> None:
    n_rows = 12_000
    table = pa.table({
        "source": ["webinar"] * n_rows,
        "company": pa.array([{"n_employees": number} for number in range(n_rows)]),
        "tags": pa.array([["a", "b"]] * n_rows),
        "seen": pa.array([NOW] * n_rows, type=pa.timestamp("ns", tz="UTC")),
    })
    data = tmp_path / "leads.parquet"
    parquet.write_table(table, data, row_group_size=7_001)

    summary = score_file(workshop, ScoreRequest(data=data), now=NOW)

    scored = parquet.read_table(summary.out)
    assert summary.out == tmp_path / "leads.scored.parquet"
    assert scored.select(table.column_names).equals(table)
    assert scored.schema.field("p_conversion").type == pa.float64()
    assert scored["p_conversion"].null_count == 0
    assert len(set(scored["p_fit"].to_pylist())) > 1


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_cells_of_json_lines_are_kept_whatever_their_types(
    workshop: Workshop, tmp_path: Path, ending: str
) -> None:
    data, out = tmp_path / "leads.jsonl", tmp_path / f"out.{ending}"
    data.write_text(
        '{"source": "webinar", "n": 5, "x": 5, "big": 1, "is": true, "tags": null}\n'
        '{"source": "fair", "n": -7, "x": 5.0, "big": 36893488147419103232, "is": false}\n'
        "no object\n",
        encoding="utf-8",
    )
    mixed = data.read_text(encoding="utf-8")

    def cells() -> list[list[str]]:
        summary = score_file(workshop, ScoreRequest(data=data, out=out), now=NOW)
        assert (summary.n_scored, summary.n_rejected) == (2, 1)
        rows = parquet.read_table(out).to_pylist() if ending == "parquet" else list(read_csv(out))
        return [[row[name] or "" for name in ("source", "n", "x", "is")] for row in rows]

    as_rows = cells()
    data.write_text(mixed.replace("36893488147419103232", "2").replace("5.0", "6"), "utf-8")
    as_columns = cells()

    assert as_rows == [["webinar", "5", "5", "true"], ["fair", "-7", "5.0", "false"], [""] * 4]
    assert as_columns == [["webinar", "5", "5", "true"], ["fair", "-7", "6", "false"], [""] * 4]


def test_parquet_that_cannot_be_copied_is_written_again(workshop: Workshop, tmp_path: Path) -> None:
    table = pa.table({"source": ["webinar", "fair"], "in": pa.array([{"a": 1}, None])})
    data, old = tmp_path / "leads.parquet", tmp_path / "old.parquet"
    parquet.write_table(table, data)
    author = parquet.read_metadata(data).created_by.encode()
    wrong_sizes = b"parquet-mr version 1.2.8".ljust(len(author))
    old.write_bytes(data.read_bytes().replace(author, wrong_sizes))

    copied, again = (
        parquet.read_table(score_file(workshop, ScoreRequest(data=path), now=NOW).out)
        for path in (data, old)
    )

    assert again.equals(copied)
    assert again.select(table.column_names).equals(table)


def test_mapping_is_used_without_the_outcomes_that_do_not_exist_yet(
    workshop: Workshop, tmp_path: Path
) -> None:
    data = tmp_path / "fresh.csv"
    data.write_text("id,mail,when\n1,ada@hafen-logistik.example,2026-11-20\n", encoding="utf-8")
    mapping = tmp_path / "crm.yaml"
    mapping.write_text(
        "source: crm\nfiles:\n  leads: {path: leads.csv}\n  deals: {path: deals.csv, key: id}\n"
        "lead:\n  external_id: id\n  created_at: when\n  source: {const: webinar}\n"
        "  contact.email: mail\noutcomes:\n  - {file: deals, type: won, occurred_at: won_at}\n",
        encoding="utf-8",
    )

    summary = score_file(workshop, ScoreRequest(data=data, mapping=mapping), now=NOW)

    assert (summary.n_scored, summary.n_rejected) == (1, 0)


def test_file_that_says_nothing_about_leads_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    data = tmp_path / "leads.csv"
    data.write_text("a,b\n1,2\n", encoding="utf-8")

    with pytest.raises(MappingError, match="give --mapping"):
        score_file(workshop, ScoreRequest(data=data), now=NOW)


def test_failed_scoring_leaves_the_previous_result(workshop: Workshop, tmp_path: Path) -> None:
    data = tmp_path / "leads.csv"
    data.write_text("source\nwebinar\n", encoding="utf-8")
    score_file(workshop, ScoreRequest(data=data), now=NOW)
    before = (tmp_path / "leads.scored.csv").read_bytes()
    data.write_text("source\n", encoding="utf-8")

    with pytest.raises(FileFormatError):
        score_file(workshop, ScoreRequest(data=data), now=NOW)
    with pytest.raises(UnknownVersionError):
        score_file(workshop, ScoreRequest(data=data, model_version="1999-01-01-1"), now=NOW)
    assert (tmp_path / "leads.scored.csv").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_two_runs_that_write_the_same_file_do_not_meet(tmp_path: Path) -> None:
    file = ScoreFile(tmp_path / "out.csv", ("a",), None, has_reasons=False)

    with open_score_file(file), open_score_file(file):
        pass

    assert (tmp_path / "out.csv").read_text(encoding="utf-8").startswith("a,")
    assert not list(tmp_path.glob("*.part"))
