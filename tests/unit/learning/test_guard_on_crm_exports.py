"""The leakage guard on exports as CRM systems give them: what was filled in later is named.

Shapes follow published exports: the lead scoring set of an education company (9,240 leads, 38.5 %
won, most cells "Select"), and the lead and opportunity tables of two usual CRM systems.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.leads.schema import Scalar
from leadqual.learning.guard import find_leaks
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import label_history

START = datetime(2024, 1, 1, tzinfo=UTC)
N_DAYS = 700

Rates = dict[str | None, tuple[int, float]]
"""Level to leads and share won."""

_LEAD_ORIGIN: Rates = {
    "Landing Page Submission": (4886, 0.36),
    "API": (3580, 0.31),
    "Lead Add Form": (718, 0.925),
    "Lead Import": (55, 0.24),
}
_LEAD_SOURCE: Rates = {
    "Google": (2873, 0.40),
    "Direct Traffic": (2543, 0.32),
    "Olark Chat": (1755, 0.255),
    "Organic Search": (1154, 0.378),
    "Reference": (534, 0.918),
    "Partner Website": (142, 0.986),
    "Referral Sites": (125, 0.25),
    None: (36, 0.8),
}
_LAST_ACTIVITY: Rates = {
    "Email Opened": (3437, 0.378),
    "SMS Sent": (2745, 0.629),
    "Olark Chat Conversation": (973, 0.086),
    "Page Visited on Website": (640, 0.236),
    "Converted to Lead": (428, 0.126),
    "Email Bounced": (326, 0.08),
    "Approached upfront": (9, 0.999),
    None: (103, 0.8),
}
_OCCUPATION: Rates = {
    "Unemployed": (5600, 0.436),
    None: (2690, 0.138),
    "Working Professional": (706, 0.916),
    "Student": (210, 0.37),
    "Housewife": (10, 0.999),
}
_TAGS: Rates = {
    None: (3353, 0.25),
    "Will revert after reading the email": (2072, 0.97),
    "Ringing": (1203, 0.028),
    "Interested in other courses": (513, 0.025),
    "Already a student": (465, 0.006),
    "Closed by partner": (358, 0.994),
    "Switched off": (240, 0.017),
    "Busy": (186, 0.3),
    "Lost to another school": (175, 0.977),
}

_QUALITY: Rates = {
    None: (4767, 0.197),
    "Might be": (1560, 0.756),
    "Not Sure": (1092, 0.322),
    "High in Relevance": (637, 0.947),
    "Worst": (601, 0.02),
    "Low in Relevance": (583, 0.818),
}
"""What the person who worked the lead thought of it."""


def _draw(rng: np.random.Generator, won: np.ndarray, rates: Rates) -> list[Scalar]:
    """Draw levels so that each has its size and its share won."""
    levels = list(rates)
    n, share = np.array(list(rates.values())).T
    if_won, if_not = n * share, n * (1 - share)
    one = rng.choice(len(levels), len(won), p=if_won / if_won.sum())
    other = rng.choice(len(levels), len(won), p=if_not / if_not.sum())
    return [levels[i] for i in np.where(won, one, other)]


def education_company(seed: int) -> tuple[History, set[str]]:
    """Return the export of an education company, in order but without dates, and its leaks."""
    rng = np.random.default_rng(seed)
    n = 9_240
    won = rng.random(n) < 0.385
    seconds = np.where(won, rng.gamma(1.3, 570, n), rng.gamma(0.7, 470, n)).round()
    seconds[rng.random(n) < np.where(won, 0.21, 0.26)] = 0
    is_scored = rng.random(n) < 0.544
    visits = rng.poisson(np.where(won, 3.6, 3.2))
    columns: Columns = {
        "Lead Origin": _draw(rng, won, _LEAD_ORIGIN),
        "Lead Source": _draw(rng, won, _LEAD_SOURCE),
        "Last Activity": _draw(rng, won, _LAST_ACTIVITY),
        "Occupation": _draw(rng, won, _OCCUPATION),
        "Tags": _draw(rng, won, _TAGS),
        "Lead Quality": _draw(rng, won, _QUALITY),
        "Total Visits": visits.tolist(),
        "Total Time Spent on Website": seconds.astype(int).tolist(),
        "Page Views Per Visit": (visits / rng.integers(1, 4, n)).round(2).tolist(),
        "Do Not Call": ["Yes" if i in {7, 99} else "No" for i in range(n)],
        "Activity Score": _known(is_scored, (15 + rng.normal(0, 1.6, n) + won * 0.25).round()),
        "Profile Score": _known(is_scored, (16 + rng.normal(0, 1.8, n) + won * 0.5).round()),
        "Prospect ID": [f"{number:016x}" for number in rng.integers(0, 2**60, n).tolist()],
        "Lead Number": (660_737 - np.cumsum(rng.integers(1, 16, n))).tolist(),
    }
    return _history(columns, won), {"Tags", "Lead Quality"}


def lead_table(seed: int) -> tuple[History, set[str]]:
    """Return a lead table with what its conversion wrote into it, and the columns written so."""
    rng = np.random.default_rng(seed)
    n = 6_000
    source = rng.integers(0, 6, n)
    rating = rng.integers(0, 3, n)
    size = 10 ** rng.uniform(0.5, 4, n)
    score = np.array([0, 0.4, 1.6, -1.2, 0, 0.2])[source] + 0.5 * np.log10(size) + 0.5 * rating
    won = rng.random(n) < 1 / (1 + np.exp(-(score - 3.9)))
    delay = rng.exponential(np.where(won, 30, 45))
    ended = [_day(i * N_DAYS / n + days) for i, days in enumerate(delay)]
    working = np.where(rng.random(n) < 0.8, "Closed - Not Converted", "Working - Contacted")
    amount = np.exp(9 + rng.normal(size=n))
    columns: Columns = {
        "LeadSource": [f"source {i}" for i in source],
        "Rating": [("Cold", "Warm", "Hot")[i] for i in rating],
        "NumberOfEmployees": [float(f"{x:.2g}") for x in size],
        "Country": rng.choice(["US", "DE", "UK", "FR"], n).tolist(),
        "Status": np.where(won, "Closed - Converted", working).tolist(),
        "IsConverted": won.tolist(),
        "ConvertedDate": _known(won, [f"{day:%Y-%m-%d}" for day in ended]),
        "ConvertedAccountId": _known(won, [f"001{i:012d}" for i in range(n)]),
        "ConvertedOpportunityId": _known(
            won & (rng.random(n) < 0.7), [f"6{i:09d}" for i in range(n)]
        ),
        "LastModifiedDate": [f"{day:%Y-%m-%dT%H:%M:%S.000Z}" for day in ended],
        "Amount": np.where(won, amount.round(2), amount.round(-3)).tolist(),
        "N_Activities": rng.poisson(1 + delay / 6).tolist(),
        "Partner": _known(
            np.where(won, rng.random(n) < 0.3, rng.random(n) < 0.002), ["p1", "p2", "p3"] * 2_000
        ),
    }
    honest = {"LeadSource", "Rating", "NumberOfEmployees", "Country"}
    return _history(columns, won, delay=delay), set(columns) - honest


def opportunity_table(seed: int) -> tuple[History, set[str]]:
    """Return opportunities with their end among the columns, and the columns written at it."""
    rng = np.random.default_rng(seed)
    n = 4_000
    seniority = rng.integers(0, 4, n)
    won = rng.random(n) < 1 / (1 + np.exp(-(0.6 * seniority - 2)))
    delay = rng.exponential(40, n)
    estimate = np.exp(9 + rng.normal(size=n)).round(-3)
    said = rng.random(n)
    lost = np.where(said < 0.4, "Canceled", np.where(said < 0.8, "Out-Sold", "In Progress"))
    closed = [_day(i * N_DAYS / n + days) for i, days in enumerate(delay)]
    columns: Columns = {
        "Seniority": [f"level {i}" for i in seniority],
        "Time on site": (rng.gamma(1.2, 200, n) * (1 + 0.5 * won)).round().tolist(),
        "Estimate": estimate.tolist(),
        "Status Reason": np.where(won, np.where(said < 0.8, "Won", "Upsell"), lost).tolist(),
        "Actual Revenue": np.where(won, (estimate * 1.013).round(2), 0).tolist(),
        "Close Date": [f"{day.month}/{day.day}/{day.year} 4:05 PM" for day in closed],
        "Probability": np.where(won, 100, (said * 10).astype(int) * 10).tolist(),
        "Contract": _known(won & (said < 0.5), [f"C{i}" for i in range(n)]),
        "Lost to": _known(~won & (said < 0.3), ["rival A", "rival B"] * 2_000),
    }
    honest = {"Seniority", "Time on site", "Estimate"}
    return _history(columns, won, delay=delay), set(columns) - honest


def _known(is_known: np.ndarray, values: Sequence[Scalar] | np.ndarray) -> list[Scalar]:
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    return [value if known else None for known, value in zip(is_known, plain, strict=True)]


def _day(day: float) -> datetime:
    return START + timedelta(days=float(day))


def _history(columns: Columns, won: np.ndarray, *, delay: np.ndarray | None = None) -> History:
    """Make a history of leads that all ended; with a delay, the days until then are known."""
    n = len(won)
    day = np.linspace(0, N_DAYS, n, endpoint=False)
    ended_at = [None] * n if delay is None else [_day(x) for x in day + delay]
    return History(
        source="crm",
        lead_ids=[f"lead-{i}" for i in range(n)],
        moments=np.datetime64("2024-01-01", "us") + (day * 86_400e6).astype("timedelta64[us]"),
        columns=columns,
        events=[
            OutcomeEvent(
                lead_id=f"lead-{i}",
                type=OutcomeType.WON if is_won else OutcomeType.LOST,
                occurred_at=ended_at[i],
            )
            for i, is_won in enumerate(won)
        ],
        has_times=delay is not None,
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("export", [education_company, lead_table, opportunity_table])
def test_what_was_filled_in_later_is_named_and_nothing_else(
    export: Callable[[int], tuple[History, set[str]]], seed: int
) -> None:
    history, leaks = export(seed)

    assert set(find_leaks(history, label_history(history, as_of=None))) == leaks


def test_each_column_of_a_lead_table_says_what_gave_it_away() -> None:
    history, _ = lead_table(0)

    found = find_leaks(history, label_history(history, as_of=None))

    for column, reason in {
        "Status": "is `closed - converted` for",
        "ConvertedOpportunityId": "only where `ConvertedDate`",
        "LastModifiedDate": "dates after",
        "Amount": "6.1 digits when won, 1.4 when not",
        "N_Activities": "time until a lead was lost",
        "Partner": "of them won",
    }.items():
        assert reason in found[column]
