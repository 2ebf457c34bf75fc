from datetime import UTC, datetime

import pytest

from leadqual.leads.export import open_export
from leadqual.leads.mapping import parse_mapping
from leadqual.leads.projection import compile_leads
from leadqual.leads.schema import Lead, Motion, Rejected

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def read(tmp_path):
    def read_leads(mapping: str, files: dict[str, str], **settings):
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        export = open_export(tmp_path / next(iter(files)), parse_mapping(mapping))
        reader = compile_leads(export)
        rows = [row for chunk in export.leads.chunks() for row in chunk]
        return [reader.read(row, now=NOW, **settings) for row in rows]

    return read_leads


def reasons_of(result) -> dict[str, str]:
    assert isinstance(result, Rejected)
    return {reason.field: reason.reason for reason in result.reasons}


def test_columns_become_the_fields_they_are_mapped_to(read):
    (lead,) = read(
        """
        source: crm
        motion: {column: Typ, map: {Kaltakquise: outbound}, default: inbound}
        lead:
          external_id: Nr
          created_at: {column: Datum, parse: "%d.%m.%Y"}
          source: {column: Quelle, map: {Messe: trade_show}}
          contact: {email: Mail, job_title: Funktion}
          company.n_employees: {column: Größe, parse: range}
          company.annual_revenue_usd: {column: Umsatz, parse: decimal_comma, unit: million}
          company.is_customer: Kunde
        attributes: [Plan, {column: Sitze, name: seats, parse: decimal_comma}]
        """,
        {
            "a.csv": "Nr;Datum;Quelle;Mail;Funktion;Größe;Umsatz;Kunde;Plan;Sitze;Typ\n"
            "7;24.12.2025;Messe;A@B.example;Leiter IT;11-50;2,5;nein;pro;1,5;Kaltakquise\n"
        },
    )

    assert isinstance(lead, Lead)
    assert (lead.external_id, lead.source, lead.motion) == ("7", "trade_show", Motion.OUTBOUND)
    assert lead.created_at == datetime(2025, 12, 24, tzinfo=UTC)
    assert (lead.contact.seniority, lead.contact.department) == ("head", "it")
    assert (lead.company.n_employees, lead.company.annual_revenue_usd) == (23, 2.5e6)
    assert lead.company.is_customer is False
    assert lead.attributes == {"Plan": "pro", "seats": 1.5}


def test_row_without_a_source_gets_an_unknown_one_and_a_feed_without_the_column_its_own(read):
    mapped = read("{source: crm, lead: {source: Channel}}", {"a.csv": "Channel,x\n,1\n"})
    unmapped = read("{source: crm}", {"b.csv": "x\n1\n"})

    assert [lead.source for lead in (*mapped, *unmapped)] == ["unknown", "crm"]


def test_every_problem_of_a_row_is_told_with_its_column_and_without_its_cell(read):
    (result,) = read(
        """
        source: crm
        lead: {external_id: id, created_at: day, contact.email: Mail, company.n_employees: size,
               engagement.n_visits: visits}
        attributes: [note]
        """,
        {"a.csv": f"id,day,Mail,size,visits,note\n,,secret1,-secret2,-3,{'secret3' * 2000}\n"},
    )

    reasons = reasons_of(result)
    assert reasons == {
        "company.n_employees": "must be a number (column `size`)",
        "contact.email": "is not a valid e-mail address (column `Mail`)",
        "external_id": "is empty (column `id`)",
        "created_at": "is empty (column `day`)",
        "engagement.n_visits": "must be 0 or more (column `visits`)",
        "attributes.note": "must be at most 10000 characters (column `note`)",
    }


def test_row_that_cannot_be_trusted_is_rejected_as_a_whole(read):
    _, result = read("{source: crm, attributes: [a]}", {"a.csv": "a,b\n1,2\n1,2,3\n"})

    assert reasons_of(result) == {"row": "has 3 cells where the header has 2"}


def test_contact_is_asked_for_only_when_wanted(read):
    files = {"a.csv": "Mail,x\n,1\n"}
    mapping = "{source: crm, lead: {contact.email: Mail}}"

    (kept,), (rejected,) = read(mapping, files), read(mapping, files, require_contact=True)

    assert isinstance(kept, Lead)
    assert list(reasons_of(rejected)) == ["contact"]


@pytest.mark.parametrize(
    ("day", "reason"),
    [("2026-12-24", "future"), ("0001-01-01", "1990"), ("9999-12-31", "future"), ("x", "no time")],
)
def test_time_of_creation_must_be_possible(read, day, reason):
    (result,) = read("{source: crm, lead: {created_at: day}}", {"a.csv": f"day,x\n{day},1\n"})

    assert reason in reasons_of(result)["created_at"]


def test_nested_and_huge_values_of_json_lines_are_rejected(read):
    results = read(
        "{source: crm, attributes: [a]}",
        {"a.jsonl": '{"a": [1]}\n{"a": 9223372036854775808}\n{"a": "x\\u0000"}\n{"a": "\\ud800"}\n'
                    '{"a": Infinity}\n{"a": NaN}\n{"a": 1}\n'},
    )  # fmt: skip

    assert [isinstance(result, Rejected) for result in results] == [True] * 5 + [False] * 2
    assert "not a list" in reasons_of(results[0])["attributes.a"]
    assert [result.attributes for result in results[5:]] == [{}, {"a": 1}]


def test_fields_can_come_from_a_joined_file(read):
    leads = read(
        """
        source: crm
        files: {leads: {path: a.csv}, accounts: {path: accounts.csv, key: name, on: account}}
        lead: {external_id: id, company.industry: {column: sector, file: accounts}}
        attributes: [{column: tier, file: accounts, default: none}]
        """,
        {
            "a.csv": "id,account\n1,Acme\n2,Other\n",
            "accounts.csv": "name,sector,tier\nAcme,Logistics,gold\nAcme,Retail,tin\n",
        },
    )

    assert [lead.company.industry for lead in leads] == ["Logistics", None]
    assert [lead.attributes["tier"] for lead in leads] == ["gold", "none"]


def test_ids_by_row_are_stable_for_a_file_and_differ_between_files(read):
    mapping = "{source: crm, lead: {external_id: {row: true}}}"

    first = [lead.external_id for lead in read(mapping, {"a.csv": "a\n1\n1\n"})]
    again = [lead.external_id for lead in read(mapping, {"b.csv": "a\n1\n1\n"})]
    other = [lead.external_id for lead in read(mapping, {"c.csv": "a\n2\n2\n"})]

    assert first == again
    assert len({*first, *other}) == 4
