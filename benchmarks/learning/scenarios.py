"""Simulated histories, cut in two: what was known, and what came after with its truth.

The truth file is read here and nowhere else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadqual.leads.mapping import load_mapping
from leadqual.outcomes.history import History
from leadqual.outcomes.mapped import read_history
from leadqual.qualify.score import Head
from leadqual.simulation.funnel import SimulatedHistory, simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters

Floats = NDArray[np.float64]

ROOT: Final = Path(__file__).parents[2]
MAPPINGS: Final = ROOT / "data_samples" / "mappings"
TEST_DAYS: Final = 120
BASE: Final = FunnelParameters(n_leads=20_000, n_days=730)
SCENARIOS: Final[Mapping[str, FunnelParameters]] = {
    "base": BASE,
    "slow": replace(BASE, n_days=365, delay_scale=1.7),
    "interactions": replace(BASE, interactions=3.0),
    "3k leads": replace(BASE, n_leads=3_000),
    "no signal": replace(BASE, signal=0.0),
}
QUICK: Final = replace(BASE, n_leads=2_500, n_days=300)


@dataclass(frozen=True)
class Split:
    """A simulated history cut in two.

    Parameters
    ----------
    train, test : History
        Before the cut, with everything recorded up to the end; and the genuine leads after it.
    as_of : datetime
        The cut: nothing recorded later may be learned from.
    truth_train, truth_test : dict of str to ndarray of float64
        Columns of the truth file in the row order of `train` and `test`.
    """

    train: History
    test: History
    as_of: datetime
    truth_train: dict[str, Floats]
    truth_test: dict[str, Floats]


def make_split(parameters: FunnelParameters) -> Split:
    """Simulate a scenario and 120 days more, read it through its mapping, and cut it.

    Parameters
    ----------
    parameters : FunnelParameters
        Leads and days before the cut.
    """
    share = (parameters.n_days + TEST_DAYS) / parameters.n_days
    longer = replace(
        parameters,
        n_leads=round(parameters.n_leads * share),
        n_days=parameters.n_days + TEST_DAYS,
        drift_at=parameters.drift_at / share,
    )
    simulated = simulate(longer)
    with tempfile.TemporaryDirectory() as folder:
        write_csv(simulated, Path(folder))
        spec = load_mapping(MAPPINGS / "sample.yaml")
        end = parameters.start + timedelta(days=longer.n_days + 1)
        history = read_history(Path(folder), spec, now=end).history
    as_of = parameters.start + timedelta(days=parameters.n_days)
    cut = int(np.searchsorted(history.moments, np.datetime64(as_of.replace(tzinfo=None))))
    truth = _truth(simulated, history)
    before, after = np.arange(cut), np.arange(cut, history.n_leads)
    after = after[truth["is_genuine"][after] == 1]
    return Split(
        train=history.take(before),
        test=history.take(after),
        as_of=as_of,
        truth_train={name: values[before] for name, values in truth.items()},
        truth_test={name: values[after] for name, values in truth.items()},
    )


def _truth(simulated: SimulatedHistory, history: History) -> dict[str, Floats]:
    """Truth columns in the row order of the history."""
    place = {lead_id: row for row, lead_id in enumerate(simulated.truth["lead_id"])}
    rows = [place[lead_id] for lead_id in history.lead_ids]
    names = [
        *(f"p_{head.value}" for head in Head), *(head.value for head in Head),
        "p_conversion", "converts_if_worked", "expected_amount_usd",
    ]  # fmt: skip
    truth = {
        name: np.array([simulated.truth[name][i] for i in rows], dtype=np.float64) for name in names
    }
    kinds = simulated.truth["kind"]
    truth["is_genuine"] = np.array([kinds[i] == "genuine" for i in rows], dtype=np.float64)
    return truth
