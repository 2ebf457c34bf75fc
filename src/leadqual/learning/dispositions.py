"""What a rep or an AE leaves behind, and how likely that is for each combination of answers.

Each lead has four hidden answers (fit, authority, need, budget). What was recorded depends on
all four, on the order of checks, and on mistakes: a rep lets a bad lead pass, refuses a good
one, names the wrong reason or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.outcomes.checks import CHECKS, Check
from leadqual.outcomes.progress import Progress, State

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_STOPS: Final = (*(check.value for check in CHECKS), "no reason")
DISPOSITIONS: Final = (
    *(f"disqualified: {stop}" for stop in _STOPS),
    *(f"rejected: {stop}" for stop in _STOPS),
    "accepted",
    "lost: budget",
    "won",
)
"""What a rep or an AE left behind, as far as it speaks about the four answers."""

_REJECTED: Final = len(_STOPS)
_ACCEPTED: Final = 2 * len(_STOPS)
_LOST_BUDGET: Final = _ACCEPTED + 1
_WON: Final = _ACCEPTED + 2
ANSWERS: Final = np.array(list(product((0, 1), repeat=len(CHECKS))))
"""The 16 combinations of the four answers, one row each, columns in the order of `CHECKS`."""

ORDERS: Final = tuple(permutations(range(len(CHECKS))))
"""Every order in which a rep can go through `CHECKS`."""

_FIT, _AUTHORITY, _NEED, _BUDGET = range(4)


@dataclass(frozen=True)
class GuessedRates:
    """Rates of a generic team, the same for every check.

    `false_fail`: a good lead is refused; `false_pass`: a bad one passes; `catch`: the AE notices;
    `right_reason` and `no_reason`: what is recorded on refusal; `usual_order`: share of
    reps who check in the team's order.
    """

    false_fail: float = 0.06
    false_pass: float = 0.18
    catch: float = 0.5
    ae_false_fail: float = 0.04
    right_reason: float = 0.75
    no_reason: float = 0.15
    usual_order: float = 0.7
    win_given_all: float = 0.4
    win_without_need: float = 0.25
    budget_loss: float = 0.3


@dataclass(frozen=True)
class Process:
    """How a team turns answers into dispositions.

    Parameters
    ----------
    tables : ndarray of float64, shape (24, 16, len(DISPOSITIONS))
        P(disposition | answers) of a rep who checks in each of `ORDERS`.
    shares : ndarray of float64, shape (24,)
        How many reps check in each order; sums to 1.
    """

    tables: Floats
    shares: Floats

    @property
    def average(self) -> Floats:
        """Return P(disposition | answers) of a rep nobody knows, (16, len(DISPOSITIONS))."""
        return np.asarray(np.tensordot(self.shares, self.tables, axes=1))


def guess_process(check_order: Sequence[Check], rates: GuessedRates | None = None) -> Process:
    """Return the process of a generic team, most of which checks in the given order."""
    rates = rates or GuessedRates()
    usual = tuple(CHECKS.index(check) for check in check_order)
    shares = np.full(len(ORDERS), (1 - rates.usual_order) / len(ORDERS))
    shares[ORDERS.index(usual)] += rates.usual_order
    tables = [
        [_row(answers, _failed_first(answers, order, rates), rates) for answers in ANSWERS]
        for order in ORDERS
    ]
    return Process(tables=np.array(tables), shares=shares)


def _failed_first(answers: NDArray[np.int_], order: Sequence[int], rates: GuessedRates) -> Floats:
    """P(the rep refuses at this check), one entry per check."""
    passes = np.where(answers == 1, 1 - rates.false_fail, rates.false_pass)
    failed = np.zeros(len(CHECKS))
    remaining = 1.0
    for check in order:
        failed[check] = remaining * (1 - passes[check])
        remaining *= passes[check]
    return failed


def _row(answers: NDArray[np.int_], failed: Floats, rates: GuessedRates) -> Floats:
    """One combination of answers: the rep's refusals, then the AE's, then the deal."""
    row = np.zeros(len(DISPOSITIONS))
    wrong = 1 - rates.right_reason - rates.no_reason
    row[: len(CHECKS)] = failed * rates.right_reason + failed.sum() * wrong / len(CHECKS)
    row[len(CHECKS)] = failed.sum() * rates.no_reason
    remaining = 1 - failed.sum()
    for check, answer in enumerate(answers):
        refused = remaining * (rates.ae_false_fail if answer else rates.catch)
        row[_REJECTED + check] = refused * (1 - rates.no_reason)
        row[_REJECTED + len(CHECKS)] += refused * rates.no_reason
        remaining -= refused
    is_sound = answers[_FIT] and answers[_AUTHORITY] and answers[_BUDGET]
    need = 1.0 if answers[_NEED] else rates.win_without_need
    win = rates.win_given_all * need if is_sound else 0.0
    row[_WON] = remaining * win
    loss = rates.budget_loss if not answers[_BUDGET] else rates.budget_loss / 10
    row[_LOST_BUDGET] = remaining * (1 - win) * loss
    row[_ACCEPTED] = remaining * (1 - win) * (1 - loss)
    return row


def read_dispositions(progress: Progress) -> Codes:
    """Return for each lead the index in `DISPOSITIONS`, -1 where nothing speaks.

    A deal lost before any hand-off was stopped by the rep; one lost after it by the AE. Losing
    an accepted deal for lack of need, or for no reason, says no more than that it was accepted.
    """
    stop = np.where(progress.failed_check >= 0, progress.failed_check, len(CHECKS))
    is_lost = progress.is_in(State.LOST)
    after_acceptance = is_lost & progress.was_accepted
    by_ae = progress.is_in(State.REJECTED) | (
        is_lost & progress.was_handed_off & ~progress.was_accepted
    )
    by_ae |= after_acceptance & np.isin(progress.failed_check, (_FIT, _AUTHORITY))
    by_rep = progress.is_in(State.DISQUALIFIED) | (is_lost & ~progress.was_handed_off)
    code = np.full(len(stop), -1, dtype=np.intp)
    code[progress.is_in(State.OPPORTUNITY) | after_acceptance] = _ACCEPTED
    code[after_acceptance & (progress.failed_check == _BUDGET)] = _LOST_BUDGET
    code[by_rep] = stop[by_rep]
    code[by_ae] = _REJECTED + stop[by_ae]
    code[progress.is_in(State.WON)] = _WON
    return code
