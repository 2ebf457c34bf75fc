"""The page: everything on it, nothing from elsewhere, and nothing that a lead can inject."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from leadqual.learning.evaluation import evaluate
from leadqual.learning.judging.coverage import Refused
from leadqual.learning.report import EvaluationReport
from leadqual.learning.report_html import render
from leadqual.outcomes.history import Columns, History
from leadqual.qualify.score import Head

MakeHistory = Callable[..., History]
HOSTILE = '"><img src=x onerror=alert(1)>'
SCRIPT = "</style><script>alert(2)</script>"
STEPS = ("reached", "qualified", "accepted", "won")
VOID = {"meta", "br"}


@pytest.fixture(scope="module")
def hostile(funnel: MakeHistory) -> EvaluationReport:
    history = funnel(3_000, seed=4)
    rng = np.random.default_rng(2)
    is_late = np.arange(history.n_leads) > 2_000
    columns: Columns = {
        **history.columns,
        # Names and levels that somebody outside may have written, one of them only lately.
        f"attributes.{SCRIPT}": [HOSTILE if x else "b" for x in rng.random(history.n_leads) < 0.5],
        "attributes.late": [
            f"{HOSTILE}{late}" if x else "plain"
            for x, late in zip(rng.random(history.n_leads) < 0.5, is_late, strict=True)
        ],
        "contact.country": [HOSTILE if x else "de" for x in rng.random(history.n_leads) < 0.5],
    }
    explored = rng.random(history.n_leads) < 0.1
    report = evaluate(
        replace(history, source=SCRIPT, columns=columns, explored=explored),
        as_of=None,
        n_resamples=30,
    )
    refused = Refused(
        rows={SCRIPT: 3}, problems={f"email: {HOSTILE}": 3}, leaks={SCRIPT: "ranks too well"}
    )
    capacity = report.capacity
    assert capacity is not None
    return replace(report, refused=refused, capacity=capacity.of_team(capacity=4, days_per_week=5))


@pytest.fixture(scope="module")
def page(hostile: EvaluationReport) -> str:
    return render(hostile, title=f"Model {SCRIPT}")


class Tags(HTMLParser):
    """Names of all elements, and whether each is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_hostile_names_and_levels_are_text(page: str) -> None:
    tags = Tags()

    tags.feed(page)

    assert tags.open == []
    assert not {"script", "img", "iframe", "object", "link"} & set(tags.names)
    assert not any(name.startswith("on") for name in tags.attributes)
    assert tags.names.count("style") == 1
    assert "onerror" in "".join(tags.text)  # shown as what it is


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    for forbidden in ("http://", "https://", "src=", "@import", "url(", "<link"):
        assert forbidden not in re.sub(r"&quot;&gt;&lt;img src=x", "", page)


def test_the_page_forbids_the_reader_to_run_or_load_anything(page: str) -> None:
    policy = "default-src 'none'; style-src 'unsafe-inline'"

    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page


def test_every_section_can_be_reached(page: str) -> None:
    linked = re.findall(r'href="#(\w+)"', page)

    assert linked == [
        "ranking", "others", "probabilities", "parts", "drivers", "changes", "history", "refused",
        "limits",
    ]  # fmt: skip
    assert re.findall(r'<section id="(\w+)"', page) == linked


def test_the_page_says_what_the_data_are_worth(page: str, hostile: EvaluationReport) -> None:
    for head in Head:
        assert f"<b>{head.value}</b>" in page
    for step in STEPS:
        assert f"<b>{step}</b>" in page or step in hostile.stages_not_judged
    assert "capacity of the standard: 4 a day" in page
    assert "queued at random" in page
    assert "look known only after the outcome" in page
    assert "Validation log loss" in page or "validation log loss" in page


def test_the_json_holds_all_of_it_without_nan(hostile: EvaluationReport) -> None:
    document = json.loads(json.dumps(hostile.as_dict(), allow_nan=False))

    assert document["headline"]["tone"] in {"good", "mixed", "bad"}
    assert document["capacity"]["share_at_capacity"]["value"] > 0
    assert set(document["influence"]) == {*(head.value for head in Head), "conversion"}
    assert (
        document["changes"]["features"][0]["index"] >= document["changes"]["features"][-1]["index"]
    )
    assert document["known"]["heads"]["fit"]["n_no"] > 0
    assert document["known"]["share_of_wins_by_days"]["90"] > 0.5
    assert document["selection"]["n_worked"] < document["selection"]["n_arrived"]
    assert document["refused"]["leaks"]
    for stage in document["stages"].values():
        found = stage["metrics"]["leadqual"]["ece"]
        assert found["low"] <= found["value"] <= found["high"]


def test_a_level_seen_for_the_first_time_is_named(hostile: EvaluationReport) -> None:
    assert hostile.changes is not None
    late = next(one for one in hostile.changes.features if one.feature == "attributes.late")

    assert late.has_moved_far
    assert 0.3 < late.share_new < 0.7
    assert "never seen before" in late.text
