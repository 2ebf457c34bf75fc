"""Read request bodies strictly: what JSON allows and no database or page can hold is refused.

Python's reader takes `NaN`, `1e999`, integers of any size, a name twice in one object and
unpaired surrogates, and fails on deep nesting. Each would surface later as a server error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from api.errors import (
    INVALID,
    MALFORMED,
    FieldProblem,
    ProblemError,
    count_fields,
    field_path,
)

MAX_DEPTH: Final = 16
_MAX_INT: Final = 2**63 - 1
_MAX_INT_DIGITS: Final = 20


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in the parsed tree where a value was refused, so that its path can be told."""

    reason: str


_NOT_FINITE: Final = _Refused("must be a finite number")
_TOO_LARGE: Final = _Refused("must be between -2^63 and 2^63 - 1")
_TWICE: Final = _Refused("appears twice in one object")


def load_json(body: bytes) -> object:
    """Parse one JSON document.

    Raises
    ------
    ProblemError
        400 where it is not JSON in UTF-8 or nested deeper than `MAX_DEPTH`; 422 with the field
        paths of numbers that are not finite or beyond 64 bits, of names that appear twice and
        of text with NUL or unpaired surrogates.
    """
    try:
        tree: object = json.loads(
            body.decode("utf-8"),
            parse_constant=lambda _: _NOT_FINITE,
            parse_float=_parse_float,
            parse_int=_parse_int,
            object_pairs_hook=_object,
        )
    except RecursionError as error:
        raise ProblemError(MALFORMED, f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise ProblemError(MALFORMED, "send one JSON document in UTF-8") from error
    found = list(_problems(tree, ()))
    if found:
        raise ProblemError(INVALID, count_fields(len(found)), fields=found)
    return tree


def _parse_float(text: str) -> float | _Refused:
    value = float(text)
    return value if math.isfinite(value) else _NOT_FINITE


def _parse_int(text: str) -> int | _Refused:
    if len(text) > _MAX_INT_DIGITS:
        return _TOO_LARGE
    value = int(text)
    return value if -_MAX_INT - 1 <= value <= _MAX_INT else _TOO_LARGE


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found[name] = _TWICE
            seen.add(name)
    return found


def _problems(node: object, path: tuple[object, ...]) -> Iterator[FieldProblem]:
    """Yield what is wrong in a tree, depth first."""
    if isinstance(node, dict | list):
        if len(path) >= MAX_DEPTH:
            raise ProblemError(MALFORMED, f"nested deeper than {MAX_DEPTH} levels")
        for name, value in _children(node):
            if isinstance(name, str) and not _is_storable(name):
                yield FieldProblem(field=field_path((*path, "?")), reason=_UNSTORABLE)
            if type(value) in _TO_CHECK:
                yield from _problems(value, (*path, name))
    elif isinstance(node, _Refused):
        yield FieldProblem(field=field_path(path), reason=node.reason)
    elif isinstance(node, str) and not _is_storable(node):
        yield FieldProblem(field=field_path(path), reason=_UNSTORABLE)


def _children(node: dict[str, object] | list[object]) -> Iterable[tuple[str | int, object]]:
    return node.items() if isinstance(node, dict) else enumerate(node)


_TO_CHECK: Final = frozenset({dict, list, str, _Refused})
_UNSTORABLE: Final = "contains a NUL character or an unpaired surrogate"


def _is_storable(text: str) -> bool:
    """Return whether a database and a page can hold this text."""
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


class StrictRequest(Request):
    """A request whose JSON body is read by `load_json`."""

    async def json(self) -> Any:  # noqa: ANN401 - the signature of Starlette
        """Return the parsed body."""
        return load_json(await self.body())
