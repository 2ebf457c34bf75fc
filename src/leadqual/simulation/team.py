"""The people who work leads: how strict each is, and in which order they check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadqual.simulation.arrays import Floats, Ints
from leadqual.simulation.parameters import FunnelParameters

MRR, SDR, AM = 0, 1, 2
_ORDERS = np.array([[0, 1, 2, 3], [0, 2, 1, 3], [3, 0, 1, 2]])
"""Check orders over fit, authority, need, budget: the usual one, need early, budget first."""
_ORDER_SHARES = (0.78, 0.12, 0.10)
_AE_WRONG_SHARE = 0.04
"""An account executive sends back this share of things that are in order."""


@dataclass(frozen=True)
class Team:
    """Hold the reps, those for inbound first, then outbound, then customers.

    `p_pass` has shape (n_reps, 2): the probability to pass a check when the lead lacks it, and
    when it has it. `order` (n_reps, 4) lists head numbers in checking order. `first` and `size`
    say, per role, which reps it has. `ae_pass` is the same pair for account executives.
    """

    actors: list[str]
    account_executives: list[str]
    p_pass: Floats
    order: Ints
    first: Ints
    size: Ints
    ae_pass: Floats

    def mean_pass(self, role: Ints) -> Floats:
        """Return the probability that a rep of the role passes all four checks.

        Shape (n_leads, 2): of a lead that lacks only need, and of one that has everything.
        Averaged over the reps of the role, since any of them may get the lead.
        """
        table = np.array([
            np.mean(
                self.p_pass[start : start + count, 1:] ** 3 * self.p_pass[start : start + count],
                axis=0,
            )
            for start, count in zip(self.first, self.size, strict=True)
        ])
        return np.asarray(table[role])


def hire_team(parameters: FunnelParameters) -> Team:
    """Draw the strictness and habits of each rep."""
    rng = np.random.default_rng([parameters.seed, 2])
    size = np.array([parameters.n_mrr, parameters.n_sdr, parameters.n_am])
    n = int(size.sum())
    actors = [
        f"{role}-{i + 1}"
        for role, k in zip(("mrr", "sdr", "am"), size, strict=True)
        for i in range(k)
    ]
    habits = rng.permutation(np.searchsorted(np.cumsum(_ORDER_SHARES), (np.arange(n) + 0.5) / n))
    return Team(
        actors=actors,
        account_executives=[f"ae-{i + 1}" for i in range(parameters.n_ae)],
        p_pass=np.stack(
            [rng.uniform(*parameters.false_pass, n), 1 - rng.uniform(*parameters.false_fail, n)],
            axis=1,
        ),
        order=_ORDERS[habits],
        first=np.r_[0, np.cumsum(size)[:-1]],
        size=size,
        ae_pass=np.array([1 - parameters.ae_catch_share, 1 - _AE_WRONG_SHARE]),
    )
