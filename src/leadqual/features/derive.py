"""Derived columns: what a lead's fields say together, known at the prediction moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from leadqual.errors import InputError
from leadqual.leads.flat import PERSONAL_FIELDS
from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import Columns

Values = list[Scalar]

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


def derive(columns: Columns, n_leads: int, *, wanted: frozenset[str] | None = None) -> Columns:
    """Return the columns that the encoder reads: the given ones plus the derived ones.

    Personal fields, `created_at` and the message text are left out. Added are:
    `derived.message_length` (characters, missing without a message), `derived.created_weekday`
    and `derived.created_hours` (UTC, parts of four hours), `derived.n_engagement_known`
    (0 to 6), `derived.pages_per_visit` and `derived.has_budget_and_timeline`. A landing page
    loses its scheme, query and fragment, a referrer is cut to its host. The month or year of
    creation is never derived: it would teach the model the age of the history.

    Parameters
    ----------
    columns : Columns
        Flat columns of n_leads values each; columns that are absent count as missing.
    n_leads : int
        Number of leads.
    wanted : frozenset of str, optional
        Return exactly the derived columns named here, and no others of those given. None: all
        of which at least one input column is there.

    Raises
    ------
    InputError
        If a column does not have one value per lead.
    """
    check_lengths(columns, n_leads)
    kept: Columns = {
        name: values
        for name, values in columns.items()
        if name not in CONSUMED and name not in _DERIVED and (wanted is None or name in wanted)
    }
    for name, (inputs, build) in _DERIVED.items():
        is_possible = any(field in columns for field in inputs)
        if (is_possible and wanted is None) or (wanted is not None and name in wanted):
            kept[name] = build(columns, n_leads)
    return kept


def check_lengths(columns: Columns, n_leads: int) -> None:
    """Refuse columns that do not have one value per lead.

    Raises
    ------
    InputError
        With the column and what it has.
    """
    for name, values in columns.items():
        if len(values) != n_leads:
            raise InputError(
                f"column {name} has {len(values)} values for {n_leads} leads; give one per lead, "
                "None where it is not known"
            )


def _column(columns: Columns, name: str, n_leads: int) -> Values:
    """Return a column, or nothing but missing values where it is absent."""
    values = columns.get(name)
    return [None] * n_leads if values is None else values


def _message_length(columns: Columns, n_leads: int) -> Values:
    values = _column(columns, "interest.message", n_leads)
    return [float(len(text)) if isinstance(text, str) and text else None for text in values]


def _weekday(columns: Columns, n_leads: int) -> Values:
    values = _column(columns, "created_at", n_leads)
    return [None if (at := _moment(v)) is None else _WEEKDAYS[at.weekday()] for v in values]


def _hours(columns: Columns, n_leads: int) -> Values:
    values = _column(columns, "created_at", n_leads)
    return [None if (at := _moment(v)) is None else _PARTS_OF_DAY[at.hour] for v in values]


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
        return moment if moment.tzinfo in {UTC, None} else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _n_engagement_known(columns: Columns, n_leads: int) -> Values:
    known = [values for name in _ENGAGEMENT if (values := columns.get(name)) is not None]
    return [sum(values[i] is not None for values in known) for i in range(n_leads)]


def _pages_per_visit(columns: Columns, n_leads: int) -> Values:
    pages = _column(columns, "engagement.n_page_views", n_leads)
    visits = _column(columns, "engagement.n_visits", n_leads)
    return [
        n_pages / n_visits
        if isinstance(n_pages, (int, float)) and isinstance(n_visits, (int, float)) and n_visits > 0
        else None
        for n_pages, n_visits in zip(pages, visits, strict=True)
    ]


def _has_budget_and_timeline(columns: Columns, n_leads: int) -> Values:
    budgets = _column(columns, "interest.budget_usd", n_leads)
    timelines = _column(columns, "interest.timeline_days", n_leads)
    return [
        budget is not None and timeline is not None
        for budget, timeline in zip(budgets, timelines, strict=True)
    ]


def _landing_page(columns: Columns, n_leads: int) -> Values:
    values = _column(columns, "campaign.landing_page", n_leads)
    return [_page(value) if isinstance(value, str) else None for value in values]


def _referrer(columns: Columns, n_leads: int) -> Values:
    values = _column(columns, "campaign.referrer", n_leads)
    return [_host(value) if isinstance(value, str) else None for value in values]


def _page(url: str) -> str:
    """Return host and path of an address: what says which page it was, not who came."""
    bare = url.partition("?")[0].partition("#")[0]
    return bare.rpartition("://")[2].rstrip("/") or "/"


def _host(url: str) -> str:
    """Return the host of an address, or its first part when it has no scheme."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return (host or _page(url).partition("/")[0]).removeprefix("www.")


_DERIVED: Final[dict[str, tuple[tuple[str, ...], Callable[[Columns, int], Values]]]] = {
    "derived.message_length": (("interest.message",), _message_length),
    "derived.created_weekday": (("created_at",), _weekday),
    "derived.created_hours": (("created_at",), _hours),
    "derived.n_engagement_known": (_ENGAGEMENT, _n_engagement_known),
    "derived.pages_per_visit": (_ENGAGEMENT[:2], _pages_per_visit),
    "derived.has_budget_and_timeline": (
        ("interest.budget_usd", "interest.timeline_days"),
        _has_budget_and_timeline,
    ),
    "campaign.landing_page": (("campaign.landing_page",), _landing_page),
    "campaign.referrer": (("campaign.referrer",), _referrer),
}
