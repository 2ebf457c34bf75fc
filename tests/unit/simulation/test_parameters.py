from dataclasses import replace
from datetime import datetime

import pytest

from leadqual.errors import InputError
from leadqual.simulation.parameters import FunnelParameters


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"n_leads": 0}, "n_leads"),
        ({"n_days": 0}, "n_days"),
        ({"n_ae": 0}, "n_ae"),
        ({"seed": -1}, "seed"),
        ({"worked_share": 1.5}, "worked_share"),
        ({"random_share": float("nan")}, "random_share"),
        ({"spam_share": 0.7, "test_share": 0.4}, "spam_share"),
        ({"signal": -1.0}, "signal"),
        ({"delay_scale": float("inf")}, "delay_scale"),
        ({"false_pass": (0.3, 0.1)}, "false_pass"),
        ({"start": datetime(2024, 1, 1)}, "start"),
    ],
)
def test_impossible_parameters_are_refused_by_name(changes, field):
    with pytest.raises(InputError, match=field):
        replace(FunnelParameters(), **changes)


def test_all_impossible_parameters_are_named_at_once():
    with pytest.raises(InputError, match=r"n_leads.*drift_at"):
        FunnelParameters(n_leads=-5, drift_at=2.0)
