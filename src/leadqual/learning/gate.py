"""Whether a candidate may serve: not worse than the champion, on ranking and on probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leadqual.learning.judging.judged import CHAMPION, OURS, RULES, Judged
from leadqual.learning.learners.baselines import BASE_RATE
from leadqual.learning.metrics import Interval
from leadqual.learning.report import EvaluationReport

MAX_AUC_LOSS: Final = 0.02
"""A candidate this much below the champion is refused even where the interval is wide."""

MAX_LOG_LOSS_RISE: Final = 0.02
"""As a share of the champion's log loss."""


@dataclass(frozen=True)
class Verdict:
    """The decision of the gate.

    Parameters
    ----------
    promote : bool
        Whether the candidate may become champion.
    reasons : tuple of str
        One sentence per question, with the numbers.
    numbers : mapping of str to float or None
        The same numbers by name, as JSON values.
    """

    promote: bool
    reasons: tuple[str, ...]
    numbers: dict[str, float | None]

    def as_dict(self) -> dict[str, object]:
        """Return the verdict as JSON values."""
        return {
            "promote": self.promote,
            "reasons": list(self.reasons),
            "numbers": dict(self.numbers),
        }


def judge(report: EvaluationReport) -> Verdict:
    """Compare the candidate of an evaluation with the champion on the same leads.

    Worse means: the paired 95 % interval of the difference lies on the bad side of zero, or the
    difference itself is larger than a small margin (.02 AUC, 2 % of log loss), so that a wide
    interval is no free pass. A first model has no champion: it must rank better than chance and
    not worse than the written rules, and its probabilities must not be worse than the base rate.
    A champion that could not be compared is not replaced: better than the rules says nothing of
    better than the champion. The figures beside the rules stand in the refusal all the same, for
    whoever wants to force it.

    Parameters
    ----------
    report : EvaluationReport
        From `evaluate`, with `champion=` when one serves.

    Returns
    -------
    Verdict
        Refusal is a result, not an error.
    """
    judged = report.conversion
    is_compared = CHAMPION in judged.comparison.metrics
    if is_compared:
        checks = [_ranking(judged, CHAMPION), _probabilities(judged, CHAMPION)]
    else:
        checks = [_skill(judged), _ranking(judged, RULES), _probabilities(judged, BASE_RATE)]
    may_replace = is_compared or report.champion is None
    return Verdict(
        promote=may_replace and all(passed for passed, _ in checks),
        reasons=(*_what_was_compared(report), *(reason for _, reason in checks)),
        numbers=_numbers(judged),
    )


def _what_was_compared(report: EvaluationReport) -> tuple[str, ...]:
    if report.champion_remark is not None:
        beside = "beside the written rules and the base rate only, for information"
        return report.champion_remark, f"{beside}: {report.protocol}"
    if report.champion is not None:
        return (f"compared with the champion, model {report.champion}: {report.protocol}",)
    beside = "no champion to compare with, so compared with the written rules and the base rate"
    return (f"{beside}: {report.protocol}",)


def _skill(judged: Judged) -> tuple[bool, str]:
    found = judged.ours["auc"]
    if judged.has_ranking_skill:
        return True, f"ranks better than chance: AUC {_text(found, '.4f')}"
    return False, f"no skill in ranking: AUC {_text(found, '.4f')} does not exclude one half"


def _ranking(judged: Judged, other: str) -> tuple[bool, str]:
    difference = judged.comparison.differences[other]["auc"]
    is_worse = difference.high < 0 or difference.value < -MAX_AUC_LOSS
    word = "worse" if is_worse else "not worse"
    return not is_worse, (
        f"ranking {word} than {_the(other)}: AUC {judged.ours['auc'].value:.4f} against "
        f"{judged.comparison.metrics[other]['auc'].value:.4f}, difference {_text(difference)}, on "
        f"{judged.n_leads} leads with {judged.n_yes} wins"
    )


def _probabilities(judged: Judged, other: str) -> tuple[bool, str]:
    difference = judged.comparison.differences[other]["log_loss"]
    reference = judged.comparison.metrics[other]["log_loss"].value
    is_worse = difference.low > 0 or difference.value > MAX_LOG_LOSS_RISE * reference
    word = "worse" if is_worse else "not worse"
    return not is_worse, (
        f"probabilities {word} than {_the(other)}: log loss "
        f"{judged.ours['log_loss'].value:.4f} against {reference:.4f}, difference "
        f"{_text(difference)}"
    )


def _numbers(judged: Judged) -> dict[str, float | None]:
    """Flat numbers: candidate, other and paired difference per metric."""
    numbers: dict[str, float | None] = {"n_leads": judged.n_leads, "n_won": judged.n_yes}
    for other in (CHAMPION, RULES, BASE_RATE):
        if other not in judged.comparison.metrics:
            continue
        for metric in ("auc", "log_loss"):
            name = other.replace(" ", "_")
            theirs = judged.comparison.metrics[other][metric].as_dict()
            numbers[f"{name}.{metric}"] = theirs["value"]
            difference = judged.comparison.differences[other][metric].as_dict()
            numbers |= {f"minus_{name}.{metric}.{part}": x for part, x in difference.items()}
    for metric in ("auc", "log_loss", "observed_expected"):
        numbers[f"{OURS}.{metric}"] = judged.ours[metric].as_dict()["value"]
    return numbers


def _the(other: str) -> str:
    return other if other == RULES else f"the {other}"


def _text(found: Interval, form: str = "+.4f") -> str:
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"
