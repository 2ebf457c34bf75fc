"""Leads as text, a field at a time, are the leads that rows give."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadqual.leads.export import open_export
from leadqual.leads.mapping import load_mapping
from leadqual.leads.projection import compile_leads
from leadqual.leads.schema import Lead, Rejected
from leadqual.leads.texts import LeadText, LeadTexts

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEADER = "id,at,source,way,mail,phone,name,title,land,domain,staff,money,client,plan"
ROWS = [
    "A1,2026-11-20T10:00Z,Trade Show,,Ada@Nord.EXAMPLE,+49 30 1234,A,CEO,DE,x.co.uk,12,5,yes,pro",
    "A2,2026-11-20T10:00:00.250Z,cold call,,bob@gmail.com,,B \"\"x\"\" é,,Atlantis,,1e3,1e15,no,12",
    "A3,2026-11-20,webinar,outbound,ü@münchen.de,none,,Leiterin Einkauf,,https://a.de/x,,,,",
    "A4,1980-01-01,webinar,,a@b.com,,,,,,,,,",
    "A5,2027-01-01,webinar,,a@b.com,,,,,,,,,",
    "A6,,webinar,,a@b.com,,,,,,,,,",
    ",2026-11-20,webinar,,a@b.com,,,,,,,,,",
    "A8,2026-11-20,,sideways,a@b.com,,,,,,,,,",
    "A9,2026-11-20,,,not an address,,,,,,-3,,maybe,",
    f"B1,2026-11-20,{'x' * 501},,,,{'y' * 501},,,,,2e15,,{'z' * 10_001}",
    f"B2,2026-11-20,x,,,,a\tb,,,,2.5,,1,{'z' * 600}",
    "B3,2026-11-20,x,,,,,,,,,,,,,",
    "B4,2026-11-20,x,,,,,,,,,,,,,more",
]  # fmt: skip
MAPPING = """
source: crm
lead:
  external_id: id
  created_at: at
  source: source
  contact.email: mail
  contact.phone: phone
  contact.full_name: name
  contact.job_title: title
  contact.country: land
  company.domain: domain
  company.n_employees: staff
  company.annual_revenue_usd: money
  company.is_customer: client
attributes: [plan]
"""


@pytest.mark.parametrize("more", ["motion: {column: way}\n", "", "timezone: Europe/Berlin\n"])
def test_each_row_gives_the_text_of_its_lead_or_the_same_reasons(tmp_path: Path, more: str) -> None:
    data = tmp_path / "leads.csv"
    data.write_text("\n".join([HEADER, *ROWS, *ROWS]), encoding="utf-8")
    mapping = tmp_path / "crm.yaml"
    mapping.write_text(MAPPING + more, encoding="utf-8")
    export = open_export(data, load_mapping(mapping))
    rows = [row for chunk in export.leads.chunks() for row in chunk]
    reader = compile_leads(export)
    leads = [reader.read(row, now=NOW) for row in rows]

    texts = LeadTexts(compile_leads(export), now=NOW).read(rows)

    expected = [
        lead
        if isinstance(lead, Rejected)
        else LeadText(
            lead.external_id,
            lead.contact.email,
            lead.contact.phone,
            lead.created_at,
            lead.model_dump_json(exclude_none=True),
        )
        for lead in leads
    ]
    assert texts == expected
    assert sum(isinstance(lead, Lead) for lead in leads) > 6
