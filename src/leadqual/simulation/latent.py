"""The truth about each lead: fit, authority, need, budget, the win and its amount.

Log-odds of each head = base + `signal` x (what fields can reveal - its mean) + hidden cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from leadqual.simulation.arrays import Bools, Floats, logistic
from leadqual.simulation.arrivals import Arrivals
from leadqual.simulation.companies import Companies
from leadqual.simulation.market import (
    COUNTRIES,
    DEPARTMENT_FITS_PRODUCT,
    DEPARTMENTS,
    INDUSTRIES,
    INTENTS,
    PLANS,
    PRODUCTS,
    SENIORITIES,
    SOURCES,
    TOOLS,
)
from leadqual.simulation.parameters import FunnelParameters

FIT, AUTHORITY, NEED, BUDGET = range(4)
_BASE = np.array([-0.32, 0.08, 0.05, 0.43])
_MEAN = np.array([-0.325, 0.12, 0.094, 0.253])
_HIDDEN_SD = np.array([0.8, 0.8, 0.7, 0.7])
_STRENGTH = np.array([1.6, 1.5, 1.6, 1.7])
_AMOUNT_SD = 0.5
NEEDLESS_WIN = 0.25
"""A lead without need buys this much less often than one with need."""

_SIZE_BY_SENIORITY = np.array([0.2, 0.4, 0.35, 0.1, -0.6, -0.9, -0.5, 0.0, -0.3])
_INTEREST_BY_SOURCE = {"newsletter": -0.6, "white_paper": -0.6, "demo_request": 0.5, "chat": 0.3}


class Effects(NamedTuple):
    """Hold the parts of the log-odds that fields can reveal, each of shape (n_leads,)."""

    heads: Floats
    reach: Floats
    win: Floats
    log_amount_usd: Floats


@dataclass(frozen=True)
class Latents:
    """Hold the truth per lead.

    `p_heads` and `has` have shape (n_leads, 4) in the order fit, authority, need, budget;
    `p_reach` is the probability to get hold of the person, `p_win` to win a lead that has all
    four, `amount_usd` what it would pay, `expected_amount_usd` the mean of that.
    """

    p_heads: Floats
    has: Bools
    p_reach: Floats
    p_win: Floats
    amount_usd: Floats
    expected_amount_usd: Floats


def draw_latents(
    parameters: FunnelParameters, companies: Companies, *, arrivals: Arrivals, rng: Generator
) -> Latents:
    """Work out the true probabilities and draw from them; spam and tests have nothing."""
    n = arrivals.n_leads
    effects = _effects(parameters, companies, arrivals)
    signal = parameters.signal
    after = parameters.drift * (arrivals.phase > parameters.drift_at)
    heads = _BASE + signal * _STRENGTH * (effects.heads - _MEAN) + _HIDDEN_SD * arrivals.hidden
    heads[:, BUDGET] -= 0.35 * after
    genuine = arrivals.is_genuine
    p_heads = logistic(heads) * genuine[:, None]
    log_amount = 9.9 + signal * effects.log_amount_usd
    return Latents(
        p_heads=p_heads,
        has=rng.random((n, 4)) < p_heads,
        p_reach=logistic(1.0 + signal * effects.reach) * genuine,
        p_win=logistic(0.55 + signal * effects.win - 0.25 * after),
        amount_usd=100.0 * np.round(np.exp(log_amount + rng.normal(0, _AMOUNT_SD, n)) / 100),
        expected_amount_usd=np.exp(log_amount + _AMOUNT_SD**2 / 2),
    )


def _effects(parameters: FunnelParameters, companies: Companies, arrivals: Arrivals) -> Effects:
    """Work out what the fields of each lead, and what they stand for, add to each log-odds."""
    heads = np.stack(
        [
            _fit(parameters, companies, arrivals),
            _authority(parameters, companies, arrivals),
            _need(parameters, arrivals),
            _budget(parameters, companies, arrivals),
        ],
        axis=1,
    )
    size = companies.log10_employees[arrivals.company] - 2.05
    industry = INDUSTRIES
    plan = np.array([level.effect for level in PLANS])[arrivals.plan]
    amount = np.array([level.amount for level in industry])[companies.industry[arrivals.company]]
    reach = np.array([level.reach for level in SOURCES])[arrivals.source]
    return Effects(
        heads=heads,
        reach=reach + 0.5 * arrivals.interest - 0.3 * arrivals.is_free_mail,
        win=0.6 * arrivals.interest + 1.2 * reach,
        log_amount_usd=plan - 9.9 + 0.2 * size + amount,
    )


def _fit(parameters: FunnelParameters, companies: Companies, arrivals: Arrivals) -> Floats:
    """Industry, a size that suits us, country, source; the plan must suit the size."""
    place = arrivals.company
    moved = np.where(arrivals.phase > parameters.drift_at, parameters.drift, 0.0)
    before = np.array([level.fit_before for level in INDUSTRIES])[companies.industry[place]]
    after = np.array([level.fit_after for level in INDUSTRIES])[companies.industry[place]]
    size = companies.log10_employees[place] - 2.05
    hump = -0.6 * ((size - 0.2 - 0.3 * moved) / 0.8) ** 2
    plan = arrivals.plan - 1.0
    crossed = 0.75 * plan * size / 0.8 + 0.4 * arrivals.is_free_mail * -plan
    return np.asarray(
        before
        + moved * (after - before)
        + np.array([level.fit for level in COUNTRIES])[companies.country[place]]
        + np.array([level.fit for level in SOURCES])[arrivals.source]
        + hump
        + 0.3 * companies.quality[place]
        - 0.4 * arrivals.is_free_mail
        - 1.2 * (arrivals.intent == 4)
        + parameters.interactions * crossed
    )


def _authority(parameters: FunnelParameters, companies: Companies, arrivals: Arrivals) -> Floats:
    """Seniority, which weighs differently in small and large companies, and department."""
    size = (companies.log10_employees[arrivals.company] - 2.05) / 0.8
    crossed = _SIZE_BY_SENIORITY[arrivals.seniority] * size + 0.6 * _suits(arrivals)
    return np.asarray(
        np.array([level.effect for level in SENIORITIES])[arrivals.seniority]
        + np.array([level.effect for level in DEPARTMENTS])[arrivals.department]
        + 0.4 * arrivals.standing
        + parameters.interactions * crossed
    )


def _need(parameters: FunnelParameters, arrivals: Arrivals) -> Floats:
    """Source, what they write, how keen they are; reading a lot means little in some sources."""
    slope = np.array([_INTEREST_BY_SOURCE.get(level.name, 0.0) for level in SOURCES])
    crossed = slope[arrivals.source] * arrivals.interest + 0.4 * _suits(arrivals)
    return np.asarray(
        np.array([level.need for level in SOURCES])[arrivals.source]
        + np.array([level.effect for level in INTENTS])[arrivals.intent]
        + np.array([level.effect for level in TOOLS])[arrivals.tool]
        + np.array([level.effect for level in PRODUCTS])[arrivals.product]
        + 0.5 * arrivals.interest
        + parameters.interactions * crossed
    )


def _budget(parameters: FunnelParameters, companies: Companies, arrivals: Arrivals) -> Floats:
    """Industry, size and wealth; small companies cannot pay for large plans."""
    place = arrivals.company
    size = companies.log10_employees[place] - 2.05
    plan = arrivals.plan - 1.0
    crossed = np.where(plan > 0, 0.5, -0.25) * size / 0.8 * (plan != 0)
    return np.asarray(
        np.array([level.budget for level in INDUSTRIES])[companies.industry[place]]
        + 0.4 * size
        + 0.6 * companies.wealth[place]
        - 0.4 * plan
        + 0.3 * np.array([level.fit for level in COUNTRIES])[companies.country[place]]
        + parameters.interactions * crossed
    )


def _suits(arrivals: Arrivals) -> Floats:
    """How well the department suits the product (an interaction: it may change the sign)."""
    table = np.array([
        [DEPARTMENT_FITS_PRODUCT[product.name].get(level.name, 0.0) for level in DEPARTMENTS]
        for product in PRODUCTS
    ])
    return np.asarray(table[arrivals.product, arrivals.department])
