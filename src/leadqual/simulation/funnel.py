"""Simulate a whole history, write it down, and go on with live leads.

::

    companies -> arrivals -> recorded fields -> legacy points -> who is worked
                     +-> latent truth ----------------> dispositions -> journal of events
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from leadqual.leads.schema import Scalar
from leadqual.simulation.arrays import Bools
from leadqual.simulation.arrivals import GENUINE, SPAM, TEST, draw_times
from leadqual.simulation.companies import draw_companies
from leadqual.simulation.dispositions import REASONS, Dispositions, dispose, win_probability
from leadqual.simulation.journal import TYPES, write_journal
from leadqual.simulation.lead_table import COUNT_COLUMNS, Table, iso_times, lead_table
from leadqual.simulation.parameters import FunnelParameters
from leadqual.simulation.population import Population, draw_population
from leadqual.simulation.selection import choose_worked
from leadqual.simulation.team import Team, hire_team

_AM_SHARE = 0.7
"""Account managers work this share of the leads of customers, whatever their points."""
_HEADS = ("fit", "authority", "need", "budget")
_KINDS = {GENUINE: "genuine", SPAM: "spam", TEST: "test"}

_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "contact": ("email", "full_name", "job_title", "phone", "country"),
    "interest": ("product", "message", "budget_usd", "timeline_days", "is_decision_maker"),
    "engagement": COUNT_COLUMNS,
    "campaign": ("utm_source", "utm_medium", "utm_campaign", "landing_page"),
    "attributes": ("plan_interest", "current_tool", "legacy_points"),
}
_COMPANY: Final = {
    "name": "company_name",
    "domain": "company_domain",
    "industry": "industry",
    "n_employees": "n_employees",
    "annual_revenue_usd": "annual_revenue_usd",
    "is_customer": "is_customer",
}

Payload = dict[str, "Scalar | dict[str, Scalar]"]
"""One lead in the shape of `leads.schema.RawLead`, without what is not known."""


@dataclass(frozen=True)
class SimulatedHistory:
    """Hold a simulated history as three tables of columns.

    `truth` has one row per lead, in the order of `leads`: the kind of entry, why it was worked,
    the four latent probabilities (0 for spam and tests) and draws, `p_reach`, `p_conversion`
    (probability to be won if worked, given everything observed and hidden: the oracle),
    `p_conversion_latent` (the same once the four draws are known), `converts_if_worked` (the
    draw: the label that full information would give), `amount_usd` and `expected_amount_usd`.
    Training never reads it.
    """

    parameters: FunnelParameters
    leads: Table
    outcomes: Table
    truth: Table


def simulate(parameters: FunnelParameters) -> SimulatedHistory:
    """Simulate a history; the same parameters give the same tables."""
    seed = parameters.seed
    companies = draw_companies(parameters)
    created_s = draw_times(parameters, np.random.default_rng([seed, 0]))
    population = draw_population(parameters, companies, created_s=created_s, stream=0)
    team = hire_team(parameters)
    rng = np.random.default_rng([seed, 5])
    by_points, by_chance = choose_worked(
        parameters, population.arrivals, points=population.points, rng=rng
    )
    by_manager = rng.random(population.n_leads) < _AM_SHARE
    is_customer = _customers(parameters, population, team=team, worked=by_points | by_chance)
    fate = _dispose(parameters, population, team=team, is_customer=is_customer)
    worked = by_points | by_chance | (by_manager & is_customer)
    worked_by = np.select(
        [by_points, by_chance, worked], ["points", "chance", "account_manager"], ""
    ).tolist()
    ids = [f"L{number:06d}" for number in range(1, population.n_leads + 1)]
    table_rng = np.random.default_rng([seed, 6])
    leads = lead_table(population, is_customer=is_customer, start=parameters.start, rng=table_rng)
    return SimulatedHistory(
        parameters=parameters,
        leads={"lead_id": list(ids), **leads},
        outcomes=_outcome_table(
            parameters, population, fate=fate, worked=worked, team=team, ids=ids
        ),
        truth={
            "lead_id": list(ids),
            "worked_by": worked_by,
            **_truth_columns(population, fate, team=team, is_customer=is_customer),
        },
    )


def write_csv(simulated: SimulatedHistory, out: Path) -> None:
    """Write `leads.csv`, `outcomes.csv` and `truth.csv` into a folder, made if absent.

    UTF-8, comma, one header row; what is not known is empty, truth values are `true` and `false`.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in ("leads", "outcomes", "truth"):
        table: Table = getattr(simulated, name)
        with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table)
            writer.writerows(zip(*(_cells(values) for values in table.values()), strict=True))


