"""A training says what it took."""

from leadqual.services.effort import Stage, StageClock, read_peak_bytes


def test_clock_tells_each_stage_and_keeps_them_in_order() -> None:
    told: list[str] = []
    clock = StageClock(told.append)
    clock.begin(Stage.READING)
    clock.begin(Stage.FITTING)

    effort = clock.read()

    assert told == ["Reading the history", "Fitting on all leads"]
    assert list(effort.seconds) == [Stage.READING, Stage.FITTING]
    assert all(seconds >= 0 for seconds in effort.seconds.values())
    assert set(effort.as_metrics()) >= {"effort.seconds.reading", "effort.seconds.fitting"}
    assert effort.line().startswith("took ")


def test_peak_memory_does_not_fall_when_memory_is_given_back() -> None:
    before = read_peak_bytes()
    assert before is not None
    block = bytearray(64 * 2**20)
    del block

    assert (read_peak_bytes() or 0) >= before
