"""Signs of a leak in what a column holds: its ranking, what is filled, levels, exactness."""

from __future__ import annotations

from typing import Final

import numpy as np

from leadqual.learning.leaks.sample import (
    MIN_LEVEL,
    Area,
    GroupRates,
    Sample,
    area_within,
    rate_groups,
    skill_of_date,
)
from leadqual.learning.single_column import Codes, Flags, Floats, ReadColumn, mean_out_of_fold

MAX_SINGLE_AUC: Final = 0.85
"""Honest columns of the real sets reach .75 at most, the documented leak of one reaches .89."""

MAX_SURE_AUC: Final = 0.78
"""The same for a column that knows of some leads that they are won, of others that they are not."""

MAX_EXACTNESS_AUC: Final = 0.75
"""How a number is rounded says little: more than this comes from who filled it in, and when."""

MIN_GROUP: Final = 10
MAX_ODDS: Final = 25.0
"""Times better odds than the leads beside: honest groups of the real sets reach 18 (clients who
accepted an earlier offer), published lead sources about 20."""

MAX_ODDS_WHEN_FILLED: Final = 10.0
"""The same for leads with a filled column, where at most one in a hundred is an exception."""

_EXCEPTIONS: Final = 0.01
_MIN_RATE: Final = 0.5
_SURE_WON: Final = 0.8
_SURE_LOST: Final = 0.1
_SURE: Final = " where values are this sure of either end"
_MIN_EXPECTED: Final = 20
_MAX_YES_NO: Final = 3  # missing, yes and no: told by level
_AREA_SLACK: Final = 0.05
_CONTAINED: Final = 0.95
_MAX_DIGITS: Final = 8
_MAX_SHOWN: Final = 40


def find_ranking(sample: Sample) -> dict[str, str]:
    """Return columns that alone rank the outcome better than an honest column can."""
    found = {}
    for name, column in sample.columns.items():
        codes = column.group(min_count=MIN_LEVEL)
        area = area_within(mean_out_of_fold(codes, sample.y), sample.won, sample.stretch)
        if area is None or not _is_above(area, MAX_SURE_AUC):
            continue
        is_sure = not column.is_number and _is_sure_both_ways(codes, sample)
        limit = MAX_SURE_AUC if is_sure else MAX_SINGLE_AUC
        if not _is_above(area, limit):
            continue
        if area.value - 0.5 - skill_of_date(codes, sample) > _AREA_SLACK:
            found[name] = (
                f"ranks the outcome alone with AUC {area.value:.3f} "
                f"(above {limit:g} is suspicious{_SURE if is_sure else ''})"
            )
    return found


def find_filling(sample: Sample) -> dict[str, str]:
    """Return columns whose being filled, or not zero, follows the outcome, and their block.

    A block are the columns that are filled for the same leads: where one of them is found,
    each is named.
    """
    found: dict[str, str] = {}
    filled: dict[str, Flags] = {}
    n_looked_at = 3 * len(sample.columns)
    for name, column in sample.columns.items():
        for said, flags in _fillings(column):
            why = _follows(flags, sample, said=said, n_looked_at=n_looked_at)
            if why is not None and name not in found:
                found[name], filled[name] = why, flags
    return found | _with_their_block(sample, found, filled)


def find_levels(sample: Sample) -> dict[str, str]:
    """Return columns with a level that won leads have and hardly any other."""
    counts = {
        name: np.bincount(column.codes, minlength=len(column.levels))
        for name, column in sample.columns.items()
    }
    n_looked_at = sum(int((n[1:] >= MIN_GROUP).sum()) for n in counts.values())
    found = {}
    for name, column in sample.columns.items():
        (common,) = np.nonzero(counts[name] >= MIN_GROUP)
        if len(common) < 2 - (len(column.levels) > 2):
            continue
        number = np.zeros(len(column.levels), dtype=np.intp)
        number[common] = np.arange(1, len(common) + 1)
        rates = rate_groups(number[column.codes], len(common) + 1, sample)
        is_leak = _is_known_after(rates, MAX_ODDS, n_looked_at=n_looked_at)[1:] & (common > 0)
        if is_leak.any():
            worst = int(np.argmax(is_leak * rates.n_won_all[1:]))
            level = str(column.levels[common[worst]])[:_MAX_SHOWN]
            found[name] = f"is `{level}` for {rates.describe(worst + 1)}"
    return found


def find_exactness(sample: Sample) -> dict[str, str]:
    """Return numbers that are exact for won leads and rounded for the others.

    Compared among numbers of one magnitude only, so that large is not taken for round.
    """
    found = {}
    for name, column in sample.columns.items():
        if not column.is_number:
            continue
        (rows,) = np.nonzero(np.isfinite(column.numbers) & (column.numbers != 0))
        digits, magnitude = count_digits(column.numbers[rows])
        if len(rows) == 0 or digits.min() == digits.max():
            continue
        won = sample.won[rows]
        score = mean_out_of_fold(magnitude * _MAX_DIGITS + digits - 1, won.astype(np.float64))
        area = area_within(score, won, magnitude)
        if area is not None and _is_above(area, MAX_EXACTNESS_AUC):
            found[name] = (
                f"is more exact for one outcome than for the other: digits alone rank it with AUC "
                f"{area.value:.3f}, {digits[won].mean():.1f} digits when won, "
                f"{digits[~won].mean():.1f} when not"
            )
    return found


