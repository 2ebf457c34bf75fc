"""A copy of a Parquet file is the file, whatever wrote it, with the columns that were added."""

import decimal
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from pyarrow import parquet

from leadqual.errors import FileFormatError
from leadqual.services.batch_copies import Original, open_copy, read_original
from leadqual.services.batch_thrift import read_struct, write_struct

N_ROWS: Final = 5_000
ADDED: Final = pa.schema([
    ("score", pa.float64()),
    ("grade", pa.dictionary(pa.int32(), pa.string())),
    ("why", pa.string()),
])
READ: Final = pa.schema([("score", pa.float64()), ("grade", pa.string()), ("why", pa.string())])
WAYS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"row_group_size": 999},
    {"compression": "zstd", "data_page_version": "2.0"},
    {"compression": "none", "use_dictionary": False},
    {"version": "1.0", "store_schema": False, "use_deprecated_int96_timestamps": True},
    {"write_page_index": True, "write_statistics": False},
    {"data_page_size": 500, "dictionary_pagesize_limit": 1_000},
    {"write_page_checksum": True, "write_batch_size": 7},
)


def every_type() -> pa.Table:
    numbers = [None if row % 7 == 0 else row for row in range(N_ROWS)]
    return pa.table({
        "id": pa.array([f"row {row}" for row in range(N_ROWS)]),
        "few": pa.array(["ä" * (row % 5) for row in range(N_ROWS)]),
        "kind": pa.array([str(row % 3) for row in range(N_ROWS)]).dictionary_encode(),
        "n": pa.array(numbers, type=pa.int32()),
        "n.dotted": pa.array(numbers, type=pa.uint64()),
        "x": pa.array([None if n is None else n / 3 for n in numbers], type=pa.float32()),
        "is": pa.array([row % 2 == 0 for row in range(N_ROWS)]),
        "at": pa.array([datetime(2026, 11, 1, tzinfo=UTC)] * N_ROWS),
        "day": pa.array([date(2026, 11, 1)] * N_ROWS),
        "clock": pa.array([time(9, 30)] * N_ROWS),
        "usd": pa.array([decimal.Decimal("1.50")] * N_ROWS),
        "raw": pa.array([b"\x00\xff"] * N_ROWS),
        "tags": pa.array([["a", None]] * (N_ROWS - 2) + [[], None]),
        "in": pa.array([{"deep": {"er": row}, "of": [row]} for row in range(N_ROWS)]),
        "pairs": pa.array([[("k", 1)]] * N_ROWS, type=pa.map_(pa.string(), pa.int64())),
        "no": pa.nulls(N_ROWS),
    })


def rows_of(n_rows: int) -> pa.RecordBatch:
    grades = pa.array([("A", "B", None)[row % 3] for row in range(n_rows)]).dictionary_encode()
    return pa.record_batch(
        [
            pa.array([row / 7 for row in range(n_rows)]),
            grades,
            pa.array([None if row % 2 else f"because {row}" for row in range(n_rows)]),
        ],
        schema=ADDED,
    )


def batches_of(rows: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows.num_rows, size):
        yield rows.slice(start, size)


def copy(original: Original, out: Path, *, rows: pa.RecordBatch, size: int = 1_234) -> pa.Schema:
    schema = pa.schema([*parquet.read_schema(original.path), *READ])
    with open_copy(out, original, schema=schema, added=ADDED) as writer:
        for batch in batches_of(rows, size):
            writer.write(batch)
    return schema


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_copy_reads_as_the_file_and_the_added_columns(tmp_path: Path, way: dict[str, Any]) -> None:
    data, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = every_type()
    if way.get("version") == "1.0":
        table = table.drop_columns(["clock", "pairs"])
    parquet.write_table(table, data, **way)
    original = read_original(data, max_rows=N_ROWS)
    assert original is not None

    schema = copy(original, out, rows=rows_of(N_ROWS))

    given = parquet.read_table(data)
    found = parquet.read_table(out)
    assert found.schema.equals(schema)
    assert found.select(given.column_names).equals(given)
    assert found["grade"].to_pylist() == rows_of(N_ROWS)["grade"].to_pylist()
    assert found["why"].to_pylist() == rows_of(N_ROWS)["why"].to_pylist()
    assert found["score"].to_pylist() == rows_of(N_ROWS)["score"].to_pylist()


def test_copy_answers_filters_by_its_statistics(tmp_path: Path) -> None:
    data, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    parquet.write_table(every_type(), data, row_group_size=1_000)
    original = read_original(data, max_rows=N_ROWS)
    assert original is not None

    copy(original, out, rows=rows_of(N_ROWS))

    both = parquet.read_table(out, filters=[("n", ">=", 4_990), ("score", ">", 713.5)])
    assert both["n"].to_pylist() == [row for row in range(4_995, N_ROWS) if row % 7]
    assert parquet.read_metadata(out).num_rows == N_ROWS


def test_row_groups_that_are_too_long_or_written_wrongly_are_not_copied(tmp_path: Path) -> None:
    data = tmp_path / "in.parquet"
    parquet.write_table(every_type(), data)
    old = tmp_path / "old.parquet"
    whole = data.read_bytes()
    author = parquet.read_metadata(data).created_by.encode()
    old.write_bytes(whole.replace(author, b"parquet-mr version 1.2.8".ljust(len(author))))

    assert read_original(data, max_rows=N_ROWS - 1) is None
    assert read_original(old, max_rows=N_ROWS) is None


def test_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    data = tmp_path / "in.parquet"
    parquet.write_table(every_type(), data)
    original = read_original(data, max_rows=N_ROWS)
    assert original is not None
    data.write_bytes(data.read_bytes()[:5_000])
    schema = pa.schema([*every_type().schema, *READ])

    with (
        pytest.raises(FileFormatError, match="became shorter"),
        open_copy(tmp_path / "out.parquet", original, schema=schema, added=ADDED) as writer,
    ):
        writer.write(rows_of(N_ROWS))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_metadata_is_written_as_it_was_read(tmp_path: Path, way: dict[str, Any]) -> None:
    data = tmp_path / "in.parquet"
    table = every_type().drop_columns(["clock", "pairs"])
    parquet.write_table(table, data, sorting_columns=[parquet.SortingColumn(3)], **way)
    whole = data.read_bytes()
    size = int.from_bytes(whole[-8:-4], "little")
    footer = whole[-8 - size : -8]

    assert write_struct(read_struct(footer)) == footer


def test_texts_stored_as_few_values_are_told(tmp_path: Path) -> None:
    data = tmp_path / "in.parquet"
    parquet.write_table(every_type(), data, dictionary_pagesize_limit=40_000)
    plain = tmp_path / "plain.parquet"
    parquet.write_table(every_type(), plain, use_dictionary=False)
    original, without = (read_original(path, max_rows=N_ROWS) for path in (data, plain))
    assert original is not None
    assert without is not None

    assert {"few", "kind", "day"} <= original.few_valued()
    assert not original.few_valued().intersection({"id", "tags", "in", "pairs"})
    assert without.few_valued() == frozenset()
