import csv
from datetime import UTC, datetime

import pytest

from leadqual.leads.export import open_export
from leadqual.leads.mapping import parse_mapping
from leadqual.leads.projection import compile_leads
from leadqual.leads.rejected import RejectedRow, write_rejected
from leadqual.leads.rows import NestedCell
from leadqual.leads.schema import FieldReason, Lead

EMPTY = FieldReason("contact.email", "is empty")


def row(number=2, *reasons, **cells) -> RejectedRow:
    return RejectedRow("leads", number, cells, reasons or (EMPTY,))


def read(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_original_cells_come_with_row_and_reasons(tmp_path):
    path = tmp_path / "x.rejected.csv"
    reasons = [FieldReason("a", "is bad"), FieldReason("b", "is worse")]

    n_rows = write_rejected(path, [row(7, *reasons, a="1", b="ü,\n")])

    assert n_rows == 1
    assert read(path) == [
        {"a": "1", "b": "ü,\n", "row": "7", "reasons": "a: is bad; b: is worse", "more_cells": ""}
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_starts_a_formula(tmp_path, start):
    path = tmp_path / "x.csv"

    write_rejected(path, [row(**{f"{start}name": f"{start}cmd"})])

    (written,) = read(path)
    assert written[f"'{start}name"] == f"'{start}cmd"


def test_cells_of_every_type_are_written(tmp_path):
    path = tmp_path / "x.csv"

    write_rejected(
        path,
        [row(a=None, b=True, c=1.5, d=NestedCell([1, "x"]), e="\ud800"), row(a=1, extra="more")],
    )

    first, second = read(path)
    assert [first[name] for name in "abcde"] == ["", "true", "1.5", '[1, "x"]', "\\ud800"]
    assert second["more_cells"] == '{"extra": "more"}'


def test_own_columns_do_not_hide_those_of_the_original(tmp_path):
    path = tmp_path / "x.csv"

    write_rejected(path, [row(row="theirs", reasons_="x")])

    (written,) = read(path)
    assert (written["row"], written["rejected_row"]) == ("theirs", "2")


def test_without_rows_no_file_is_left(tmp_path):
    path = tmp_path / "x.csv"
    write_rejected(path, [row(a=1)])

    assert write_rejected(path, []) == 0
    assert list(tmp_path.iterdir()) == []


def test_interrupted_writing_leaves_the_previous_file(tmp_path):
    path = tmp_path / "x.csv"
    write_rejected(path, [row(a="before")])

    def broken():
        yield row(a="after")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rejected(path, broken())
    assert [written["a"] for written in read(path)] == ["before"]
    assert list(tmp_path.iterdir()) == [path]


def test_mapping_of_the_original_reads_the_repaired_file(tmp_path):
    path = tmp_path / "x.csv"
    write_rejected(path, [row(phone="+49 30 123456", mail="a@b.example")])
    mapping = parse_mapping("{source: s, lead: {contact: {phone: phone, email: mail}}}")

    export = open_export(path, mapping)
    ((repaired,),) = export.leads.chunks()

    lead = compile_leads(export).read(repaired, now=datetime(2026, 11, 21, tzinfo=UTC))
    assert isinstance(lead, Lead)
    assert lead.contact.phone == "+4930123456"
