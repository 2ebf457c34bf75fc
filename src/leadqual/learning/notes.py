"""What a reader of a model should know about its history, in plain words and as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from leadqual.learning.choosing import Chosen
from leadqual.learning.conversion import ConversionParts
from leadqual.learning.preparing import TrainingSet, count_sides
from leadqual.learning.recency import RegimeBreak
from leadqual.learning.settings import FitSettings
from leadqual.learning.single_column import TIME_PROXY
from leadqual.outcomes.checks import Check
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.outcomes.labels import Labels
from leadqual.outcomes.maturity import Maturity
from leadqual.outcomes.timeline import to_days, to_moment
from leadqual.qualify.score import Head

_SMALLEST_SHOWN: Final = 0.001


def note_history(data: TrainingSet) -> tuple[str, ...]:
    """Return one sentence per peculiarity of a history that changes how to read the model."""
    return tuple(
        note
        for note in (
            *_note_older(data),
            *_note_times(data.labels, data.maturity),
            *_note_records(data.labels),
            *_note_conflicts(data.history.events, data.labels.as_of_days),
            *_note_break(data),
            *_note_columns(data),
        )
        if note
    )


def note_learners(parts: ConversionParts, heads: Mapping[Head, Chosen]) -> tuple[str, ...]:
    """Say which learners validation on later leads chose; nothing where it chose none."""
    models = {
        **{head.value: chosen for head, chosen in heads.items()},
        **{stage.name: stage.chosen for stage in parts.stages},
        "conversion in one step": parts.direct,
    }
    said = [
        f"{name} by {chosen.recipe} (log loss {chosen.losses[chosen.recipe]:.4f}, others "
        f"{min(others):.4f} to {max(others):.4f})"
        for name, chosen in models.items()
        if (others := [v for r, v in chosen.losses.items() if r != chosen.recipe])
    ]
    return (f"learners chosen on later leads: {'; '.join(said)}",) if said else ()


def _note_older(data: TrainingSet) -> list[str]:
    if not data.n_older:
        return []
    n_leads = data.labels.n_leads
    return [f"only the newest {n_leads:,} of {n_leads + data.n_older:,} leads were learned from"]


def _note_times(labels: Labels, maturity: Maturity) -> list[str]:
    notes = []
    if not labels.has_times:
        notes.append("this history has no times: nothing is known about how long wins take")
    if maturity.recording_start_days is not None:
        n_before = int((labels.is_usable & ~maturity.is_covered).sum())
        day = np.datetime64("1970-01-01") + np.timedelta64(int(maturity.recording_start_days), "D")
        notes.append(
            f"wins are recorded from {day} on only; {n_before} older leads look as if they never "
            "converted and were left out"
        )
    if not maturity.curve.is_flat_at_end:
        notes.append(
            f"the oldest lead is {maturity.curve.oldest_days:.0f} days old and wins still come at "
            "that age: probabilities speak of that many days only"
        )
    if labels.n_clamped:
        notes.append(
            f"{labels.n_clamped} event(s) are dated before their lead and were taken to happen "
            "with it"
        )
    return notes


def _note_records(labels: Labels) -> list[str]:
    notes = []
    if labels.n_unknown_lead:
        notes.append(f"{labels.n_unknown_lead} event(s) belong to no lead of this history")
    n_excluded = int(labels.is_excluded.sum())
    if n_excluded:
        notes.append(
            f"{n_excluded} lead(s) are spam, bad data, duplicates or not to be contacted: left out"
        )
    if not labels.records_losses:
        notes.append(
            "losses are never recorded: an old lead without a win counts as not won, a young one "
            "in part"
            if labels.has_times
            else "neither losses nor times are recorded: every lead without a win counts as not won"
        )
    return notes


def _note_conflicts(events: Sequence[OutcomeEvent], as_of_days: float) -> list[str]:
    """Say how many leads are told to be won and lost; a deal may be lost and won again."""
    known = [event for event in events if not _learned_on(event) > as_of_days]
    won, lost = (
        {event.lead_id for event in known if event.type is kind}
        for kind in (OutcomeType.WON, OutcomeType.LOST)
    )
    n = len(won & lost)
    return [f"{n} lead(s) are recorded as won and as lost: the win counts"] if n else []


def _learned_on(event: OutcomeEvent) -> float:
    """Return when an event became known, in days since 1970; NaN where nothing tells."""
    at = event.recorded_at or event.occurred_at
    return to_days(at) if at is not None else float("nan")


def _note_break(data: TrainingSet) -> list[str]:
    """Say when leads began to convert differently, how sure that is, and what was done."""
    found, half_life = data.recency.regime_break, data.recency.half_life
    if found is None:
        return []
    since, unit = f"lead {found.row + 1} of {data.history.n_leads}", "leads"
    if data.labels.has_times:
        since = str(data.history.moments[found.row].astype("datetime64[D]"))
        unit = "days"
    answer = "counting older leads less did not clearly rank later leads better: all count alike"
    if half_life is not None:
        answer = f"older leads count less, half after {half_life:.0f} {unit}"
    return [
        f"the win rate changed: leads since {since} were won {found.ratio:.2f} times "
        f"[{found.low:.2f}, {found.high:.2f}] as often as the same leads before (chance makes such "
        f"a change in {_share(found.p_value)} of histories); {answer}"
    ]


def _share(p_value: float) -> str:
    return f"{p_value:.1%}" if p_value >= _SMALLEST_SHOWN else f"less than {_SMALLEST_SHOWN:.1%}"


def _recency(data: TrainingSet) -> dict[str, object]:
    """Return the break and its answer as JSON values."""
    found, half_life = data.recency.regime_break, data.recency.half_life
    if found is None and half_life is None:
        return {"break": None, "half_life": None, "validation_log_loss": {}}
    return {
        "break": None if found is None else _break(data, found),
        "half_life": half_life,
        "unit": "days" if data.labels.has_times else "leads",
        "validation_log_loss": data.recency.losses,
    }


def _break(data: TrainingSet, found: RegimeBreak) -> dict[str, object]:
    day = str(data.history.moments[found.row].astype("datetime64[D]"))
    return {
        "lead": found.row + 1,
        "day": day if data.labels.has_times else None,
        "ratio": found.ratio,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
    }


def _note_columns(data: TrainingSet) -> list[str]:
    dropped = data.encoder.dropped
    timely = [name for name, why in dropped.items() if why.startswith(TIME_PROXY)]
    silent = [name for name in dropped if name not in timely and name in data.history.columns]
    notes = []
    if timely:
        notes.append(
            f"{len(timely)} column(s) tell when a lead came rather than what it is and were left "
            f"out: {_listed(timely)}"
        )
    if silent:
        notes.append(
            f"{len(silent)} column(s) say nothing (empty, constant or all different) and were left "
            f"out: {_listed(silent)}"
        )
    return notes


def _listed(names: list[str]) -> str:
    return ", ".join(sorted(names)[:8]) + (" and more" if len(names) > 8 else "")


def summarise(
    data: TrainingSet,
    parts: ConversionParts,
    heads: Mapping[Head, Chosen],
    *,
    settings: FitSettings,
    notes: tuple[str, ...],
    shift: float,
) -> dict[str, object]:
    """Return how a model was trained, as JSON values, for its card and for lists."""
    recipes = {Check(head.value): chosen.as_dict() for head, chosen in heads.items()}
    n_won, n_not_won = count_sides(data.labels, data.maturity)
    curve = data.maturity.curve
    known_until = to_moment(data.labels.as_of_days)
    shares = {f"{days}": float(curve.share_by(float(days))) for days in (30, 90, 180)}
    return {
        "source": data.history.source,
        "known_until": None if known_until is None else known_until.isoformat(),
        "n_leads": len(data.rows),
        "n_older_left_out": data.n_older,
        "n_won": n_won,
        "n_not_won": n_not_won,
        "counts": data.labels.counts(),
        "n_features": len(data.encoder.feature_names),
        "n_columns": data.encoder.width,
        "dropped": dict(data.encoder.dropped),
        "conversion": parts.how,
        "level_shift": shift,
        "direct": parts.direct.as_dict(),
        "share_of_wins_by_days": shares if curve.days else {},
        "heads": {
            check.value: {"n_yes": labels.n_yes, "n_no": labels.n_no, **recipes.get(check, {})}
            for check, labels in data.labels.heads.items()
        },
        "stages": {
            stage.name: {
                "n_passed": stage.n_passed,
                "n_stopped": stage.n_stopped,
                **stage.chosen.as_dict(),
            }
            for stage in parts.stages
        },
        "recency": _recency(data),
        "learners": settings.learners.as_dict(),
        "notes": list(notes),
    }
