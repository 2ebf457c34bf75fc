"""What the team makes of each lead if it works it: how it ends, when and for which reason.

Everything is drawn for every lead, worked or not, so that who is worked changes nobody else's
fate and the probability of a win is known for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.random import Generator

from leadqual.outcomes.events import Reason
from leadqual.simulation.arrays import Bools, Floats, Ints
from leadqual.simulation.arrivals import SPAM, TEST, Arrivals
from leadqual.simulation.latent import NEED, NEEDLESS_WIN, Latents
from leadqual.simulation.parameters import FunnelParameters
from leadqual.simulation.team import Team

_HOUR_S, _DAY_S = 3600, 86_400
_BAD_DATA_SHARE, _DO_NOT_CONTACT_SHARE, _DUPLICATE_SEEN_SHARE = 0.015, 0.01, 0.6
_UNWANTED_SEEN_SHARE, _LATER_SHARE, _GIVEN_UP_SHARE = 0.9, 0.06, 0.3
_CUSTOMER_WIN = 1.6
REASONS: Final = tuple(Reason)
"""Reason codes of this package are positions in this tuple; -1 is none."""
_BY_HEAD = np.array([
    REASONS.index(reason)
    for reason in (Reason.BAD_FIT, Reason.NO_AUTHORITY, Reason.NO_NEED, Reason.NO_BUDGET)
])
_NEED_REASONS = np.array([
    REASONS.index(r) for r in (Reason.NO_NEED, Reason.TIMING, Reason.COMPETITOR)
])
_OTHER = REASONS.index(Reason.OTHER)


class Fate(IntEnum):
    """How the first rep leaves a lead."""

    SPAM = 0
    BAD_DATA = 1
    DUPLICATE = 2
    NO_RESPONSE = 3
    UNREACHABLE = 4
    DO_NOT_CONTACT = 5
    DISQUALIFIED = 6
    HANDED_OFF = 7


@dataclass(frozen=True)
class Dispositions:
    """Hold how each lead ends if worked; times are seconds since the start of the history.

    `is_later` leads were put off once. `is_accepted` and `is_won` say what followed a hand-off;
    `is_closed` is false for lost deals that nobody closed. Reasons are -1 where none was given.
    """

    rep: Ints
    account_executive: Ints
    fate: Ints
    is_reached: Bools
    is_later: Bools
    is_accepted: Bools
    is_won: Bools
    is_closed: Bools
    rep_reason: Ints
    ae_reason: Ints
    lost_reason: Ints
    contacted_s: Ints
    left_s: Ints
    answered_s: Ints
    ended_s: Ints


def win_probability(
    arrivals: Arrivals, latents: Latents, *, team: Team, role: Ints, is_customer: Bools
) -> tuple[Floats, Floats]:
    """Return P(won | worked) before and after the four heads are drawn, each (n_leads,).

    The first is the oracle: everything observed and hidden, but not the draws. Both average over
    the reps who might get the lead.
    """
    through = team.mean_pass(role) * team.ae_pass[1] ** 3 * team.ae_pass
    win = _win_given_need(latents, is_customer)
    lost_before = (
        _BAD_DATA_SHARE + (1 - _BAD_DATA_SHARE) * _DUPLICATE_SEEN_SHARE * arrivals.is_duplicate
    )
    reach = (1 - lost_before) * latents.p_reach * (1 - _DO_NOT_CONTACT_SHARE)
    p, has = latents.p_heads, latents.has.astype(np.float64)

    def together(heads: Floats) -> Floats:
        needed = heads[:, [0, 1, 3]].prod(axis=1)
        by_need = heads[:, NEED] * through[:, 1] * win[:, 1]
        return np.asarray(
            reach * needed * (by_need + (1 - heads[:, NEED]) * through[:, 0] * win[:, 0])
        )

    return together(p), together(has)


def dispose(
    parameters: FunnelParameters,
    arrivals: Arrivals,
    *,
    latents: Latents,
    team: Team,
    role: Ints,
    is_customer: Bools,
) -> Dispositions:
    """Draw how each lead ends if it is worked.

    The draws do not depend on `is_customer`, so that marking later leads of a company as
    customers leaves all earlier ones as they were.
    """
    rng = np.random.default_rng([parameters.seed, 4])
    n = arrivals.n_leads
    rep = team.first[role] + (rng.random(n) * team.size[role]).astype(np.int64)
    passes = rng.random((n, 4)) < np.where(
        latents.has, team.p_pass[rep, 1, None], team.p_pass[rep, 0, None]
    )
    ae_passes = rng.random((n, 4)) < team.ae_pass[latents.has.astype(np.int64)]
    is_reached = rng.random(n) < latents.p_reach
    fate = _fates(rng, arrivals, is_reached=is_reached, is_passed=np.asarray(passes.all(axis=1)))
    can_win = latents.has[:, [0, 1, 3]].all(axis=1)
    win = np.take_along_axis(
        _win_given_need(latents, is_customer), latents.has[:, NEED, None].astype(np.int64), axis=1
    )
    is_accepted = (fate == Fate.HANDED_OFF) & ae_passes.all(axis=1)
    failed = np.take_along_axis(
        team.order[rep],
        np.argmin(np.take_along_axis(passes, team.order[rep], axis=1), axis=1)[:, None],
        axis=1,
    )[:, 0]
    is_later = is_reached & (rng.random(n) < _LATER_SHARE)
    times = _times(
        parameters, arrivals, rng=rng, role=role, is_later=is_later, is_reached=is_reached
    )
    return Dispositions(
        rep=rep,
        account_executive=rng.integers(0, len(team.account_executives), n),
        fate=fate,
        is_reached=is_reached,
        is_later=is_later,
        is_accepted=is_accepted,
        is_won=is_accepted & can_win & (rng.random(n) < win[:, 0]),
        is_closed=rng.random(n) >= parameters.never_closed_share,
        rep_reason=_reasons(parameters, rng, failed),
        ae_reason=_reasons(parameters, rng, np.argmin(ae_passes, axis=1)),
        lost_reason=_reasons(parameters, rng, _why_lost(rng, latents.has)),
        contacted_s=times[0],
        left_s=times[1],
        answered_s=times[2],
        ended_s=times[3],
    )


def _win_given_need(latents: Latents, is_customer: Bools) -> Floats:
    """P(won | accepted) without and with need, shape (n_leads, 2)."""
    win = np.minimum(0.95, latents.p_win * np.where(is_customer, _CUSTOMER_WIN, 1.0))
    return np.stack([NEEDLESS_WIN * win, win], axis=1)


def _fates(rng: Generator, arrivals: Arrivals, *, is_reached: Bools, is_passed: Bools) -> Ints:
    """Find the first thing that stops a lead, in the order in which a rep would notice it."""
    n = arrivals.n_leads
    seen = rng.random(n) < _UNWANTED_SEEN_SHARE
    given_up = np.where(rng.random(n) < _GIVEN_UP_SHARE, Fate.UNREACHABLE, Fate.NO_RESPONSE)
    conditions = [
        (arrivals.kind == SPAM) & seen,
        (arrivals.kind == TEST) & seen,
        rng.random(n) < _BAD_DATA_SHARE,
        arrivals.is_duplicate & (rng.random(n) < _DUPLICATE_SEEN_SHARE),
        ~is_reached,
        rng.random(n) < _DO_NOT_CONTACT_SHARE,
        ~is_passed,
    ]
    fates = [
        Fate.SPAM,
        Fate.BAD_DATA,
        Fate.BAD_DATA,
        Fate.DUPLICATE,
        given_up,
        Fate.DO_NOT_CONTACT,
        Fate.DISQUALIFIED,
    ]
    choices = [np.broadcast_to(np.asarray(fate, dtype=np.int64), n) for fate in fates]
    return np.select(conditions, choices, np.int64(Fate.HANDED_OFF))


def _reasons(parameters: FunnelParameters, rng: Generator, head: Ints) -> Ints:
    """Draw the recorded reason for a failed head (4: none): right, wrong or absent."""
    n = len(head)
    need = _NEED_REASONS[rng.integers(0, 3, n)]
    right = np.select([head == 4, head == NEED], [_OTHER, need], _BY_HEAD[np.minimum(head, 3)])
    wrong = _BY_HEAD[rng.integers(0, 4, n)]
    draw = rng.random(n)
    is_wrong = draw < parameters.no_reason_share + parameters.wrong_reason_share
    return np.where(draw < parameters.no_reason_share, -1, np.where(is_wrong, wrong, right))


def _why_lost(rng: Generator, has: Bools) -> Ints:
    """Name the head that lost the deal: money first, then need; 4 where nothing was lacking."""
    return np.select([~has[:, 3], ~has[:, 2], rng.random(len(has)) < 0.4], [3, 2, 2], 4).astype(
        np.int64
    )


def _times(
    parameters: FunnelParameters,
    arrivals: Arrivals,
    *,
    rng: Generator,
    role: Ints,
    is_later: Bools,
    is_reached: Bools,
) -> tuple[Ints, Ints, Ints, Ints]:
    """First contact, end of the rep's work, answer of the AE, end of the deal (log-normal)."""
    n, scale = arrivals.n_leads, parameters.delay_scale
    first_hours = np.array([5.0, 30.0, 12.0])[role] * np.exp(rng.normal(0, 1.0, n))
    rep_days = np.where(is_reached, 4.0, 11.0) * np.exp(rng.normal(0, 0.7, n)) + 30 * is_later
    ae_days = 3.0 * np.exp(rng.normal(0, 0.6, n))
    deal_days = 48.0 * np.exp(rng.normal(0, 0.6, n))
    contacted = arrivals.created_s + first_hours * _HOUR_S
    left = contacted + rep_days * scale * _DAY_S
    answered = left + ae_days * scale * _DAY_S
    ended = answered + deal_days * scale * _DAY_S
    return tuple(moment.astype(np.int64) for moment in (contacted, left, answered, ended))
