"""Independent work side by side gives what one after the other gives."""

from collections.abc import Callable

import numpy as np

from leadqual.learning.fitting import fit_bundle
from leadqual.learning.learners.workers import open_workers
from leadqual.outcomes.history import History
from leadqual.qualify.bundle import bundle_files
from tests.unit.learning.conftest import START


def test_results_come_in_the_order_of_the_items() -> None:
    with open_workers() as run:
        assert run(lambda x: x * x, range(20)) == [x * x for x in range(20)]


def test_a_fit_is_the_same_on_one_core_and_on_all(funnel: Callable[..., History]) -> None:
    history = funnel(1_500)

    def fit(_: int) -> dict[str, bytes]:
        model = fit_bundle(history, as_of=None, version="any", created_at=START)
        return dict(bundle_files(model.bundle))

    side_by_side = fit(0)
    with open_workers() as run:  # within a worker everything goes one after the other
        one_by_one = run(fit, [0, 1])

    assert one_by_one == [side_by_side, side_by_side]


def test_work_within_a_worker_opens_no_further_threads() -> None:
    def nested(x: int) -> list[int]:
        with open_workers() as run:
            return run(lambda y: x + y, range(3))

    with open_workers() as run:
        assert run(nested, range(4)) == [[x, x + 1, x + 2] for x in range(4)]
    assert np.array(run(nested, [1])).tolist() == [[1, 2, 3]]
