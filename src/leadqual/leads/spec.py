"""The parts of a mapping file, as typed and checked records (CONTRACT "Mapping file")."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from leadqual.leads.fields import EVENT_CELLS, SECTIONS, UNITS

WAYS_TO_REACH: Final = ("contact.email", "contact.phone", "company.domain")

TIME_WORDS: Final = frozenset({"iso", "epoch_s", "epoch_ms"})
"""Ways to read a time that are no form of `strptime`."""


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _column_shorthand(value: object) -> object:
    """Read `email: E-Mail` as `email: {column: E-Mail}`."""
    return {"column": value} if isinstance(value, str) else value


def _one_or_more(value: object) -> object:
    """Read `in: Won` as `in: [Won]`."""
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]


def _known_encoding(value: str) -> str:
    """Refuse what is not the name of a text encoding."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=value)
    except LookupError:
        raise ValueError(
            "is not an encoding; usual ones are utf-8, cp1252, latin-1, utf-16"
        ) from None
    return value


def _known_zone(value: str) -> str:
    """Refuse what is not the name of a time zone."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone; expected a name such as Europe/Berlin") from None
    return value


def _separator(value: str) -> str:
    """Accept the written forms of a tab."""
    tab = "\t"
    separator = tab if value in {"tab", "\\t", tab} else value
    if len(separator) != 1 or separator in '"\r\n':
        raise ValueError('must be one character, such as "," or ";" or "tab"')
    return separator


Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FileSpec(_Spec):
    """One file of an export.

    `sep` and `encoding` are found out where they are left out: then bytes that are not UTF-8
    are read as Windows-1252, also in a file that mixes both. A named encoding is strict. `na`
    are further spellings of "unknown"; an empty cell always is. `key` names the column that
    joins the file to the lead table, `on` the column there (default: the one of that name,
    else the external id).
    """

    path: str
    sep: Annotated[str, AfterValidator(_separator)] | None = None
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    na: Texts = ()
    key: str | None = None
    on: str | None = None


class ColumnSpec(_Spec):
    """Where a value comes from, and how to read it.

    `map` replaces values; a value that is not in it becomes `default` if there is one, else
    stays. `default` also stands in for an empty cell. `parse` is a time format (`%d.%m.%Y`,
    `iso`, `epoch_s`, `epoch_ms`), a list of these (the first that fits counts), or a way to read
    a number (`decimal_comma`, `range`: "11-50" is its geometric middle); `unit` is a factor or
    one of `fields.UNITS`. `file` takes the column from a joined file (its first row with that
    key).
    """

    column: str | None = None
    const: str | None = None
    file: str | None = None
    map: dict[str, str | None] | None = None
    parse: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    unit: Annotated[Factor | str, Field(union_mode="left_to_right")] | None = None
    default: str | None = None
    na: Texts = ()

    @property
    def is_bare(self) -> bool:
        """Return whether only a column is named, so that a constant may be meant."""
        return self.model_fields_set == {"column"}

    @model_validator(mode="after")
    def _is_complete(self) -> ColumnSpec:
        if self.const is not None and (self.column or self.map or self.default is not None):
            raise ValueError("`const` stands alone: leave out column, map and default")
        if self.column is None and self.const is None and self.default is None:
            raise ValueError("needs `column`, `const` or `default`")
        if self.column is None and (self.map or self.file):
            raise ValueError("`map` and `file` need a `column`")
        if isinstance(self.unit, str) and self.unit not in UNITS:
            raise ValueError(f"`unit` must be a number or one of: {', '.join(UNITS)}")
        return self


class RowNumber(_Spec):
    """`{row: true}`: the file has no id, so the row is the id, within exactly this file."""

    row: Literal["true"]


class OrderSpec(_Spec):
    """`{order: …}`: no time is known, only the order by a column, of the file, or `none`."""

    order: str


class AttributeSpec(ColumnSpec):
    """An attribute with a reading rule, or with another name than its column."""

    name: str | None = None

    @property
    def label(self) -> str:
        """Return the name under which the attribute is learned."""
        return self.name or self.column or ""


class Where(_Spec):
    """Keep the rows whose cell is one of these values."""

    column: str
    values: Annotated[Texts, Field(alias="in", min_length=1)]


Column = Annotated[ColumnSpec, BeforeValidator(_column_shorthand)]


class OutcomeSpec(_Spec):
    """Which rows of which file are which event.

    `type` and `reason` are the name of an event or reason, a column, or a column with a `map`
    (a type that is not in it is no event; a reason that is not in it is `other`). Without
    `where` and with a fixed type, a row whose `occurred_at` is empty is no event.
    """

    file: str | None = None
    type: Column
    where: Where | None = None
    occurred_at: Column | None = None
    recorded_at: Column | None = None
    reason: Column | None = None
    amount_usd: Column | None = None
    actor: Column | None = None
    note: Column | None = None

    @property
    def cells(self) -> dict[str, ColumnSpec]:
        """Return the parts of the event that are read from cells, by field of the event."""
        parts = {name: getattr(self, name) for name in EVENT_CELLS}
        return {name: spec for name, spec in parts.items() if spec is not None}


class RecordedSpec(_Spec):
    """What the history leaves out."""

    losses: Literal["always", "never"] = "always"


def _form(value: object) -> str:
    """Tell the forms of a lead field apart by their telling key."""
    if isinstance(value, Mapping):
        return next((key for key in ("row", "order") if key in value), "cell")
    if isinstance(value, RowNumber):
        return "row"
    return "order" if isinstance(value, OrderSpec) else "cell"


FieldSource = Annotated[
    Annotated[RowNumber, Tag("row")]
    | Annotated[OrderSpec, Tag("order")]
    | Annotated[ColumnSpec, Tag("cell")],
    Discriminator(_form),
    BeforeValidator(_column_shorthand),
]
"""Where one field of a lead comes from."""


def _flat_fields(value: object) -> object:
    """Read `contact: {email: X}` as `contact.email: X`."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[object, object] = {}
    for name, spec in value.items():
        if name in SECTIONS and isinstance(spec, Mapping):
            flat.update({f"{name}.{field}": inner for field, inner in spec.items()})
        else:
            flat[name] = spec
    return flat


