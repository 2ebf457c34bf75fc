"""Results as markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.judging import (
    BY_VALUE,
    FULL,
    ORACLE,
    OURS,
    STRICT,
    Row,
    SeedResult,
)
from benchmarks.learning.real_sets import RealResult
from benchmarks.learning.rivals import TUNED
from leadqual.learning.learners.baselines import LIGHTGBM
from leadqual.learning.metrics import Interval
from leadqual.qualify.score import Head

Floats = NDArray[np.float64]

METRICS: Final = (
    "auc", "lift_10", "log_loss", "ece", "slope", "observed_expected", "revenue_20",
)  # fmt: skip
HEAD_METRICS: Final = ("auc", "ece", "observed_expected")
REAL_METRICS: Final = ("auc", "log_loss", "ece", "slope", "observed_expected")
_MIN_GAP: Final = 0.005
_SE_PER_INTERVAL: Final = 2 * 1.96
_LOWER_IS_BETTER: Final = ("log_loss",)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a markdown table and an empty line."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def describe_scenario(results: Sequence[SeedResult]) -> list[str]:
    """Return the tables of one scenario, one result per seed."""
    n_seeds = len(results)
    seconds = np.mean([result.seconds for result in results])
    title = f"### Simulator, {results[0].scenario}: {n_seeds} seeds, mean +- standard error"
    return [
        f"{title}; {seconds:.1f} s per fit of leadqual",
        "",
        *_conversion_table(results),
        *_head_table(results),
        *_gap_table(results),
    ]


def _conversion_table(results: Sequence[SeedResult]) -> list[str]:
    names = list(results[0].conversion)
    rows = []
    for name in names:
        own = [result.conversion[name] for result in results]
        ours = [result.conversion[OURS] for result in results]
        gaps = (
            ["", ""] if name == OURS else [_difference(ours, own, m) for m in ("auc", "log_loss")]
        )
        rows.append([name, *(_mean(_column(own, metric)) for metric in METRICS), *gaps])
    head = ["predictor", *METRICS, "our AUC minus theirs", "our log loss minus theirs"]
    return table(head, rows)


def _head_table(results: Sequence[SeedResult]) -> list[str]:
    rows = []
    for head, name in results[0].heads:
        own = [result.heads[head, name] for result in results if (head, name) in result.heads]
        ours = [result.heads[head, OURS] for result in results if (head, OURS) in result.heads]
        gap = "" if name == OURS or len(own) != len(ours) else _difference(ours, own, "auc")
        rows.append([head, name, *(_mean(_column(own, m)) for m in HEAD_METRICS), gap])
    return table(["head", "predictor", *HEAD_METRICS, "our AUC minus theirs"], rows)


def _gap_table(results: Sequence[SeedResult]) -> list[str]:
    """How much of the way from a usual tool to full information is gone."""
    rows = []
    for metric in ("auc", "lift_10"):
        for start in (LIGHTGBM, TUNED):
            names = (OURS, start, FULL)
            parts = [[result.conversion[name] for result in results] for name in names]
            columns = [_column(part, metric) for part in parts]
            rows.append(["conversion", metric, start, *_gap_cells(*columns)])
    for head in Head:
        places = [(head.value, name) for name in (OURS, STRICT, FULL)]
        if all(place in result.heads for place in places for result in results):
            parts = [[result.heads[place] for result in results] for place in places]
            columns = [_column(part, "auc") for part in parts]
            rows.append([head.value, "auc", STRICT, *_gap_cells(*columns)])
    return table(["of what", "figure", "from", "there", OURS, FULL, "share of the gap"], rows)


def _gap_cells(ours: Floats, start: Floats, full: Floats) -> list[str]:
    """Return the three means, and the share of the gap with its jackknife standard error."""
    cells = [f"{values.mean():.4f}" for values in (start, ours, full)]
    gained, gap = ours - start, full - start
    if gap.mean() < _MIN_GAP:
        return [*cells, "no gap"]
    share, n = gained.sum() / gap.sum(), len(ours)
    if n < 2:
        return [*cells, f"{share:.0%}"]
    left_out = (gained.sum() - gained) / (gap.sum() - gap)
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    return [*cells, f"{share:.0%} +- {error:.0%}"]


def describe_seeds(results: Sequence[SeedResult]) -> list[str]:
    """Return every figure of every seed of one scenario."""
    rows = [
        [str(result.seed), name, *(_cell(row.get(metric)) for metric in METRICS)]
        for result in results
        for name, row in result.conversion.items()
    ]
    title = f"### Simulator, {results[0].scenario}: per seed"
    return [title, "", *table(["seed", "predictor", *METRICS], rows)]


def describe_real(result: RealResult) -> list[str]:
    """Return the table of one real set and whether we are below its best baseline."""
    metrics, differences = result.comparison.metrics, result.comparison.differences
    rows = []
    for name, found in metrics.items():
        gaps = ["", ""]
        if name != OURS:
            gaps = [_signed(differences[name][metric]) for metric in ("auc", "log_loss")]
        rows.append([name, *(_interval(found[metric]) for metric in REAL_METRICS), *gaps])
    head = ["predictor", *REAL_METRICS, "our AUC minus theirs", "our log loss minus theirs"]
    n_shuffles = len(result.shuffles)
    drawn = f" {n_shuffles} shuffles, pooled." if n_shuffles > 1 else ""
    return [
        f"### {result.name}: {result.n_won} won of {result.n_judged} judged leads, 95 % intervals",
        "",
        f"{result.protocol}{drawn} Learned: {result.learned}. {result.seconds:.1f} s.",
        "",
        *table(head, rows),
        *(_shuffle_table(result) if n_shuffles > 1 else []),
        *(f"- {line}" for line in judge_against_best(result)),
        "",
    ]


def _shuffle_table(result: RealResult) -> list[str]:
    metrics = ("auc", "log_loss")
    rows = [
        [str(shuffle), name, *(_cell(row[metric]) for metric in metrics)]
        for shuffle, found in enumerate(result.shuffles, 1)
        for name, row in found.items()
    ]
    return table(["shuffle", "predictor", *metrics], rows)


def judge_against_best(result: RealResult) -> list[str]:
    """Say for AUC and log loss whether we are below the best single baseline.

    The best is known only after looking, which flatters it. The standard error is that of the
    paired difference, read off its bootstrap interval.
    """
    lines = []
    for metric in ("auc", "log_loss"):
        sign = -1.0 if metric in _LOWER_IS_BETTER else 1.0
        others = {
            name: sign * found[metric].value
            for name, found in result.comparison.metrics.items()
            if name != OURS
        }
        best = max(others, key=lambda name: others[name])
        found = result.comparison.differences[best][metric]
        error = (found.high - found.low) / _SE_PER_INTERVAL
        holds = sign * found.value >= -error
        lines.append(
            f"{metric}: not below the best single baseline ({best}) by more than its standard "
            f"error: {'yes' if holds else 'no'} ({found.value:+.4f}, standard error {error:.4f})"
        )
    return lines


def summarise_real(results: Sequence[RealResult]) -> list[str]:
    """Return one table over all real sets: AUC and log loss of every predictor."""
    lines: list[str] = []
    for metric in ("auc", "log_loss"):
        names = list(dict.fromkeys(n for result in results for n in result.comparison.metrics))
        rows = [
            [
                result.name,
                *(
                    f"{result.comparison.metrics[name][metric].value:.4f}"
                    if name in result.comparison.metrics
                    else "-"
                    for name in names
                ),
            ]
            for result in results
        ]
        lines += table([metric, *names], rows)
    return lines


def summarise_scenarios(results: Mapping[str, Sequence[SeedResult]]) -> list[str]:
    """Return one table over all scenarios: AUC and log loss of every predictor."""
    lines: list[str] = []
    for metric in ("auc", "log_loss"):
        every = next(iter(results.values()))[0].conversion
        names = [name for name in every if name not in {BY_VALUE, ORACLE}]
        rows = [
            [scenario, *(_mean(_column([r.conversion[n] for r in seeds], metric)) for n in names)]
            for scenario, seeds in results.items()
        ]
        lines += table([metric, *names], rows)
    return lines


def _column(rows: Sequence[Row], metric: str) -> Floats:
    return np.array([row.get(metric, np.nan) for row in rows], dtype=np.float64)


def _mean(values: Floats) -> str:
    """Mean and standard error over seeds."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "-"
    if len(known) == 1:
        return f"{known[0]:.4f}"
    return f"{known.mean():.4f}+-{known.std(ddof=1) / np.sqrt(len(known)):.4f}"


def _difference(ours: Sequence[Row], theirs: Sequence[Row], metric: str) -> str:
    """Paired difference over seeds, ours minus theirs."""
    found = _mean(_column(ours, metric) - _column(theirs, metric))
    return found if found.startswith("-") else f"+{found}"


def _cell(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.4f}"


def _interval(found: Interval) -> str:
    return f"{found.value:.4f} [{found.low:.3f}, {found.high:.3f}]"


def _signed(found: Interval) -> str:
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
