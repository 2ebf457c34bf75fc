"""Mapping files: how the columns of an export become leads and outcomes.

The file format is CONTRACT "Mapping file". A mapping is data: nothing in it is executed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from leadqual.errors import MappingError
from leadqual.leads.fields import EVENT_CELLS, LEAD_FIELDS, Kind
from leadqual.leads.plain_yaml import read_plain_yaml
from leadqual.leads.schema import MAX_ATTRIBUTES
from leadqual.leads.spec import TIME_WORDS, ColumnSpec, MappingSpec, OrderSpec, RowNumber
from leadqual.leads.suggest import suggest_mapping

__all__ = ["MappingSpec", "load_mapping", "parse_mapping", "suggest_mapping"]


def load_mapping(path: Path) -> MappingSpec:
    """Read and check a mapping file.

    Raises
    ------
    MappingError
        With every problem of the file. Whether the columns exist is seen when it meets data.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise MappingError([f"{path.name}: cannot be read ({error.strerror})"]) from error
    except UnicodeDecodeError as error:
        raise MappingError([f"{path.name}: is not UTF-8 text; expected a YAML file"]) from error
    return parse_mapping(text, name=path.name)


def parse_mapping(text: str, *, name: str = "mapping") -> MappingSpec:
    """Check the text of a mapping file; `name` is what the problems call it.

    Raises
    ------
    MappingError
        With every problem of the text.
    """
    try:
        content = read_plain_yaml(text)
    except ValueError as error:
        raise MappingError([f"{name}: {error}"]) from error
    if not isinstance(content, dict):
        raise MappingError([f"{name}: must hold `source:`, `lead:` and so on at its top level"])
    try:
        spec = MappingSpec.model_validate(content)
    except ValidationError as error:
        raise MappingError([f"{name}: {problem}" for problem in _problems(error)]) from error
    problems = [f"{name}: {problem}" for problem in _contradictions(spec)]
    if problems:
        raise MappingError(problems)
    return spec


def _problems(error: ValidationError) -> list[str]:
    """Say what is wrong at each place of the file."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        parts = [str(part) for part in item["loc"]]
        if parts[0] == "lead" and len(parts) > 2:
            del parts[2]  # the tag of the union behind a lead field
        message = str(item["msg"]).removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "is not a known setting here"
        found.setdefault(".".join(parts), message)
    return [f"{place}: {message}" for place, message in found.items()]


def _contradictions(spec: MappingSpec) -> Iterator[str]:
    """Find what is well-formed and cannot be meant."""
    yield from _unknown_fields(spec)
    yield from _unknown_files(spec)
    yield from _unfit_rules(spec)
    learned = {column.column for _, column in spec.used_columns}
    for name in spec.never:
        if name in learned:
            yield f"never: `{name}` is also used as a field or attribute; it can only be one"
    labels = [attribute.label for attribute in spec.attributes]
    if len(labels) > MAX_ATTRIBUTES:
        yield (
            f"attributes: {len(labels):,} are listed; a lead carries at most {MAX_ATTRIBUTES}: "
            "keep those that were known when it came and may matter"
        )
        return
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        yield f"attributes: `{label}` is listed twice"


def _unknown_files(spec: MappingSpec) -> Iterator[str]:
    """Find references to files that are not declared, and files that nothing joins."""
    known = list(spec.files) or [spec.lead_file]
    listed = ", ".join(known)
    for name, file in spec.files.items():
        if file.key is None and name != spec.lead_file:
            yield f"files.{name}: needs `key`, the column that joins it to {spec.lead_file}"
    references = [(where, column.file) for where, column in spec.used_columns]
    references += [(f"outcomes.{i}", outcome.file) for i, outcome in enumerate(spec.outcomes)]
    for where, file_name in references:
        if file_name is not None and file_name not in known:
            yield f"{where}: `file: {file_name}` is not one of the files: {listed}"
    for i, outcome in enumerate(spec.outcomes):
        for name, cell in outcome.cells.items():
            if cell.file is not None:
                yield f"outcomes.{i}.{name}: `file` belongs to the outcome, not to its columns"


def _unfit_rules(spec: MappingSpec) -> Iterator[str]:
    """Find `parse` and `unit` where they mean nothing: an option never goes unheard."""
    rules = [
        (place, column, LEAD_FIELDS.get(place.removeprefix("lead."), Kind.TEXT))
        for place, column in spec.used_columns
        if not place.startswith("attributes.")
    ]
    rules += [(f"attributes.{column.label}", column, Kind.ANY) for column in spec.attributes]
    rules += [
        (f"outcomes.{i}.{part}", column, EVENT_CELLS[part])
        for i, outcome in enumerate(spec.outcomes)
        for part, column in outcome.cells.items()
    ]
    for place, column, kind in rules:
        if column.parse is not None and not _is_fit(column.parse, kind):
            said = column.parse if isinstance(column.parse, str) else ", ".join(column.parse)
            yield f"{place}: `parse: {said}` is not a way to read this; {_WAYS[kind]}"
        if column.unit is not None and kind not in {Kind.COUNT, Kind.NUMBER, Kind.ANY}:
            yield f"{place}: `unit` is for numbers"


_NUMBER_WAYS: Final = "leave it out, or give decimal_comma or range"
_WAYS: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "leave it out",
    Kind.BOOL: "leave it out",
    Kind.COUNT: _NUMBER_WAYS,
    Kind.NUMBER: _NUMBER_WAYS,
    Kind.ANY: "leave it out, or give decimal_comma, range or bool",
    Kind.TIME: (
        'leave it out, or give iso, epoch_s, epoch_ms or a form such as "%d.%m.%Y %H:%M", or a '
        "list of these"
    ),
}


def _is_fit(parse: str | tuple[str, ...], kind: Kind) -> bool:
    """Return whether values of this kind can be parsed in this way."""
    if not isinstance(parse, str):
        return kind is Kind.TIME and all(_is_fit(form, kind) for form in parse)
    if kind is Kind.TIME:
        return parse in TIME_WORDS or _is_time_form(parse)
    words = {
        Kind.COUNT: {"decimal_comma", "range"},
        Kind.NUMBER: {"decimal_comma", "range"},
        Kind.ANY: {"decimal_comma", "range", "bool"},
    }
    return parse in words.get(kind, set())


def _is_time_form(form: str) -> bool:
    """Return whether a form holds a day and only directives that `strptime` knows."""
    try:
        datetime.strptime("", form)  # noqa: DTZ007 - only whether the form is one
    except ValueError as error:
        return "%" in form and "does not match format" in str(error)
    return False


def _unknown_fields(spec: MappingSpec) -> Iterator[str]:
    """Find lead fields that do not exist, and special forms where they mean nothing."""
    for name, field in spec.lead.items():
        if name not in LEAD_FIELDS:
            close = difflib.get_close_matches(name, LEAD_FIELDS, n=1, cutoff=0.5)
            ending = [known for known in LEAD_FIELDS if known.endswith(f".{name}")]
            hint = f"; did you mean `{(ending or close)[0]}`?" if ending or close else ""
            yield f"lead.{name}: is not a field of a lead{hint}"
        if name == "external_id" and isinstance(field, ColumnSpec) and field.column is None:
            yield "lead.external_id: needs a column, or {row: true}"
        if isinstance(field, RowNumber) and name != "external_id":
            yield f"lead.{name}: only external_id can be the row number"
        if isinstance(field, OrderSpec) and name != "created_at":
            yield f"lead.{name}: only created_at can be an order"
