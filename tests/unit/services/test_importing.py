import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadqual.config import Settings
from leadqual.errors import FileFormatError, MappingError
from leadqual.outcomes.events import OutcomeType
from leadqual.services.histories import read_store_history
from leadqual.services.importing import ImportRequest, count_bytes, import_file
from leadqual.services.workshop import Workshop, open_workshop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAPPING = """
source: crm
files:
  leads: {path: leads.csv}
  deals: {path: deals.csv, key: id}
lead:
  external_id: id
  created_at: created
  source: {const: webinar}
  contact.email: mail
  company.n_employees: size
outcomes:
  - {file: deals, type: {column: kind}, occurred_at: at, amount_usd: usd}
"""
LEADS = """id,created,mail,size,note
1,2026-01-01T10:00:00Z,ada@hafen-logistik.example,12,
2,2026-01-02T10:00:00Z,bob@nordwind.example,many,=cmd()
3,2026-01-03T10:00:00Z,cleo@suedhang.example,30,
3,2026-01-04T10:00:00Z,cleo@suedhang.example,31,again
4,2030-01-01T10:00:00Z,dora@westfeld.example,1,
"""
DEALS = """id,kind,at,usd
1,contacted,2026-01-05T10:00:00Z,
1,won,2026-02-05T10:00:00Z,9000
1,won,2026-02-05T10:00:00Z,9000
9,won,2026-02-05T10:00:00Z,100
3,promised,2026-02-05T10:00:00Z,
3,lost,yesterday,
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    with open_workshop(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def export(tmp_path: Path) -> ImportRequest:
    folder = tmp_path / "crm"
    folder.mkdir()
    (folder / "leads.csv").write_text(LEADS, encoding="utf-8")
    (folder / "deals.csv").write_text(DEALS, encoding="utf-8")
    mapping = tmp_path / "crm.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    return ImportRequest(data=folder, mapping=mapping)


def test_good_rows_come_in_and_bad_ones_are_listed_with_their_reasons(
    workshop: Workshop, export: ImportRequest
) -> None:
    summary = import_file(workshop, export, now=NOW)

    history = read_store_history(workshop.store, as_of=None)
    assert summary.n_created == 2
    assert summary.n_events_created == 2
    assert sorted(history.columns["company.n_employees"], key=str) == [12, 30]
    assert [str(moment) for moment in history.moments] == [
        "2026-01-01T10:00:00.000000",
        "2026-01-03T10:00:00.000000",
    ]
    assert {event.type for event in history.events} == {OutcomeType.CONTACTED, OutcomeType.WON}
    with (export.data / "leads.csv.rejected.csv").open(encoding="utf-8", newline="") as stream:
        rejected = list(csv.DictReader(stream))
    assert [row["row"] for row in rejected] == ["3", "5", "6"]
    assert "company.n_employees" in rejected[0]["reasons"]
    assert rejected[0]["note"] == "'=cmd()"
    assert "earlier row" in rejected[1]["reasons"]
    assert "created_at" in rejected[2]["reasons"]
    assert (export.data / "deals.csv.rejected.csv").exists()


def test_importing_twice_changes_nothing(workshop: Workshop, export: ImportRequest) -> None:
    import_file(workshop, export, now=NOW)
    before = read_store_history(workshop.store, as_of=None)

    again = import_file(workshop, export, now=NOW)

    after = read_store_history(workshop.store, as_of=None)
    assert again.is_repeat
    assert (again.n_created, again.n_events_created) == (0, 0)
    assert (again.n_known, again.n_events_known) == (2, 3)
    assert after.lead_ids == before.lead_ids
    assert after.events == before.events


def test_grown_export_adds_only_what_is_new(workshop: Workshop, export: ImportRequest) -> None:
    import_file(workshop, export, now=NOW)
    with (export.data / "leads.csv").open("a", encoding="utf-8") as stream:
        stream.write("5,2026-03-01T10:00:00Z,eve@ostwall.example,8,\n")

    summary = import_file(workshop, export, now=NOW)

    assert not summary.is_repeat
    assert (summary.n_created, summary.n_known) == (1, 2)
    assert (summary.n_events_created, summary.n_events_known) == (0, 3)


def test_broken_off_import_is_completed_by_doing_it_again(
    workshop: Workshop, export: ImportRequest
) -> None:
    def die(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(workshop, export, now=NOW, on_progress=die)
    summary = import_file(workshop, export, now=NOW)

    assert summary.n_created + summary.n_known == 2
    assert summary.n_events_created == 2
    assert read_store_history(workshop.store, as_of=None).n_leads == 2


def test_dry_run_reports_and_writes_nothing(workshop: Workshop, export: ImportRequest) -> None:
    request = ImportRequest(data=export.data, mapping=export.mapping, is_dry_run=True)

    summary = import_file(workshop, request, now=NOW)

    assert (summary.n_created, summary.n_known) == (2, 0)
    assert summary.n_rejected >= 5
    assert any("earlier row" in problem for problem in summary.problems)
    assert read_store_history(workshop.store, as_of=None).n_leads == 0
    assert sorted(path.name for path in export.data.iterdir()) == ["deals.csv", "leads.csv"]


def test_erased_person_is_not_brought_back(workshop: Workshop, export: ImportRequest) -> None:
    import_file(workshop, export, now=NOW)
    with workshop.store.transaction() as tx:
        found = tx.leads.find_by_external("crm", "1")
        assert found is not None
        tx.leads.erase(
            found.lead_id, at=NOW, actor="admin", suppression_key=workshop.suppression_key
        )
    with (export.data / "leads.csv").open("a", encoding="utf-8") as stream:
        stream.write("77,2026-03-01T10:00:00Z,ada@hafen-logistik.example,12,\n")

    summary = import_file(workshop, export, now=NOW)

    assert any("erased on request" in problem for problem in summary.problems)
    emails = (export.data / "leads.csv.rejected.csv").read_text(encoding="utf-8")
    assert emails.count("erased on request") == 2
    assert read_store_history(workshop.store, as_of=None).n_leads == 1


def test_history_without_times_is_sent_to_training_instead(
    workshop: Workshop, tmp_path: Path, export: ImportRequest
) -> None:
    export.mapping.write_text(
        MAPPING.replace("created_at: created", "created_at: {order: file}"), encoding="utf-8"
    )

    with pytest.raises(MappingError, match="leadqual train --data"):
        import_file(workshop, export, now=NOW)


@pytest.mark.parametrize("content", ["", "id,created,mail,size,note\n"])
def test_empty_lead_table_is_refused(
    workshop: Workshop, export: ImportRequest, content: str
) -> None:
    (export.data / "leads.csv").write_text(content, encoding="utf-8")

    with pytest.raises(FileFormatError, match=r"leads\.csv"):
        import_file(workshop, export, now=NOW)


def test_progress_ends_at_the_number_of_bytes(workshop: Workshop, export: ImportRequest) -> None:
    seen: list[int] = []

    import_file(workshop, export, now=NOW, on_progress=seen.append)

    assert seen == sorted(seen)
    assert seen[-1] == count_bytes(export)

    seen.clear()
    assert import_file(workshop, export, now=NOW, on_progress=seen.append).is_repeat
    assert seen == [count_bytes(export)]


def test_rows_of_json_lines_come_in_too(workshop: Workshop, tmp_path: Path) -> None:
    rows = [
        {"id": str(number), "created": "2026-01-01T10:00:00Z", "mail": f"p{number}@hafen.example"}
        for number in range(3)
    ]
    data = tmp_path / "leads.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    mapping = tmp_path / "lines.yaml"
    mapping.write_text(
        "source: lines\nlead:\n  external_id: id\n  created_at: created\n"
        "  source: {const: webinar}\n  contact.email: mail\n",
        encoding="utf-8",
    )

    summary = import_file(workshop, ImportRequest(data=data, mapping=mapping), now=NOW)

    assert (summary.n_rows, summary.n_created) == (3, 3)
