import pytest

from leadqual.errors import MappingError
from leadqual.leads.mapping import load_mapping, parse_mapping
from leadqual.leads.spec import OrderSpec, RowNumber, Where

CONTRACT = """
source: olist_funnel            # name of this feed
files:
  leads: {path: leads.csv, sep: ",", encoding: utf-8, na: ["", "Select"]}
  deals: {path: deals.csv, key: mql_id}
motion: {column: origin, map: {outbound_list: outbound}, default: inbound}
lead:
  external_id: mql_id
  created_at: {column: first_contact_date, parse: "%Y-%m-%d"}
  source: origin
attributes: [landing_page_id]
never: [won_date]
outcomes:
  - {file: deals, type: won, occurred_at: won_date, amount_usd: declared_monthly_revenue}
  - {file: leads, where: {column: status, in: [Lost]}, type: lost,
     reason: {column: lost_reason, map: {"No money": no_budget}}}
  - {file: deals, type: {column: kind, map: {SQL: handed_off, SAL: accepted}}, occurred_at: at}
recorded: {losses: never}
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text)
    return list(caught.value.problems)


def test_mapping_of_the_contract_is_read():
    spec = parse_mapping(CONTRACT)

    assert spec.lead_file == "leads"
    assert spec.files["leads"].na == ("", "Select")
    assert spec.columns["created_at"].parse == "%Y-%m-%d"
    assert [attribute.label for attribute in spec.attributes] == ["landing_page_id"]
    assert spec.outcomes[1].where == Where(column="status", values=("Lost",))
    assert spec.recorded.losses == "never"
    assert (spec.order, spec.has_contact) == (None, False)


def test_scalars_stay_the_text_they_look_like():
    spec = parse_mapping("""
        source: s
        attributes: [{column: c, map: {yes: no, 007: 1.50, 2018-01-01: ~, NO: off}}]
    """)

    assert spec.attributes[0].map == {"yes": "no", "007": "1.50", "2018-01-01": None, "NO": "off"}


def test_sections_of_a_lead_may_be_nested():
    spec = parse_mapping("{source: s, lead: {contact: {email: Mail}, company.name: Firm}}")

    assert {name: column.column for name, column in spec.columns.items()} == {
        "contact.email": "Mail",
        "company.name": "Firm",
    }
    assert spec.has_contact


def test_row_number_and_order_stand_in_for_id_and_time():
    spec = parse_mapping("{source: s, lead: {external_id: {row: true}, created_at: {order: file}}}")

    assert spec.lead == {
        "external_id": RowNumber(row="true"),
        "created_at": OrderSpec(order="file"),
    }
    assert spec.order == "file"


def test_without_a_time_of_creation_there_is_no_order():
    assert parse_mapping("source: s").order == "none"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must hold `source:`"),
        ("[1, 2]", "must hold `source:`"),
        ("a: [", "line 1"),
        ("source: s\nsource: t", "line 2: `source` is given twice"),
        ("[" * 5000, "nested too deeply"),
        ("lead: {}", "source: Field required"),
        ("{source: s, leads: {}}", "leads: is not a known setting here"),
        ("{source: s, lead: {email: E}}", "did you mean `contact.email`?"),
        ("{source: s, lead: {contact.emial: E}}", "did you mean `contact.email`?"),
        ("{source: s, lead: {source: {colum: E}}}", "lead.source.colum: is not a known setting"),
        ("{source: s, lead: {source: {}}}", "needs `column`, `const` or `default`"),
        ("{source: s, lead: {source: {const: a, default: b}}}", "`const` stands alone"),
        ("{source: s, lead: {external_id: {const: a}}}", "needs a column, or {row: true}"),
        ("{source: s, lead: {source: {row: true}}}", "only external_id can be the row number"),
        ("{source: s, lead: {source: {order: file}}}", "only created_at can be an order"),
        ("{source: s, lead: {company.n_employees: {column: a, unit: dozen}}}", "`unit` must be"),
        ("{source: s, lead: {company.n_employees: {column: a, unit: -1}}}", "`unit` must be"),
        ("{source: s, lead: {company.name: {column: a, unit: 2}}}", "`unit` is for numbers"),
        ("{source: s, lead: {created_at: {column: a, parse: '%Q'}}}", "is not a way to read this"),
        ("{source: s, lead: {created_at: {column: a, parse: range}}}", "is not a way to read this"),
        (
            "{source: s, lead: {company.name: {column: a, parse: bool}}}",
            "is not a way to read this",
        ),
        ("{source: s, files: {l: {path: p, sep: '::'}}}", "must be one character"),
        ("{source: s, files: {l: {path: p, encoding: base64}}}", "is not an encoding"),
        ("{source: s, files: {l: {path: p, encoding: klingon}}}", "is not an encoding"),
        ("{source: s, files: {l: {path: p}, m: {path: q}}}", "files.m: needs `key`"),
        ("{source: s, timezone: Mars/Base}", "is not a time zone"),
        ("{source: s, attributes: [a, a]}", "`a` is listed twice"),
        ("{source: s, attributes: [a], never: [a]}", "it can only be one"),
        ("{source: s, lead: {company.name: {column: a, file: x}}}", "is not one of the files"),
        ("{source: s, outcomes: [{type: won, file: x}]}", "is not one of the files"),
        ("{source: s, outcomes: [{type: {column: a, file: leads}}]}", "belongs to the outcome"),
        ("{source: s, outcomes: [{where: {column: a, in: []}, type: won}]}", "at least 1 item"),
    ],
)
def test_mistake_is_named(text, problem):
    assert any(problem in found for found in problems_of(text))


def test_all_mistakes_are_told_at_once():
    problems = problems_of("""
        source: s
        lead: {email: E, source: {row: true}}
        attributes: [a]
        never: [a]
        outcomes: [{type: won, file: x}]
    """)

    assert len(problems) == 4


@pytest.mark.parametrize(
    ("content", "problem"), [(b"source: \xff", "is not UTF-8"), (None, "cannot be read")]
)
def test_file_that_cannot_be_read_is_named(tmp_path, content, problem):
    path = tmp_path / "map.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(MappingError, match=rf"map\.yaml: {problem}"):
        load_mapping(path)
