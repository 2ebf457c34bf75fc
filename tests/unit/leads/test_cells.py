from datetime import UTC, date, datetime

import pytest

from leadqual.leads.cells import cell_text, compile_reader
from leadqual.leads.fields import Kind
from leadqual.leads.quantities import Unreadable, read_number
from leadqual.leads.rows import NestedCell
from leadqual.leads.spec import ColumnSpec


def read(cell, kind=Kind.TEXT, **spec):
    reader = compile_reader(
        ColumnSpec(column="c", **spec), kind, na=("Select",), timezone="Europe/Berlin"
    )
    return reader({"c": cell})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("-3.5", -3.5), ("1e3", 1000), ("1,250", 1250), ("$1,250.50", 1250.5),
        ("€ 3 000", 3000), ("1.5M", 1.5e6), ("20k", 20_000), ("2bn", 2e9), ("12'000", 12_000),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("text", "parse", "number"),
    [
        ("1.234,5", "decimal_comma", 1234.5),
        ("11-50", "range", pytest.approx(23.45, abs=0.01)),
        ("1,001 to 5,000", "range", pytest.approx(2237, abs=1)),
        ("10.000+", "range", 10_000),
        ("<10", "range", 5),
        ("0-1", "range", 1),
        ("1k-2k employees", "range", pytest.approx(1414, abs=1)),
        ("250", "range", 250),
    ],
)
def test_mapping_can_name_other_ways_to_write_numbers(text, parse, number):
    assert read_number(text, parse=parse) == number


@pytest.mark.parametrize(
    "text", ["", "many", "1,2", "12-13", "1_000x", "NaN", "inf", "1e999", 10**400, float("inf")]
)
def test_what_is_no_finite_number_is_unreadable(text):
    assert isinstance(read_number(text), Unreadable)


@pytest.mark.parametrize("text", ["", "many", "1.200.000,50", "2026-01-02", "a-b"])
def test_what_is_no_band_of_numbers_is_unreadable(text):
    assert isinstance(read_number(text, parse="range"), Unreadable)


@pytest.mark.parametrize("cell", ["", "  ", None, float("nan"), "Select"])
def test_unknown_cell_is_none_or_the_default(cell):
    assert read(cell) is None
    assert read(cell, default="other") == "other"


def test_column_adds_its_own_spellings_of_unknown():
    assert read("999", Kind.ANY, na=("999",)) is None
    assert read(999, Kind.ANY, na=("999",)) is None


def test_map_replaces_and_keeps_or_defaults_the_rest():
    assert read("ja", map={"ja": "yes"}) == "yes"
    assert read("nein", map={"ja": "yes"}) == "nein"
    assert read("nein", map={"ja": "yes"}, default="no") == "no"
    assert read("", map={"": "yes"}) == "yes"
    assert read("0", Kind.NUMBER, map={"0": None}) is None


@pytest.mark.parametrize(("cell", "key"), [(1, "1"), (1.0, "1"), (True, "true"), (" a ", "a")])
def test_cells_of_every_type_have_the_text_that_a_mapping_spells(cell, key):
    assert cell_text(cell) == key
    assert read(cell, map={key: "found"}) == "found"


@pytest.mark.parametrize(
    ("cell", "parse", "moment"),
    [
        ("2026-01-02", None, datetime(2026, 1, 1, 23, tzinfo=UTC)),
        ("2026-07-02 10:00:00", None, datetime(2026, 7, 2, 8, tzinfo=UTC)),
        ("2026-01-02T10:00:00Z", None, datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("2.1.2026 10:30", "%d.%m.%Y %H:%M", datetime(2026, 1, 2, 9, 30, tzinfo=UTC)),
        ("1767348000", "epoch_s", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        (1767348000000, "epoch_ms", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        (date(2026, 1, 2), None, datetime(2026, 1, 1, 23, tzinfo=UTC)),
        (datetime(2026, 1, 2, 10, tzinfo=UTC), None, datetime(2026, 1, 2, 10, tzinfo=UTC)),
    ],
)
def test_time_without_an_offset_is_a_time_of_the_zone(cell, parse, moment):
    assert read(cell, Kind.TIME, parse=parse) == moment


@pytest.mark.parametrize(
    ("cell", "parse"),
    [("soon", None), ("02.01.2026", None), ("2026-13-01", None), ("x", "%Y"), (1e300, "epoch_s"),
     (NestedCell([1]), None)],
)  # fmt: skip
def test_what_is_no_time_is_unreadable(cell, parse):
    assert isinstance(read(cell, Kind.TIME, parse=parse), Unreadable)


@pytest.mark.parametrize(
    ("cell", "truth"), [("Yes", True), ("ja", True), (1, True), ("não", False), (False, False)]
)
def test_yes_and_no_are_read_in_five_languages(cell, truth):
    assert read(cell, Kind.BOOL) is truth


def test_what_is_neither_yes_nor_no_is_unreadable():
    assert isinstance(read("perhaps", Kind.BOOL), Unreadable)


def test_units_lead_to_the_unit_of_the_field():
    assert read("1.5", Kind.NUMBER, unit="million") == 1.5e6
    assert read("2", Kind.COUNT, unit="weeks") == 14
    assert read("100", Kind.NUMBER, unit=0.27) == 27


def test_count_must_be_whole_unless_the_mapping_computes_it():
    assert read("3.0", Kind.COUNT) == 3
    assert isinstance(read("2.5", Kind.COUNT), Unreadable)
    assert read("11-50", Kind.COUNT, parse="range") == 23


def test_attributes_keep_their_type():
    assert [read(cell, Kind.ANY) for cell in ("a", 1, 1.5, True)] == ["a", 1, 1.5, True]
    assert read("1.234,5", Kind.ANY, parse="decimal_comma") == 1234.5
    assert isinstance(read(NestedCell({"a": 1}), Kind.ANY), Unreadable)


def test_memory_of_texts_does_not_mix_types():
    reader = compile_reader(ColumnSpec(column="c"), Kind.ANY)

    assert [reader({"c": cell}) for cell in ("1", 1, True, 1.0, "1")] == ["1", 1, True, 1.0, "1"]
    assert [type(reader({"c": cell})) for cell in (True, 1)] == [bool, int]


def test_escape_of_a_rejected_file_is_taken_off():
    assert read("'+49 30 123456") == "+49 30 123456"
    assert read("'quoted'") == "'quoted'"


def test_reasons_never_repeat_the_cell():
    cells = [read("secret", kind) for kind in (Kind.NUMBER, Kind.COUNT, Kind.TIME, Kind.BOOL)]

    assert all(isinstance(cell, Unreadable) for cell in cells)
    assert "secret" not in repr(cells)
