"""Words for people: probabilities, times, states and outcomes as a rep says them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.qualify.score import Answer, Head
from leadqual.queue.handoff import Topic
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Approach, Queue

QUEUE_TITLES: Final[Mapping[Queue, str]] = {
    Queue.MRR: "Inbound queue",
    Queue.SDR: "Outbound queue",
    Queue.ACCOUNT_MANAGER: "Customers who came back",
    Queue.NURTURE: "Nurture",
    Queue.DISQUALIFIED_BY_SCORE: "Written off by score",
    Queue.QUARANTINE: "Quarantine",
}
STATES: Final[Mapping[ItemState, str]] = {
    ItemState.OPEN: "free",
    ItemState.CLAIMED: "taken",
    ItemState.SNOOZED: "put off",
    ItemState.HANDED_OFF: "handed off",
    ItemState.OPPORTUNITY: "opportunity",
    ItemState.WON: "won",
    ItemState.LOST: "lost",
    ItemState.CLOSED: "closed",
}
OUTCOMES: Final[Mapping[OutcomeType, str]] = {
    OutcomeType.CONTACTED: "Reached",
    OutcomeType.MEETING_BOOKED: "Meeting booked",
    OutcomeType.CONTACT_LATER: "Contact later",
    OutcomeType.NO_RESPONSE: "No response",
    OutcomeType.DISQUALIFIED: "Not qualified",
    OutcomeType.HANDED_OFF: "Handed off",
    OutcomeType.ACCEPTED: "Accepted by the AE",
    OutcomeType.REJECTED: "Rejected by the AE",
    OutcomeType.WON: "Won",
    OutcomeType.LOST: "Lost",
    OutcomeType.BAD_DATA: "Wrong details",
    OutcomeType.DUPLICATE: "Duplicate",
    OutcomeType.SPAM: "Spam",
    OutcomeType.DO_NOT_CONTACT: "Do not contact",
}
REASONS: Final[Mapping[Reason, str]] = {
    Reason.BAD_FIT: "Not our kind of customer",
    Reason.NO_AUTHORITY: "Cannot decide",
    Reason.NO_NEED: "No need",
    Reason.NO_BUDGET: "No budget",
    Reason.TIMING: "Wrong time",
    Reason.COMPETITOR: "Went with a competitor",
    Reason.UNREACHABLE: "Cannot be reached",
    Reason.OTHER: "Something else",
}
HEADS: Final[Mapping[Head, str]] = {
    Head.FIT: "Fit",
    Head.AUTHORITY: "Authority",
    Head.BUDGET: "Budget",
}
ANSWERS: Final[Mapping[Answer, str]] = {
    Answer.YES: "yes",
    Answer.NO: "no",
    Answer.UNKNOWN: "not known",
}
APPROACHES: Final[Mapping[Approach, str]] = {
    Approach.CALL_NOW: "Call now",
    Approach.CALL: "Call",
    Approach.ASK: "Call and ask",
    Approach.ENRICH: "Find out more first",
    Approach.NURTURE: "Keep warm",
    Approach.ACCOUNT_MANAGER: "Pass to the account manager",
    Approach.REVIEW: "Review",
    Approach.NONE: "Nothing to do",
}

TOPICS: Final[Mapping[Topic, str]] = {
    Topic.FIT: "Fit: are they our kind of customer?",
    Topic.AUTHORITY: "Authority: can this person decide?",
    Topic.BUDGET: "Budget: is there money for it?",
    Topic.NEED: "Need: what do they want to solve?",
    Topic.TIMING: "Timing: when do they want to start?",
}

_KEPT_CONTROLS: Final = frozenset("\n\t")
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")
"""Scripts such as Persian and emoji need them; they cannot reorder text."""


def plain_text(value: object) -> object:
    """Return text without control, bidirectional and other invisible characters.

    Lead fields are written by strangers: a right-to-left override can make `exe.pdf` of
    `fdp.exe`. Anything that is not `str` comes back as it is, so this serves as the
    `finalize` of the template environment and no field can be forgotten.
    """
    if type(value) is not str or value.isprintable():
        return value
    return "".join(
        char
        for char in value
        if char in _KEPT_CONTROLS
        or char in _JOINERS
        or unicodedata.category(char) not in _HIDDEN_CATEGORIES
    )


def web_address(value: object) -> str | None:
    """Return an address only when it is http(s) and names a host; else None, show as text."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    return value.strip() if parts.scheme in {"http", "https"} and parts.netloc else None


