"""Frozen records of values that need no checking: ours, or checked a moment ago."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel

_Record = TypeVar("_Record", bound=BaseModel)


def make_record(kind: type[_Record], values: dict[str, Any]) -> _Record:
    """Return a model of these values without checking them, in a fraction of the time.

    What comes from outside is never made so.

    Parameters
    ----------
    kind : type of BaseModel
        Frozen, without private attributes and extra fields.
    values : dict
        All fields, each of its own type, in the order of the fields; becomes the record's own.
    """
    record = _new(kind)
    _set(record, "__dict__", values)
    _set(record, "__pydantic_fields_set__", _FIELDS[kind])
    _set(record, "__pydantic_extra__", None)
    _set(record, "__pydantic_private__", None)
    return record


def dump_record(record: BaseModel, *, has_none: bool = True) -> str:
    """Return a record as JSON; without `has_none`, fields that are None are left out.

    As `model_dump_json`, whose passing on of options takes as long as a decision's writing.
    """
    serializer = record.__pydantic_serializer__
    return serializer.to_json(record, exclude_none=not has_none).decode()


class _Fields(dict[type[BaseModel], set[str]]):
    """The names of all fields, one set for all records: frozen ones never change it."""

    def __missing__(self, kind: type[BaseModel]) -> set[str]:
        return self.setdefault(kind, set(kind.model_fields))


_FIELDS: Final = _Fields()
_new: Final = object.__new__
_set: Final = object.__setattr__
