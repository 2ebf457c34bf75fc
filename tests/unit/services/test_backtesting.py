"""The length of a step as people write it."""

import pytest

from leadqual.errors import InputError
from leadqual.services.backtesting import parse_every


def test_days_of_a_step_are_read() -> None:
    assert (parse_every("7d"), parse_every(" 30d ")) == (7, 30)


@pytest.mark.parametrize("text", ["", "30", "0d", "-7d", "1.5d", "d", "30 days", "99999d", "٣d"])
def test_malformed_step_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(InputError, match="such as 7d or 30d"):
        parse_every(text)
