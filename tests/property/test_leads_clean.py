"""Cleaning a lead: the fast ways give what the slow ways give, and twice is once."""

from datetime import UTC, datetime

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from leadqual.leads.addresses import clean_email, clean_phone, registrable_domain
from leadqual.leads.flat import PERSONAL_FIELDS, flatten_lead
from leadqual.leads.normalise import normalise, normalise_values
from leadqual.leads.parse import parse_raw
from leadqual.leads.schema import Lead, RawLead, Rejected

NOW = datetime(2026, 11, 21, tzinfo=UTC)

HOSTS = st.from_regex(r"[a-zA-Z0-9-]{1,12}(\.[a-zA-Z0-9-]{1,8}){0,3}", fullmatch=True)
LOCALS = st.from_regex(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~ü\"-]{1,20}", fullmatch=True)
TEXTS = st.text(max_size=30)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
CONTACTS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.builds("{}@{}".format, LOCALS, HOSTS) | st.sampled_from(["ada@b.example", ""]),
        "job_title": TEXTS | st.sampled_from(["CEO", "Leiterin Einkauf"]),
        "seniority": TEXTS,
        "department": TEXTS,
        "phone": TEXTS | st.sampled_from(["+49 (0)30 123456 ext 7"]),
        "country": TEXTS | st.sampled_from(["Alemania"]),
    },
)
COMPANIES = st.fixed_dictionaries(
    {}, optional={"domain": HOSTS, "country": TEXTS, "n_employees": st.integers(0, 2**31 - 1)}
)
PAYLOADS = st.fixed_dictionaries(
    {"source": st.sampled_from(["webinar", "Bought List"]) | st.text(min_size=1, max_size=20)},
    optional={
        "external_id": TEXTS,
        "created_at": st.datetimes(timezones=st.timezones()),
        "contact": CONTACTS,
        "company": COMPANIES,
        "interest": st.fixed_dictionaries({}, optional={"message": TEXTS}),
        "attributes": st.dictionaries(st.text(min_size=1, max_size=10), SCALARS, max_size=4),
    },
)


def as_row(value):
    """Return the value as a table gives it: texts trimmed, what is not known left out."""
    if isinstance(value, dict):
        inner = {name: as_row(part) for name, part in value.items()}
        return {name: part for name, part in inner.items() if part is not None and part != ""}
    return value.strip() if isinstance(value, str) else value


@given(LOCALS, HOSTS)
@example("a", "b.e")
@example("a", "xn--a.de")
@example("a", "1.2.3.4")
@example("a", "b.local")
def test_plain_addresses_are_judged_as_the_validator_judges_them(local, host):
    address = f"{local}@{host}".lower()
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
        expected = found.normalized.lower()
    except EmailNotValidError:
        expected = None

    cleaned = clean_email(address)

    assert (cleaned.address if cleaned else None) == expected


@given(PAYLOADS)
def test_normalising_a_lead_again_changes_nothing(payload):
    raw = parse_raw(payload)
    lead = raw if isinstance(raw, Rejected) else normalise(raw, now=NOW, require_contact=False)

    if isinstance(lead, Lead):
        again = lead.model_dump(exclude={"email_domain", "is_free_mail"})
        assert normalise(RawLead.model_validate(again), now=NOW, require_contact=False) == lead


@given(PAYLOADS)
def test_one_pass_over_a_row_gives_what_parsing_and_normalising_give(payload):
    row = as_row(payload)
    raw = parse_raw(row)
    slow = raw if isinstance(raw, Rejected) else normalise(raw, now=NOW, require_contact=False)

    fast = normalise_values(row, now=NOW, require_contact=False)

    # The one pass may keep a lead more: it drops a field that cannot be read before its form
    # (a NUL, its length) could have been held against it.
    assert fast == slow or isinstance(slow, Rejected)


@given(PAYLOADS)
def test_a_lead_put_together_unchecked_stands_every_check(payload):
    raw = parse_raw(payload)
    lead = raw if isinstance(raw, Rejected) else normalise(raw, now=NOW, require_contact=False)

    if isinstance(lead, Lead):
        assert Lead.model_validate(lead.model_dump()) == lead
        assert Lead.model_validate_json(lead.model_dump_json(exclude_none=True)) == lead


@given(st.dictionaries(TEXTS | st.sampled_from(["source", "contact", "attributes"]), JSON))
def test_any_json_is_parsed_or_rejected_with_reasons_that_can_be_sent(payload):
    result = parse_raw(payload)

    if isinstance(result, Rejected):
        assert result.reasons
        assert all(str(reason).encode("utf-8") for reason in result.reasons)


@given(PAYLOADS)
def test_snapshot_of_a_lead_names_no_person_and_nothing_unknown(payload):
    raw = parse_raw(payload)
    lead = raw if isinstance(raw, Rejected) else normalise(raw, now=NOW, require_contact=False)

    if isinstance(lead, Lead):
        flat = flatten_lead(lead)
        assert not PERSONAL_FIELDS & flat.keys()
        assert None not in flat.values()


@given(TEXTS)
def test_domains_and_phones_are_fixed_points(text):
    domain, phone = registrable_domain(text), clean_phone(text)

    assert domain is None or registrable_domain(domain) == domain
    assert phone is None or clean_phone(phone) == phone


@given(st.text(alphabet="0123456789+ ().-/,;x\u2013\u00b2e", max_size=24))
def test_a_phone_number_does_not_depend_on_how_its_blanks_are_written(text: str):
    # Of digits and plain marks no extension is looked for; another blank takes the longer way.
    assert clean_phone(text) == clean_phone(text.replace(" ", "\u00a0"))
    assert clean_phone(text) == clean_phone(text.replace("-", "\u2010").replace(".", "\u2011"))
