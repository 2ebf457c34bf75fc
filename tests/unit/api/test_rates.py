import pytest

from api.errors import ProblemError
from api.limits import count_request
from api.rates import MAX_CALLERS, RateLimit
from leadqual.errors import ConfigError


def test_caller_over_its_rate_is_told_when_to_go_on() -> None:
    limit = RateLimit("2/minute")
    count_request(limit, "a")
    count_request(limit, "a")

    with pytest.raises(ProblemError) as caught:
        count_request(limit, "a")

    assert caught.value.status_code == 429
    assert 1 <= int((caught.value.headers or {})["Retry-After"]) <= 60


def test_callers_are_counted_apart() -> None:
    limit = RateLimit("1/minute")

    assert [limit.wait_of("a"), limit.wait_of("b")] == [0, 0]
    assert limit.wait_of("a") > 0


def test_memory_stays_bounded_however_many_callers_come() -> None:
    limit = RateLimit("1/minute")

    for number in range(MAX_CALLERS + 50):
        limit.wait_of(str(number))

    assert limit.wait_of(str(MAX_CALLERS + 49)) > 0
    assert len(limit._windows) <= MAX_CALLERS


def test_rate_that_cannot_be_read_names_the_settings() -> None:
    with pytest.raises(ConfigError, match="LEADQUAL_KEY_RATE"):
        RateLimit("often")
