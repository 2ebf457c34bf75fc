"""`evaluate`: what the deployment adds to a report."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadqual.config import Settings
from leadqual.learning.settings import FitSettings
from leadqual.routing.standard import default_standard
from leadqual.routing.standard_parts import CutMode
from leadqual.services.evaluating import Evaluated, evaluate
from leadqual.services.histories import HistorySource, load_history
from leadqual.services.importing import ImportRequest
from leadqual.services.judging import judge_history, put_in_place, say_refused
from leadqual.services.workshop import open_workshop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WriteExport = Callable[..., ImportRequest]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, write_export: WriteExport) -> HistorySource:
    """Return an export with a column that knows the outcome, and a row that is no lead."""
    folder = tmp_path_factory.mktemp("evaluating")
    request = write_export(folder / "crm", n_leads=900)
    won = {
        line.split(",")[0]
        for line in (folder / "crm" / "deals.csv").read_text("utf-8").splitlines()
        if ",won," in line
    }
    leads = folder / "crm" / "leads.csv"
    first, *rows = leads.read_text("utf-8").splitlines()
    told = [f"{row},{'signed' if row.split(',')[0] in won else ''}" for row in rows]
    leads.write_text("\n".join([f"{first},contract", *told, ",,,,,"]), "utf-8")
    mapping = request.mapping
    assert mapping is not None
    text = mapping.read_text("utf-8").replace("outcomes:", "attributes: [contract]\noutcomes:")
    mapping.write_text(text, "utf-8")
    return HistorySource(data=folder / "crm", mapping=mapping)


@pytest.fixture(scope="module")
def evaluated(source: HistorySource, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    with open_workshop(Settings(home=tmp_path_factory.mktemp("home") / "home")) as workshop:
        return evaluate(workshop, source, now=NOW, version=None, on_step=lambda _step: None)


def test_a_leak_and_a_refused_row_are_shown_and_not_hidden(evaluated: Evaluated) -> None:
    refused = evaluated.document["refused"]

    assert isinstance(refused, dict)
    assert list(refused["leaks"]) == ["attributes.contract"]
    assert sum(refused["rows"].values()) == 1
    assert "attributes.contract: " in evaluated.html
    assert "every figure above may be too good" in evaluated.html
    assert "attributes.contract" in evaluated.text


def test_figures_that_cannot_be_told_are_said_so(evaluated: Evaluated) -> None:
    (base_rate,) = [line for line in evaluated.text.splitlines() if line.startswith("base rate")]

    assert "nan" not in evaluated.text
    assert base_rate.count("[") == 6


def test_the_capacity_of_the_standard_is_marked_only_where_it_is_filled(
    source: HistorySource, tmp_path: Path
) -> None:
    with open_workshop(Settings(home=tmp_path / "home")) as workshop:
        loaded = load_history(workshop.store, source, now=NOW)
    report = judge_history(loaded.history, as_of=None, settings=FitSettings(), champion=None).report
    assert report is not None
    plain = default_standard()
    cut = plain.cut.model_copy(update={"mode": CutMode.FILL_CAPACITY})
    hours = plain.business_hours.model_copy(update={"weekdays": ("mon", "tue")})
    filling = plain.model_copy(update={"cut": cut, "business_hours": hours})

    unmarked = put_in_place(report, plain, refused=say_refused(loaded, {})).capacity
    marked = put_in_place(report, filling, refused=say_refused(loaded, {})).capacity

    assert unmarked is not None
    assert marked is not None
    assert unmarked.capacity is None
    assert marked.capacity == 100
    assert marked.busiest_per_day == pytest.approx(unmarked.busiest_per_day * 5 / 2)
