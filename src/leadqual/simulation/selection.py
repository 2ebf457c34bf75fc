"""The old policy: a points score that decided who was worked, and a small share by chance."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from leadqual.simulation.arrays import Bools, Ints
from leadqual.simulation.arrivals import Arrivals
from leadqual.simulation.companies import Companies
from leadqual.simulation.market import COUNTRIES, SOURCES
from leadqual.simulation.parameters import FunnelParameters
from leadqual.simulation.recorded import Recorded

_WEEK_S = 7 * 86_400
_SOURCE_POINTS = {
    "demo_request": 25,
    "referral": 20,
    "chat": 12,
    "webinar": 12,
    "trade_show": 12,
    "white_paper": 8,
    "web_form": 8,
    "scouting": 12,
    "prospecting": 8,
}
_SENIORITY_POINTS = np.array([20, 20, 20, 18, 12, 4, 0, 0, 15])
_SPOKEN_BY_THE_RULES = ("en", "de")


def legacy_points(companies: Companies, arrivals: Arrivals, recorded: Recorded) -> Ints:
    """Return the points of the old score, known at creation.

    Its rules know English and German job titles only, so managers elsewhere are undervalued.
    """
    understood = np.array([level.language in _SPOKEN_BY_THE_RULES for level in COUNTRIES])
    title = recorded.has_title & understood[companies.country[arrivals.company]]
    pages = np.nan_to_num(recorded.counts[:, 1])
    employees = np.nan_to_num(recorded.n_employees)
    points = np.array([_SOURCE_POINTS.get(level.name, 4) for level in SOURCES])[arrivals.source]
    points = points + title * _SENIORITY_POINTS[arrivals.seniority]
    points += 10 * (employees >= 50) + 6 * (employees >= 500) + 8 * (~arrivals.is_free_mail)
    points += 5 * (pages >= 5) + 7 * (pages >= 12) + 5 * recorded.has_phone
    points += 8 * ~np.isnan(recorded.budget_usd) + 5 * ~np.isnan(recorded.timeline_days)
    return np.asarray(points, dtype=np.int64)


def choose_worked(
    parameters: FunnelParameters, arrivals: Arrivals, *, points: Ints, rng: Generator
) -> tuple[Bools, Bools]:
    """Return who is worked by points (each week's best) and who of the others by chance."""
    n = arrivals.n_leads
    week = arrivals.created_s // _WEEK_S
    order = np.lexsort((rng.random(n), -points, week))
    first = np.searchsorted(week[order], week[order])
    size = np.bincount(week, minlength=int(week[-1]) + 1)[week[order]]
    by_points = np.zeros(n, dtype=np.bool_)
    by_points[order] = np.arange(n) - first < parameters.worked_share * size
    by_chance = ~by_points & (
        rng.random(n) < parameters.random_share / (1 - parameters.worked_share + 1e-9)
    )
    return by_points, by_chance
