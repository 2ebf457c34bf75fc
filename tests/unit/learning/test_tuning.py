import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from leadqual.errors import ConfigError, NotEnoughDataError
from leadqual.learning.evaluation import evaluate
from leadqual.learning.judging.judged import UNTUNED
from leadqual.learning.protocol import Protocol, plan_protocol
from leadqual.learning.searching.folds import TuningFold, World, plan_folds, plan_worlds
from leadqual.learning.searching.search import Budget, Difference, Space
from leadqual.learning.settings import MAX_LEAVES, FitSettings, Learners
from leadqual.learning.tuning import KEPT_STUDIES, Tuning, require_optuna, tune
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.maturity import read_maturity

MakeHistory = Callable[..., History]
Loss = Callable[[Learners], np.ndarray]

SETTINGS = FitSettings()
N_LEADS = 400
EMPTY = History("none", [], np.array([], dtype="datetime64[us]"), {}, [])
NOISE = np.random.default_rng(0).normal(0, 0.05, N_LEADS)


@dataclass(frozen=True)
class MadeUpFold(TuningFold):
    """A fold whose losses follow a formula; it notes what was tried."""

    formula: Loss = field(kw_only=True)
    tried: list[Learners] = field(default_factory=list, kw_only=True)

    def losses(self, learners: Learners, settings: FitSettings) -> np.ndarray:
        assert settings.check_order == SETTINGS.check_order
        self.tried.append(learners)
        return self.formula(learners)


