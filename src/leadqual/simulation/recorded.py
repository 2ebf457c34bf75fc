"""What forms, lists and the tracker recorded of each lead: not all, and not at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from leadqual.simulation.arrays import Bools, Floats, logistic
from leadqual.simulation.arrivals import SPAM, TEST, Arrivals
from leadqual.simulation.companies import Companies
from leadqual.simulation.market import PLANS, SOURCES

_WRITES = {"web_form": 2.0, "demo_request": 1.2, "chat": 3.0, "referral": 0.4, "trade_show": -1.0}
_DOWNLOADS = {"white_paper": 1.0, "webinar": -0.5, "newsletter": -0.7}
_SAY = np.array([1.2, 1.0, 0.9, 0.5, 0.0, -0.7, -1.2, -2.0, 1.2])
"""How much say each seniority claims on a form."""


@dataclass(frozen=True)
class Recorded:
    """Hold the figures of each lead, NaN where nothing was recorded, and which texts exist.

    `counts` has shape (n_leads, 6): visits, page views, e-mails opened, e-mails clicked, seconds
    on site, downloads. `is_decision_maker` is 1, 0 or NaN (not asked). Fields are missing more
    often where the company suits less, the person has little say or is not keen.
    """

    n_employees: Floats
    annual_revenue_usd: Floats
    budget_usd: Floats
    timeline_days: Floats
    is_decision_maker: Floats
    counts: Floats
    has_email: Bools
    has_phone: Bools
    has_title: Bools
    has_company: Bools
    has_industry: Bools
    has_country: Bools
    has_message: Bools


def record_leads(companies: Companies, arrivals: Arrivals, rng: Generator) -> Recorded:
    """Draw what was recorded of each lead."""
    keen, quality = arrivals.interest, companies.quality[arrivals.company]
    is_list = is_outbound(arrivals)
    genuine = arrivals.is_genuine
    size_odds = 1.1 + 0.5 * quality + 0.9 * is_list
    has_email = ~is_list | arrivals.is_free_mail | _occurs(rng, np.full(arrivals.n_leads, 1.8))
    writes = np.array([_WRITES.get(level.name, -2.0) for level in SOURCES])[arrivals.source]
    return Recorded(
        n_employees=_known(rng, size_odds, _employees(companies, arrivals, rng), possible=genuine),
        annual_revenue_usd=_known(
            rng, size_odds - 1.4, _revenue(companies, arrivals), possible=genuine
        ),
        budget_usd=_budget(companies, arrivals, rng),
        timeline_days=_timeline(arrivals, rng),
        is_decision_maker=_claims(arrivals, rng),
        counts=_counts(arrivals, rng),
        has_email=has_email,
        has_phone=~has_email | _occurs(rng, 0.1 + 0.6 * keen + 1.0 * is_list),
        has_title=(arrivals.kind != TEST)
        & _occurs(rng, 1.9 + 0.7 * arrivals.standing + 1.0 * is_list),
        has_company=is_list | _occurs(rng, np.where(arrivals.is_free_mail, 0.2, 3.0)),
        has_industry=genuine & _occurs(rng, 0.9 + 0.5 * quality + 0.8 * is_list),
        has_country=_occurs(rng, np.full(arrivals.n_leads, 2.6)),
        has_message=(arrivals.kind == SPAM) | (~is_list & _occurs(rng, writes + 0.3 * keen)),
    )


def is_outbound(arrivals: Arrivals) -> Bools:
    """Return which leads were found by us and did not come by themselves."""
    return np.array([level.motion == "outbound" for level in SOURCES])[arrivals.source]


def _occurs(rng: Generator, log_odds: Floats) -> Bools:
    """One draw per lead."""
    return np.asarray(rng.random(len(log_odds)) < logistic(log_odds))


def _known(rng: Generator, log_odds: Floats, values: Floats, *, possible: Bools) -> Floats:
    """Keep the values where they were recorded, else NaN."""
    return np.where(_occurs(rng, log_odds) & possible, values, np.nan)


def _employees(companies: Companies, arrivals: Arrivals, rng: Generator) -> Floats:
    """Head count as stated: roughly right, one in fifty with a digit too many."""
    error = rng.normal(0, 0.05, arrivals.n_leads) + (rng.random(arrivals.n_leads) < 0.02)
    return np.maximum(1.0, np.round(10 ** (companies.log10_employees[arrivals.company] + error)))


def _revenue(companies: Companies, arrivals: Arrivals) -> Floats:
    """Yearly revenue as listed, to two figures."""
    exact = 10 ** companies.log10_revenue_usd[arrivals.company]
    unit = 10 ** (np.floor(np.log10(exact)) - 1)
    return np.asarray(np.round(exact / unit) * unit)


def _budget(companies: Companies, arrivals: Arrivals, rng: Generator) -> Floats:
    """Who has money says so more often; the figure follows the plan and the wealth."""
    wealth = companies.wealth[arrivals.company]
    usual = np.array([level.effect for level in PLANS])[arrivals.plan]
    stated = np.exp(usual + 0.45 * wealth + rng.normal(0, 0.5, arrivals.n_leads))
    odds = -1.5 + 0.8 * wealth + 0.4 * arrivals.interest - 3.0 * is_outbound(arrivals)
    return _known(
        rng,
        odds,
        np.asarray(1000.0 * np.round(stated / 1000)),
        possible=arrivals.is_genuine & (stated >= 500),
    )


def _timeline(arrivals: Arrivals, rng: Generator) -> Floats:
    """Days until a decision, in months; keen people answer and want it sooner."""
    days = np.exp(4.6 - 0.5 * arrivals.interest + rng.normal(0, 0.6, arrivals.n_leads))
    months = np.clip(np.round(days / 30), 0, 24) * 30
    odds = -1.1 + 0.6 * arrivals.interest - 2.5 * is_outbound(arrivals)
    return _known(rng, odds, months, possible=arrivals.is_genuine)


def _claims(arrivals: Arrivals, rng: Generator) -> Floats:
    """Whether they call themselves a decision maker: one form in three asks, some boast."""
    say = arrivals.standing + 0.6 * _SAY[arrivals.seniority]
    claim = say + rng.normal(0, 0.8, arrivals.n_leads) > 0.1
    odds = np.where(is_outbound(arrivals), -9.0, -0.8)
    return _known(rng, odds, claim.astype(np.float64), possible=arrivals.is_genuine)


def _counts(arrivals: Arrivals, rng: Generator) -> Floats:
    """Engagement up to now; one in seven refuses the tracker, lists have hardly any."""
    n, keen = arrivals.n_leads, arrivals.interest
    activity = np.array([level.activity for level in SOURCES])[arrivals.source]
    pages = rng.poisson(np.exp(activity + 0.7 * keen + rng.normal(0, 0.3, n)))
    opened = rng.poisson(np.exp(-0.2 + 0.6 * keen + rng.normal(0, 0.3, n)))
    habit = np.array([_DOWNLOADS.get(level.name, -1.8) for level in SOURCES])[arrivals.source]
    counts = np.stack(
        [
            1 + rng.poisson(0.25 * pages),
            pages,
            opened,
            rng.binomial(opened, 0.3),
            np.round(pages * np.exp(rng.normal(3.4, 0.6, n))),
            rng.poisson(np.exp(habit + 0.2 * keen)),
        ],
        axis=1,
    ).astype(np.float64)
    untracked = rng.random(n) < np.where(is_outbound(arrivals), 0.92, 0.14)
    counts[untracked] = np.nan
    return counts
