"""Who arrives when: time, person, company and source of each lead, and why it may buy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from leadqual.simulation.arrays import Bools, Floats, Ints, pick, pick_rows
from leadqual.simulation.companies import Companies
from leadqual.simulation.market import (
    DEPARTMENTS,
    INTENTS,
    PLANS,
    PRODUCTS,
    SENIORITIES,
    SOURCES,
    TOOLS,
)
from leadqual.simulation.parameters import FunnelParameters

GENUINE, SPAM, TEST = 0, 1, 2
_DAY_S = 86_400
_WEEKDAYS = np.array([1.1, 1.15, 1.1, 1.05, 0.9, 0.3, 0.25])
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 8, 13, 15, 14, 12, 11, 13, 14, 13, 11, 8, 5, 4, 3, 3, 2, 1])
_DUPLICATE_DAYS = 30


@dataclass(frozen=True)
class Arrivals:
    """Hold what is true of each lead, seen or not; arrays of length n_leads in time order.

    `person` is the number of the first lead of the same person. `interest` (how keen), `standing`
    (how much say) and `hidden` (shape (n_leads, 4): fit, authority, need, budget) are standard
    normal. Level numbers index the tables of `market`.
    """

    created_s: Ints
    phase: Floats
    kind: Ints
    person: Ints
    is_duplicate: Bools
    company: Ints
    source: Ints
    plan: Ints
    product: Ints
    tool: Ints
    intent: Ints
    seniority: Ints
    department: Ints
    is_free_mail: Bools
    interest: Floats
    standing: Floats
    hidden: Floats

    @property
    def n_leads(self) -> int:
        """Return the number of leads."""
        return len(self.created_s)

    @property
    def is_genuine(self) -> Bools:
        """Return which leads are neither spam nor test entries."""
        return np.asarray(self.kind == GENUINE)


def draw_arrivals(
    parameters: FunnelParameters, companies: Companies, *, created_s: Ints, rng: Generator
) -> Arrivals:
    """Draw the leads that arrive at the given seconds after the start (ascending)."""
    n = len(created_s)
    kind = pick(rng, _kind_shares(parameters), n)
    person = _persons(parameters.repeat_share, rng, created_s=created_s, kind=kind)
    company = rng.choice(len(companies.weight), n, p=companies.weight)[person]
    source = pick(rng, [level.share for level in SOURCES], n)
    source[kind != GENUINE] = 0
    interest = rng.normal(size=n)
    return Arrivals(
        created_s=created_s,
        phase=created_s / parameters.n_seconds,
        kind=kind,
        person=person,
        is_duplicate=(person < np.arange(n))
        & (created_s - created_s[person] <= _DUPLICATE_DAYS * _DAY_S),
        company=company,
        source=source,
        plan=_plans(rng, companies.log10_employees[company]),
        product=pick(rng, [level.share for level in PRODUCTS], n),
        tool=pick(rng, [level.share for level in TOOLS], n),
        intent=_intents(rng, interest),
        seniority=_seniorities(rng, companies.log10_employees[company])[person],
        department=pick(rng, [level.share for level in DEPARTMENTS], n)[person],
        is_free_mail=_free_mail(parameters, rng, companies.log10_employees[company])[person],
        interest=interest,
        standing=rng.normal(size=n)[person],
        hidden=rng.normal(size=(n, 4)),
    )


def draw_times(parameters: FunnelParameters, rng: Generator) -> Ints:
    """Draw when the leads of the history arrive: seconds since the start, ascending.

    Working days and office hours are busier, summer and late December quieter.
    """
    days = np.arange(parameters.n_days)
    weekday = (days + parameters.start.weekday()) % 7
    of_year = (days + parameters.start.timetuple().tm_yday) % 365
    season = np.where((of_year > 196) & (of_year < 240) | (of_year > 350), 0.75, 1.0)
    day = pick(rng, (_WEEKDAYS[weekday] * season).tolist(), parameters.n_leads)
    hour = pick(rng, _HOURS.tolist(), parameters.n_leads)
    return np.sort(day * _DAY_S + hour * 3600 + rng.integers(0, 3600, parameters.n_leads))


def _kind_shares(parameters: FunnelParameters) -> list[float]:
    """Shares of genuine, spam and test leads."""
    unwanted = parameters.spam_share + parameters.test_share
    return [max(0.0, 1.0 - unwanted), parameters.spam_share, parameters.test_share]


def _persons(share: float, rng: Generator, *, created_s: Ints, kind: Ints) -> Ints:
    """Give the first lead of each person: half of those who return do so within days."""
    n = len(created_s)
    lag_days = np.where(rng.random(n) < 0.5, rng.exponential(6, n), rng.uniform(30, 300, n))
    earlier_s = created_s - lag_days * _DAY_S
    earlier = np.searchsorted(created_s, earlier_s)
    person = np.arange(n)
    returns = (rng.random(n) < share) & (kind == GENUINE)
    returns &= (
        (earlier_s >= created_s[0])
        & (earlier < person)
        & (kind[np.minimum(earlier, n - 1)] == GENUINE)
    )
    person[returns] = earlier[returns]
    while not np.array_equal(person, person[person]):
        person = person[person]
    return person


def _plans(rng: Generator, log10_employees: Floats) -> Ints:
    """Larger companies ask for larger plans, though not always."""
    tilt = np.outer(log10_employees - 2.0, [-0.7, 0.1, 0.9])
    return pick_rows(rng, np.log([level.share for level in PLANS]) + tilt)


def _intents(rng: Generator, interest: Floats) -> Ints:
    """Keen people ask for a price, idle ones for information."""
    tilt = np.outer(interest, [0.5, 0.3, 0.3, -0.3, -0.4, 0.0])
    return pick_rows(rng, np.log([level.share for level in INTENTS]) + tilt)


def _seniorities(rng: Generator, log10_employees: Floats) -> Ints:
    """Owners write from small companies, specialists from large ones."""
    slope = [-0.5, 0.4, 0.3, 0.2, 0.2, 0.3, 0.1, 0.2, -1.6]
    tilt = np.outer(log10_employees - 2.0, slope)
    return pick_rows(rng, np.log([level.share for level in SENIORITIES]) + tilt)


def _free_mail(parameters: FunnelParameters, rng: Generator, log10_employees: Floats) -> Bools:
    """Small companies use free mail more often; the mean is the share asked for."""
    odds = np.exp(-0.8 * (log10_employees - 2.05))
    chance = parameters.free_mail_share * odds / 1.22
    return np.asarray(rng.random(len(odds)) < chance)
