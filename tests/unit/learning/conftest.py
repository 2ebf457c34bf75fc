"""Small made-up histories with a known signal, cheap enough to fit in a second."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.outcomes.events import OutcomeEvent, OutcomeType, Reason
from leadqual.outcomes.history import Columns, History, Recorded

START = datetime(2025, 1, 1, tzinfo=UTC)
SOURCES = ("webinar", "chat", "referral", "list")
SENIORITIES = ("c_level", "manager", "junior", None)

MakeHistory = Callable[..., History]


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-z)))


def _columns(rng: np.random.Generator, n: int) -> tuple[Columns, np.ndarray]:
    """Columns, and a score per lead that drives what becomes of it."""
    source = rng.integers(0, len(SOURCES), n)
    seniority = rng.integers(0, len(SENIORITIES), n)
    size = np.round(10 ** rng.uniform(0.5, 3.5, n))
    is_known = rng.random(n) < 0.8
    columns: Columns = {
        "source": [SOURCES[i] for i in source],
        "contact.seniority": [SENIORITIES[i] for i in seniority],
        "company.n_employees": [
            int(x) if known else None for x, known in zip(size, is_known, strict=True)
        ],
    }
    score = 0.9 * (source == 2) - 0.7 * (source == 3) + 0.8 * (seniority == 0)
    return columns, score + 0.5 * (np.log10(size) - 2)


def _moments(n: int, n_days: int) -> tuple[np.ndarray, np.ndarray]:
    day = np.linspace(0, n_days, n, endpoint=False)
    base = np.datetime64(START.replace(tzinfo=None), "us")
    return day, base + (day * 86_400e6).astype("timedelta64[us]")


def _event(lead: int, kind: OutcomeType, day: float, **more: object) -> OutcomeEvent:
    return OutcomeEvent.model_validate({
        "lead_id": f"lead-{lead}",
        "type": kind,
        "occurred_at": START + timedelta(days=day),
        **more,
    })


@pytest.fixture(scope="session")
def wins_only() -> MakeHistory:
    """Return a maker of histories that record wins and nothing else."""

    def make(
        n: int = 1_500,
        *,
        n_days: int = 400,
        delay_days: float = 15,
        signal: float = 1.0,
        base: float = -1.6,
        seed: int = 0,
    ) -> History:
        rng = np.random.default_rng(seed)
        columns, score = _columns(rng, n)
        day, moments = _moments(n, n_days)
        won_on = day + rng.exponential(delay_days, n)
        won = (rng.random(n) < _sigmoid(base + signal * score)) & (won_on <= n_days)
        return History(
            source="wins_only",
            lead_ids=[f"lead-{i}" for i in range(n)],
            moments=moments,
            columns=columns,
            events=[
                _event(i, OutcomeType.WON, won_on[i], amount_usd=float(np.exp(8 + score[i])))
                for i in np.flatnonzero(won).tolist()
            ],
            recorded=Recorded(losses=False),
        )

    return make


@pytest.fixture(scope="session")
def won_or_lost() -> MakeHistory:
    """Return a maker of histories without times, in order or not."""

    def make(
        n: int = 800, *, is_ordered: bool = True, signal: float = 1.0, seed: int = 0
    ) -> History:
        rng = np.random.default_rng(seed)
        columns, score = _columns(rng, n)
        won = rng.random(n) < _sigmoid(-0.5 + signal * score)
        return History(
            source="won_or_lost",
            lead_ids=[f"lead-{i}" for i in range(n)],
            moments=_moments(n, n)[1],
            columns=columns,
            events=[
                OutcomeEvent(lead_id=f"lead-{i}", type=OutcomeType.WON if w else OutcomeType.LOST)
                for i, w in enumerate(won)
            ],
            has_times=False,
            is_ordered=is_ordered,
        )

    return make


@pytest.fixture(scope="session")
def funnel() -> MakeHistory:
    """Return a maker of histories with hand-offs, reasons, open deals and unworked leads."""

    def make(n: int = 3_000, *, n_days: int = 500, seed: int = 0) -> History:
        rng = np.random.default_rng(seed)
        columns, score = _columns(rng, n)
        day, moments = _moments(n, n_days)
        has = rng.random((n, 4)) < _sigmoid(0.6 + score[:, None] * np.array([1.2, 0.9, 0.3, 0.8]))
        is_worked = rng.random(n) < 0.8
        wins = rng.random(n) < 0.7
        events: list[OutcomeEvent] = []
        for i in np.flatnonzero(is_worked).tolist():
            events += _story(i, day[i], has[i], wins=bool(wins[i]), rng=rng)
        end = START + timedelta(days=n_days)
        return History(
            source="funnel",
            lead_ids=[f"lead-{i}" for i in range(n)],
            moments=moments,
            columns=columns,
            events=[e for e in events if e.occurred_at is not None and e.occurred_at <= end],
        )

    return make


_REASONS = (Reason.BAD_FIT, Reason.NO_AUTHORITY, Reason.NO_NEED, Reason.NO_BUDGET)


def _story(
    lead: int, day: float, has: np.ndarray, *, wins: bool, rng: np.random.Generator
) -> list[OutcomeEvent]:
    """What a rep and an AE record of one lead: reps let a tenth of bad answers pass."""
    events = [_event(lead, OutcomeType.CONTACTED, day + 1)]
    passes = has | (rng.random(4) < 0.1)
    if not passes.all():
        reason = _REASONS[int(np.argmin(passes))] if rng.random() < 0.85 else None
        return [*events, _event(lead, OutcomeType.DISQUALIFIED, day + 5, reason=reason)]
    events.append(_event(lead, OutcomeType.HANDED_OFF, day + 6))
    if not has.all():
        reason = _REASONS[int(np.argmin(has))]
        return [*events, _event(lead, OutcomeType.REJECTED, day + 9, reason=reason)]
    events.append(_event(lead, OutcomeType.ACCEPTED, day + 9))
    closed = day + 9 + rng.exponential(25)
    kind = OutcomeType.WON if wins else OutcomeType.LOST
    amount = {"amount_usd": float(np.exp(8 + rng.normal()))} if wins else {}
    return [*events, _event(lead, kind, closed, **amount)]
