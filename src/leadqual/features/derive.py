"""Derived columns: what a lead's fields say together, known at the prediction moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, TypeGuard
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from leadqual.features.columns import (
    Coded,
    Column,
    Table,
    check_columns,
    is_known,
    per_value,
    read_numbers,
)
from leadqual.leads.flat import PERSONAL_FIELDS
from leadqual.leads.schema import Scalar

Derived = dict[str, Column]

CONSUMED: Final = PERSONAL_FIELDS | {"created_at", "interest.message"}
"""Columns that never reach a learner as they are: personal, free text, or a raw time."""

DATE_PARTS: Final = frozenset({"derived.created_weekday", "derived.created_hours"})
"""When in a day and a week a lead came: never when in its history."""

_ENGAGEMENT: Final = (
    "engagement.n_visits",
    "engagement.n_page_views",
    "engagement.n_emails_opened",
    "engagement.n_emails_clicked",
    "engagement.seconds_on_site",
    "engagement.n_downloads",
)
_WEEKDAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
_HOURS_PER_PART: Final = 4


def derive(columns: Table, n_leads: int, *, wanted: frozenset[str] | None = None) -> Derived:
    """Return the columns that the encoder reads: the given ones plus the derived ones.

    Personal fields, `created_at` and the message text are left out. Added are:
    `derived.message_length` (characters, missing without a message), `derived.created_weekday`
    and `derived.created_hours` (UTC, parts of four hours), `derived.n_engagement_known`
    (0 to 6), `derived.pages_per_visit` and `derived.has_budget_and_timeline`. A landing page
    loses its scheme, query and fragment, a referrer is cut to its host. The month or year of
    creation is never derived: it would teach the model the age of the history.

    Parameters
    ----------
    columns : Table
        Flat columns of n_leads values each; columns that are absent count as missing.
    n_leads : int
        Number of leads.
    wanted : frozenset of str, optional
        Return exactly the derived columns named here, and no others of those given. None: all
        of which at least one input column is there.

    Raises
    ------
    InputError
        If a column does not have one value per lead, or is an array of another kind.
    """
    check_columns(columns, n_leads)
    kept: Derived = {
        name: values
        for name, values in columns.items()
        if name not in CONSUMED and name not in DERIVED and (wanted is None or name in wanted)
    }
    for name, derived in DERIVED.items():
        is_possible = any(field in columns for field in derived.inputs)
        if (is_possible and wanted is None) or (wanted is not None and name in wanted):
            kept[name] = derived.column(columns, n_leads)
    return kept


class Derivation(NamedTuple):
    """How a derived column is made.

    Parameters
    ----------
    inputs : tuple of str
        The columns that are read.
    of_values : callable
        From their values, in this order, to the derived value of one lead.
    of_columns : callable
        From table and number of leads to the same for all, where an input is `Coded` or an array.
    """

    inputs: tuple[str, ...]
    of_values: Callable[..., Scalar]
    of_columns: Callable[[Table, int], Column]

    def column(self, columns: Table, n_leads: int) -> Column:
        """Return the derived column; absent inputs count as missing."""
        given = [_column(columns, name, n_leads) for name in self.inputs]
        if any(isinstance(values, (Coded, np.ndarray)) for values in given):
            return self.of_columns(columns, n_leads)
        return list(map(self.of_values, *given))


def _column(columns: Table, name: str, n_leads: int) -> Column:
    """Return a column, or nothing but missing values where it is absent."""
    values = columns.get(name)
    return [None] * n_leads if values is None else values


def _each(field: str, function: Callable[[Scalar], Scalar]) -> Derivation:
    """Return what derives a column from one other, value by value."""
    return Derivation(
        (field,),
        function,
        lambda columns, n_leads: per_value(_column(columns, field, n_leads), function),
    )


def _length(value: Scalar) -> Scalar:
    return float(len(value)) if isinstance(value, str) and value else None


def _weekday(value: Scalar) -> Scalar:
    return None if (at := _moment(value)) is None else _WEEKDAYS[at.weekday()]


def _weekdays(columns: Table, n_leads: int) -> Column:
    values = _column(columns, "created_at", n_leads)
    if not _is_time(values):
        return per_value(values, _weekday)
    days = values.astype("datetime64[D]").astype(np.intp) + _WEEKDAY_OF_EPOCH
    return Coded((*_WEEKDAYS, None), np.where(np.isnat(values), len(_WEEKDAYS), days % 7))


def _part_of_day(value: Scalar) -> Scalar:
    return None if (at := _moment(value)) is None else _PARTS_OF_DAY[at.hour]


def _parts_of_day(columns: Table, n_leads: int) -> Column:
    values = _column(columns, "created_at", n_leads)
    if not _is_time(values):
        return per_value(values, _part_of_day)
    hours = values.astype("datetime64[h]").astype(np.intp) % 24
    return Coded((*_PARTS_OF_DAY, None), np.where(np.isnat(values), len(_PARTS_OF_DAY), hours))


def _is_time(values: Column) -> TypeGuard[NDArray[np.datetime64]]:
    return isinstance(values, np.ndarray) and values.dtype.kind == "M"


_WEEKDAY_OF_EPOCH: Final = 3
_PARTS_OF_DAY: Final = tuple(
    f"{hour - hour % _HOURS_PER_PART:02d}:00 to {hour - hour % _HOURS_PER_PART + 4:02d}:00 UTC"
    for hour in range(24)
)


def _moment(value: Scalar) -> datetime | None:
    """Read an ISO 8601 time as UTC; None where it is absent or unreadable."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        zone = moment.tzinfo
        return moment if zone is UTC or zone is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _n_known(*values: Scalar) -> Scalar:
    return len(values) - values.count(None)


