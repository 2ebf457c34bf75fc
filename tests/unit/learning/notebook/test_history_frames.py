"""A history as X and y: what was known when leads came, and what became of the worked ones."""

from collections.abc import Callable
from datetime import UTC, timedelta

import numpy as np
import pandas as pd
import pytest

from leadqual.learning import LeadQualifier, to_frames
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.timeline import to_moment

MakeHistory = Callable[..., History]


def test_worked_leads_come_with_dates_heads_and_amounts(funnel: MakeHistory) -> None:
    history = funnel(1_000)
    labels = label_history(history, as_of=None)

    X, y = to_frames(history)

    assert len(X) == len(y) == int((labels.is_usable & labels.is_worked).sum()) < 1_000
    assert X.index.equals(y.index)
    assert set(X.columns) == set(history.columns)
    assert y["won_at"].notna().sum() == labels.is_won.sum()
    assert (y["won_at"].notna() == y["amount_usd"].notna()).all()
    assert not (y["won_at"].notna() & y["lost_at"].notna()).any()
    assert (y.loc[y["won_at"].notna(), ["fit", "authority", "budget"]] == 1).all(axis=None)
    assert y["budget"].isna().sum() > y["fit"].isna().sum() > 0


def test_nothing_recorded_after_as_of_is_told(funnel: MakeHistory) -> None:
    history = funnel(600)
    last = to_moment(label_history(history, as_of=None).as_of_days)
    assert last is not None

    as_of = last - timedelta(days=200)
    _, y = to_frames(history, as_of=as_of)

    assert y[["won_at", "lost_at"]].max().max() <= pd.Timestamp(as_of)
    assert len(y) < len(to_frames(history)[1])


def test_moment_of_knowledge_is_read_as_the_estimator_reads_it(funnel: MakeHistory) -> None:
    history = funnel(300)
    middle = history.moments[150].item().replace(microsecond=0)

    _, y = to_frames(history, as_of=middle.isoformat())

    assert y.equals(to_frames(history, as_of=middle)[1])
    assert y.equals(to_frames(history, as_of=middle.replace(tzinfo=UTC))[1])
    with pytest.raises(ValueError, match="as_of is no time"):
        to_frames(history, as_of="soon")


def test_history_without_times_tells_whether_and_not_when(won_or_lost: MakeHistory) -> None:
    X, y = to_frames(won_or_lost(400))

    model = LeadQualifier().fit(X, y)

    assert set(np.unique(y["conversion"])) == {0.0, 1.0}
    assert model.targets_ == ("conversion", "fit", "authority", "budget")
    assert "fit" in model.not_learnable_
