"""Where a scored lead goes, how urgent it is, how to work it, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from leadqual.leads.records import make_record
from leadqual.leads.schema import Motion
from leadqual.qualify.score import Answer, Head, LeadScore, ScoredBy
from leadqual.routing.decision import Approach, Decision, Queue
from leadqual.routing.hours import add_business_time, share_of_day_left
from leadqual.routing.rank import explain_rank, order_key, rank_of, urgency
from leadqual.routing.standard import Standard
from leadqual.routing.standard_parts import CutMode

WORKED_QUEUES: Final = frozenset({Queue.MRR, Queue.SDR, Queue.ACCOUNT_MANAGER})
"""Queues with reps; the others are kept and auditable."""

# A member is looked up by a function in Python, so those that every lead meets have names here.
_UNKNOWN: Final = Answer.UNKNOWN
_NO: Final = Answer.NO
_FIT: Final = Head.FIT
_FIT_NAME: Final = Head.FIT.value
_MODEL: Final = ScoredBy.MODEL
_INBOUND: Final = Motion.INBOUND
_MRR: Final = Queue.MRR
_SDR: Final = Queue.SDR
_NURTURE: Final = Queue.NURTURE
_AUTHORITY: Final = Head.AUTHORITY
_THRESHOLDS: Final = CutMode.THRESHOLDS
_CALL_NOW: Final = Approach.CALL_NOW
_CALL: Final = Approach.CALL
_ASK: Final = Approach.ASK
_ENRICH: Final = Approach.ENRICH
_ACCOUNT_MANAGER: Final = Approach.ACCOUNT_MANAGER
_BY_QUEUE: Final = {
    Queue.QUARANTINE: Approach.REVIEW,
    Queue.ACCOUNT_MANAGER: Approach.ACCOUNT_MANAGER,
    Queue.NURTURE: Approach.NURTURE,
    Queue.DISQUALIFIED_BY_SCORE: Approach.NONE,
}


@dataclass(frozen=True, slots=True)
class RoutingContext:
    """What besides the score decides where a lead goes.

    Parameters
    ----------
    motion : Motion
        Inbound goes to MRR, outbound to SDR, whatever else happens.
    is_customer : bool
        A customer that shows interest again goes to the account manager.
    quarantine_reason : str or None
        From `quarantine.quarantine_reason`, or from the caller.
    created_at : datetime
        Aware; when the lead came to us. Age and the SLA clock count from here.
    n_queued_today : int
        Leads that went to the queue of this motion on this day of the standard's time zone;
        read when the cut fills capacity.
    is_explorable : bool
        False for leads that had their chance before (a rescore).
    """

    motion: Motion
    is_customer: bool
    quarantine_reason: str | None
    created_at: datetime
    n_queued_today: int
    is_explorable: bool = True


class _Placement(NamedTuple):
    """A queue with its reason, and whether chance had a hand in it."""

    queue: Queue
    why: tuple[str, ...]
    explored: bool = False
    propensity: float = 1.0


def decide(
    score: LeadScore,
    context: RoutingContext,
    standard: Standard,
    *,
    now: datetime,
    draw: float,
) -> Decision:
    """Decide what to do with a scored lead; the same arguments give the same decision.

    In this order: quarantine, customers, a fit that is surely missing, the cut. A lead below
    the cut or without fit may be queued all the same by exploration; `propensity` is then, and
    for those who were not drawn, the probability of that.

    Parameters
    ----------
    score : LeadScore
        The answers, with grade and percentile.
    context : RoutingContext
        What else matters.
    standard : Standard
        What was agreed.
    now : datetime
        Aware moment of the decision.
    draw : float
        Uniform in [0, 1); below the exploration rate means explored.
    """
    placement = _place(score, context, standard, now=now, draw=draw)
    is_worked = placement.queue in WORKED_QUEUES
    sla = standard.sla_minutes.of(placement.queue, score.grade)
    freshness = urgency(context.created_at, now, half_life=standard.half_life)
    value = score.expected_value_usd
    rank = rank_of(value, freshness, typical_value_usd=standard.ranking.typical_value_usd)
    ask_next = _ask_next(score, standard) if is_worked else None
    approach = _approach(placement.queue, score, standard, context=context)
    why = [*placement.why, explain_rank(value, freshness, rank=rank)]
    if score.scored_by is not _MODEL:
        why.append("Scored by the written rules, not by a model")
    if is_worked:
        why.append(_explain_approach(approach, ask_next, score))
    if sla is not None:
        why.append(f"First contact is due {_in_words(sla)} after arrival")
    due_at = None if sla is None else add_business_time(context.created_at, sla, standard.hours)
    return make_record(
        Decision,
        {
            "queue": placement.queue,
            "grade": score.grade,
            "rank": rank,
            "approach": approach,
            "ask_next": ask_next,
            "due_at": due_at,
            "why": tuple(why),
            "assigned_to": None,
            "explored": placement.explored,
            "propensity": placement.propensity,
            "standard_version": standard.version,
            "order_key": order_key(value, context.created_at, half_life=standard.half_life),
        },
    )


def _place(
    score: LeadScore, context: RoutingContext, standard: Standard, *, now: datetime, draw: float
) -> _Placement:
    """Choose the queue."""
    if context.quarantine_reason is not None:
        return _Placement(
            Queue.QUARANTINE, (f"Quarantine, never trained on: {context.quarantine_reason}",)
        )
    if context.is_customer:
        return _Placement(Queue.ACCOUNT_MANAGER, ("A customer: goes to the account manager",))
    queue = _MRR if context.motion is _INBOUND else _SDR
    no_fit = _why_no_fit(score, standard)
    if no_fit is not None:
        rate = standard.exploration.disqualified_by_score
        kept = _Placement(Queue.DISQUALIFIED_BY_SCORE, (no_fit,))
        return _explore(kept, queue, context=context, rate=rate, draw=draw)
    below = _why_below_cut(score, context, standard, queue=queue, now=now)
    if below is not None:
        kept = _Placement(_NURTURE, (below,))
        return _explore(kept, queue, context=context, rate=standard.exploration.nurture, draw=draw)
    return _Placement(
        queue,
        (
            f"{_motion_text(queue)}, grade {score.grade}: better than {score.percentile} % of "
            f"{_yardstick(score)}, {_percent(score.p_conversion)} likely to convert, above the cut",
        ),
    )


def _explore(
    kept: _Placement, queue: Queue, *, context: RoutingContext, rate: float, draw: float
) -> _Placement:
    """Queue a share of the leads that would not be worked, and remember how large it is."""
    if not context.is_explorable or rate <= 0.0:
        return kept
    if draw >= rate:
        return _Placement(kept.queue, kept.why, propensity=rate)
    by_chance = f"Queued by chance all the same ({_percent(rate)} of such leads), to learn from it"
    return _Placement(queue, (*kept.why, by_chance), explored=True, propensity=rate)


def _why_no_fit(score: LeadScore, standard: Standard) -> str | None:
    """Say why fit is surely missing, or None."""
    rule = standard.disqualify
    if score.p_fit > rule.fit_at_most or score.heads.get(_FIT) is not _NO:
        return None
    scored_by = score.heads_scored_by.get(_FIT_NAME, score.scored_by)
    if rule.only_when_learned and scored_by is not _MODEL:
        return None
    return (
        f"Does not fit: the model gives {_percent(score.p_fit)}, the standard rules out "
        f"{_percent(rule.fit_at_most)} and less"
    )


def _why_below_cut(
    score: LeadScore,
    context: RoutingContext,
    standard: Standard,
    *,
    queue: Queue,
    now: datetime,
) -> str | None:
    """Say which part of the cut a lead misses, or None."""
    cut = standard.cut
    if score.percentile < cut.min_percentile:
        return (
            f"Below the cut: better than {score.percentile} % of {_yardstick(score)}, the standard "
            f"asks for {cut.min_percentile} %"
        )
    if score.p_conversion < cut.min_p_conversion:
        return (
            f"Below the cut: {_percent(score.p_conversion)} likely to convert, the standard asks "
            f"for {_percent(cut.min_p_conversion)}"
        )
    if score.expected_value_usd < cut.min_expected_value_usd:
        return (
            f"Below the cut: expected value {score.expected_value_usd:,.0f} USD, the standard "
            f"asks for {cut.min_expected_value_usd:,.0f} USD"
        )
    if cut.mode is _THRESHOLDS:
        return None
    return _why_no_room(score, context, standard, queue=queue, now=now)


def _why_no_room(
    score: LeadScore,
    context: RoutingContext,
    standard: Standard,
    *,
    queue: Queue,
    now: datetime,
) -> str | None:
    """Say that better leads are expected for the places left today, or None.

    The places left, over the leads still expected, is the share of the day's leads that can be
    worked; the lead must be among the best of past leads by that share.
    """
    rule = standard.cut.fill_capacity
    if score.percentile >= rule.always_queue_percentile:
        return None
    capacity = rule.of(queue)
    n_places = max(0, capacity.capacity_per_day - context.n_queued_today)
    n_expected = max(1.0, capacity.expected_per_day * share_of_day_left(now, standard.hours))
    needed = 100.0 * (1.0 - min(1.0, n_places / n_expected))
    if n_places > 0 and score.percentile >= needed:
        return None
    return (
        f"Below today's cut: {n_places} of {capacity.capacity_per_day} places left in "
        f"{queue.value}, kept for leads better than {needed:.0f} % of {_yardstick(score)} (this "
        f"one: {score.percentile} %)"
    )


def _yardstick(score: LeadScore) -> str:
    """Name what the percentile places a lead among: the rules have seen no lead."""
    if score.scored_by is not _MODEL:
        return "the made-up leads that the written rules grade by"
    return "past leads"


def _ask_next(score: LeadScore, standard: Standard) -> str | None:
    """Name the first check that the score leaves open."""
    unknown: list[str] = [head for head, answer in score.heads.items() if answer is _UNKNOWN]
    if unknown:
        for check in standard.check_order:
            if check in unknown:  # both are texts
                return check.value
    return None


def _approach(
    queue: Queue, score: LeadScore, standard: Standard, *, context: RoutingContext
) -> Approach:
    """Choose how to work the lead: what is known of it decides."""
    known = _BY_QUEUE.get(queue)
    if known is not None:
        return known
    if context.motion is _INBOUND and score.grade in standard.approach.call_now_grades:
        return _CALL_NOW
    if score.heads.get(_FIT) is _UNKNOWN or score.heads.get(_AUTHORITY) is _NO:
        return _ENRICH
    return _ASK if _UNKNOWN in score.heads.values() else _CALL


def _explain_approach(approach: Approach, ask_next: str | None, score: LeadScore) -> str:
    """Say how to go about it."""
    if approach is _ACCOUNT_MANAGER:
        return "The account manager knows the company"
    if approach is _ENRICH:
        no_say = score.heads.get(_AUTHORITY) is _NO
        return "Find out who decides" if no_say else "Fit is unknown: look the company up first"
    call = "Call at once" if approach is _CALL_NOW else "Call"
    if ask_next is None:
        return f"{call}: fit, authority and budget are answered"
    return f"{call} and ask about {ask_next}: it is unknown"


def _motion_text(queue: Queue) -> str:
    """Name the motion with its queue."""
    return "Inbound, to MRR" if queue is _MRR else "Outbound, to SDR"


@lru_cache(maxsize=256)
def _in_words(stretch: timedelta) -> str:
    """Put a stretch of business time into words."""
    minutes = round(stretch.total_seconds() / 60)
    return f"{minutes} business minutes" if minutes < 120 else f"{minutes / 60:.1f} business hours"


def _percent(share: float) -> str:
    """Put a share into words: 6.2 %."""
    return f"{100 * share:.3g} %"
