"""The real sets of `../shared/data`, through their mapping files, with one default.

Olist marketing funnel; Bank Marketing (Moro, Cortez, Rita 2014, UCI, CC BY 4.0); Salvirt B2B
(Bohanec, Robnik-Sikonja, Kljajic Borstnar, CC BY 4.0).
"""

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadqual.leads.mapping import load_mapping
from leadqual.learning.evaluation import evaluate
from leadqual.learning.guard import find_leaks
from leadqual.learning.judging.judged import OURS
from leadqual.learning.report import EvaluationReport
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.mapped import read_history
from leadqual.qualify.score import Head

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MAPPINGS = ROOT / "data_samples" / "mappings"
FOLDERS = {"olist": "olist_funnel", "bank": "bank_marketing", "salvirt": "salvirt_b2b"}
NOW = datetime(2026, 11, 21, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason="the real data sets are not beside the project (../shared/data); nothing to judge on",
)


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    return {
        name: read_history(DATA / folder, load_mapping(MAPPINGS / f"{name}.yaml"), now=NOW).history
        for name, folder in FOLDERS.items()
    }


@pytest.fixture(scope="module")
def reports(histories: dict[str, History]) -> dict[str, EvaluationReport]:
    return {
        name: evaluate(history, as_of=None, n_resamples=200) for name, history in histories.items()
    }


@pytest.mark.parametrize(("name", "auc"), [("olist", 0.70), ("bank", 0.65), ("salvirt", 0.82)])
def test_ranking_reaches_the_best_published_baseline_within_its_interval(
    reports: dict[str, EvaluationReport], name: str, auc: float
) -> None:
    found = reports[name].conversion.ours["auc"]

    assert found.high >= auc
    assert found.value >= auc - 0.01


@pytest.mark.parametrize("name", FOLDERS)
def test_probabilities_are_better_than_the_base_rate(
    reports: dict[str, EvaluationReport], name: str
) -> None:
    assert reports[name].conversion.beats_base_rate


@pytest.mark.parametrize("name", FOLDERS)
def test_no_other_predictor_ranks_clearly_better(
    reports: dict[str, EvaluationReport], name: str
) -> None:
    for other, difference in reports[name].conversion.comparison.differences.items():
        assert difference["auc"].high > 0, other


@pytest.mark.parametrize("name", FOLDERS)
def test_heads_that_no_reason_speaks_about_are_reported_and_not_invented(
    reports: dict[str, EvaluationReport], name: str
) -> None:
    assert set(reports[name].heads_not_judged) == set(Head)
    assert OURS in reports[name].conversion.comparison.metrics


def test_leads_from_before_olist_recorded_wins_are_left_out(
    reports: dict[str, EvaluationReport],
) -> None:
    assert any("2017-12-05" in note for note in reports["olist"].notes)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_guard_lets_honest_columns_through(histories: dict[str, History], name: str) -> None:
    history = histories[name]

    assert find_leaks(history, label_history(history, as_of=None)) == {}


def test_the_guard_stops_the_length_of_the_call(histories: dict[str, History]) -> None:
    bank = histories["bank"]
    with (DATA / "bank_marketing" / "bank-additional-full.csv").open(encoding="utf-8") as file:
        seconds = [float(row["duration"]) for row in csv.DictReader(file, delimiter=";")]
    leaky = replace(bank, columns={**bank.columns, "attributes.duration": list(seconds)})

    found = find_leaks(leaky, label_history(leaky, as_of=None))

    assert set(found) == {"attributes.duration"}


def test_the_guard_stops_every_column_of_the_closed_deals(histories: dict[str, History]) -> None:
    olist = histories["olist"]
    deals = DATA / "olist_funnel" / "olist_closed_deals_dataset.csv"
    with deals.open(encoding="utf-8") as file:
        closed = {row["mql_id"]: row for row in csv.DictReader(file)}
    names = ("seller_id", "won_date", "business_segment", "lead_type", "business_type")
    leaky = replace(
        olist,
        columns={
            **olist.columns,
            **{
                f"attributes.{name}": [
                    closed[lead_id][name] or None if lead_id in closed else None
                    for lead_id in olist.lead_ids
                ]
                for name in names
            },
        },
    )

    found = find_leaks(leaky, label_history(leaky, as_of=None))

    assert set(found) == {f"attributes.{name}" for name in names}
