"""How good a candidate is, and whether it may serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from leadqual.errors import BundleError, NotEnoughDataError
from leadqual.learning.evaluation import evaluate
from leadqual.learning.gate import Verdict, judge
from leadqual.learning.judging.coverage import Refused
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport
from leadqual.learning.settings import FitSettings, Learners
from leadqual.outcomes.history import History
from leadqual.qualify.bundle import ModelBundle
from leadqual.routing.standard import Standard
from leadqual.routing.standard_parts import CutMode
from leadqual.services.histories import LoadedHistory
from leadqual.services.workshop import Workshop


@dataclass(frozen=True)
class Judgement:
    """What is known of how good a version is.

    `report` is None where there was too little to judge by; `verdict` then refuses and says so.
    """

    report: EvaluationReport | None
    verdict: Verdict

    @property
    def headline(self) -> str:
        """Return the figures in one line."""
        if self.report is None:
            return self.verdict.reasons[0]
        found = self.report.conversion.ours
        loss, auc = found["log_loss"], found["auc"]
        return f"AUC {_in_words(auc)}, log loss {_in_words(loss)}"

    def in_place(self, standard: Standard, *, refused: Refused) -> Judgement:
        """Return the same with what the deployment knows, see `put_in_place`."""
        if self.report is None:
            return self
        return replace(self, report=put_in_place(self.report, standard, refused=refused))

    def metrics(self) -> dict[str, float]:
        """Return every figure with its bounds, and the others' AUC and log loss beside them."""
        if self.report is None:
            return {}
        flat: dict[str, float] = {}
        for name, found in self.report.metrics().items():
            flat |= {name: found.value, f"{name}.low": found.low, f"{name}.high": found.high}
        for other, table in self.report.conversion.comparison.metrics.items():
            for name in ("auc", "log_loss"):
                flat[f"beside.{other.replace(' ', '_')}.{name}"] = table[name].value
        return flat


def judge_history(
    history: History,
    *,
    as_of: datetime | None,
    settings: FitSettings,
    champion: ModelBundle | None,
    learners_of_folds: Sequence[Learners] = (),
) -> Judgement:
    """Judge the method on the newest matured leads, beside the champion and the baselines.

    Too few leads to judge by is a refusal with the numbers, not an error.

    Parameters
    ----------
    history : History
        What the candidate learns from.
    as_of : datetime or None
        Nothing recorded later is read.
    settings : FitSettings
        As for the fit.
    champion : ModelBundle or None
        Who serves; compared on leads that came after its training only.
    learners_of_folds : sequence of Learners
        As for `evaluate`.
    """
    try:
        report = evaluate(
            history,
            as_of=as_of,
            settings=settings,
            champion=champion,
            learners_of_folds=learners_of_folds,
        )
    except NotEnoughDataError as error:
        refused = Verdict(promote=False, reasons=(f"cannot be judged: {error}",), numbers={})
        return Judgement(report=None, verdict=refused)
    return Judgement(report=report, verdict=judge(report))


def load_champion(workshop: Workshop) -> tuple[ModelBundle | None, tuple[str, ...]]:
    """Return the champion, or None and why it cannot stand beside a candidate."""
    version = workshop.models.aliases().champion
    if version is None:
        return None, ()
    try:
        return workshop.registry.load(version), ()
    except BundleError as error:
        return None, (f"nothing was compared with the champion: {error}",)


def say_refused(loaded: LoadedHistory, leaks: Mapping[str, str]) -> Refused:
    """Return what of a history was not used, or should not be, and why."""
    rejections = loaded.rejections
    return Refused(rows=rejections.n_rows, problems=rejections.problems, leaks=leaks)


def put_in_place(
    report: EvaluationReport, standard: Standard, *, refused: Refused
) -> EvaluationReport:
    """Add to a report what the deployment knows: its capacity, and what of the data was refused.

    A capacity is marked only where the standard fills it: in the other mode its numbers decide
    nothing.
    """
    cut = standard.cut
    capacity = None
    if cut.mode is CutMode.FILL_CAPACITY:
        capacity = cut.fill_capacity.mrr.capacity_per_day + cut.fill_capacity.sdr.capacity_per_day
    curve = report.capacity
    if curve is not None:
        n_days = len(set(standard.business_hours.weekdays))
        curve = curve.of_team(capacity=capacity, days_per_week=n_days)
    return replace(report, capacity=curve, refused=refused)


def _in_words(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