def make_folds(formula: Loss, n_folds: int = 2) -> list[MadeUpFold]:
    won = np.repeat([0.0, 1.0], N_LEADS // 2)
    return [MadeUpFold(EMPTY, None, {}, won, None, formula=formula) for _ in range(n_folds)]


def search(
    folds: Sequence[TuningFold], *, max_trials: int = 12, url: str | None = None, key: str = "a"
) -> Tuning:
    return tune(
        folds,
        settings=SETTINGS,
        budget=Budget(600, max_trials),
        url=url,
        key=key,
        watch=lambda _n, _best: None,
    )


def strong_ridge_is_better(learners: Learners) -> np.ndarray:
    gain = 0.02 * float(np.log10(learners.ridge))
    return np.asarray(0.5 + NOISE * (1 + 0.1 * learners.plain_weight) - gain)


def defaults_are_best(learners: Learners) -> np.ndarray:
    return np.asarray(0.5 + NOISE + 0.05 * abs(float(np.log10(learners.ridge)) - 1))


def plan(history: History) -> Protocol:
    labels = label_history(history, as_of=None)
    return plan_protocol(history, labels, read_maturity(labels), seed=0)


def worlds_of(history: History) -> tuple[World, ...]:
    return plan_worlds(history, as_of=None, settings=SETTINGS, champion=None)


def shuffle_last_slice(history: History) -> History:
    """Give the judged leads each other's outcomes."""
    (fold,) = plan(history).folds
    rows = {history.lead_ids[i]: i for i in fold.test}
    order = np.random.default_rng(1).permutation(fold.test)
    new_row = dict(zip(fold.test.tolist(), order.tolist(), strict=True))
    events = []
    for event in history.events:
        old = rows.get(event.lead_id)
        if old is not None:
            new = new_row[old]
            later = (history.moments[new] - history.moments[old]) / np.timedelta64(1, "s")
            moved: dict[str, object] = {"lead_id": history.lead_ids[new]}
            if event.occurred_at is not None:
                moved["occurred_at"] = event.occurred_at + timedelta(seconds=float(later))
            event = event.model_copy(update=moved)  # noqa: PLW2901 - the moved event takes its place
        events.append(event)
    return replace(history, events=events)


def test_clearly_better_numbers_are_found_and_used() -> None:
    found = search(make_folds(strong_ridge_is_better))

    assert found.is_tuned
    assert found.learners.ridge > 30
    assert found.best is not None
    assert found.best.is_clear(found.n_trials)
    assert found.best.n_leads == 2 * N_LEADS
    assert "tuned in 12 trials" in found.remark
    assert "ridges" in found.remark


def test_defaults_are_kept_where_nothing_is_clearly_better() -> None:
    found = search(make_folds(defaults_are_best))

    assert not found.is_tuned
    assert found.learners == Learners()
    assert found.remark.startswith("nothing better than the defaults was found (12 trials")


def test_gain_within_its_noise_is_no_gain_and_the_best_of_many_needs_more() -> None:
    small, large = (Difference(-x, 0.001, n_stretches=15, n_leads=900) for x in (0.0021, 0.003))

    assert not small.is_clear(n_trials=1)
    assert large.is_clear(n_trials=1)
    assert not large.is_clear(n_trials=40)


def test_gain_of_one_month_only_is_no_gain_however_many_leads_it_had() -> None:
    n = 10_000
    everywhere, once = np.full(n, -0.01), np.repeat([-0.05, 0.0], [n // 5, n - n // 5])
    noise = np.random.default_rng(0).normal(0, 0.02, n)

    assert Difference.of([everywhere + noise]).is_clear(1)
    assert not Difference.of([once + noise]).is_clear(1)


def test_first_trial_is_what_is_given() -> None:
    folds = make_folds(defaults_are_best)
    search(folds, max_trials=3)

    assert [fold.tried[0] for fold in folds] == [Learners(), Learners()]


def test_hopeless_numbers_are_given_up_after_the_first_fold() -> None:
    first, second = make_folds(defaults_are_best)
    search([first, second])

    assert len(first.tried) == 13
    assert len(second.tried) < 6


def test_same_seed_tries_the_same_and_another_seed_does_not() -> None:
    one, two, three = (make_folds(strong_ridge_is_better) for _ in range(3))
    search(one)
    search(two)
    tune(
        three,
        settings=FitSettings(seed=1),
        budget=Budget(600, 12),
        url=None,
        key="a",
        watch=lambda _n, _best: None,
    )

    assert one[0].tried == two[0].tried
    assert one[0].tried != three[0].tried


def test_interrupted_search_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = make_folds(strong_ridge_is_better)
    url = f"sqlite:///{tmp_path / 'tuning.db'}"
    expected = search(whole, max_trials=11)
    n_calls = 0

    def break_off_once(learners: Learners) -> np.ndarray:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 16:
            raise KeyboardInterrupt
        return strong_ridge_is_better(learners)

    with pytest.raises(KeyboardInterrupt):
        search(make_folds(break_off_once), max_trials=11, url=url)
    rest = make_folds(strong_ridge_is_better)
    resumed = search(rest, max_trials=11, url=url)

    assert resumed == expected
    assert rest[1].tried == whole[1].tried[-len(rest[1].tried) :]
    assert len(rest[1].tried) < len(whole[1].tried)


def test_other_data_gets_another_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tuning.db'}"
    search(make_folds(strong_ridge_is_better), max_trials=3, url=url)

    other = search(make_folds(defaults_are_best), max_trials=2, url=url, key="b")

    assert other.n_trials == 2
    assert not other.is_tuned


def test_searches_begun_longest_ago_are_forgotten_with_their_trials(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tuning.db'}"
    for number in range(KEPT_STUDIES + 2):
        search(make_folds(strong_ridge_is_better), max_trials=0, url=url, key=f"{number}")

    search(make_folds(strong_ridge_is_better), max_trials=1, url=url, key="2")

    with closing(sqlite3.connect(tmp_path / "tuning.db")) as trials:
        kept = [name for (name,) in trials.execute("SELECT study_name FROM studies")]
        ((n_trials,),) = trials.execute("SELECT count(*) FROM trials")
        ((n_stray,),) = trials.execute(
            "SELECT count(*) FROM trial_user_attributes "
            "WHERE trial_id NOT IN (SELECT trial_id FROM trials)"
        )
    assert kept == [f"{number}" for number in range(2, KEPT_STUDIES + 2)]
    assert (n_trials, n_stray) == (KEPT_STUDIES + 1, 0)


def test_time_that_does_not_suffice_for_the_first_trial_tunes_nothing() -> None:
    seconds = 0.0

    def take_ten_seconds(_learners: Learners) -> np.ndarray:
        nonlocal seconds
        seconds += 10
        return NOISE

    folds = make_folds(take_ten_seconds, n_folds=3)
    budget = Budget(25, clock=lambda: seconds)
    found = tune(
        folds, settings=SETTINGS, budget=budget, url=None, key="a", watch=lambda _n, _best: None
    )

    assert [len(fold.tried) for fold in folds] == [1, 1, 0]
    assert found.learners == Learners()
    assert "not tuned: the time did not suffice" in found.remark
    assert "10 s each" in found.remark


def test_trial_that_would_not_fit_in_the_rest_is_not_begun() -> None:
    seconds = 0.0

    def take_ten_seconds(learners: Learners) -> np.ndarray:
        nonlocal seconds
        seconds += 10
        return strong_ridge_is_better(learners)

    folds = make_folds(take_ten_seconds)
    budget = Budget(75, clock=lambda: seconds)
    tune(folds, settings=SETTINGS, budget=budget, url=None, key="a", watch=lambda _n, _best: None)

    assert seconds <= 75
    assert len(folds[0].tried) >= 3


def test_without_optuna_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(ConfigError, match=r"pip install 'leadqual\[train\]'"):
        require_optuna()


def test_every_number_is_tuned_or_chosen_in_every_fit_and_the_defaults_lie_inside() -> None:
    spaces = [Space(Learners(), name) for name in ("plain_weight", "plain_weight_few_wins")]

    tuned = {name for space in spaces for name in space.distributions()}

    chosen_in_every_fit = {"half_lives"}
    assert (tuned - {"ridge"}) | {"ridges"} == set(Learners().as_dict()) - chosen_in_every_fit
    for space in spaces:
        start = space.start()
        assert space.learners(start) == Learners()
        for name, distribution in space.distributions().items():
            assert distribution._contains(distribution.to_internal_repr(start[name])), name


def test_trees_stay_shallow_enough_to_serve() -> None:
    assert Space(Learners(), "plain_weight").distributions()["n_leaves"].high == MAX_LEAVES  # type: ignore[attr-defined]  # of whole numbers


def test_world_ends_before_the_first_judged_lead(wins_only: MakeHistory) -> None:
    history = wins_only()
    protocol = plan(history)
    (world,) = worlds_of(history)

    assert world.until is not None
    assert protocol.as_of[0] is not None
    assert timedelta(0) <= protocol.as_of[0] - world.until < timedelta(days=1)
    assert all(
        e.occurred_at is not None and e.occurred_at <= world.until for e in world.history.events
    )
    judged = {history.lead_ids[i] for i in protocol.folds[0].test}
    assert judged.isdisjoint(world.history.lead_ids)


def test_folds_are_fitted_on_what_was_known_and_judged_on_what_came_later(
    wins_only: MakeHistory,
) -> None:
    (world,) = worlds_of(wins_only())
    folds = plan_folds(world, SETTINGS)

    assert len(folds) >= 2
    for fold in folds:
        assert fold.as_of is not None
        assert fold.train.moments.max() < np.datetime64(fold.as_of.replace(tzinfo=None))
        assert min(fold.won.sum(), (1 - fold.won).sum()) > 0


def test_outcomes_of_the_last_slice_never_reach_the_search(won_or_lost: MakeHistory) -> None:
    history = won_or_lost(600)
    changed = shuffle_last_slice(history)
    found = [
        search(plan_folds(worlds_of(one)[0], SETTINGS), max_trials=2) for one in (history, changed)
    ]

    assert changed.events != history.events
    assert found[0] == found[1]
    assert found[0].n_trials == 2


def test_what_became_of_judged_leads_changes_nothing_in_a_dated_world(
    wins_only: MakeHistory,
) -> None:
    history = wins_only()
    changed = shuffle_last_slice(history)
    (one,), (two,) = worlds_of(history), worlds_of(changed)

    assert changed.events != history.events
    assert one.until == two.until
    assert one.history.events == two.history.events
    assert one.history.columns == two.history.columns


def test_history_with_an_order_only_is_tuned_on_the_rows_before_the_judged(
    won_or_lost: MakeHistory,
) -> None:
    history = won_or_lost()
    (world,) = worlds_of(history)
    first_judged = plan(history).folds[0].test[0]

    assert world.history.n_leads == first_judged
    place = {lead: row for row, lead in enumerate(world.history.lead_ids)}
    for fold in plan_folds(world, SETTINGS):
        assert fold.as_of is None
        assert fold.train.n_leads < first_judged
        assert max(place[lead] for lead in fold.train.lead_ids) == fold.train.n_leads - 1


def test_history_without_order_is_tuned_within_each_fold_that_judges(
    won_or_lost: MakeHistory,
) -> None:
    history = won_or_lost(is_ordered=False)
    protocol = plan(history)
    worlds = worlds_of(history)

    assert len(worlds) == len(protocol.folds) + 1
    for world, fold in zip(worlds[:-1], protocol.folds, strict=True):
        judged = {history.lead_ids[i] for i in fold.test}
        assert judged.isdisjoint(world.history.lead_ids)
    assert worlds[-1].history.n_leads == history.n_leads


def test_losses_are_those_of_a_model_that_sees_the_past(won_or_lost: MakeHistory) -> None:
    (world,) = worlds_of(won_or_lost())
    fold = plan_folds(world, SETTINGS)[0]
    rate = fold.won.mean()

    losses = fold.losses(Learners(), SETTINGS)

    assert losses.shape == fold.won.shape
    assert 0.4 < losses.mean() < -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)) - 0.02


def test_tuned_learners_are_judged_beside_their_defaults(won_or_lost: MakeHistory) -> None:
    history = won_or_lost(500)
    tuned = FitSettings(learners=Learners(ridges=(1e4,), n_trees=1))
    with_defaults, with_tuned = (
        evaluate(history, as_of=None, settings=settings, n_resamples=10)
        for settings in (SETTINGS, tuned)
    )
    defaults = with_defaults.conversion.ours["log_loss"].value
    comparison = with_tuned.conversion.comparison

    assert UNTUNED not in with_defaults.conversion.comparison.metrics
    assert comparison.metrics[UNTUNED]["log_loss"].value == pytest.approx(defaults)
    assert comparison.differences[UNTUNED]["log_loss"].value > 0


def test_too_few_wins_before_the_judged_leads_are_refused_with_the_numbers(
    wins_only: MakeHistory,
) -> None:
    history = wins_only(700, n_days=300, base=-2.0)
    (world,) = worlds_of(history)

    with pytest.raises(NotEnoughDataError, match=r"past that tuning may .* 20 of each are needed"):
        plan_folds(world, SETTINGS)
