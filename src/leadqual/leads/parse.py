"""Payload to RawLead: form only, with a reason per field and no value repeated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from leadqual.leads.fields import SECTIONS
from leadqual.leads.schema import MAX_ATTRIBUTES, FieldReason, Motion, RawLead, Rejected

MAX_REASONS: Final = 20
"""A body of thousands of wrong fields gets this many reasons and a count of the rest."""

# Names of unknown fields come from outside too: only those that look like names are shown.
_SHOWABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")

_TIME: Final = "must be a time with an offset, such as 2026-11-20T10:15:00Z"
_TEXTS: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "contains a NUL character",
    "string_unicode": "contains an unpaired surrogate, so it is not valid Unicode",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of at most 64 bits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "enum": f"must be one of: {', '.join(motion.value for motion in Motion)}",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "too_long": f"must have at most {MAX_ATTRIBUTES} entries",
}
_FROM_CONTEXT: Final[Mapping[str, Callable[[Any], str]]] = {
    "string_too_long": lambda ctx: f"must be at most {ctx['max_length']} characters",
    "greater_than_equal": lambda ctx: f"must be {ctx['ge']} or more",
    "less_than_equal": lambda ctx: f"must be {int(ctx['le']):,} or less",
}


def parse_raw(payload: Mapping[str, object]) -> RawLead | Rejected:
    """Check the form of a lead and return it, or every reason why not.

    Parameters
    ----------
    payload : mapping
        Shape of CONTRACT "Lead": JSON types, and aware datetimes for `created_at`.

    Returns
    -------
    RawLead or Rejected
        The reasons name the field by its dotted path, in the order of the schema. They never
        repeat a value, nor the name of an unknown field that does not look like a name.
    """
    try:
        return RawLead.model_validate(payload)
    except ValidationError as error:
        return Rejected(field_reasons(error))


def field_reasons(error: ValidationError) -> tuple[FieldReason, ...]:
    """Say in plain words what a validation found, one reason per field and no value repeated."""
    errors = error.errors(include_url=False, include_input=False)
    return _bounded(_reasons(errors))


def _reasons(errors: Iterable[Mapping[str, Any]]) -> list[FieldReason]:
    """Give one reason per field: the union behind an attribute reports once per member."""
    found: dict[str, str] = {}
    for error in errors:
        loc = error["loc"]
        if error["type"] == "extra_forbidden":
            field, reason = _unknown(loc)
        else:
            field, reason = _path(loc), _text(error)
        # Of what the members of that union say, "is not a boolean" tells nobody anything.
        is_telling = loc[:1] == ("attributes",) and not error["type"].endswith("_type")
        if is_telling or field not in found:
            found[field] = reason
    return [FieldReason(field, reason) for field, reason in found.items()]


def _text(error: Mapping[str, Any]) -> str:
    """Say in plain words what is wrong; only our own bounds are quoted."""
    kind = str(error["type"])
    if kind in _TEXTS:
        return _TEXTS[kind]
    if kind in _FROM_CONTEXT:
        return _FROM_CONTEXT[kind](error["ctx"])
    if kind.startswith("scalar_"):
        return str(error["msg"])
    if kind.startswith(("datetime", "date", "timezone")):
        return _TIME
    return "is not valid"


def _path(loc: tuple[int | str, ...]) -> str:
    """Return the dotted path of a field; an attribute whose name cannot be shown stays unnamed."""
    if not loc:
        return "lead"
    if loc[0] == "attributes":
        is_named = len(loc) > 1 and _SHOWABLE.fullmatch(str(loc[1]))
        return f"attributes.{loc[1]}" if is_named else "attributes"
    return ".".join(str(part) for part in loc[:2])


def _unknown(loc: tuple[int | str, ...]) -> tuple[str, str]:
    """Say where an unknown field stands, and what could have stood there."""
    section = str(loc[0]) if len(loc) > 1 else ""
    model = SECTIONS.get(section, RawLead)
    known = ", ".join(model.model_fields)
    place = f"{section}." if section else ""
    name = str(loc[-1])
    if _SHOWABLE.fullmatch(name):
        return f"{place}{name}", f"is not a known field; known here: {known}"
    return section or "lead", f"has an unknown field; known here: {known}"


def _bounded(reasons: list[FieldReason]) -> tuple[FieldReason, ...]:
    """Keep the first reasons, and count the rest."""
    if len(reasons) <= MAX_REASONS:
        return tuple(reasons)
    rest = len(reasons) - MAX_REASONS
    return (*reasons[:MAX_REASONS], FieldReason("lead", f"has {rest} more problems"))
