"""Which leads may be judged, and what is fitted for it, in histories that know little."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadqual.errors import NotEnoughDataError
from leadqual.learning.evaluation import evaluate
from leadqual.learning.protocol import judgeable
from leadqual.outcomes.history import Columns, History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.maturity import read_maturity

MakeHistory = Callable[..., History]


def test_without_order_one_yes_or_no_is_enough_to_be_judged(won_or_lost: MakeHistory) -> None:
    history = won_or_lost(900, is_ordered=False)
    is_referral: Columns = {"is_referral": [x == "referral" for x in history.columns["source"]]}

    report = evaluate(replace(history, columns=is_referral), as_of=None, n_resamples=20)

    assert report.conversion.n_leads == 900
    assert report.conversion.ours["auc"].value > 0.5


def test_leads_of_one_moment_cannot_be_judged_by_later_ones(won_or_lost: MakeHistory) -> None:
    history = won_or_lost(900)
    at = datetime(2025, 1, 1, tzinfo=UTC)
    history = replace(
        history,
        moments=np.full(900, np.datetime64("2025-01-01", "us")),
        events=[
            event.model_copy(update={"occurred_at": at + timedelta(days=i % 200)})
            for i, event in enumerate(history.events)
        ],
        has_times=True,
    )

    with pytest.raises(NotEnoughDataError, match="no lead came before the newest leads"):
        evaluate(history, as_of=None)


def test_a_win_without_a_date_is_not_judged_as_lost(wins_only: MakeHistory) -> None:
    history = wins_only(2_000)
    undated = {event.lead_id for event in history.events[::3]}
    history = replace(
        history,
        events=[
            event.model_copy(update={"occurred_at": None}) if event.lead_id in undated else event
            for event in history.events
        ],
    )
    labels = label_history(history, as_of=None)

    judged = judgeable(history, labels, read_maturity(labels))

    assert not judged[np.isin(history.lead_ids, list(undated))].any()
    assert judged[labels.is_won].sum() == labels.is_won.sum() - len(undated)
