"""What is read in one pass is what the strict reader makes of the same bytes, or is left to it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.errors import ProblemError
from api.reading import read_plain_lead
from api.strict import load_json
from leadqual.leads.fields import SECTIONS
from leadqual.leads.schema import RawLead


def read_strictly(body: bytes) -> RawLead | None:
    try:
        return RawLead.model_validate(load_json(body))
    except (ProblemError, ValidationError):
        return None


def agrees(body: bytes) -> bool:
    """Return whether a body that was read at once is read alike, field by field, slowly."""
    plain = read_plain_lead(body)
    if plain is None:
        return True
    strict = read_strictly(body)
    return strict is not None and _told(plain) == _told(strict)


def _told(lead: RawLead) -> tuple[Any, ...]:
    """Return a lead so that 1, 1.0 and True, 0.0 and -0.0, given and default all differ."""
    parts = {name: repr(getattr(lead, name)) for name in RawLead.model_fields}
    given_fields = {name: sorted(getattr(lead, name).model_fields_set) for name in SECTIONS}
    return parts, sorted(lead.model_fields_set), given_fields


_FIELDS = [
    *(name for name in RawLead.model_fields if name not in SECTIONS and name != "attributes"),
    *(f"{section}.{name}" for section, model in SECTIONS.items() for name in model.model_fields),
    "attributes.plan",
    "attributes. plan",
]
_TOKENS = [
    *("NaN", "Infinity", "-Infinity", "-NaN", "1e999", "-1e999", "1e-999", "-0", "-0.0", "0.0"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 400),
    *("1", "1.0", "1.5", "1e3", "1E+3", "01", "+1", ".5", "1.", "0x1", "2147483648", "1700000000"),
    *("1700000000000", "1700000000.5", "20000000000", "-1", "true", "false", "null", "[]", "{}"),
    *('""', '" "', '"1"', '"1e3"', '"1_0"', '"nan"', '"inf"', '"true"', '"on"', '"inbound"'),
    *(r'"\u0000"', r'"a\u0000"', r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', r'"\u00e4"'),
    *('"2026-11-20T10:15:00Z"', '"2026-11-20T10:15:00"', '"2026-11-20"', '"1700000000"'),
    *('":"', '" :"', r'"\":"', r'"a\" :1"', '"Zoë"', '"\t"', '"\x7f"', r'"\/"', r'"\x"', '"\xa0a"'),
    *("'1'", "1 2", "1,", "/**/1", '"a" "b"', "[1]", '{"a":1}', '{"a":NaN}', "nul", "True"),
]


def _body(field: str, token: str, *, colon: str = ":") -> bytes:
    section, _, name = field.rpartition(".")
    inner = f'"{name}"{colon}{token}'
    member = f'"{section}":{{{inner}}}' if section else inner
    source = "" if field == "source" else '"source":"web",'
    return f"{{{source}{member}}}".encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("field", _FIELDS)
def test_every_field_reads_every_odd_value_alike(field: str) -> None:
    assert [token for token in _TOKENS if not agrees(_body(field, token))] == []


@pytest.mark.parametrize("colon", [":", " :", ": ", "\n\t:\r "])
def test_space_around_colons_changes_nothing(colon: str) -> None:
    twice = '1,"plan"' + colon + "2"

    assert agrees(_body("attributes.plan", "1", colon=colon))
    assert read_plain_lead(_body("attributes.plan", twice, colon=colon)) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"source":"a","source":"a"}',
        b'{"source":"a","contact":{},"contact":{}}',
        b'{"source":"a","contact":{"email":"a@b.example","email":"a@b.example"}}',
        b'{"source":"a","contact":{"email" :"a@b.example"},"contact":{"email":":"}}',
        b'{"source":"a","attributes":{"x" :1,"x":2}}',
        b'{"source":"a","attributes":{"x":1," x":2}}',
        b'{"source":"a","attributes":{"x":1,"\\u0078":2}}',
        b'{"s\\u006furce":"a","source":"b"}',
    ],
)
def test_names_given_twice_are_left_to_the_strict_reader(body: bytes) -> None:
    assert read_plain_lead(body) is None


def test_plain_leads_are_read_at_once() -> None:
    lead = {
        "source": "web_form",
        "contact": {"email": "ada@hafen.example", "full_name": 'Zoë "Z" Müller'},
        "interest": {"message": "Bonjour : call me\nsoon", "budget_usd": 1e4},
        "attributes": {"plan": "pro", "seats": 5, "trial": False, "none": None},
    }

    for separators in [(",", ":"), (", ", ": ")]:
        for ascii_only in [True, False]:
            text = json.dumps(lead, separators=separators, ensure_ascii=ascii_only)
            assert read_plain_lead(text.encode()) is not None
    assert read_plain_lead(json.dumps(lead, indent=2).encode()) is not None


_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(['":', '"', "\\", " :", "\x00", "\ud800", "a\xa0", "NaN", "1", "\x1f", "\x85"]),
)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([0, -0.0, 1, 2**31, 2**63, -(2**63), 1e15, 1e300]),
    _texts,
)
_names = st.sampled_from([*_FIELDS, "unknown", "contact.unknown", "contact", "attributes"])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw bodies that are nearly leads: any value anywhere, names twice, odd space and escapes."""
    pairs: dict[str, list[str]] = {"": ['"source":"web"']}
    spaces = st.sampled_from(["", "", "", " ", "\n", "\t "])
    for _ in range(draw(st.integers(0, 6))):
        section, _, name = draw(st.one_of(_names, _texts.map("attributes.{}".format))).rpartition(
            "."
        )
        value = draw(st.one_of(_scalars, st.lists(_scalars, max_size=2)))
        ascii_only = draw(st.booleans())
        text = f"{json.dumps(name, ensure_ascii=ascii_only)}{draw(spaces)}:{draw(spaces)}"
        pairs.setdefault(section, []).append(text + json.dumps(value, ensure_ascii=ascii_only))
    members = pairs.pop("")
    members += [f"{json.dumps(name)}:{{{','.join(inner)}}}" for name, inner in pairs.items()]
    comma = draw(spaces) + "," + draw(spaces)
    body = ("{" + comma.join(draw(st.permutations(members))) + "}").encode("utf-8", "surrogatepass")
    return body if draw(st.integers(0, 9)) else _damaged(draw, body)


def _damaged(draw: st.DrawFn, body: bytes) -> bytes:
    start = draw(st.integers(0, len(body)))
    return body[:start] + draw(st.binary(max_size=3)) + body[start + draw(st.integers(0, 3)) :]


@given(body=bodies())
@settings(max_examples=1500, deadline=None)
def test_any_body_is_read_alike_or_left_to_the_strict_reader(body: bytes) -> None:
    assert agrees(body)


@given(body=st.one_of(st.binary(), st.text().map(str.encode)))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_lead_are_never_read(body: bytes) -> None:
    assert read_plain_lead(body) is None or read_strictly(body) is not None
