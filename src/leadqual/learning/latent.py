"""Evidence about hidden answers: how likely what was recorded is under each combination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leadqual.learning.dispositions import ANSWERS, Process
from leadqual.outcomes.checks import CHECKS

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

N_CHECKS: Final = len(CHECKS)
_TINY: Final = 1e-300
_YES: Final = ANSWERS.astype(np.float64)


def combine(logits: Floats) -> Floats:
    """Return P(each of `ANSWERS`) of independent answers.

    Parameters
    ----------
    logits : ndarray of float64, shape (n, 4)
        Log-odds of each answer, columns in the order of `CHECKS`.

    Returns
    -------
    ndarray of float64, shape (n, 16)
    """
    log_yes, log_no = -np.logaddexp(0.0, -logits), -np.logaddexp(0.0, logits)
    return np.asarray(np.exp(log_yes @ _YES.T + log_no @ (1 - _YES).T))


@dataclass(frozen=True)
class Joint:
    """P(answers and what was recorded), and its sum over answers, never 0.

    Parameters
    ----------
    joint : ndarray of float64, shape (n, 16)
    total : ndarray of float64, shape (n,)
    """

    joint: Floats
    total: Floats

    @property
    def believed(self) -> Floats:
        """Return P(answer is yes | what was recorded), shape (n, 4)."""
        return np.asarray((self.joint @ _YES) / self.total[:, None])

    def log_loss(self, weights: Floats) -> Floats:
        """Return -log P(what was recorded) of each lead, weighted, shape (n,)."""
        return np.asarray(-weights * np.log(self.total))


@dataclass(frozen=True)
class Evidence:
    """What was recorded of some leads, as far as it speaks about the four answers.

    Parameters
    ----------
    likelihood : ndarray of float64, shape (n, 16)
        P(what was recorded | each of `ANSWERS`).
    weights : ndarray of float64, shape (n,)
        What each lead counts.
    """

    likelihood: Floats
    weights: Floats

    def take(self, rows: Codes | slice) -> Evidence:
        """Return the evidence of some of the leads."""
        return Evidence(self.likelihood[rows], self.weights[rows])

    def weigh(self, logits: Floats) -> Joint:
        """Return what each combination of answers and the record are worth together."""
        joint = combine(logits) * self.likelihood
        return Joint(joint, np.maximum(joint.sum(axis=1), _TINY))

    def believe(self, logits: Floats) -> Floats:
        """Return P(answer is yes | log-odds before, what was recorded), shape (n, 4)."""
        return self.weigh(logits).believed

    def log_loss(self, logits: Floats) -> Floats:
        """Return -log P(what was recorded) of each lead, weighted, shape (n,)."""
        return self.weigh(logits).log_loss(self.weights)

    def worth(self, logits: Floats) -> Floats:
        """Return how many known answers the evidence is worth, per answer, shape (4,).

        A known answer moves a probability p by p (1 - p) in the mean square, no evidence by 0.
        """
        p = expit(logits)
        moved = self.weights @ (self.believe(logits) - p) ** 2
        return np.asarray(moved / np.maximum((p * (1 - p)).mean(axis=0), _TINY))

    def one_check(self, logits: Floats, check: int) -> OneCheck:
        """Return what was recorded as evidence about one answer, given the log-odds of others."""
        others = logits.copy()
        others[:, check] = 0.0
        joint = combine(others) * self.likelihood
        is_yes = ANSWERS[:, check] == 1
        return OneCheck(joint[:, is_yes].sum(axis=1), joint[:, ~is_yes].sum(axis=1), self.weights)


@dataclass(frozen=True)
class OneCheck:
    """P(what was recorded | one answer is yes, is no), up to a factor per lead; shape (n,)."""

    yes: Floats
    no: Floats
    weights: Floats

    def log_loss(self, logits: Floats) -> Floats:
        """Return -log P(what was recorded) of each lead up to a constant, weighted."""
        p = expit(logits)
        return np.asarray(
            -self.weights * np.log(np.maximum(p * self.yes + (1 - p) * self.no, _TINY))
        )


def read_evidence(
    process: Process, seen: Codes, *, reps: Codes, prior: Floats, weights: Floats
) -> Evidence:
    """Weigh what each rep recorded by the order in which this rep seems to check.

    A rep who asks for money first says something about budget in every lead, one who asks last
    only in the few that came so far. The order shows in what a rep blames, and how often.

    Parameters
    ----------
    process : Process
        What each order would record, and how usual it is.
    seen : ndarray of intp, shape (n,)
        Indices into `DISPOSITIONS`.
    reps : ndarray of intp, shape (n,)
        Who decided; negative where nobody is named: then any order is possible.
    prior : ndarray of float64, shape (n, 4)
        Log-odds of the answers before anything was recorded.
    weights : ndarray of float64, shape (n,)
        What each lead counts.
    """
    before = combine(prior)
    likelihood = process.average[:, seen].T.copy()
    for rep in np.unique(reps[reps >= 0]):
        (rows,) = np.nonzero(reps == rep)
        shares = np.log(process.shares)
        for what in np.unique(seen[rows]):
            alike = before[rows[seen[rows] == what]]
            found = alike @ process.tables[:, :, what].T
            shares += np.log(np.maximum(found, _TINY)).sum(axis=0)
        shares = np.exp(shares - shares.max())
        table = np.tensordot(shares / shares.sum(), process.tables, axes=1)
        likelihood[rows] = table[:, seen[rows]].T
    return Evidence(likelihood=likelihood, weights=weights)
