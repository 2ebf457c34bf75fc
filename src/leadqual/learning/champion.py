"""Whether a candidate and the champion can be compared: on leads the champion knows nothing of."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from leadqual.learning.protocol import HORIZONS_DAYS, MIN_TEST_WINS, Protocol, count_matured
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity
from leadqual.outcomes.timeline import to_days, to_moment
from leadqual.qualify.bundle import ModelBundle


def known_until_days(champion: ModelBundle | None) -> float:
    """Return until when a bundle was taught, in days since 1970; -inf when it does not say."""
    known_until = None if champion is None else champion.summary.get("known_until")
    return to_days(datetime.fromisoformat(known_until)) if isinstance(known_until, str) else -np.inf


def why_not_compared(
    champion: ModelBundle,
    protocol: Protocol,
    *,
    history: History,
    labels: Labels,
    maturity: Maturity,
) -> str | None:
    """Say why a champion may not be judged on the leads of a protocol; None when it may.

    It knows the answers of leads from before the end of its training: on these every candidate
    would look worse for ever. A refit of it on what was known before them would be no
    substitute: that is what the candidate's own stand-in is, so the two would always be equal.

    Parameters
    ----------
    champion : ModelBundle
        The model that serves.
    protocol : Protocol
        Planned with the end of its training as `not_before_days`.
    history, labels, maturity : History, Labels, Maturity
        What the protocol was planned for.
    """
    seen_until = known_until_days(champion)
    first_days = min(labels.moment_days[fold.test].min() for fold in protocol.folds)
    if not first_days <= seen_until:  # without times nothing is known, and it is compared
        return None
    n_won, n_not_won = count_matured(history, labels, maturity, after_days=seen_until)
    return (
        f"not enough matured leads to compare with model {champion.version}, which knows outcomes "
        f"until {to_moment(seen_until):%Y-%m-%d}: of the later leads that are at least "
        f"{HORIZONS_DAYS[0]:.0f} days old, {n_won} of {MIN_TEST_WINS} needed were won and "
        f"{n_not_won} of {MIN_TEST_WINS} needed were not"
    )
