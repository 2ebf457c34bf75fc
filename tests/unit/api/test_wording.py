from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from api import wording
from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Approach, Queue

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (wording.OUTCOMES, OutcomeType),
        (wording.REASONS, Reason),
        (wording.STATES, ItemState),
        (wording.QUEUE_TITLES, Queue),
        (wording.APPROACHES, Approach),
    ],
    ids=["outcomes", "reasons", "states", "queues", "approaches"],
)
def test_every_code_has_words(words: Mapping[StrEnum, str], codes: type[StrEnum]) -> None:
    assert set(words) == set(codes)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u0000b\u001b[31mc", "ab[31mc"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("two\nlines\tkept", "two\nlines\tkept"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("Zoë \U0001f469\u200d\U0001f4bb", "Zoë \U0001f469\u200d\U0001f4bb"),
    ],
)
def test_invisible_characters_are_not_shown(given: str, shown: str) -> None:
    assert wording.plain_text(given) == shown


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/relative",
        "https:",
        "http://[",
        "ftp://a.example",
        "",
        None,
    ],
)
def test_only_web_addresses_become_links(address: str | None) -> None:
    assert wording.web_address(address) is None


def test_web_address_is_kept() -> None:
    assert wording.web_address(" https://a.example/x?y=1 ") == "https://a.example/x?y=1"


@pytest.mark.parametrize(
    ("minutes_left", "text", "tone"),
    [
        (60, "due in 1 h", "calm"),
        (10, "due in 10 min", "soon"),
        (1, "due in 1 min", "soon"),
        (-1, "1 min late", "late"),
        (-60 * 24 * 3, "3 days late", "late"),
    ],
)
def test_due_time_says_how_much_is_left(minutes_left: int, text: str, tone: str) -> None:
    created_at = NOW + timedelta(minutes=minutes_left) - timedelta(minutes=100)

    due = wording.due(NOW + timedelta(minutes=minutes_left), created_at=created_at, now=NOW)

    assert due == wording.Due(text, tone)


def test_lead_without_due_time_is_not_due() -> None:
    assert wording.due(None, created_at=NOW, now=NOW) is None
