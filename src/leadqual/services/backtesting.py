"""Replay a history: would retraining have paid, and against what else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from leadqual.errors import InputError
from leadqual.learning.backtest import PREDICTORS, SHOWN, Backtest
from leadqual.learning.backtest import backtest as backtest_history
from leadqual.learning.settings import FitSettings
from leadqual.services.histories import HistorySource, load_history
from leadqual.services.workshop import Workshop, active_standard

Step = Callable[[str], None]

_EVERY: Final = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)


@dataclass(frozen=True)
class Backtested:
    """A backtest as JSON values and as text."""

    document: dict[str, object]
    text: str


def backtest(
    workshop: Workshop,
    source: HistorySource,
    *,
    now: datetime,
    every: str,
    first: datetime | None,
    on_step: Step,
) -> Backtested:
    """Replay a history and compare the frozen with the retrained model and two baselines.

    Parameters
    ----------
    every : str
        Length of a step: whole days such as `30d`.
    first : datetime or None
        Aware start of the first step.

    Raises
    ------
    InputError
        `every` is malformed, `first` is outside the history, or the history has no times.
    NotEnoughDataError, TrainingError
        There is too little to fit or to judge by.
    FileFormatError, MappingError
        The export cannot be read.
    """
    every_days = parse_every(every)
    on_step("Reading the history")
    loaded = load_history(workshop.store, source, now=now)
    on_step("Fitting the first model")
    settings = FitSettings(check_order=active_standard(workshop).check_order)
    found = backtest_history(
        loaded.history, every_days=every_days, first=first, settings=settings, on_step=on_step
    )
    return Backtested(
        document={**found.as_dict(), "rejected": loaded.rejections.as_dict()},
        text="\n".join([*_lines(found), *loaded.rejections.lines()]),
    )


def parse_every(text: str) -> int:
    """Return the days of a step from a text such as `30d`.

    Raises
    ------
    InputError
        It is not a whole number of days from 1d to 9999d.
    """
    found = _EVERY.fullmatch(text.strip())
    if found is None:
        raise InputError(
            "--every must be a whole number of days from 1d to 9999d, such as 7d or 30d"
        )
    return int(found[1])


def _lines(found: Backtest) -> list[str]:
    width = max(len(name) for name in PREDICTORS)
    lines = [found.protocol, "", "  ".join(["pooled".ljust(width), *(n.rjust(22) for n in SHOWN)])]
    for name, table in found.pooled.metrics.items():
        cells = [
            f"{table[n].value:.3f} [{table[n].low:.3f}, {table[n].high:.3f}]".rjust(22)
            for n in SHOWN
        ]
        lines.append("  ".join([name.ljust(width), *cells]))
    head = ["auc from".ljust(10), "judged".rjust(7), "won".rjust(5)]
    lines += ["", "  ".join([*head, *(name.rjust(width) for name in PREDICTORS)])]
    for step in found.steps:
        values = [step.metrics.get(name, {}).get("auc", np.nan) for name in PREDICTORS]
        cells = [("-" if np.isnan(x) else f"{x:.3f}").rjust(width) for x in values]
        counts = [str(step.n_judged).rjust(7), str(step.n_won).rjust(5)]
        lines.append("  ".join([f"{step.start:%Y-%m-%d}", *counts, *cells]))
    return lines
