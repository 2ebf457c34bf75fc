"""The lead table: flat columns as a CRM would export them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.random import Generator

from leadqual.leads.schema import Scalar
from leadqual.simulation.arrays import Bools, Floats, Ints
from leadqual.simulation.market import COUNTRIES, INDUSTRIES, PLANS, PRODUCTS, SOURCES, TOOLS
from leadqual.simulation.persons import person_columns, write_messages
from leadqual.simulation.population import Population

Table = dict[str, list[Scalar]]
"""Column name to one value per row; None where nothing was recorded."""

COUNT_COLUMNS: Final = (
    "n_visits",
    "n_page_views",
    "n_emails_opened",
    "n_emails_clicked",
    "seconds_on_site",
    "n_downloads",
)
_SEASONS: Final = ("autumn", "winter", "spring", "summer")
_CODE_SHARE = 0.75
_CONSENT_SHARE = 0.7


def lead_table(
    population: Population,
    *,
    is_customer: Bools,
    start: datetime,
    rng: Generator,
    first_person: int = 0,
) -> Table:
    """Return the lead columns, without an id.

    Parameters
    ----------
    population : Population
        The leads.
    is_customer : ndarray of bool, shape (n_leads,)
        Whether the CRM knew the company as a customer when the lead came in.
    start : datetime
        The moment from which seconds are counted.
    rng : Generator
        For names, spellings and texts.
    first_person : int
        Keeps the addresses of two batches apart.
    """
    arrivals, recorded = population.arrivals, population.recorded
    inbound = [SOURCES[i].motion == "inbound" for i in arrivals.source]
    return {
        "created_at": list(iso_times(start, arrivals.created_s)),
        "motion": [SOURCES[i].motion for i in arrivals.source],
        "source": [SOURCES[i].name for i in arrivals.source],
        **person_columns(population, first_person=first_person, rng=rng),
        **_company_columns(population, rng),
        "is_customer": is_customer.tolist(),
        "product": _levels([level.name for level in PRODUCTS], arrivals.product),
        "message": list(write_messages(population, rng)),
        "budget_usd": whole_numbers(recorded.budget_usd),
        "timeline_days": whole_numbers(recorded.timeline_days),
        "is_decision_maker": [
            None if np.isnan(value) else bool(value) for value in recorded.is_decision_maker
        ],
        **{name: whole_numbers(recorded.counts[:, i]) for i, name in enumerate(COUNT_COLUMNS)},
        **_campaign_columns(population, rng),
        "marketing_consent": [
            bool(yes) if is_inbound else None
            for yes, is_inbound in zip(
                rng.random(population.n_leads) < _CONSENT_SHARE, inbound, strict=True
            )
        ],
        "plan_interest": _levels([level.name for level in PLANS], arrivals.plan),
        "current_tool": _levels([level.name for level in TOOLS], arrivals.tool),
        "legacy_points": population.points.tolist(),
    }


def iso_times(start: datetime, seconds: Ints) -> list[str]:
    """Return moments as ISO 8601 in UTC, to the second."""
    origin = np.datetime64(start.replace(tzinfo=None) - (start.utcoffset() or timedelta()), "s")
    return [f"{text}Z" for text in np.datetime_as_string(origin + seconds).tolist()]


def whole_numbers(values: Floats) -> list[Scalar]:
    """Return whole numbers, None for NaN."""
    return [None if np.isnan(value) else int(value) for value in values.tolist()]


def _levels(names: Sequence[str], numbers: Ints) -> list[Scalar]:
    """Names of level numbers."""
    return [names[i] for i in numbers]


def _where(values: Sequence[Scalar], known: Bools) -> list[Scalar]:
    """Keep the values, None where not known."""
    return [value if is_known else None for value, is_known in zip(values, known, strict=True)]


def _company_columns(population: Population, rng: Generator) -> Table:
    """Lay out what is recorded of the company; countries are spelled in several ways."""
    arrivals, recorded, companies = population.arrivals, population.recorded, population.companies
    place = arrivals.company
    draws = rng.random((population.n_leads, 2))
    countries = [
        _spelling(number, code=draw[0] < _CODE_SHARE, draw=draw[1])
        for number, draw in zip(companies.country[place].tolist(), draws, strict=True)
    ]
    genuine = arrivals.is_genuine
    has_domain = genuine & ~arrivals.is_free_mail & recorded.has_company
    industries = _levels([level.name for level in INDUSTRIES], companies.industry[place])
    return {
        "country": _where(countries, recorded.has_country),
        "company_name": _where([companies.names[i] for i in place], recorded.has_company & genuine),
        "company_domain": _where([companies.domains[i] for i in place], has_domain),
        "industry": _where(industries, recorded.has_industry),
        "n_employees": whole_numbers(recorded.n_employees),
        "annual_revenue_usd": whole_numbers(recorded.annual_revenue_usd),
    }


def _spelling(number: int, *, code: bool, draw: float) -> str:
    """Write a country as code or as one of its names."""
    country = COUNTRIES[number]
    return country.code if code else country.spellings[int(draw * len(country.spellings))]


def _campaign_columns(population: Population, rng: Generator) -> Table:
    """Where the visit came from; empty for lists, and for some browsers."""
    arrivals = population.arrivals
    utm = [SOURCES[i].utm for i in arrivals.source]
    tagged = (rng.random(population.n_leads) < 0.85) & np.array([pair[0] != "" for pair in utm])
    quarter = (arrivals.created_s // (91 * 86_400)) % len(_SEASONS)
    products = [PRODUCTS[i].name for i in arrivals.product]
    campaigns = [
        f"{product}-{_SEASONS[number]}"
        for product, number in zip(products, quarter.tolist(), strict=True)
    ]
    return {
        "utm_source": _where([pair[0] for pair in utm], tagged),
        "utm_medium": _where([pair[1] for pair in utm], tagged),
        "utm_campaign": _where(campaigns, tagged),
        "landing_page": _where([f"/{product}" for product in products], tagged),
    }
