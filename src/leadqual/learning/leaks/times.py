"""Signs of a leak in time: late dates, counters read later, skill that only shuffling shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import numpy as np

from leadqual.learning.leaks.sample import (
    MIN_LEVEL,
    N_STRETCHES,
    Area,
    Sample,
    area_within,
    skill_of_date,
)
from leadqual.learning.single_column import Codes, Floats, ReadColumn, mean_out_of_fold
from leadqual.outcomes.timeline import to_days

MIN_DATED: Final = 20
MIN_SETTLED: Final = 40
MAX_DELAY_CORRELATION: Final = 0.7
"""Between a number and the days until the end; what a lead says of its plans reaches about .5."""

MAX_GAP: Final = 0.1
MAX_COLUMN_GAP: Final = 0.15
MIN_RANDOM_AUC: Final = 0.75
_N_TRIED: Final = 200
_Z: Final = 3.09
_LATE_SHARE: Final = 0.05
_LATE_DAYS: Final = 1.0
_SMOOTHING_LEADS: Final = 5.0
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_WRITTEN: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})\b")


def find_late_dates(sample: Sample) -> dict[str, str]:
    """Return columns of dates that lie after the moment at which they should have been known."""
    found = {}
    for name, column in sample.columns.items():
        days = read_days(column)
        is_date = np.isfinite(days) & np.isfinite(sample.moment_days)
        if is_date.sum() < MIN_DATED:
            continue
        is_late = days[is_date] > sample.moment_days[is_date] + _LATE_DAYS
        if is_late.mean() > _LATE_SHARE:
            found[name] = f"holds dates after the lead was scored, for {is_late.mean():.0%} of them"
    return found


def find_late_counters(sample: Sample) -> dict[str, str]:
    """Return numbers that grow with the time until the outcome: they were read at its end."""
    has_end = np.isfinite(sample.settled_days) & (sample.settled_days > 0)
    found = {}
    for name, column in sample.columns.items():
        for side, said in ((sample.won, "won"), (~sample.won, "lost")):
            (rows,) = np.nonzero(has_end & side & np.isfinite(column.numbers))
            if len(rows) < MIN_SETTLED:
                continue
            low = _least_correlation(column.numbers[rows], sample.settled_days[rows])
            if low > MAX_DELAY_CORRELATION:
                found[name] = (
                    f"follows the time until a lead was {said} (rank correlation above {low:.2f})"
                )
    return found


def find_gap(sample: Sample) -> dict[str, str]:
    """Return columns that rank leads of the same days and not later ones.

    A simple model of all columns is judged on shuffled leads and on later ones. Where that
    parts widely, the columns are named that do so by themselves, and more than the mere date
    would: drift makes a gap as well, and it is no leak.
    """
    if not sample.is_ordered or len(sample.won) < 10 * N_STRETCHES:
        return {}
    later = sample.stretch > 0
    shuffled_all, forward_all = np.zeros(len(sample.won)), np.zeros(len(sample.won))
    found = {}
    for name, column in sample.columns.items():
        codes = column.group(min_count=MIN_LEVEL)
        shuffled, forward = mean_out_of_fold(codes, sample.y), _mean_of_earlier(codes, sample)
        shuffled_all += _log_odds(shuffled)
        forward_all += _log_odds(forward)
        one = area_within(shuffled, sample.won, sample.stretch)
        if one is None or one.low <= MIN_RANDOM_AUC:
            continue
        two = area_within(forward[later], sample.won[later], sample.stretch[later])
        if two is None or one.value - two.value - skill_of_date(codes, sample) <= MAX_COLUMN_GAP:
            continue
        found[name] = (
            f"ranks leads of the same days with AUC {one.value:.3f} and later ones with "
            f"{two.value:.3f}, more than drift explains"
        )
    whole = area_within(shuffled_all, sample.won, sample.stretch)
    ahead = area_within(forward_all[later], sample.won[later], sample.stretch[later])
    return found if _parts_widely(whole, ahead) else {}


def read_days(column: ReadColumn) -> Floats:
    """Return dates as days since 1970, shape (n,); NaN for anything else.

    ISO 8601 and day, month and year parted by `.`, `/` or `-` are understood. Where the column
    leaves open which of the first two is the day, the reading that makes fewer days late is not
    known here, so the day is taken to come first, as with a point.
    """
    texts = [level for level in column.levels if level is not None]
    if not any(_ISO.match(text) or _WRITTEN.match(text) for text in texts[:_N_TRIED]):
        return np.full(len(column.codes), np.nan)
    is_month_first = _is_month_first(texts)
    days = [_read_day(text, is_month_first=is_month_first) for text in texts]
    return np.array([np.nan, *days])[column.codes]


def _is_month_first(texts: Iterable[str]) -> bool:
    """Say whether written dates must have the month first: some second number is above 12."""
    matches = (_WRITTEN.match(text) for text in texts)
    return any(match is not None and int(match[3]) > 12 for match in matches)


def _read_day(text: str, *, is_month_first: bool) -> float:
    written = _WRITTEN.match(text)
    try:
        if written is not None:
            one, two, year = int(written[1]), int(written[3]), int(written[4])
            day, month = (two, one) if is_month_first else (one, two)
            return to_days(datetime(year, month, day, tzinfo=UTC))
        if not _ISO.match(text):
            return float("nan")
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return float("nan")
    return to_days(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _least_correlation(x: Floats, y: Floats) -> float:
    """Return the lower 99.9 % bound of the rank correlation (Fisher's transformation)."""
    one, two = _ranks(x), _ranks(y)
    if one.std() == 0 or two.std() == 0:
        return 0.0
    rho = min(float(np.corrcoef(one, two)[0, 1]), 1 - 1e-12)
    return float(np.tanh(np.arctanh(rho) - _Z / np.sqrt(len(x) - 3)))


def _ranks(x: Floats) -> Floats:
    """Return ranks, ties sharing their mean rank."""
    _, place, n = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(n) - (n - 1) / 2)[place], dtype=np.float64)


def _mean_of_earlier(codes: Codes, sample: Sample) -> Floats:
    """Return the smoothed share won of each lead's value in earlier stretches."""
    size = int(codes.max(initial=0)) + 1
    place = codes * N_STRETCHES + sample.stretch
    shape = size, N_STRETCHES
    n = np.bincount(place, minlength=size * N_STRETCHES).reshape(shape).cumsum(axis=1)
    won = np.bincount(place, sample.y, minlength=size * N_STRETCHES).reshape(shape).cumsum(axis=1)
    before = np.maximum(sample.stretch - 1, 0)
    rate = won.sum(axis=0) / np.maximum(n.sum(axis=0), 1)
    mean = (won + _SMOOTHING_LEADS * rate) / (n + _SMOOTHING_LEADS)
    return np.asarray(mean[codes, before], dtype=np.float64)


def _log_odds(share: Floats) -> Floats:
    inside = np.clip(share, 1e-4, 1 - 1e-4)
    return np.log(inside / (1 - inside))


def _parts_widely(whole: Area | None, ahead: Area | None) -> bool:
    return whole is not None and ahead is not None and whole.value - ahead.value > MAX_GAP
