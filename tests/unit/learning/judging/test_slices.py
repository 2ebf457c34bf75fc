"""Parts of the judged leads: marked when they differ beyond chance, not when one of many does."""

import numpy as np

from leadqual.features.encoder import Encoder
from leadqual.leads.schema import Scalar
from leadqual.learning.judging.slices import EXPLORED, measure_slices
from leadqual.learning.judging.states import band_edges, name_states
from leadqual.learning.metrics import Outcome
from leadqual.outcomes.history import Columns


def test_a_part_that_is_off_is_marked_and_the_others_are_not() -> None:
    rng = np.random.default_rng(0)
    source = rng.choice(["a", "b", "c"], 3_000)
    p = np.full(3_000, 0.1)
    won = (rng.random(3_000) < np.where(source == "c", 0.2, 0.1)).astype(float)

    parts = measure_slices({"source": source.tolist()}, p, Outcome.of(won))

    assert {part.level: part.is_off for part in parts} == {"a": False, "b": False, "c": True}
    for part in parts:
        assert part.low < part.observed < part.high


def test_many_looks_at_right_predictions_mark_hardly_any() -> None:
    marked = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p = rng.beta(2, 20, 2_000)
        columns: Columns = {
            "source": rng.choice(list("abcdefgh"), 2_000).tolist(),
            "contact.country": rng.choice(list("ABCDEFGH"), 2_000).tolist(),
        }
        parts = measure_slices(columns, p, Outcome.of((rng.random(2_000) < p).astype(float)))
        marked += any(part.is_off for part in parts)

    assert marked <= 6  # 2 expected at one in twenty


def test_company_sizes_stand_from_small_to_large() -> None:
    sizes: Columns = {"company.n_employees": [*[None] * 90, *[5] * 40, *[2_000] * 80, *[20] * 60]}

    parts = measure_slices(sizes, np.full(270, 0.1), Outcome.of(np.zeros(270)))

    assert [part.level for part in parts] == ["0 to 9", "10 to 49", "1000 or more", "not known"]


def test_copies_of_a_lead_are_no_new_evidence() -> None:
    won = np.repeat([1.0, 0.0], [12, 48])
    p = np.full(60, 0.05)
    columns: Columns = {"source": ["a"] * 60, "motion": [*["x"] * 30, *["y"] * 30]}
    alone = Outcome.of(won)
    copied = Outcome(won=won, value=np.zeros(60), group=np.repeat(np.arange(5), 12))

    marked = measure_slices(columns, p, alone)
    unmarked = measure_slices(columns, p, copied)

    assert marked[0].is_off
    assert not any(part.is_off for part in unmarked)
    assert unmarked[0].high - unmarked[0].low > marked[0].high - marked[0].low


def test_a_field_that_is_the_same_for_all_is_left_out() -> None:
    p = np.full(100, 0.5)
    outcome = Outcome.of(np.tile([0.0, 1.0], 50))

    assert measure_slices({"motion": ["inbound"] * 100}, p, outcome) == ()


def test_leads_queued_at_random_are_a_part() -> None:
    p = np.full(100, 0.5)
    outcome = Outcome.of(np.tile([0.0, 1.0], 50))

    parts = measure_slices({}, p, outcome, explored=np.arange(100) < 40)

    assert [(part.field, part.level, part.n_leads) for part in parts] == [
        (EXPLORED, "by rank", 60),
        (EXPLORED, "at random", 40),
    ]


def test_bands_of_a_number_that_is_mostly_nought_are_readable() -> None:
    visits: list[Scalar] = np.repeat([0, 1, 2, 5, 9], [800, 80, 60, 40, 20]).tolist()
    encoder = Encoder.fit({"engagement.n_visits": visits}, n_leads=1_000)
    (feature,) = encoder.numeric

    assert name_states(feature)[0] == "0"
    assert name_states(feature)[-1] == "not known"
    assert len(name_states(feature)) == len(band_edges(feature)) + 2
