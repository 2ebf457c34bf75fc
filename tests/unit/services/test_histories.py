from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from leadqual.outcomes.events import OutcomeType
from leadqual.services.histories import read_store_history
from leadqual.services.outcomes import Outcome
from leadqual.services.serving import Serving
from leadqual.testing import make_call, make_serving, take_in


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with closing(make_serving(tmp_path)) as opened:
        yield opened


def win(serving: Serving, lead_id: str, at: datetime) -> None:
    outcome = Outcome(type=OutcomeType.WON, occurred_at=at)
    serving.outcomes.record(lead_id, outcome, call=make_call(serving))


def test_lead_entered_after_the_fact_counts_from_its_creation(serving: Serving) -> None:
    created = serving.clock() - timedelta(days=400)
    lead = take_in(serving, created_at=created.isoformat())
    won_at = created + timedelta(days=30)
    win(serving, lead.lead_id, won_at)

    history = read_store_history(serving.store, as_of=created + timedelta(days=31))

    (event,) = history.events
    assert history.moments[0] == np.datetime64(created.astimezone(UTC).replace(tzinfo=None), "us")
    assert event.occurred_at == won_at
    assert event.recorded_at is None


def test_live_lead_counts_from_its_scoring_and_keeps_when_its_outcome_became_known(
    serving: Serving,
) -> None:
    lead = take_in(serving)
    win(serving, lead.lead_id, serving.clock() - timedelta(hours=1))

    history = read_store_history(serving.store, as_of=None)

    assert history.moments[0] == np.datetime64(serving.clock().replace(tzinfo=None), "us")
    assert history.events[-1].recorded_at == serving.clock()


def test_leads_after_the_day_asked_for_are_left_out(serving: Serving) -> None:
    old = serving.clock() - timedelta(days=100)
    early = take_in(serving, 1, created_at=old.isoformat())
    late = take_in(serving, 2)
    win(serving, late.lead_id, serving.clock())

    history = read_store_history(serving.store, as_of=old + timedelta(days=1))

    assert list(history.lead_ids) == [early.lead_id]
    assert list(history.events) == []
