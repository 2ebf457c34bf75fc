"""The brief that goes with a lead from MRR or SDR to the AE."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from leadqual.leads.schema import Lead, Message, Text
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.qualify.score import Answer, Head, LeadScore, ReasonCode


class Topic(StrEnum):
    """What an AE wants to know before the first meeting."""

    FIT = "fit"
    AUTHORITY = "authority"
    BUDGET = "budget"
    NEED = "need"
    TIMING = "timing"


class TopicAnswer(BaseModel):
    """What is known on one topic, and who says so: `score` (a guess) or the `rep`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: Topic
    answer: Answer
    said_by: str
    text: Message | None = None


class Handoff(BaseModel):
    """The brief: who it is, what the scores say, what the rep learned and when to meet.

    Holds no contact details: those stay with the lead, so erasing it erases them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead_id: str
    handed_by: str | None
    handed_to: str | None
    handed_at: AwareDatetime
    company: str | None
    job_title: str | None
    product: str | None
    grade: str
    p_conversion: float
    expected_value_usd: float
    scored_by: str
    answers: tuple[TopicAnswer, ...]
    reasons: tuple[ReasonCode, ...]
    notes: tuple[str, ...]
    meeting_at: AwareDatetime | None = None
    n_rejections: int = 0


class RepAnswers(BaseModel):
    """What the rep adds at hand-off: answers by topic, and the time of the meeting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fit: Answer | None = None
    authority: Answer | None = None
    budget: Answer | None = None
    need: Answer | None = None
    timing: Answer | None = None
    texts: dict[Topic, Text] = {}
    meeting_at: AwareDatetime | None = None


NO_ANSWERS: Final = RepAnswers()


def build_handoff(
    lead_id: str,
    lead: Lead,
    score: LeadScore,
    *,
    event: OutcomeEvent,
    history: Sequence[OutcomeEvent] = (),
    answers: RepAnswers = NO_ANSWERS,
) -> Handoff:
    """Return the brief of one hand-off.

    Parameters
    ----------
    lead_id : str
        The store's id.
    lead : Lead
        The lead as of now.
    score : LeadScore
        Its latest score: answers on fit, authority and budget where the rep gave none.
    event : OutcomeEvent
        The `handed_off` event; who handed over, when, and its note.
    history : sequence of OutcomeEvent
        What happened before, oldest first: its notes and earlier rejections by an AE.
    answers : RepAnswers
        What the rep learned; it overrides the score.
    """
    notes = [earlier.note for earlier in (*history, event) if earlier.note]
    return Handoff(
        lead_id=lead_id,
        handed_by=event.actor,
        handed_to=None,
        handed_at=_time_of(event, score),
        company=lead.company.name or lead.company.domain,
        job_title=lead.contact.job_title,
        product=lead.interest.product,
        grade=score.grade,
        p_conversion=score.p_conversion,
        expected_value_usd=score.expected_value_usd,
        scored_by=score.scored_by.value,
        answers=tuple(_answer(topic, lead, score, answers=answers) for topic in Topic),
        reasons=score.reasons,
        notes=tuple(notes),
        meeting_at=answers.meeting_at,
        n_rejections=sum(earlier.type is OutcomeType.REJECTED for earlier in history),
    )


def _time_of(event: OutcomeEvent, score: LeadScore) -> datetime:
    """Return when it was handed over; an event without any time counts from its score."""
    return event.recorded_at or event.occurred_at or score.scored_at


def _answer(topic: Topic, lead: Lead, score: LeadScore, *, answers: RepAnswers) -> TopicAnswer:
    """Return what is known on one topic: the rep's word, else what the lead said or the score."""
    text = answers.texts.get(topic)
    said: Answer | None = getattr(answers, topic.value)
    if said is not None or text is not None:
        return TopicAnswer(topic=topic, answer=said or Answer.UNKNOWN, said_by="rep", text=text)
    if topic is Topic.NEED and lead.interest.message:
        return TopicAnswer(
            topic=topic, answer=Answer.UNKNOWN, said_by="lead", text=lead.interest.message
        )
    if topic is Topic.TIMING and lead.interest.timeline_days is not None:
        text = f"wants to start within {lead.interest.timeline_days} days"
        return TopicAnswer(topic=topic, answer=Answer.YES, said_by="lead", text=text)
    if topic.value in {head.value for head in Head}:
        guess = score.heads.get(Head(topic.value), Answer.UNKNOWN)
        return TopicAnswer(topic=topic, answer=guess, said_by="score")
    return TopicAnswer(topic=topic, answer=Answer.UNKNOWN, said_by="score")
