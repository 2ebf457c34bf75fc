"""One batch of leads with everything about them: seen, unseen and true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadqual.simulation.arrays import Bools, Ints
from leadqual.simulation.arrivals import Arrivals, draw_arrivals
from leadqual.simulation.companies import Companies
from leadqual.simulation.latent import Latents, draw_latents
from leadqual.simulation.market import COUNTRIES
from leadqual.simulation.parameters import FunnelParameters
from leadqual.simulation.recorded import Recorded, is_outbound, record_leads
from leadqual.simulation.selection import legacy_points
from leadqual.simulation.team import AM, MRR, SDR


@dataclass(frozen=True)
class Population:
    """Hold a batch of leads: what is so, what was recorded, and what would come of it."""

    companies: Companies
    arrivals: Arrivals
    recorded: Recorded
    latents: Latents
    points: Ints

    @property
    def n_leads(self) -> int:
        """Return the number of leads."""
        return self.arrivals.n_leads

    def languages(self) -> list[str]:
        """Return the language of each person."""
        country = self.companies.country[self.arrivals.company]
        return [COUNTRIES[i].language for i in country]

    def roles(self, is_customer: Bools) -> Ints:
        """Return who works each lead: MRR inbound, SDR outbound, AM customers."""
        return np.where(is_customer, AM, np.where(is_outbound(self.arrivals), SDR, MRR))


def draw_population(
    parameters: FunnelParameters, companies: Companies, *, created_s: Ints, stream: int
) -> Population:
    """Draw leads that arrive at the given seconds (ascending); `stream` separates batches."""
    rng = np.random.default_rng([parameters.seed, 3, stream])
    arrivals = draw_arrivals(parameters, companies, created_s=created_s, rng=rng)
    recorded = record_leads(companies, arrivals, rng)
    return Population(
        companies=companies,
        arrivals=arrivals,
        recorded=recorded,
        latents=draw_latents(parameters, companies, arrivals=arrivals, rng=rng),
        points=legacy_points(companies, arrivals, recorded),
    )