def count_digits(numbers: Floats) -> tuple[Codes, Codes]:
    """Return the significant digits of numbers (1 to 8) and their magnitude, from 0 upwards.

    Parameters
    ----------
    numbers : ndarray of float64, shape (n,)
        Finite and not 0.

    Examples
    --------
    >>> digits, magnitude = count_digits(np.array([50000.0, 48317.0, 0.25]))
    >>> digits.tolist(), magnitude.tolist()
    ([1, 5, 2], [5, 5, 0])
    """
    size = np.abs(numbers)
    power = np.floor(np.log10(size))
    lead = size / 10.0**power
    digits = np.full(len(numbers), _MAX_DIGITS, dtype=np.intp)
    for n in range(_MAX_DIGITS - 1, 0, -1):
        moved = lead * 10.0 ** (n - 1)
        digits[np.abs(moved - np.rint(moved)) < 1e-6 * moved] = n
    least = power.min(initial=0)
    return digits, (power - least).astype(np.intp)


def _is_sure_both_ways(codes: Codes, sample: Sample) -> bool:
    """Say whether one value surely means won and another surely not: an opinion formed later."""
    n_groups = int(codes.max()) + 1
    rates = rate_groups(codes, n_groups, sample)
    is_won = rates.least_rate(n_looked_at=n_groups) >= _SURE_WON
    is_lost = rates.greatest_rate(n_looked_at=n_groups) <= _SURE_LOST
    share_won = rates.n_won.sum() / max(rates.n.sum(), 1)
    return bool(is_won.any() and is_lost.any() and share_won > 2 * _SURE_LOST)


def _is_above(area: Area | None, limit: float) -> bool:
    """Say whether an area is above a limit, and not only because the leads are few."""
    return area is not None and area.value > limit and area.low > limit - _AREA_SLACK


def _fillings(column: ReadColumn) -> list[tuple[str, Flags]]:
    """Ways in which a column may be filled, where they part the leads at all."""
    ways = [("is filled", column.is_filled), ("is empty", ~column.is_filled)]
    if np.isfinite(column.numbers).any() and len(column.levels) > _MAX_YES_NO:
        ways.append(("is not zero", column.is_filled & (column.numbers != 0)))
    return [(said, flags) for said, flags in ways if flags.any() and not flags.all()]


def _follows(flags: Flags, sample: Sample, *, said: str, n_looked_at: int) -> str | None:
    """Say why a yes-or-no about leads looks known after the outcome."""
    rates = rate_groups(flags.astype(np.intp), 2, sample)
    if rates.n_all[1] < MIN_GROUP:
        return None
    told = f"{said} for {rates.describe(1)}"
    is_pure = rates.n - rates.n_won <= _EXCEPTIONS * rates.n
    limit = np.where(is_pure, MAX_ODDS_WHEN_FILLED, MAX_ODDS)
    if _is_known_after(rates, limit, n_looked_at=n_looked_at)[1]:
        return told
    if said == "is filled":
        expected = rates.n[1] * rates.rate_beside[1]
        if rates.n_won_all[1] == 0 and expected >= _MIN_EXPECTED:
            return f"{told}; {expected:.0f} wins expected"
    area = area_within(flags.astype(np.float64), sample.won, sample.stretch)
    return told if _is_above(area, MAX_SINGLE_AUC) else None


def _is_known_after(rates: GroupRates, limit: float | Floats, *, n_looked_at: int) -> Flags:
    """Say which groups are won more surely than anything known before the outcome could tell."""
    least = rates.least_rate(n_looked_at=n_looked_at)
    beside = rates.rate_beside
    odds = least / np.maximum(1 - least, 1e-12) * (1 - beside) / beside
    return (rates.n >= MIN_GROUP) & (least >= _MIN_RATE) & (odds > limit)


def _with_their_block(
    sample: Sample, found: dict[str, str], filled: dict[str, Flags]
) -> dict[str, str]:
    """Name the columns that are filled only where a found one is."""
    blocks = {}
    for name, column in sample.columns.items():
        flags = filled.get(name, column.is_filled)
        n = int(flags.sum())
        if n < MIN_LEVEL or n == len(flags):
            continue
        others = [
            other
            for other, inside in filled.items()
            if other != name and (flags & inside).sum() >= _CONTAINED * n
        ]
        if not others:
            continue
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        together = f"only where `{others[0]}`{more} is"
        blocks[name] = (
            f"{found[name]}, {together}" if name in found else f"is filled {together}, {n:,} leads"
        )
    return blocks
