"""Thrift's compact protocol, as far as the metadata at the end of a Parquet file uses it.

Arrow tells what that metadata says and cannot write it again with other offsets. What is read
here is written back as it was, whatever fields a later version of the format adds.

References
----------
Apache Thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

TRUE: Final = 1
FALSE: Final = 2
BYTE: Final = 3
I16: Final = 4
I32: Final = 5
I64: Final = 6
DOUBLE: Final = 7
BINARY: Final = 8
LIST: Final = 9
SET: Final = 10
STRUCT: Final = 12

_MANY: Final = 15
"""A list of so many or more says their number after its first byte."""

_DOUBLE_BYTES: Final = 8


class Field(NamedTuple):
    """A value of a struct and its type. A true or false is its type; its value is None."""

    kind: int
    value: Any


class Items(NamedTuple):
    """The values of a list and their type."""

    kind: int
    values: list[Any]


Struct: TypeAlias = dict[int, Field]
"""Fields by number. Values are int, bytes (text and doubles too), `Items` or structs."""


def read_struct(data: bytes) -> Struct:
    """Return the struct that some bytes begin with.

    Raises
    ------
    ValueError
        There is a type that Parquet does not use.
    IndexError
        The bytes end before the struct does.
    """
    return _Reader(data).struct()


class _Reader:
    """Reads values one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._readers: dict[int, Callable[[], Any]] = {
            TRUE: self._nothing,
            FALSE: self._nothing,
            I16: self._integer,
            I32: self._integer,
            I64: self._integer,
            BYTE: lambda: self._bytes(1),
            DOUBLE: lambda: self._bytes(_DOUBLE_BYTES),
            BINARY: lambda: self._bytes(self._varint()),
            LIST: self._items,
            SET: self._items,
            STRUCT: self.struct,
        }

    def struct(self) -> Struct:
        """Read a struct."""
        fields: Struct = {}
        number = 0
        while head := self._bytes(1)[0]:
            step, kind = head >> 4, head & 15
            number = number + step if step else self._integer()
            fields[number] = Field(kind, self._value(kind))
        return fields

    def _value(self, kind: int) -> Any:  # noqa: ANN401 - what the type says
        if kind not in self._readers:
            raise ValueError(f"type {kind} of Thrift is not used in Parquet")
        return self._readers[kind]()

    def _items(self) -> Items:
        head = self._bytes(1)[0]
        n_items, kind = head >> 4, head & 15
        if n_items == _MANY:
            n_items = self._varint()
        # In a list, true and false are bytes of their own.
        as_read = BYTE if kind in {TRUE, FALSE} else kind
        return Items(kind, [self._value(as_read) for _ in range(n_items)])

    def _nothing(self) -> None:
        pass

    def _bytes(self, n_bytes: int) -> bytes:
        start = self._at
        self._at += n_bytes
        if self._at > len(self._data):
            raise IndexError("the struct is not complete")
        return self._data[start : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _integer(self) -> int:
        zigzag = self._varint()
        return (zigzag >> 1) ^ -(zigzag & 1)


def write_struct(struct: Struct) -> bytes:
    """Return the bytes of a struct."""
    out = bytearray()
    _put_struct(out, struct)
    return bytes(out)


def _put_struct(out: bytearray, struct: Struct) -> None:
    last = 0
    for number in sorted(struct):
        kind, value = struct[number]
        step = number - last
        if step <= _MANY:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            _put_integer(out, number)
        _put_value(out, kind, value)
        last = number
    out.append(0)


def _put_value(out: bytearray, kind: int, value: Any) -> None:  # noqa: ANN401 - what the type says
    if kind in {I16, I32, I64}:
        _put_integer(out, value)
    elif kind == BINARY:
        _put_varint(out, len(value))
        out += value
    elif kind in {BYTE, DOUBLE}:
        out += value
    elif kind == STRUCT:
        _put_struct(out, value)
    elif kind in {LIST, SET}:
        _put_items(out, value)


def _put_items(out: bytearray, items: Items) -> None:
    n_items = len(items.values)
    out.append(min(n_items, _MANY) << 4 | items.kind)
    if n_items >= _MANY:
        _put_varint(out, n_items)
    as_written = BYTE if items.kind in {TRUE, FALSE} else items.kind
    for value in items.values:
        _put_value(out, as_written, value)


def _put_varint(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _put_integer(out: bytearray, value: int) -> None:
    _put_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)
