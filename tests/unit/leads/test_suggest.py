from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadqual.errors import FileFormatError
from leadqual.leads.mapping import parse_mapping, suggest_mapping
from leadqual.outcomes.mapped import read_history

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "data_samples" / "sample" / "leads.csv"


@pytest.fixture
def suggest(tmp_path):
    def suggest_for(content: str, name: str = "export.csv"):
        path = tmp_path / name
        path.write_text(content)
        spec = parse_mapping(suggest_mapping(path))
        return spec, read_history(path, spec, now=NOW)

    return suggest_for


def test_english_export_is_understood(suggest):
    spec, mapped = suggest(
        "Lead ID,Create Date,Lead Source,Email Address,Job Title,Company Size,Stage,Close Date,"
        "Loss Reason,Amount,Last Activity,Plan\n"
        "1,01/13/2026,Web,a@b.example,CEO,11-50,Closed Won,02/14/2026,,1200,x,pro\n"
        "2,01/14/2026,Web,c@d.example,CTO,51-200,Closed Lost,02/15/2026,No budget,,y,pro\n"
        "3,01/15/2026,Select,e@f.example,Buyer,1000+,Open,,,,z,free\n"
    )

    assert {name: column.column for name, column in spec.columns.items()} == {
        "external_id": "Lead ID",
        "created_at": "Create Date",
        "source": "Lead Source",
        "contact.email": "Email Address",
        "contact.job_title": "Job Title",
        "company.n_employees": "Company Size",
    }
    assert spec.columns["created_at"].parse == "%m/%d/%Y"
    assert set(spec.never) == {"Stage", "Close Date", "Loss Reason", "Amount", "Last Activity"}
    assert mapped.rejected == []
    won, lost = sorted(mapped.history.events, key=lambda event: event.lead_id)
    assert (won.type, won.amount_usd, won.occurred_at) == (
        "won",
        1200,
        datetime(2026, 2, 14, tzinfo=UTC),
    )
    assert (lost.type, lost.reason) == ("lost", "no_budget")


def test_german_export_with_a_yes_no_status_is_understood(suggest):
    spec, mapped = suggest(
        "Leadnummer;Erstellt am;Quelle;E-Mail-Adresse;Umsatz;Converted\n"
        "a;24.12.2025 10:30;Messe;a@b.example;1.200.000,50;ja\n"
        "b;25.12.2025 11:00;Web;c@d.example;500,5;nein\n"
        "c;26.12.2025 11:00;Web;e@f.example;99,5;nein\n"
    )

    assert spec.columns["created_at"].parse == "%d.%m.%Y %H:%M"
    assert mapped.history.columns["company.annual_revenue_usd"] == [1_200_000.5, 500.5, 99.5]
    assert [event.type for event in mapped.history.events] == ["won", "lost", "lost"]
    assert mapped.rejected == []


def test_sample_is_understood_but_for_its_own_attributes():
    spec = parse_mapping(suggest_mapping(SAMPLE))

    assert len(spec.columns) == 30
    assert [spec.label for spec in spec.attributes] == [
        "plan_interest",
        "current_tool",
        "legacy_points",
    ]


def test_export_that_tells_nothing_still_gives_a_valid_mapping(suggest):
    spec, mapped = suggest('"a: b, {c}","#x",""\n1,2,3\n4,5,6\n')

    assert spec.order == "none"
    assert mapped.history.n_leads == 2
    assert mapped.history.events == []


def test_columns_that_would_be_learned_by_heart_are_left_out(suggest):
    header = "id,note,constant,colour\n"
    rows = "".join(f"{i},free text {i},same,{'red' if i % 2 else 'blue'}\n" for i in range(300))

    spec, _ = suggest(header + rows)

    assert [attribute.label for attribute in spec.attributes] == ["colour"]


@pytest.mark.parametrize(
    "header",
    ["E-Mail", "E-Mail-Adresse", "Courriel", "Correo electrónico", "Endereço de e-mail", "Who"],
)
def test_addresses_are_an_address_column_though_one_is_malformed(suggest, header):
    spec, mapped = suggest(
        f"id,{header},Plan\n1,ada@hafen.example,pro\n2,bob@nord.example,free\n"
        "3,cleo(at)sued.example,pro\n4,dora@west.example,free\n"
    )

    assert spec.columns["contact.email"].column == header
    assert [attribute.label for attribute in spec.attributes] == ["Plan"]
    assert not any("sued.example" in str(cells) for cells in mapped.history.columns.values())


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("E-Mail", ["ada", "bob", "ada", "bob"]),
        ("Second email", ["x1y2z3", "a1b2c3", "x1y2z3", "a1b2c3"]),
        ("Vorname", ["Ada", "Bob", "Ada", "Bob"]),
        ("Vorname 2", ["Ada", "Bob", "Ada", "Bob"]),
        ("Prénom", ["Ada", "Bob", "Ada", "Bob"]),
        ("Apellidos", ["Ruiz", "Vega", "Ruiz", "Vega"]),
        ("Sobrenome", ["Lima", "Reis", "Lima", "Reis"]),
        ("Handynummer 2", ["0171 2345678", "0171 2345679", "0171 2345678", ""]),
        ("Reach at", ["+49 30 1234567", "0171/2345678", "(555) 123-4567", "no"]),
        ("Remark", ["ask bob@nord.example", "none", "none", "ask bob@nord.example"]),
        ("Adresse", ["Hafenweg 3", "Am Markt 1", "Hafenweg 3", "Am Markt 1"]),
    ],
)
def test_personal_columns_are_left_out_with_a_comment(tmp_path, header, values):
    rows = "".join(
        f"{number},{value},{'pro' if number % 2 else 'free'}\n"
        for number, value in enumerate(values)
    )
    path = tmp_path / "export.csv"
    path.write_text(f"id,{header},Plan\n{rows}")

    text = suggest_mapping(path)

    spec = parse_mapping(text)
    assert [attribute.label for attribute in spec.attributes] == ["Plan"]
    if header not in {column.column for column in spec.columns.values()}:
        assert f"# - {header}  (looks like personal data" in text


def test_answers_and_counts_about_mails_are_no_personal_data(suggest):
    spec, _ = suggest(
        "id,Do Not Email,Mails sent,Phone calls\n1,Yes,3,0\n2,No,12,1\n3,No,7,2\n4,Yes,0,1\n"
    )

    assert [attribute.label for attribute in spec.attributes] == [
        "Do Not Email",
        "Mails sent",
        "Phone calls",
    ]


def test_file_that_is_no_table_is_refused(tmp_path):
    path = tmp_path / "empty.csv"
    path.touch()

    with pytest.raises(FileFormatError, match="is empty"):
        suggest_mapping(path)
