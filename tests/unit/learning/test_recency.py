"""Breaks in a history, and older leads that count less where that pays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from leadqual.learning.choosing import Sample
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.recency import Recency, choose_half_life, find_break
from leadqual.learning.settings import FitSettings, Learners
from leadqual.learning.split import forward_folds
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.history import History

MakeHistory = Callable[..., History]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
N = 3_000


def drifting(*, level: float = 0.0, turn: float = 1.0, seed: int = 0, at: float = 0.6) -> Sample:
    """Rows whose level rises, and whose signal is multiplied, from a share of them on."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(N, 3))
    is_late = np.arange(N) >= at * N
    logit = -1.5 + level * is_late + Z[:, 0] * np.where(is_late, turn, 1.0)
    y = (rng.random(N) < 1 / (1 + np.exp(-logit))).astype(float)
    return Sample(Z, y, np.ones(N))


def test_a_steady_history_has_no_break() -> None:
    found = [find_break(drifting(seed=seed), seen=np.ones(N)) for seed in range(20)]

    assert sum(item is not None for item in found) <= 1


def test_a_change_of_the_win_rate_is_found_where_it_was_and_as_large_as_it_was() -> None:
    sample = drifting(level=0.8)

    found = find_break(sample, seen=np.ones(N))

    assert found is not None
    assert found.p_value < 1e-4
    assert found.row == pytest.approx(0.6 * N, abs=0.07 * N)
    rose = sample.y[1_800:].mean() / sample.y[:1_800].mean()
    assert found.low < rose < found.high


def test_young_leads_that_could_not_have_won_yet_are_no_break() -> None:
    sample = drifting()
    share = np.clip((N - np.arange(N)) / 1_000, 0, 1)
    came = np.random.default_rng(1).random(N) < share

    found = find_break(replace(sample, y=sample.y * came), seen=share)

    assert found is None


def test_too_few_wins_tell_no_break() -> None:
    sample = drifting(level=1.0)
    few = np.flatnonzero(sample.y)[60:]

    assert find_break(replace(sample, y=np.where(np.isin(np.arange(N), few), 0, sample.y)),
                      seen=np.ones(N)) is None  # fmt: skip


def choose(sample: Sample) -> float | None:
    place = np.arange(N, dtype=np.float64)
    return choose_half_life(sample, place, forward_folds(N), learners=Learners())[0]


def test_older_leads_fade_when_the_signal_turned() -> None:
    half_life = choose(drifting(turn=-1.0, at=0.3))

    assert half_life is not None
    assert half_life <= N / 4


def test_a_level_alone_is_no_reason_to_forget() -> None:
    assert choose(drifting(level=1.0)) is None
    assert choose(drifting()) is None


def test_weights_halve_with_the_half_life_and_are_one_without() -> None:
    place = np.array([0.0, 50.0, 100.0])
    rows = np.arange(3)

    assert Recency(place=place).weigh(rows).tolist() == [1.0, 1.0, 1.0]
    assert Recency(half_life=50, place=place).weigh(rows).tolist() == [0.25, 0.5, 1.0]


def turning_history(sample: Sample) -> History:
    """Return rows in order, without times: won or lost."""
    return History(
        source="turning",
        lead_ids=[str(i) for i in range(N)],
        moments=np.datetime64("2026-01-01", "us") + np.arange(N).astype("timedelta64[m]"),
        columns={"attributes.score": np.asarray(sample.Z[:, 0]).tolist()},
        events=[
            OutcomeEvent(lead_id=str(i), type=OutcomeType.WON if won else OutcomeType.LOST)
            for i, won in enumerate(sample.y)
        ],
        has_times=False,
    )


def fit(history: History, learners: Learners | None = None) -> FittedModel:
    settings = FitSettings(learners=learners or Learners())
    return fit_bundle(history, as_of=None, version="v1", created_at=NOW, settings=settings)


def weight_of_score(model: FittedModel) -> float:
    conversion = model.bundle.conversion
    assert conversion is not None
    assert conversion.direct is not None
    return float(conversion.direct.coef[0])


def test_a_history_in_order_only_follows_its_newest_leads_and_says_so() -> None:
    history = turning_history(drifting(level=0.7, turn=-1.0, at=0.3))

    fading, remembering = fit(history), fit(history, Learners(half_lives=()))

    assert weight_of_score(fading) < weight_of_score(remembering) < 0
    (note,) = [note for note in fading.notes if "win rate changed" in note]
    assert "leads since lead" in note
    assert "half after" in note
    (note,) = [note for note in remembering.notes if "win rate changed" in note]
    assert "all count alike" in note
    recency = fading.bundle.summary["recency"]
    assert isinstance(recency, dict)
    assert recency["unit"] == "leads"
    assert recency["half_life"] > 0


def test_a_steady_history_is_not_noted(won_or_lost: MakeHistory) -> None:
    model = fit(won_or_lost(2_000))

    assert not [note for note in model.notes if "win rate changed" in note]
    assert model.bundle.summary["recency"] == {
        "break": None, "half_life": None, "validation_log_loss": {}
    }  # fmt: skip
