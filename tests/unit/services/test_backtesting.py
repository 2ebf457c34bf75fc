"""What is asked of a backtest, as people write it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from leadqual.errors import InputError
from leadqual.learning.replay.clock import Cadence
from leadqual.services.backtesting import BacktestRequest, parse_cadence


def test_days_and_rows_are_read() -> None:
    dated = BacktestRequest(every="7d", first=" 2026-01-31 ")
    by_rows = BacktestRequest(every="1000rows", first="5000rows", lag="0rows")

    assert parse_cadence(dated) == Cadence(every_days=7, first_at=datetime(2026, 1, 31, tzinfo=UTC))
    assert parse_cadence(by_rows) == Cadence(every_rows=1000, first_row=5000)
    assert parse_cadence(BacktestRequest()) == Cadence()


@pytest.mark.parametrize(
    "text", ["", "30", "0d", "-7d", "1.5d", "d", "30 days", "99999d", "٣d", "0rows", "1e3rows"]
)
def test_malformed_step_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(InputError, match="such as 7d or 30d"):
        parse_cadence(BacktestRequest(every=text))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"first": "31.01.2026"}, "a day such as 2026-01-31"),
        ({"first": "2026-02-30"}, "a day such as 2026-01-31"),
        ({"first": "-5rows"}, "or a number of rows"),
        ({"lag": "3d"}, "--lag must be a number of rows"),
        ({"jobs": 0}, "--jobs must be a number of processes from 1"),
        ({"jobs": 1_000}, "--jobs must be a number of processes from 1"),
    ],
)
def test_other_malformed_options_are_refused(asked: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        parse_cadence(BacktestRequest(**asked))
