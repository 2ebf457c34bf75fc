"""Strict reading of stored JSON: every refusal says what was found and where."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from leadqual.errors import BundleError

MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024
MAX_ITEMS: Final = 1_000_000
MAX_STRING: Final = 20_000

_KINDS: Final = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Document:
    """One value of a JSON document together with where it stands.

    Parameters
    ----------
    value : object
        What `json.loads` made of it.
    where : str
        File name and path to the value, for messages.
    """

    value: object
    where: str

    @classmethod
    def parse(cls, content: bytes, *, where: str) -> Document:
        """Read a whole file.

        Raises
        ------
        BundleError
            If it is too large, not UTF-8, not JSON, nested too deeply, has a key twice in one
            object, or holds NaN or Infinity.
        """
        if len(content) > MAX_DOCUMENT_BYTES:
            raise BundleError(
                f"{where}: too large ({len(content)} bytes, at most {MAX_DOCUMENT_BYTES})"
            )
        try:
            value = json.loads(
                content.decode("utf-8"),
                parse_constant=_refuse_constant,
                object_pairs_hook=_refuse_twice,
            )
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise BundleError(f"{where}: not readable as JSON: {reason}") from error
        return cls(value, where)

    def refuse(self, expected: str) -> NoReturn:
        """Raise a `BundleError` that names what stands here and what should."""
        found = _KINDS.get(type(self.value), type(self.value).__name__)
        raise BundleError(f"{self.where}: found {found}, expected {expected}")

    def record(self, *names: str) -> dict[str, Document]:
        """Return the members of an object that has exactly these names."""
        members = self.members()
        missing = sorted(set(names) - set(members))
        unknown = sorted(set(members) - set(names))
        if missing:
            raise BundleError(f"{self.where}: missing {', '.join(missing)}")
        if unknown:
            raise BundleError(f"{self.where}: {len(unknown)} unknown name(s) in the object")
        return members

    def members(self) -> dict[str, Document]:
        """Return the members of an object with any names."""
        if not isinstance(self.value, dict):
            self.refuse("an object")
        if len(self.value) > MAX_ITEMS:
            raise BundleError(f"{self.where}: too large (over {MAX_ITEMS} members)")
        return {name: Document(item, f"{self.where}.{name}") for name, item in self.value.items()}

    def array(self, *, length: int | None = None) -> list[Document]:
        """Return the items of a list, of this length when given."""
        return [
            Document(item, f"{self.where}[{index}]")
            for index, item in enumerate(self._list(length))
        ]

    def text(self) -> str:
        """Return a text of at most `MAX_STRING` characters."""
        if not isinstance(self.value, str):
            self.refuse("a text")
        if len(self.value) > MAX_STRING:
            raise BundleError(f"{self.where}: too large (text over {MAX_STRING} characters)")
        return self.value

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.refuse("true or false")
        return self.value

    def integer(self, *, low: int = -(2**53), high: int = 2**53) -> int:
        """Return a whole number in [low, high]."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse("a whole number")
        if not low <= self.value <= high:
            raise BundleError(f"{self.where}: out of range, expected {low} to {high}")
        return self.value

    def number(self, *, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number in [low, high]."""
        if not isinstance(self.value, (int, float)) or isinstance(self.value, bool):
            self.refuse("a number")
        try:
            value = float(self.value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise BundleError(f"{self.where}: not a finite number")
        if not low <= value <= high:
            raise BundleError(f"{self.where}: out of range, expected {low:g} to {high:g}")
        return value

    def floats(
        self, *, length: int | None = None, low: float = -math.inf, high: float = math.inf
    ) -> NDArray[np.float64]:
        """Return a list of finite numbers in [low, high] as an array."""
        items = self._list(length)
        if not set(map(type, items)) <= {float, int}:
            self.array(length=length)[_first_stranger(items, (float, int))].refuse("a number")
        try:
            values = np.array(items, dtype=np.float64)
        except OverflowError as error:
            raise BundleError(f"{self.where}: holds a number beyond floating point") from error
        self._check(np.isfinite(values), "not a finite number")
        self._check((values >= low) & (values <= high), f"expected {low:g} to {high:g}")
        return values

    def integers(self, *, length: int | None = None, low: int, high: int) -> NDArray[np.intp]:
        """Return a list of whole numbers in [low, high] as an array."""
        items = self._list(length)
        if not set(map(type, items)) <= {int}:
            self.array(length=length)[_first_stranger(items, (int,))].refuse("a whole number")
        try:
            values = np.array(items, dtype=np.intp)
        except OverflowError as error:
            raise BundleError(f"{self.where}: holds a number beyond 64 bits") from error
        self._check((values >= low) & (values <= high), f"out of range, expected {low} to {high}")
        return values

    def _list(self, length: int | None) -> list[object]:
        """Return the raw list after checking its type and length."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        if len(self.value) > MAX_ITEMS:
            raise BundleError(f"{self.where}: too large (over {MAX_ITEMS} items)")
        if length is not None and len(self.value) != length:
            raise BundleError(f"{self.where}: has {len(self.value)} items, expected {length}")
        return self.value

    def _check(self, is_good: NDArray[np.bool_], message: str) -> None:
        """Refuse the first item that is not good."""
        if not is_good.all():
            raise BundleError(f"{self.where}[{int(np.argmin(is_good))}]: {message}")


def write_document(value: Mapping[str, object]) -> bytes:
    """Return JSON whose numbers read back bit for bit; refuses NaN and Infinity.

    Raises
    ------
    BundleError
        If a number is not finite.
    """
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=0).encode("utf-8")
    except ValueError as error:
        raise BundleError(f"a bundle cannot be written: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed")


def _refuse_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object, refusing a repeated name (the last would silently win)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same name twice")
    return members


def _first_stranger(items: list[object], kinds: tuple[type, ...]) -> int:
    """Return the index of the first item whose exact type is not among `kinds`."""
    return next(index for index, item in enumerate(items) if type(item) not in kinds)
