from api.metrics import Metrics
from api.tally import KEPT, Tally


def counted(metrics: Metrics) -> float | None:
    labels = {"method": "POST", "route": "/v1/score", "status": "200"}
    return metrics.registry.get_sample_value("leadqual_requests_total", labels)


def test_answers_that_came_before_the_figures_are_counted_when_these_are_asked_for() -> None:
    tally, metrics = Tally(), Metrics()
    for _ in range(KEPT + 1):
        tally.note("/v1/score", status=200, seconds=0.01)
    tally.flush()
    tally.hand_to(metrics)

    tally.note("/v1/score", status=200, seconds=0.01)
    tally.flush()

    assert counted(metrics) == KEPT + 2


def test_answers_are_counted_though_nobody_asks_so_that_notes_stay_few() -> None:
    tally, metrics = Tally(), Metrics()
    tally.hand_to(metrics)

    for _ in range(KEPT):
        tally.note("/v1/score", status=200, seconds=0.01)

    assert counted(metrics) == KEPT