def live_leads(
    parameters: FunnelParameters, n: int, *, start: datetime, days: float = 1.0
) -> list[Payload]:
    """Return leads of the same market that arrive after the history, as JSON-able payloads.

    Parameters
    ----------
    parameters : FunnelParameters
        Of the history: companies recur, the market is as it was at the time of `start`.
    n : int
        How many leads, 0 or more.
    start : datetime
        Aware. `created_at` ascends from here over `days` days, so give `now - 1 day` when the
        leads are to be taken in now.
    days : float
        How long the leads take to arrive.

    Returns
    -------
    list of dict
        Shape of `RawLead`; `external_id` is `live-<number>`, unknown fields are left out. Among
        them are customers, spam and test entries, as in the history.
    """
    if n == 0:
        return []
    rng = np.random.default_rng([parameters.seed, 7])
    offset_s = int((start - parameters.start).total_seconds())
    created_s = offset_s + np.sort(rng.integers(0, max(1, round(days * 86_400)), n))
    companies = draw_companies(parameters)
    population = draw_population(parameters, companies, created_s=created_s, stream=1)
    is_customer = _old_customers(population)
    table = lead_table(
        population,
        is_customer=is_customer,
        start=parameters.start,
        rng=rng,
        first_person=parameters.n_leads,
    )
    return [_payload(table, row) for row in range(n)]


def _old_customers(population: Population) -> Bools:
    """Leads of companies that were customers before the history began."""
    arrivals = population.arrivals
    known = arrivals.is_genuine & ~arrivals.is_free_mail
    return np.asarray(population.companies.was_customer[arrivals.company] & known)


def _customers(
    parameters: FunnelParameters, population: Population, *, team: Team, worked: Bools
) -> Bools:
    """Leads of companies that bought before: those of old, and those won in the history.

    What happens before the first win of a company does not depend on this, so one pass that
    ignores later customers finds the time of each first win.
    """
    arrivals = population.arrivals
    old = _old_customers(population)
    fate = _dispose(parameters, population, team=team, is_customer=old)
    won = worked & fate.is_won
    first_win_s = np.full(len(population.companies.names), np.iinfo(np.int64).max)
    np.minimum.at(first_win_s, arrivals.company[won], fate.ended_s[won])
    bought = arrivals.created_s > first_win_s[arrivals.company]
    return np.asarray(old | (bought & arrivals.is_genuine & ~arrivals.is_free_mail))


def _dispose(
    parameters: FunnelParameters, population: Population, *, team: Team, is_customer: Bools
) -> Dispositions:
    """Draw what the team would make of every lead."""
    return dispose(
        parameters,
        population.arrivals,
        latents=population.latents,
        team=team,
        role=population.roles(is_customer),
        is_customer=is_customer,
    )


def _outcome_table(
    parameters: FunnelParameters,
    population: Population,
    *,
    fate: Dispositions,
    worked: Bools,
    team: Team,
    ids: list[str],
) -> Table:
    """Lay out the events as a CRM would export them."""
    journal = write_journal(
        fate,
        worked,
        amount_usd=population.latents.amount_usd,
        team=team,
        end_s=parameters.n_seconds,
    )
    return {
        "lead_id": [ids[i] for i in journal.lead],
        "type": [TYPES[i].value for i in journal.type],
        "occurred_at": list(iso_times(parameters.start, journal.occurred_s)),
        "actor": list(journal.actor),
        "reason": [REASONS[i].value if i >= 0 else None for i in journal.reason.tolist()],
        "amount_usd": [None if np.isnan(v) else v for v in journal.amount_usd.tolist()],
        "note": list(journal.notes(np.random.default_rng([parameters.seed, 8]))),
    }


def _truth_columns(
    population: Population, fate: Dispositions, *, team: Team, is_customer: Bools
) -> Table:
    """Lay out what nobody knows."""
    latents = population.latents
    p_before, p_after = win_probability(
        population.arrivals,
        latents,
        team=team,
        role=population.roles(is_customer),
        is_customer=is_customer,
    )
    heads: Table = {}
    for number, head in enumerate(_HEADS):
        heads[f"p_{head}"] = np.round(latents.p_heads[:, number], 5).tolist()
        heads[head] = latents.has[:, number].tolist()
    return {
        "kind": [_KINDS[kind] for kind in population.arrivals.kind.tolist()],
        **heads,
        "p_reach": np.round(latents.p_reach, 5).tolist(),
        "p_conversion": np.round(p_before, 6).tolist(),
        "p_conversion_latent": np.round(p_after, 6).tolist(),
        "converts_if_worked": fate.is_won.tolist(),
        "amount_usd": latents.amount_usd.tolist(),
        "expected_amount_usd": np.round(latents.expected_amount_usd, 2).tolist(),
    }


def _cells(values: list[Scalar]) -> list[Scalar]:
    """Values as a CSV writer should see them."""
    return [str(value).lower() if isinstance(value, bool) else value for value in values]


def _payload(table: Table, row: int) -> Payload:
    """One row of a lead table in the shape of a raw lead."""
    payload: Payload = {"external_id": f"live-{row + 1:05d}"}
    for name in ("source", "motion", "created_at"):
        payload[name] = table[name][row]
    for section, names in _SECTIONS.items():
        payload[section] = _known({name: table[name][row] for name in names})
    payload["company"] = _known({name: table[column][row] for name, column in _COMPANY.items()})
    payload["consent"] = _known({"marketing": table["marketing_consent"][row]})
    return payload


def _known(values: dict[str, Scalar]) -> dict[str, Scalar]:
    """Only what is known."""
    return {name: value for name, value in values.items() if value is not None}
