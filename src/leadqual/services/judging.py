"""How good a candidate is: on leads that neither it nor the champion has learned from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

from leadqual.errors import BundleError, NotEnoughDataError
from leadqual.learning.evaluation import evaluate
from leadqual.learning.gate import Verdict, judge
from leadqual.learning.metrics import Interval
from leadqual.learning.protocol import plan_protocol
from leadqual.learning.report import EvaluationReport
from leadqual.learning.settings import FitSettings
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history
from leadqual.outcomes.maturity import read_maturity
from leadqual.outcomes.timeline import to_days
from leadqual.qualify.bundle import ModelBundle
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
) -> Judgement:
    """Judge the method on the newest matured leads, beside the champion and the baselines.

    A champion that has learned from the leads that would judge it knows their answers: beside
    it every candidate would look worse for ever. Then the candidate is held to the standard
    of a first model, and the verdict says so. Too few leads to judge by is a refusal with the
    numbers, not an error.

    Parameters
    ----------
    history : History
        What the candidate learns from.
    as_of : datetime or None
        Nothing recorded later is read.
    settings : FitSettings
        As for the fit.
    champion : ModelBundle or None
        Who serves.
    """
    try:
        fair, remark = fair_champion(history, champion, as_of=as_of, settings=settings)
        report = evaluate(history, as_of=as_of, settings=settings, champion=fair)
    except NotEnoughDataError as error:
        refused = Verdict(promote=False, reasons=(f"cannot be judged: {error}",), numbers={})
        return Judgement(report=None, verdict=refused)
    verdict = judge(report)
    if remark is not None:
        verdict = replace(verdict, reasons=(remark, *verdict.reasons))
    return Judgement(report=report, verdict=verdict)


def load_champion(workshop: Workshop) -> tuple[ModelBundle | None, tuple[str, ...]]:
    """Return the champion, or None and why it cannot stand beside a candidate."""
    version = workshop.models.aliases().champion
    if version is None:
        return None, ()
    try:
        return workshop.registry.load(version), ()
    except BundleError as error:
        return None, (f"nothing was compared with the champion: {error}",)


def fair_champion(
    history: History, champion: ModelBundle | None, *, as_of: datetime | None, settings: FitSettings
) -> tuple[ModelBundle | None, str | None]:
    """Return the champion as it may be judged, or None and why it may not.

    Parameters
    ----------
    history : History
        What it would be judged on.
    champion : ModelBundle or None
        None gives None without a reason.
    as_of : datetime or None
        Nothing recorded later is read.
    settings : FitSettings
        Of the run.

    Raises
    ------
    NotEnoughDataError
        There is too little to judge anybody by.

    Notes
    -----
    Best are the newest leads alone: then the candidate has learned from what came between the
    champion's training and them, which is what there is to compare.
    """
    known_until = None if champion is None else champion.summary.get("known_until")
    if champion is None or not isinstance(known_until, str) or not history.has_times:
        return champion, None
    until_days = to_days(datetime.fromisoformat(known_until))
    labels = label_history(history, as_of=as_of, check_order=settings.check_order)
    maturity = read_maturity(labels)

    def judged_from(not_before_days: float) -> float:
        protocol = plan_protocol(
            history, labels, maturity, seed=settings.seed, not_before_days=not_before_days
        )
        return min(float(labels.moment_days[fold.test].min()) for fold in protocol.folds)

    if judged_from(-math.inf) > until_days:
        summary = {key: value for key, value in champion.summary.items() if key != "known_until"}
        return replace(champion, summary=summary), None
    if judged_from(until_days) > until_days:
        return champion, None
    return None, (
        f"not compared with model {champion.version}: it knows outcomes until {known_until[:10]}, "
        "and too few later leads are old enough; held to the standard of a first model"
    )


def _in_words(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
