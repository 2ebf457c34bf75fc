"""Parquet with further columns: those of the input are copied as the bytes that they are.

Taking the columns of the input apart only to put them together again took a sixth of the time of
scoring. A column chunk says nowhere where it stands: that is in the metadata at the end of the
file alone, which is written anew.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from leadqual.errors import FileFormatError
from leadqual.services.batch_thrift import (
    BINARY,
    I64,
    LIST,
    STRUCT,
    Field,
    Items,
    Struct,
    read_struct,
    write_struct,
)

_MAGIC: Final = b"PAR1"
_TAIL: Final = 8
_BLOCK: Final = 1 << 20

# Numbers of fields in parquet.thrift.
_SCHEMA, _N_ROWS, _GROUPS, _KEY_VALUES, _CREATED_BY, _ORDERS, _SIGNED = 2, 3, 4, 5, 6, 7, 8
_N_CHILDREN: Final = 5
_CHUNKS, _N_BYTES, _GROUP_ROWS, _GROUP_OFFSET, _COMPRESSED = 1, 2, 3, 5, 6
_FILE_PATH, _FILE_OFFSET, _META, _CRYPTO = 1, 2, 3, 8
_NAMES, _STATS = 3, 13
_PAGE_TYPE, _ENCODING = 1, 2
_SIZE, _DATA_PAGE, _INDEX_PAGE, _DICTIONARY_PAGE, _BLOOM, _BLOOM_SIZE = 7, 9, 10, 11, 14, 15

_DATA_PAGES: Final = frozenset({0, 3})
_BY_DICTIONARY: Final = frozenset({2, 8})
_FEW_BYTES: Final = 32_768
"""Of a dictionary: some hundred values, which are cheaper to read once than per row."""

_WRONG_SIZES: Final = re.compile(rb"parquet-mr(?! version 1\.([3-9]|\d\d))")
"""Writers whose chunks may be longer than they say (PARQUET-816)."""


@dataclass(frozen=True, slots=True)
class Original:
    """A Parquet file whose column chunks can be copied.

    Parameters
    ----------
    path : Path
        The file.
    footer : Struct
        `FileMetaData` of parquet.thrift.
    """

    path: Path
    footer: Struct

    @property
    def groups(self) -> list[Struct]:
        """Return its row groups."""
        found: list[Struct] = self.footer[_GROUPS].value.values
        return found

    @property
    def n_rows(self) -> list[int]:
        """Return the number of rows of each row group."""
        return [group[_GROUP_ROWS].value for group in self.groups]

    def few_valued(self) -> frozenset[str]:
        """Return the names of the flat columns that are stored as few values everywhere."""
        per_group = [
            {
                meta[_NAMES].value.values[0].decode()
                for meta in (chunk[_META].value for chunk in _of(group))
                if len(meta[_NAMES].value.values) == 1 and _is_few_valued(meta)
            }
            for group in self.groups
        ]
        return frozenset.intersection(*map(frozenset, per_group)) if per_group else frozenset()


def read_original(path: Path, *, max_rows: int) -> Original | None:
    """Return a Parquet file as one to be copied; None where that cannot be done.

    Parameters
    ----------
    path : Path
        A file that Arrow reads.
    max_rows : int
        In a row group: what is added to it has to be held until it is complete.
    """
    with path.open("rb") as stream:
        end = stream.seek(0, io.SEEK_END) - _TAIL
        stream.seek(end)
        tail = stream.read(_TAIL)
        size = int.from_bytes(tail[:4], "little")
        stream.seek(max(end - size, 0))
        data = stream.read(size)
    if tail[4:] != _MAGIC:
        return None
    try:
        original = Original(path, read_struct(data))
        can_copy = _can_copy(original, end - size, max_rows=max_rows)
    except (ValueError, IndexError, KeyError):
        return None
    return original if can_copy else None


def _can_copy(original: Original, end: int, *, max_rows: int) -> bool:
    """Return whether all chunks are in this file, readable, and of groups that are not too long."""
    created_by = original.footer.get(_CREATED_BY, Field(BINARY, b"")).value
    if _SIGNED in original.footer or _WRONG_SIZES.match(created_by):
        return False
    return all(
        group[_GROUP_ROWS].value <= max_rows and all(_is_here(chunk, end) for chunk in _of(group))
        for group in original.groups
    )


def _is_here(chunk: Struct, end: int) -> bool:
    if _FILE_PATH in chunk or _CRYPTO in chunk or _META not in chunk:
        return False
    start, size = _extent(chunk[_META].value)
    return len(_MAGIC) <= start <= start + size <= end


def _of(group: Struct) -> list[Struct]:
    """Return the column chunks of a row group."""
    chunks: list[Struct] = group[_CHUNKS].value.values
    return chunks


def _extent(meta: Struct) -> tuple[int, int]:
    """Return where a column chunk starts and how long it is."""
    start = meta[_DATA_PAGE].value
    if _has_dictionary(meta):
        start = meta[_DICTIONARY_PAGE].value
    return start, meta[_SIZE].value


def _has_dictionary(meta: Struct) -> bool:
    """Return whether a dictionary stands before the data; some writers name its place as 0."""
    return _DICTIONARY_PAGE in meta and (0 < meta[_DICTIONARY_PAGE].value < meta[_DATA_PAGE].value)


def _is_few_valued(meta: Struct) -> bool:
    """Return whether all pages point into a small dictionary."""
    if not (_has_dictionary(meta) and _STATS in meta):
        return False
    size = meta[_DATA_PAGE].value - meta[_DICTIONARY_PAGE].value
    return size <= _FEW_BYTES and all(
        page[_ENCODING].value in _BY_DICTIONARY
        for page in meta[_STATS].value.values
        if page[_PAGE_TYPE].value in _DATA_PAGES
    )


@contextmanager
def open_copy(
    path: Path, original: Original, *, schema: pa.Schema, added: pa.Schema
) -> Iterator[WiderWriter]:
    """Write a copy of a Parquet file with columns added to it.

    Parameters
    ----------
    path : Path
        The copy.
    original : Original
        The file.
    schema : pa.Schema
        As what Arrow is to read the copy.
    added : pa.Schema
        As what the added columns, which are flat, are handed over.
    """
    with original.path.open("rb") as source, path.open("wb") as target:
        writer = WiderWriter(original, source=source, target=target, added=added)
        yield writer
        writer.finish(schema)


class WiderWriter:
    """Appends rows of the added columns, in the order of the original; made by `open_copy`."""

    def __init__(
        self, original: Original, *, source: BinaryIO, target: BinaryIO, added: pa.Schema
    ) -> None:
        self._original = original
        self._source = source
        self._target = target
        self._added = added
        self._written: list[Struct] = []
        self._waiting = [group for group in original.groups if group[_GROUP_ROWS].value]
        self._held: list[pa.RecordBatch] = []
        target.write(_MAGIC)
        self._footer = self._write_added(added.empty_table())[1]  # for the schema

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._held.append(batch)
        n_held = sum(one.num_rows for one in self._held)
        while self._waiting and n_held >= self._waiting[0][_GROUP_ROWS].value:
            group = self._waiting.pop(0)
            n_rows = group[_GROUP_ROWS].value
            table = pa.Table.from_batches(self._held, schema=self._added)
            self._held = table.slice(n_rows).to_batches()
            n_held -= n_rows
            self._written.append(self._widen(group, table.slice(0, n_rows)))

    def finish(self, schema: pa.Schema) -> None:
        """Write the metadata."""
        footer = dict(self._original.footer)
        root, *fields = footer[_SCHEMA].value.values
        _, *added = self._footer[_SCHEMA].value.values
        n_children = root[_N_CHILDREN]
        root = {**root, _N_CHILDREN: n_children._replace(value=n_children.value + len(added))}
        _set_items(footer, _SCHEMA, [root, *fields, *added])
        _set_items(footer, _GROUPS, self._written)
        footer[_N_ROWS] = Field(I64, sum(group[_GROUP_ROWS].value for group in self._written))
        stored = base64.b64encode(schema.serialize().to_pybytes())
        entry = {1: Field(BINARY, b"ARROW:schema"), 2: Field(BINARY, stored)}
        footer[_KEY_VALUES] = Field(LIST, Items(STRUCT, [entry]))
        orders = footer.pop(_ORDERS, None)
        if orders is not None:
            both = [*orders.value.values, *self._footer[_ORDERS].value.values]
            footer[_ORDERS] = orders._replace(value=Items(STRUCT, both))
        data = write_struct(footer)
        self._target.write(data + len(data).to_bytes(4, "little") + _MAGIC)

    def _widen(self, group: Struct, table: pa.Table) -> Struct:
        """Write a row group; return its metadata."""
        start = self._target.tell()
        chunks = [self._copy(chunk, self._source) for chunk in _of(group)]
        stream, footer = self._write_added(table)
        (added,) = footer[_GROUPS].value.values
        chunks += [self._copy(chunk, stream) for chunk in _of(added)]
        widened = dict(group)
        _set_items(widened, _CHUNKS, chunks)
        widened[_N_BYTES] = Field(I64, group[_N_BYTES].value + added[_N_BYTES].value)
        widened[_GROUP_OFFSET] = Field(I64, start)
        widened[_COMPRESSED] = Field(I64, sum(chunk[_META].value[_SIZE].value for chunk in chunks))
        return widened

    @staticmethod
    def _write_added(table: pa.Table) -> tuple[BinaryIO, Struct]:
        """Return a Parquet file of one row group (none without rows), and its metadata."""
        sink = pa.BufferOutputStream()
        n_rows = max(table.num_rows, 1)
        # A dictionary of figures is given up in the end, after most of the time was spent on it.
        few = [one.name for one in table.schema if not pa.types.is_floating(one.type)]
        parquet.write_table(
            table, sink, row_group_size=n_rows, store_schema=False, use_dictionary=few
        )
        data = sink.getvalue()
        size = int.from_bytes(data[-_TAIL : 4 - _TAIL].to_pybytes(), "little")
        return pa.BufferReader(data), read_struct(data[-_TAIL - size : -_TAIL].to_pybytes())

    def _copy(self, chunk: Struct, source: BinaryIO) -> Struct:
        """Copy a column chunk; return its metadata at its new place."""
        meta = dict(chunk[_META].value)
        start, size = _extent(meta)
        shift = self._target.tell() - start
        for number in (_DATA_PAGE, _DICTIONARY_PAGE) if _has_dictionary(meta) else (_DATA_PAGE,):
            meta[number] = Field(I64, meta[number].value + shift)
        if not _has_dictionary(meta):
            meta.pop(_DICTIONARY_PAGE, None)
        for number in (_INDEX_PAGE, _BLOOM, _BLOOM_SIZE):  # these stand elsewhere in the file
            meta.pop(number, None)
        source.seek(start)
        while size:
            block = source.read(min(size, _BLOCK))
            if not block:
                raise FileFormatError(
                    f"{self._original.path.name}: became shorter while it was read; "
                    "leave it alone until it is scored"
                )
            self._target.write(block)
            size -= len(block)
        return {_FILE_OFFSET: Field(I64, 0), _META: Field(STRUCT, meta)}


def _set_items(struct: Struct, number: int, values: list[Struct]) -> None:
    """Give a list other values."""
    struct[number] = struct[number]._replace(value=Items(STRUCT, values))