def _n_engagement_known(columns: Table, n_leads: int) -> Column:
    known = [values for name in _ENGAGEMENT if (values := columns.get(name)) is not None]
    return sum((is_known(values).astype(np.float64) for values in known), np.zeros(n_leads))


def _pages_per_visit(columns: Table, n_leads: int) -> Column:
    pages = _column(columns, "engagement.n_page_views", n_leads)
    visits = _column(columns, "engagement.n_visits", n_leads)
    n_pages, n_visits = (read_numbers(values, _as_it_is) for values in (pages, visits))
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite counts as missing
        ratio = np.divide(n_pages, n_visits, out=np.full(n_leads, np.nan), where=n_visits > 0)
    return np.asarray(ratio, dtype=np.float64)


def _ratio(n_pages: Scalar, n_visits: Scalar) -> Scalar:
    if not (isinstance(n_pages, (int, float)) and isinstance(n_visits, (int, float))):
        return None
    return n_pages / n_visits if n_visits > 0 else None


def _as_it_is(value: Scalar) -> float:
    """Return a number; a text that reads like one is none here."""
    return float(value) if isinstance(value, (int, float)) else math.nan


def _has_budget_and_timeline(columns: Table, n_leads: int) -> Column:
    budgets = _column(columns, "interest.budget_usd", n_leads)
    timelines = _column(columns, "interest.timeline_days", n_leads)
    return Coded((False, True), (is_known(budgets) & is_known(timelines)).astype(np.intp))


def _are_both_known(budget: Scalar, timeline: Scalar) -> Scalar:
    return budget is not None and timeline is not None


def _landing_page(value: Scalar) -> Scalar:
    return _page(value) if isinstance(value, str) else None


def _referrer(value: Scalar) -> Scalar:
    return _host(value) if isinstance(value, str) else None


@lru_cache(maxsize=4_096)
def _page(url: str) -> str:
    """Return host and path of an address: what says which page it was, not who came."""
    bare = url.partition("?")[0].partition("#")[0]
    return bare.rpartition("://")[2].rstrip("/") or "/"


@lru_cache(maxsize=4_096)
def _host(url: str) -> str:
    """Return the host of an address, or its first part when it has no scheme."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return (host or _page(url).partition("/")[0]).removeprefix("www.")


DERIVED: Final[Mapping[str, Derivation]] = {
    "derived.message_length": _each("interest.message", _length),
    "derived.created_weekday": Derivation(("created_at",), _weekday, _weekdays),
    "derived.created_hours": Derivation(("created_at",), _part_of_day, _parts_of_day),
    "derived.n_engagement_known": Derivation(_ENGAGEMENT, _n_known, _n_engagement_known),
    "derived.pages_per_visit": Derivation(
        ("engagement.n_page_views", "engagement.n_visits"), _ratio, _pages_per_visit
    ),
    "derived.has_budget_and_timeline": Derivation(
        ("interest.budget_usd", "interest.timeline_days"), _are_both_known, _has_budget_and_timeline
    ),
    "campaign.landing_page": _each("campaign.landing_page", _landing_page),
    "campaign.referrer": _each("campaign.referrer", _referrer),
}
"""Derived columns: what they are made from, and how."""
