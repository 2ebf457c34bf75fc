import pytest

from api.errors import ProblemError
from api.limits import RateLimit


def test_caller_over_its_rate_is_told_when_to_go_on() -> None:
    limit = RateLimit("2/minute")
    limit.admit("a")
    limit.admit("a")

    with pytest.raises(ProblemError) as caught:
        limit.admit("a")

    assert caught.value.status_code == 429
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60


def test_callers_are_counted_apart() -> None:
    limit = RateLimit("1/minute")
    limit.admit("a")

    limit.admit("b")
