"""What the figures of an evaluation mean, in plain words; "no skill" where that is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from leadqual.learning.judging.drift import Changes
from leadqual.learning.judging.judged import Judged
from leadqual.learning.judging.slices import Slice
from leadqual.learning.learners.baselines import BASE_RATE
from leadqual.learning.metrics import Interval
from leadqual.qualify.wording import shown


class Tone(StrEnum):
    """Whether a headline is good news."""

    GOOD = "good"
    MIXED = "mixed"
    BAD = "bad"


def say_headline(judged: Judged, *, leaks: Sequence[str]) -> tuple[Tone, str]:
    """Return the one sentence that a reader should take away, and whether it is good news.

    Parameters
    ----------
    judged : Judged
        Conversion.
    leaks : sequence of str
        Columns that may know the outcome.
    """
    if not judged.has_ranking_skill:
        return Tone.BAD, (
            "No skill: on leads it had not seen the model does not rank better than chance. "
            "Do not decide by it whom to call."
        )
    caught = judged.ours["captured_20"]
    ranks = (
        f"Working the best fifth of leads first would have caught {_percent(caught)} of the wins: "
        f"{caught.value / 0.2:.1f} times as many as chance."
    )
    if leaks:
        return Tone.MIXED, (
            f"{ranks} But that may be too good: {_columns(len(leaks))} known only after the "
            "outcome."
        )
    if not judged.has_lift:
        return Tone.MIXED, f"{ranks} But its best tenth holds no clearly more wins than any tenth."
    if not judged.beats_base_rate:
        return Tone.MIXED, f"{ranks} But its probabilities say no more than the average does."
    if _is_level_off(judged):
        n_expected = judged.n_yes / judged.ours["observed_expected"].value
        return Tone.MIXED, (
            f"{ranks} But its level is off: {judged.n_yes} wins came where {n_expected:.0f} were "
            "predicted."
        )
    return Tone.GOOD, ranks


def judge_conversion(judged: Judged) -> tuple[str, ...]:
    """Say how ranking, probabilities and others compare, and where the best tenth says nothing."""
    auc, loss = judged.ours["auc"], judged.ours["log_loss"]
    base = judged.comparison.metrics[BASE_RATE]["log_loss"]
    ranks = (
        f"Ranking works: AUC {_in_words(auc)}."
        if judged.has_ranking_skill
        else f"No skill in ranking: the interval of AUC {_in_words(auc)} includes one half."
    )
    levels = (
        f"Probabilities say more than the base rate: log loss {_in_words(loss)} against "
        f"{base.value:.3f}."
        if judged.beats_base_rate
        else f"No skill in probabilities: log loss {_in_words(loss)} is not clearly below the "
        f"base rate's {base.value:.3f}."
    )
    return ranks, levels, _beside_others(judged), *_judge_others(judged), *judge_top(judged)


def no_skill(name: str, judged: Judged) -> str:
    """Say what does not rank, or says no more than the base rate; empty when it has skill."""
    lacks = []
    if not judged.has_ranking_skill:
        auc = _in_words(judged.ours["auc"])
        lacks.append(f"in ranking (the interval of AUC {auc} does not lie above one half)")
    if not judged.beats_base_rate:
        loss = _in_words(judged.ours["log_loss"])
        base = judged.comparison.metrics[BASE_RATE]["log_loss"].value
        lacks.append(
            f"in probabilities (log loss {loss} is not clearly below the base rate's {base:.3f})"
        )
    if not lacks:
        return ""
    known = f"{judged.n_yes} of {judged.n_leads} leads are a yes"
    return f"{name}: no skill {' and '.join(lacks)}; {known}."


def _beside_others(judged: Judged) -> str:
    """Say who is better or worse than we are, as far as intervals tell."""
    better, worse = [], []
    for name, found in judged.comparison.differences.items():
        if found["auc"].low > 0:
            worse.append(name)
        elif found["auc"].high < 0:
            better.append(name)
    parts = []
    if worse:
        parts.append(f"ranks better than {', '.join(worse)}")
    if better:
        parts.append(f"ranks worse than {', '.join(better)}")
    if not parts:
        return "In ranking, no clear difference to any other predictor."
    others = len(judged.comparison.differences) - len(better) - len(worse)
    rest = "; no clear difference to the others" if others else ""
    return f"leadqual {' and '.join(parts)}{rest}."


def _judge_others(judged: Judged) -> list[str]:
    """Say who does better in what ranking as a whole does not show; nothing where nobody does."""
    differences = judged.comparison.differences
    worse_loss = [name for name, found in differences.items() if found["log_loss"].low > 0]
    worse_lift = [name for name, found in differences.items() if found["lift_10"].high < 0]
    parts = [
        f"{what} ({', '.join(names)})"
        for what, names in (("log loss", worse_loss), ("lift at 10 %", worse_lift))
        if names
    ]
    return [f"Others do better in {' and in '.join(parts)}."] if parts else []


def judge_top(judged: Judged) -> list[str]:
    """Say that the best tenth is no better than any tenth; nothing where it is."""
    if judged.has_lift:
        return []
    lift = _in_words(judged.ours["lift_10"])
    return [
        f"No skill at the top of the list: the interval of the lift at 10 % {lift} includes 1, so "
        "the best tenth of leads holds no clearly more wins than any tenth."
    ]


def judge_level(judged: Judged) -> list[str]:
    """Say that too few or too many wins were predicted; nothing where chance explains it."""
    return [f"The level is off: {_level(judged)}."] if _is_level_off(judged) else []


def _is_level_off(judged: Judged) -> bool:
    ratio = judged.ours["observed_expected"]
    return ratio.low > 1 or ratio.high < 1


def _level(judged: Judged) -> str:
    ratio = judged.ours["observed_expected"]
    n_expected = judged.n_yes / ratio.value
    few = "few" if ratio.value > 1 else "many"
    return (
        f"{judged.n_yes} wins came where {n_expected:.0f} were predicted, too {few} "
        f"(observed/expected {ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}])"
    )


def judge_parts(slices: Sequence[Slice]) -> list[str]:
    """Say which parts differ from their prediction beyond chance; nothing where none does."""
    off = [f"{part.field} {part.level}" for part in slices if part.is_off]
    if not off:
        return []
    return [
        f"Predicted and observed rates differ beyond chance in {len(off)} of "
        f"{len(slices)} parts: {'; '.join(off[:5])}{'; and more' if len(off) > 5 else ''}."
    ]


def judge_changes(changes: Changes | None) -> list[str]:
    """Say which columns moved since training; nothing where none did."""
    moved = () if changes is None else changes.moved
    if not moved:
        return []
    names = ", ".join(one.label for one in moved[:5])
    more = " and more" if len(moved) > 5 else ""
    moved_columns = "1 column" if len(moved) == 1 else f"{len(moved)} columns"
    return [f"{moved_columns} moved since training: {names}{more}."]


def judge_leaks(leaks: Mapping[str, str]) -> list[str]:
    """Say which columns may know the outcome; nothing where none does."""
    if not leaks:
        return []
    said = "; ".join(f"{shown(name)}: {why}" for name, why in list(leaks.items())[:5])
    return [
        f"{_columns(len(leaks))} known only after the outcome, so figures may be too good: {said}."
    ]


def _columns(n: int) -> str:
    return "1 column looks" if n == 1 else f"{n} columns look"


def _in_words(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _percent(found: Interval) -> str:
    value, low, high = (f"{100 * x:.0f} %" for x in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"
