"""The companies of the market: few send many leads, most send one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from leadqual.simulation.arrays import Bools, Floats, Ints, pick
from leadqual.simulation.market import COUNTRIES, INDUSTRIES
from leadqual.simulation.parameters import FunnelParameters
from leadqual.simulation.wording import load_wording

_TAIL = 1.15
_MOST_LEADS = 40.0


@dataclass(frozen=True)
class Companies:
    """Hold one entry per company, all of length n_companies.

    `quality` and `wealth` are standard normal and never seen: how well the company suits us
    beyond what is recorded, and how freely it spends. `weight` adds up to one.
    """

    industry: Ints
    country: Ints
    log10_employees: Floats
    log10_revenue_usd: Floats
    quality: Floats
    wealth: Floats
    weight: Floats
    was_customer: Bools
    names: list[str]
    domains: list[str]


def draw_companies(parameters: FunnelParameters) -> Companies:
    """Draw the companies of a market: about one for two leads.

    The first 1 - 1/e of all leads come from about a tenth of the companies (Pareto weights).
    """
    rng = np.random.default_rng([parameters.seed, 1])
    n = max(20, parameters.n_leads // 2)
    country = pick(rng, [level.share for level in COUNTRIES], n)
    log10_employees = np.clip(rng.normal(2.05, 0.8, n), 0.31, 5.3)
    wealth = rng.normal(size=n)
    weight = np.minimum((1.0 - rng.random(n)) ** (-1.0 / _TAIL), _MOST_LEADS)
    names, domains = _names(rng, country)
    return Companies(
        industry=pick(rng, [level.share for level in INDUSTRIES], n),
        country=country,
        log10_employees=log10_employees,
        log10_revenue_usd=log10_employees + 5.1 + 0.22 * wealth + rng.normal(0, 0.18, n),
        quality=rng.normal(size=n),
        wealth=wealth,
        weight=weight / weight.sum(),
        was_customer=rng.random(n) < 0.015,
        names=names,
        domains=domains,
    )


def _names(rng: Generator, country: Ints) -> tuple[list[str], list[str]]:
    """Invent a name and a domain under the reserved `.example` for each company."""
    words = load_wording()
    pairs = [(first, second) for first in words.company_first for second in words.company_second]
    order = rng.permutation(len(pairs))
    form = rng.random(len(country))
    names, domains = [], []
    for number, (place, share) in enumerate(zip(country, form, strict=True)):
        first, second = pairs[order[number % len(pairs)]]
        again = number // len(pairs)
        forms = words.legal_forms[COUNTRIES[place].language]
        stem = f"{first} {second.title()}" + (f" {again + 1}" if again else "")
        names.append(f"{stem} {forms[int(share * len(forms))]}")
        domains.append(re.sub(r"[^a-z0-9]+", "-", stem.lower()) + ".example")
    return names, domains
