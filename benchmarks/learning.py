"""How leadqual ranks and predicts beside what else one could use.

    python -m benchmarks.learning                    # two seeds per scenario, and the real sets
    python -m benchmarks.learning --seeds 6 --only base slow

On the simulator the truth is known: models learn from two years (or the scenario's days) and are
judged on the leads of the next 120 days against their true probability to be won if worked.
`full information` is the same learner with every lead worked and every answer known: the
practical ceiling. On the real sets the newest matured leads are judged, with bootstrap intervals.
The truth file is read here and nowhere else.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leadqual.features.encoder import EncodedLeads
from leadqual.leads.mapping import load_mapping
from leadqual.learning.baselines import LIGHTGBM, predict_baselines
from leadqual.learning.blend import Recipe, fit_blend
from leadqual.learning.evaluation import evaluate
from leadqual.learning.fitting import FittedModel, fit_bundle
from leadqual.learning.metrics import Outcome, measure
from leadqual.outcomes.history import History
from leadqual.outcomes.mapped import read_history
from leadqual.outcomes.progress import Check
from leadqual.qualify.score import Head
from leadqual.simulation.funnel import SimulatedHistory, simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters

Floats = NDArray[np.float64]

ROOT: Final = Path(__file__).parents[1]
MAPPINGS: Final = ROOT / "data_samples" / "mappings"
REAL_DATA: Final = ROOT.parent / "shared" / "data"
REAL_SETS: Final = {
    "olist": "olist_funnel",
    "bank": "bank_marketing",
    "bank_macro": "bank_marketing",
    "salvirt": "salvirt_b2b",
}
TEST_DAYS: Final = 120
BASE: Final = FunnelParameters(n_leads=20_000, n_days=730)
SCENARIOS: Final[Mapping[str, FunnelParameters]] = {
    "base": BASE,
    "slow": replace(BASE, n_days=365, delay_scale=1.7),
    "interactions": replace(BASE, interactions=3.0),
    "3k leads": replace(BASE, n_leads=3_000),
    "no signal": replace(BASE, signal=0.0),
}
METRICS: Final = (
    "auc", "lift_10", "log_loss", "ece", "slope", "observed_expected", "revenue_20",
)  # fmt: skip
HEAD_METRICS: Final = ("auc", "ece", "observed_expected")
OURS: Final = "leadqual"
BY_VALUE: Final = "leadqual by value"
FULL: Final = "full information"
ORACLE: Final = "oracle"
STRICT: Final = "LightGBM, strict labels"
SHARED_NOTE: Final = "the real sets are not beside the project (../shared/data): skipped"
CEILING: Final = Recipe(uses_trees=True)

Row = dict[str, float]


@dataclass(frozen=True)
class Split:
    """A simulated history cut in two: what was known, and what came after with its truth."""

    train: History
    test: History
    as_of: datetime
    truth_train: dict[str, Floats]
    truth_test: dict[str, Floats]


def make_split(parameters: FunnelParameters) -> Split:
    """Simulate a scenario and 120 days more, read it through its mapping, and cut it."""
    share = (parameters.n_days + TEST_DAYS) / parameters.n_days
    longer = replace(
        parameters,
        n_leads=round(parameters.n_leads * share),
        n_days=parameters.n_days + TEST_DAYS,
        drift_at=parameters.drift_at / share,
    )
    simulated = simulate(longer)
    with tempfile.TemporaryDirectory() as folder:
        write_csv(simulated, Path(folder))
        spec = load_mapping(MAPPINGS / "sample.yaml")
        end = parameters.start + timedelta(days=longer.n_days + 1)
        history = read_history(Path(folder), spec, now=end).history
    as_of = parameters.start + timedelta(days=parameters.n_days)
    cut = int(np.searchsorted(history.moments, np.datetime64(as_of.replace(tzinfo=None))))
    truth = _truth(simulated, history)
    before, after = np.arange(cut), np.arange(cut, history.n_leads)
    after = after[truth["is_genuine"][after] == 1]
    return Split(
        train=history.take(before),
        test=history.take(after),
        as_of=as_of,
        truth_train={name: values[before] for name, values in truth.items()},
        truth_test={name: values[after] for name, values in truth.items()},
    )


def _truth(simulated: SimulatedHistory, history: History) -> dict[str, Floats]:
    """Truth columns in the row order of the history."""
    place = {lead_id: row for row, lead_id in enumerate(simulated.truth["lead_id"])}
    rows = [place[lead_id] for lead_id in history.lead_ids]
    names = [
        *(f"p_{head.value}" for head in Head), *(head.value for head in Head),
        "p_conversion", "converts_if_worked", "expected_amount_usd",
    ]  # fmt: skip
    truth = {
        name: np.array([simulated.truth[name][i] for i in rows], dtype=np.float64) for name in names
    }
    kinds = simulated.truth["kind"]
    truth["is_genuine"] = np.array([kinds[i] == "genuine" for i in rows], dtype=np.float64)
    return truth


def judge_split(split: Split) -> tuple[dict[str, Row], dict[tuple[str, str], Row], float]:
    """Fit everything on one split: conversion rows, head rows, seconds of our fit."""
    started = time.perf_counter()
    model = fit_bundle(split.train, as_of=split.as_of, version="bench", created_at=split.as_of)
    seconds = time.perf_counter() - started
    leads = _encode(model, split.test)
    found = model.bundle.predictor.predict(leads, explain=False)
    p = found.p[:, -1]
    value = p * found.amount_usd
    conversion = {
        OURS: p,
        BY_VALUE: value / value.max(),
        **_conversion_baselines(model, split, leads),
        FULL: _with_full_information(model, split, "converts_if_worked"),
        ORACLE: split.truth_test["p_conversion"],
    }
    true_p = split.truth_test["p_conversion"]
    outcome = Outcome.of(true_p, true_p * split.truth_test["expected_amount_usd"])
    rows = {name: measure(predicted, outcome) for name, predicted in conversion.items()}
    rows[BY_VALUE] = {"revenue_20": rows[BY_VALUE]["revenue_20"]}
    return rows, _judge_heads(model, split, leads, p=found.p), seconds


def _encode(model: FittedModel, history: History) -> EncodedLeads:
    return model.bundle.encoder.encode(history.columns, n_leads=history.n_leads)


def _conversion_baselines(
    model: FittedModel, split: Split, test: EncodedLeads
) -> dict[str, Floats]:
    (rows,) = np.nonzero(model.labels.is_usable)
    train = _encode(model, split.train.take(rows))
    return predict_baselines(train, model.labels.is_won[rows], test)


def _with_full_information(model: FittedModel, split: Split, answer: str) -> Floats:
    """Predict by the same learner, had every lead been worked and every answer been known."""
    encoder = model.bundle.encoder
    (rows,) = np.nonzero(split.truth_train["is_genuine"])
    Z = encoder.to_matrix(_encode(model, split.train))[rows]
    y = split.truth_train[answer][rows]
    blend = fit_blend(Z, y, weights=np.ones(len(y)), recipe=CEILING, seed=0)
    return expit(blend.logit(encoder.to_matrix(_encode(model, split.test))))


def _judge_heads(
    model: FittedModel, split: Split, test: EncodedLeads, *, p: Floats
) -> dict[tuple[str, str], Row]:
    rows: dict[tuple[str, str], Row] = {}
    for column, head in enumerate(Head):
        outcome = Outcome.of(split.truth_test[f"p_{head.value}"])
        values = model.labels.heads[Check(head.value)].values
        (strict,) = np.nonzero(model.labels.is_won | (values == 0))
        train = _encode(model, split.train.take(strict))
        passed = model.labels.is_won[strict]
        naive = predict_baselines(train, passed, test, names=(LIGHTGBM,))[LIGHTGBM]
        answers = {
            STRICT: naive,
            FULL: _with_full_information(model, split, head.value),
        }
        if head in model.bundle.heads:
            answers = {OURS: p[:, column], **answers}
        for name, predicted in answers.items():
            rows[head.value, name] = measure(predicted, outcome)
    return rows


def _mean(rows: Sequence[Row], metric: str) -> str:
    """Mean and standard error over seeds."""
    values = np.array([row[metric] for row in rows if metric in row], dtype=np.float64)
    if not len(values) or np.isnan(values).all():
        return "-"
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{values.mean():.4f}+-{error:.4f}"


def _difference(ours: Sequence[Row], theirs: Sequence[Row]) -> str:
    """Paired difference of AUC over seeds, ours minus theirs."""
    pairs = zip(ours, theirs, strict=True)
    return _mean([{"auc": a["auc"] - b["auc"]} for a, b in pairs if "auc" in b], "auc")


def _print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def run_scenario(name: str, parameters: FunnelParameters, *, n_seeds: int) -> None:
    """Print the tables of one simulated scenario."""
    conversion: dict[str, list[Row]] = defaultdict(list)
    heads: dict[tuple[str, str], list[Row]] = defaultdict(list)
    seconds = []
    for seed in range(1, n_seeds + 1):
        found = judge_split(make_split(replace(parameters, seed=seed)))
        for predictor, row in found[0].items():
            conversion[predictor].append(row)
        for key, row in found[1].items():
            heads[key].append(row)
        seconds.append(found[2])
    timing = f"{np.mean(seconds):.1f} s per fit"
    _print_table(
        f"Simulator, {name}: {n_seeds} seeds, mean+-standard error; {timing}",
        ["predictor", *METRICS, "our AUC minus theirs"],
        [
            [
                predictor,
                *(_mean(rows, metric) for metric in METRICS),
                "" if predictor == OURS else _difference(conversion[OURS], rows),
            ]
            for predictor, rows in conversion.items()
        ],
    )
    _print_table(
        f"Simulator, {name}: heads against the true answer",
        ["head", "predictor", *HEAD_METRICS],
        [
            [head, predictor, *(_mean(rows, metric) for metric in HEAD_METRICS)]
            for (head, predictor), rows in heads.items()
        ],
    )
    _print_share_of_gap(conversion)


def _print_share_of_gap(conversion: Mapping[str, Sequence[Row]]) -> None:
    """How much of the way from default LightGBM to full information is closed."""
    ours, naive, full = (
        float(np.mean([row["auc"] for row in conversion[name]])) for name in (OURS, LIGHTGBM, FULL)
    )
    if full - naive > 0.01:
        print(
            f"\nShare of the gap {LIGHTGBM} -> {FULL} closed: {(ours - naive) / (full - naive):.0%}"
        )


def run_real(name: str) -> None:
    """Print the table of one real set, with bootstrap intervals."""
    now = datetime.now(tz=UTC)
    spec = load_mapping(MAPPINGS / f"{name}.yaml")
    history = read_history(REAL_DATA / REAL_SETS[name], spec, now=now).history
    started = time.perf_counter()
    report = evaluate(history, as_of=None)
    seconds = time.perf_counter() - started
    judged = report.conversion.comparison
    rows = []
    for predictor, found in judged.metrics.items():
        cells = [
            f"{found[m].value:.4f} [{found[m].low:.3f}, {found[m].high:.3f}]"
            for m in ("auc", "log_loss", "observed_expected")
        ]
        difference = judged.differences.get(predictor)
        gap = (
            ""
            if difference is None
            else f"{difference['auc'].value:+.4f} [{difference['auc'].low:+.3f}, "
            f"{difference['auc'].high:+.3f}]"
        )
        rows.append([predictor, *cells, gap])
    _print_table(
        f"{name}: {report.protocol} ({seconds:.1f} s)",
        ["predictor", "auc", "log loss", "observed/expected", "our AUC minus theirs"],
        rows,
    )
    print(f"\nLearned: {report.learned['conversion']}. {' '.join(report.verdicts)}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for."""
    choices = [*SCENARIOS, *REAL_SETS]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=2, help="per simulated scenario")
    parser.add_argument("--only", nargs="+", choices=choices, default=choices, metavar="NAME")
    chosen = parser.parse_args(arguments)
    for name in chosen.only:
        if name in SCENARIOS:
            run_scenario(name, SCENARIOS[name], n_seeds=chosen.seeds)
    real = [name for name in chosen.only if name in REAL_SETS]
    if real and not REAL_DATA.is_dir():
        print(f"\n{SHARED_NOTE}")
        return
    for name in real:
        run_real(name)


if __name__ == "__main__":
    main()