def _motion_shorthand(value: object) -> object:
    """Read `motion: outbound` as a constant, any other word as a column."""
    if isinstance(value, str) and value in {"inbound", "outbound"}:
        return {"const": value}
    return _column_shorthand(value)


class MappingSpec(_Spec):
    """A whole mapping file, checked; CONTRACT "Mapping file" tells what each part means.

    `timezone` is that of times without an offset.
    """

    source: Annotated[str, Field(min_length=1, max_length=100)]
    files: dict[str, FileSpec] = {}
    motion: Annotated[ColumnSpec, BeforeValidator(_motion_shorthand)] | None = None
    lead: Annotated[dict[str, FieldSource], BeforeValidator(_flat_fields)] = {}
    attributes: tuple[Annotated[AttributeSpec, BeforeValidator(_column_shorthand)], ...] = ()
    never: Texts = ()
    outcomes: tuple[OutcomeSpec, ...] = ()
    recorded: RecordedSpec = RecordedSpec()
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"

    @property
    def lead_file(self) -> str:
        """Return the name of the lead table: the first file, or `leads` if none is named."""
        return next(iter(self.files), "leads")

    @property
    def columns(self) -> dict[str, ColumnSpec]:
        """Return the lead fields that are read from a column or constant, by dotted name."""
        return {name: spec for name, spec in self.lead.items() if isinstance(spec, ColumnSpec)}

    @property
    def order(self) -> str | None:
        """Return the order column, `file` or `none`; None when a time of creation is known."""
        created_at = self.lead.get("created_at")
        if created_at is None:
            return "none"
        return created_at.order if isinstance(created_at, OrderSpec) else None

    @property
    def has_contact(self) -> bool:
        """Return whether the mapping fills a field by which a person can be reached."""
        return any(name in self.lead for name in WAYS_TO_REACH)

    @property
    def used_columns(self) -> Iterator[tuple[str, ColumnSpec]]:
        """Yield everything that becomes part of a lead, with its place in the mapping."""
        for name, column in self.columns.items():
            yield f"lead.{name}", column
        if self.motion is not None:
            yield "motion", self.motion
        for attribute in self.attributes:
            yield f"attributes.{attribute.label}", attribute
