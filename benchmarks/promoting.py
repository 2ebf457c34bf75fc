"""A model for a benchmark to work with."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from leadqual.learning.fitting import fit_bundle
from leadqual.outcomes.history import History
from leadqual.qualify.bundle import bundle_files
from leadqual.services.golden import golden_input
from leadqual.services.workshop import Workshop, call_of_operator
from leadqual.testing import make_bundle


def promote_model(workshop: Workshop, history: History, *, now: datetime, is_fitted: bool) -> None:
    """Fit a model and promote it, without the judging of a training.

    Parameters
    ----------
    workshop : Workshop
        Of the deployment.
    history : History
        What it is fitted to; the rows of its self-test are taken from it as well.
    now : datetime
        Aware moment of both.
    is_fitted : bool
        Else the small one of the tests is taken, for a quick run.
    """
    version = workshop.registry.next_version(now.date())
    if is_fitted:
        bundle = fit_bundle(history, as_of=None, version=version, created_at=now).bundle
    else:
        bundle = make_bundle(version)
    workshop.registry.save(
        bundle_files(bundle),
        version=version,
        metadata={"headline": "fitted by a benchmark"},
        documents={},
        golden=golden_input(history, rng=np.random.default_rng(0)),
    )
    workshop.models.promote(
        version, call=call_of_operator(now), force_reason="a benchmark works with it"
    )
