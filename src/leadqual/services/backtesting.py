"""Replay a history: would retraining have paid, and against what else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from leadqual.errors import InputError
from leadqual.learning.backtest import ReplayOptions
from leadqual.learning.backtest import backtest as backtest_history
from leadqual.learning.replay.clock import Cadence
from leadqual.learning.replay.page import render
from leadqual.learning.replay.result import SHOWN, Backtest
from leadqual.learning.replay.steps import SHORT_NAMES
from leadqual.learning.settings import FitSettings
from leadqual.services.backtest_state import open_step_folder
from leadqual.services.histories import HistorySource, load_history
from leadqual.services.workshop import Workshop, active_standard

Step = Callable[[str], None]
Count = Callable[[int, int], None]

MAX_JOBS: Final = 64
STATE_FOLDER: Final = "backtests"
_DAYS: Final = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
_ROWS: Final = re.compile(r"(0|[1-9][0-9]{0,8})rows", re.ASCII)
_EVERY: Final = "whole days such as 7d or 30d (1d to 9999d), or rows such as 1000rows"


@dataclass(frozen=True)
class BacktestRequest:
    """What was asked for, as people write it.

    Parameters
    ----------
    every : str or None
        Length of a step: `30d`, or `1000rows` for a history with an order only.
    first : str or None
        Start of the first step: a day, or `5000rows`.
    lag : str or None
        After how many later leads an outcome is known, for an order only: `500rows`.
    jobs : int
        Processes at once.
    """

    every: str | None = None
    first: str | None = None
    lag: str | None = None
    jobs: int = 1


@dataclass(frozen=True)
class Backtested:
    """A backtest as JSON values, as text and as a page."""

    document: dict[str, object]
    text: str
    html: str


def backtest(
    workshop: Workshop,
    source: HistorySource,
    *,
    request: BacktestRequest,
    now: datetime,
    on_step: Step,
    on_count: Count = lambda _done, _total: None,
) -> Backtested:
    """Replay a history and compare the frozen with the retrained model and with baselines.

    Finished steps are kept in the folder of the deployment: the same request on the same data
    goes on where it was broken off.

    Parameters
    ----------
    request : BacktestRequest
        How to cut the history into steps.
    on_count : callable
        Told how many steps are done, and of how many.

    Raises
    ------
    InputError
        Something asked for is malformed or does not suit the history, or it has no order.
    NotEnoughDataError, TrainingError
        There is too little to fit or to judge by, or a process was killed.
    FileFormatError, MappingError
        The export cannot be read.
    OSError
        Finished steps cannot be kept.
    """
    cadence = parse_cadence(request)
    on_step("Reading the history")
    loaded = load_history(workshop.store, source, now=now)
    settings = FitSettings(check_order=active_standard(workshop).check_order)
    folder = workshop.settings.home / STATE_FOLDER
    keeper = open_step_folder(folder, loaded, cadence=cadence, settings=settings, now=now)
    on_step("Replaying")
    options = ReplayOptions(jobs=request.jobs, keeper=keeper, on_progress=on_count)
    found = backtest_history(loaded.history, cadence, settings=settings, options=options)
    return Backtested(
        document={**found.as_dict(), "rejected": loaded.rejections.as_dict()},
        text="\n".join([*_lines(found), *loaded.rejections.lines()]),
        html=render(found, title=f"Backtest of {loaded.origin}"),
    )


def parse_cadence(request: BacktestRequest) -> Cadence:
    """Read how a history is to be cut into steps.

    Raises
    ------
    InputError
        With the option and what it takes.
    """
    if not 1 <= request.jobs <= MAX_JOBS:
        raise InputError(f"--jobs must be a number of processes from 1 to {MAX_JOBS}")
    every_days, every_rows = _read_every(request.every)
    first_at, first_row = _read_first(request.first)
    lag = None if request.lag is None else _read_rows(request.lag)
    if request.lag is not None and lag is None:
        raise InputError("--lag must be a number of rows such as 500rows")
    return Cadence(
        every_days=every_days,
        every_rows=every_rows,
        first_at=first_at,
        first_row=first_row,
        lag_rows=lag or 0,
    )


def _read_every(text: str | None) -> tuple[int | None, int | None]:
    """Return days or rows."""
    if text is None:
        return None, None
    days = _DAYS.fullmatch(text.strip())
    rows = _read_rows(text)
    if days is None and not rows:
        raise InputError(f"--every must be {_EVERY}")
    return (None, rows) if days is None else (int(days[1]), None)


def _read_first(text: str | None) -> tuple[datetime | None, int | None]:
    """Return a moment or a row."""
    if text is None:
        return None, None
    rows = _read_rows(text)
    if rows is not None:
        return None, rows
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC), None
    except ValueError:
        raise InputError(
            "--first must be a day such as 2026-01-31 (UTC), or a number of rows such as 5000rows "
            "for a history without times"
        ) from None


def _read_rows(text: str) -> int | None:
    found = _ROWS.fullmatch(text.strip())
    return None if found is None else int(found[1])


def _lines(found: Backtest) -> list[str]:
    width = max(len(SHORT_NAMES[name]) for name in found.predictors)
    lines = [found.protocol, "", "  ".join(["pooled".ljust(width), *(n.rjust(20) for n in SHOWN)])]
    for name, table in found.pooled.metrics.items():
        cells = [
            f"{table[n].value:.3f} [{table[n].low:.3f}, {table[n].high:.3f}]".rjust(20)
            for n in SHOWN
        ]
        lines.append("  ".join([SHORT_NAMES[name].ljust(width), *cells]))
    lines += ["", found.headline, *found.verdicts, ""]
    head = ["AUC from".ljust(10), "judged".rjust(7), "won".rjust(5)]
    lines.append("  ".join([*head, *(SHORT_NAMES[name].rjust(9) for name in found.predictors)]))
    for point in found.curve:
        values = [point.metrics[name]["auc"] for name in found.predictors]
        cells = [("-" if np.isnan(x) else f"{x:.3f}").rjust(9) for x in values]
        counts = [str(point.n_judged).rjust(7), str(point.n_won).rjust(5)]
        lines.append("  ".join([found.steps[point.first].name.ljust(10), *counts, *cells]))
    return lines
