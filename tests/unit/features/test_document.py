import json

import pytest

from leadqual.errors import BundleError
from leadqual.features import document
from leadqual.features.document import Document, write_document


def parse(content: bytes) -> Document:
    return Document.parse(content, where="x.json")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not readable as JSON"),
        (b"{", "not readable as JSON"),
        (b"\xff{}", "not readable as JSON"),
        (b'{"a": NaN}', "NaN is not allowed"),
        (b'{"a": -Infinity}', "-Infinity is not allowed"),
        (b'{"a": 1, "a": 2}', "same name twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 10_000, "not readable as JSON"),
        (b" " * (document.MAX_DOCUMENT_BYTES + 1), "too large"),
    ],
)
def test_what_is_not_plain_json_is_refused(content: bytes, why: str):
    with pytest.raises(BundleError, match=rf"x.json: .*{why}"):
        parse(content)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([1.0, "2"], r"x.json\[1\]: found a text, expected a number"),
        ([1.0, None], r"x.json\[1\]: found null, expected a number"),
        ([1.0, True], r"x.json\[1\]: found true or false, expected a number"),
        ([1.0, [2.0]], r"x.json\[1\]: found a list, expected a number"),
        ([1.0, 10**400], "beyond floating point"),
        ([1.0, 9.0], r"x.json\[1\]: expected 0 to 2"),
        ([1.0], "x.json: has 1 items, expected 2"),
    ],
)
def test_a_list_of_numbers_holds_finite_numbers_in_range(value: object, why: str):
    with pytest.raises(BundleError, match=why):
        parse(json.dumps(value).encode()).floats(length=2, low=0, high=2)


def test_an_infinite_number_spelt_as_a_large_one_is_refused():
    with pytest.raises(BundleError, match=r"x.json\[0\]: not a finite number"):
        parse(b"[1e999]").floats()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([1, 2.0], r"x.json\[1\]: found a number, expected a whole number"),
        ([1, 2**70], "beyond 64 bits"),
        ([1, 5], r"x.json\[1\]: out of range, expected 0 to 4"),
    ],
)
def test_a_list_of_whole_numbers_holds_indices_in_range(value: object, why: str):
    with pytest.raises(BundleError, match=why):
        parse(json.dumps(value).encode()).integers(low=0, high=4)


def test_numbers_read_back_bit_for_bit():
    numbers = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 1e-35]

    again = parse(write_document({"numbers": numbers})).record("numbers")["numbers"].floats()

    assert [x.hex() for x in again.tolist()] == [x.hex() for x in numbers]


def test_what_cannot_be_read_back_is_not_written():
    with pytest.raises(BundleError, match="cannot be written"):
        write_document({"a": float("nan")})
