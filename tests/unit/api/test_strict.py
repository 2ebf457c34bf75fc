import pytest

from api.errors import ProblemError
from api.strict import MAX_DEPTH, load_json


def refused(body: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        load_json(body)
    return caught.value


def test_plain_document_is_read_as_it_is() -> None:
    body = '{"a": [1, -2.5, null, true, "Zoë \\ud83d\\ude00"], "b": {"c": ""}}'.encode()

    assert load_json(body) == {"a": [1, -2.5, None, True, "Zoë 😀"], "b": {"c": ""}}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_not_finite_are_named_by_their_path(number: str) -> None:
    error = refused(f'{{"company": {{"n": [{number}]}}}}'.encode())

    assert error.status_code == 422
    assert [(f.field, f.reason) for f in error.fields] == [
        ("company.n.0", "must be a finite number")
    ]


@pytest.mark.parametrize(
    "digits", ["9223372036854775808", "-9223372036854775809", "9" * 5000], ids=len
)
def test_integers_beyond_64_bits_are_refused(digits: str) -> None:
    error = refused(f'{{"n": {digits}}}'.encode())

    assert [f.field for f in error.fields] == ["n"]


def test_integers_of_64_bits_are_read() -> None:
    assert load_json(b"[9223372036854775807, -9223372036854775808]") == [2**63 - 1, -(2**63)]


@pytest.mark.parametrize("text", [r"\ud800", r"a\udc00b", r"\u0000"])
def test_text_no_database_can_hold_is_refused(text: str) -> None:
    as_value = refused(f'{{"contact": {{"full_name": "{text}"}}}}'.encode())
    as_name = refused(f'{{"attributes": {{"{text}": 1}}}}'.encode())

    assert [f.field for f in as_value.fields] == ["contact.full_name"]
    assert [f.field for f in as_name.fields] == ["attributes.?"]


def test_name_given_twice_is_refused() -> None:
    error = refused(b'{"contact": {"email": "a@b.example", "email": "c@d.example"}}')

    assert [(f.field, f.reason) for f in error.fields] == [
        ("contact.email", "appears twice in one object")
    ]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(depth: int, opening: str, closing: str) -> None:
    error = refused((opening * depth + "1" + closing * depth).encode())

    assert error.status_code == 400
    assert str(MAX_DEPTH) in error.detail


def test_nesting_up_to_the_limit_is_read() -> None:
    assert load_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"{'a': 1}", b'{"a": 1} x', b'"\x00"'])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    assert refused(body).status_code == 400


def test_problems_never_repeat_names_that_could_be_personal() -> None:
    error = refused(b'{"attributes": {"<b>ada@example.com</b>": NaN}}')

    assert [f.field for f in error.fields] == ["attributes.?"]
