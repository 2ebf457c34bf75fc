"""What a simulated funnel is made of: every rate, in one frozen record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from leadqual.errors import InputError

MAX_DAYS: Final = 36_500
MONDAY: Final = datetime(2024, 11, 4, tzinfo=UTC)
"""Default first day of the history: two years of it end before this program was written."""

_SHARES: Final = (
    "drift_at",
    "worked_share",
    "random_share",
    "free_mail_share",
    "spam_share",
    "test_share",
    "repeat_share",
    "no_reason_share",
    "wrong_reason_share",
    "ae_catch_share",
    "never_closed_share",
)
_FACTORS: Final = ("delay_scale", "signal", "interactions", "drift")
_COUNTS: Final = ("n_leads", "n_days", "n_mrr", "n_sdr", "n_am", "n_ae")


@dataclass(frozen=True, kw_only=True)
class FunnelParameters:
    """Describe one simulated market, its sales team and how much of it was recorded.

    The defaults are the base case; the other cases that benchmarks use differ in one or two
    fields: slow (`n_days=365, delay_scale=1.7`), interactions (`interactions=3`), small
    (`n_leads=3000`), no signal (`signal=0`).

    Parameters
    ----------
    n_leads, n_days : int
        Leads that arrive, and days of history. The snapshot is taken at the end of the last day.
    seed : int
        The same parameters give the same history, byte for byte.
    start : datetime
        First moment of the history, aware.
    delay_scale : float
        Factor on every delay after the first contact (1 = wins take about 60 days, median).
    signal : float
        Factor on everything that a feature can reveal about an outcome. 0 leaves hidden causes
        and chance only, so that an honest evaluation finds no skill.
    interactions : float
        Factor on effects that change their sign with another field (plan by company size,
        seniority by company size, department by product, visits by source).
    drift : float
        Factor on how far the market moves at `drift_at`: industries and company sizes that fit,
        budgets, and the share of deals won.
    drift_at : float
        When the market moves, as a share of the history, [0, 1].
    worked_share, random_share : float
        Shares of each week's leads worked by legacy points (the best), and by chance. Account
        managers work leads of customers besides.
    free_mail_share, spam_share, test_share, repeat_share : float
        Shares of leads from a free mail provider, of spam, of test entries, and of people who
        were leads before.
    n_mrr, n_sdr, n_am, n_ae : int
        Reps for inbound leads, for outbound leads and for customers; account executives.
    false_pass, false_fail : tuple of float
        Range over reps of the probability to pass a lead that lacks something, and to fail one
        that has it.
    no_reason_share, wrong_reason_share : float
        Disqualifications without a reason, and with another reason than the true one.
    ae_catch_share : float
        Probability that the account executive notices one thing missing at the hand-off.
    never_closed_share : float
        Lost deals that nobody ever closes in the CRM.

    Raises
    ------
    InputError
        With every problem at once: a count below 1, a share outside [0, 1], a factor negative
        or not finite, `start` naive.
    """

    n_leads: int = 20_000
    n_days: int = 730
    seed: int = 1
    start: datetime = MONDAY
    delay_scale: float = 1.0
    signal: float = 1.0
    interactions: float = 1.0
    drift: float = 1.0
    drift_at: float = 0.58
    worked_share: float = 0.43
    random_share: float = 0.03
    free_mail_share: float = 0.12
    spam_share: float = 0.025
    test_share: float = 0.005
    repeat_share: float = 0.08
    n_mrr: int = 8
    n_sdr: int = 6
    n_am: int = 3
    n_ae: int = 5
    false_pass: tuple[float, float] = (0.10, 0.30)
    false_fail: tuple[float, float] = (0.05, 0.08)
    no_reason_share: float = 0.15
    wrong_reason_share: float = 0.10
    ae_catch_share: float = 0.60
    never_closed_share: float = 0.25

    def __post_init__(self) -> None:
        problems = [
            *(f"{name} must be at least 1" for name in _COUNTS if getattr(self, name) < 1),
            *(f"{name} must lie in [0, 1]" for name in _SHARES if not _is_share(self, name)),
            *(
                f"{name} must be finite and not negative"
                for name in _FACTORS
                if not 0 <= getattr(self, name) < math.inf
            ),
            *self._contradictions(),
        ]
        if problems:
            raise InputError("simulation parameters: " + "; ".join(problems))

    def _contradictions(self) -> list[str]:
        """Say what is impossible about single fields and pairs of them."""
        problems = []
        for name in ("false_pass", "false_fail"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                problems.append(f"{name} must be two ascending shares in [0, 1]")
        if self.start.tzinfo is None:
            problems.append("start must have a time zone")
        if self.seed < 0:
            problems.append("seed must not be negative")
        if self.n_days > MAX_DAYS:
            problems.append(f"n_days must be at most {MAX_DAYS}")
        if self.spam_share + self.test_share > 1:
            problems.append("spam_share and test_share must not add up to more than 1")
        return problems

    @property
    def end(self) -> datetime:
        """Return the moment of the snapshot: nothing later is known."""
        return self.start + timedelta(days=self.n_days)

    @property
    def n_seconds(self) -> int:
        """Return the length of the history in seconds."""
        return self.n_days * 86_400


def _is_share(parameters: FunnelParameters, name: str) -> bool:
    """Whether one field lies in [0, 1]."""
    return bool(0 <= getattr(parameters, name) <= 1)