def in_hundred(probability: float) -> str:
    """Return a probability as a count of people.

    Examples
    --------
    >>> in_hundred(0.062), in_hundred(0.002), in_hundred(0.999)
    ('6 in 100', 'under 1 in 100', 'over 99 in 100')
    """
    if probability < 0.005:
        return "under 1 in 100"
    if probability > 0.995:
        return "over 99 in 100"
    return f"{round(probability * 100)} in 100"


def money(usd: float) -> str:
    """Return US dollars, rounded as far as a person reads.

    Examples
    --------
    >>> money(1480.4), money(9.5), money(2_450_000)
    ('$1,480', '$10', '$2.5 m')
    """
    if usd >= 1_000_000:
        return f"${usd / 1_000_000:,.1f} m"
    return f"${usd:,.0f}"


def duration(span: timedelta) -> str:
    """Return a length of time in its largest unit.

    Examples
    --------
    >>> duration(timedelta(seconds=40)), duration(timedelta(minutes=95)), duration(timedelta(2))
    ('under a minute', '1 h 35 min', '2 days')
    """
    minutes = int(abs(span).total_seconds() // 60)
    hours, days = minutes // 60, minutes // (60 * 24)
    if minutes < 1:
        return "under a minute"
    if hours < 1:
        return f"{minutes} min"
    if hours < 10 and minutes % 60:
        return f"{hours} h {minutes % 60} min"
    if days < 2:
        return f"{hours} h"
    return f"{days} days"


@dataclass(frozen=True, slots=True)
class Due:
    """When something is due, in words; `tone` is `late`, `soon` or `calm`."""

    text: str
    tone: str


def due(due_at: datetime | None, *, created_at: datetime, now: datetime) -> Due | None:
    """Return how a due time stands; `soon` in the last fifth of the time there was."""
    if due_at is None:
        return None
    left = due_at - now
    if left < timedelta(0):
        return Due(f"{duration(left)} late", "late")
    allowed = max(due_at - created_at, timedelta(0))
    tone = "soon" if left <= max(allowed / 5, timedelta(minutes=2)) else "calm"
    return Due(f"due in {duration(left)}", tone)


def moment(at: datetime) -> str:
    """Return a time as `21 Nov 2026, 14:05 UTC`."""
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def ago(at: datetime, *, now: datetime) -> str:
    """Return how long ago something was."""
    return f"{duration(now - at)} ago"


FORM_PROBLEMS: Final[Mapping[int, tuple[str, str]]] = {
    408: ("That took too long", "Go back, what you typed is still there, and send it again."),
    413: (
        "That is too long for us",
        "Go back, what you typed is still there. Shorten it and send it again.",
    ),
    422: ("Please check your entries", "Go back, what you typed is still there."),
    429: ("Too many messages at once", "Go back, what you typed is still there."),
    500: ("We cannot take your message", "Please reach us in another way."),
    503: ("We cannot take your message right now", "Go back, what you typed is still there."),
}
"""What a visitor of a website reads when a form was refused, by status: what, and what to do."""

FORM_IS_WRONG: Final = ("This form does not work", "Please reach us in another way.")
"""The same where nothing that the visitor does can help."""


def sentence(text: str) -> str:
    """Return text that begins with a capital letter and ends without a full stop."""
    return (text[:1].upper() + text[1:]).rstrip(". ")


def spoken(name: str) -> str:
    """Return a code such as `trade_show` as words: `Trade show`."""
    return sentence(name.replace("_", " ").strip())
