import pytest

from leadqual.errors import FileFormatError, MappingError
from leadqual.leads.export import open_export
from leadqual.leads.mapping import parse_mapping

TWO_FILES = """
source: crm
files:
  leads: {path: leads.csv}
  deals: {path: deals.csv, key: lead}
lead: {external_id: id, contact.email: Mail}
outcomes: [{file: deals, type: won, occurred_at: closed}]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "leads.csv").write_text("id,Mail,plan\n1,a@b.example,pro\n")
    (tmp_path / "deals.csv").write_text("lead,closed\n1,2026-01-02\n")
    return tmp_path


def test_folder_and_lead_table_open_the_same_files(folder):
    mapping = parse_mapping(TWO_FILES)
    (folder / "leads.csv").rename(folder / "renamed.csv")
    (folder / "leads.csv").symlink_to(folder / "renamed.csv")

    by_folder, by_file = open_export(folder, mapping), open_export(folder / "renamed.csv", mapping)

    assert by_folder.leads.columns == by_file.leads.columns == ("id", "Mail", "plan")
    assert by_folder.tables["deals"].path == by_file.tables["deals"].path


def test_every_missing_column_is_named_with_its_place_and_a_guess(folder):
    mapping = parse_mapping("""
        source: crm
        files: {leads: {path: leads.csv}, deals: {path: deals.csv, key: lead_id, on: di}}
        lead: {external_id: id, contact.email: mail, created_at: {order: nr}}
        motion: {column: motion}
        attributes: [plan, seats, {column: amount, file: deals}]
        outcomes:
          - {file: deals, type: {column: kind, map: {x: won}}, occurred_at: closd,
             where: {column: stage, in: [x]}}
    """)

    with pytest.raises(MappingError) as caught:
        open_export(folder, mapping)

    problems = "\n".join(caught.value.problems)
    for place, column in [
        ("lead.contact.email", "mail"),
        ("lead.created_at", "nr"),
        ("motion", "motion"),
        ("attributes.seats", "seats"),
        ("attributes.amount", "amount"),
        ("files.deals.key", "lead_id"),
        ("files.deals.on", "di"),
        ("outcomes.0.type", "kind"),
        ("outcomes.0.where", "stage"),
        ("outcomes.0.occurred_at", "closd"),
    ]:
        assert f"{place}: " in problems
        assert f"no column `{column}`" in problems
    assert "did you mean `Mail`?" in problems
    assert "did you mean `closed`?" in problems


def test_joined_file_must_be_there(folder):
    (folder / "deals.csv").unlink()

    with pytest.raises(FileFormatError, match=r"deals\.csv: is not there; `files\.deals` names it"):
        open_export(folder, parse_mapping(TWO_FILES))


def test_folder_needs_a_mapping_that_names_files(folder):
    with pytest.raises(MappingError, match="names no `files:`"):
        open_export(folder, parse_mapping("{source: crm, lead: {external_id: id}}"))


def test_outcomes_of_a_joined_file_must_refer_to_the_id_of_the_lead(folder):
    mapping = parse_mapping(TWO_FILES.replace("external_id: id", "external_id: {row: true}"))

    with pytest.raises(MappingError, match="must be the external_id"):
        open_export(folder, mapping)
