"""The brief for the AE: what is known, who says so, and no contact details."""

from datetime import UTC, datetime, timedelta

from leadqual.leads.schema import Company, Contact, Interest, Lead, Motion
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.qualify.score import Answer, Head, LeadScore, ScoredBy
from leadqual.queue.handoff import Handoff, RepAnswers, Topic, build_handoff

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEAD = Lead(
    source="webinar",
    motion=Motion.INBOUND,
    created_at=NOW,
    contact=Contact(email="p@firm.example", phone="+49 30 1", full_name="P. Person"),
    company=Company(name="Firm"),
    interest=Interest(message="We need a router", timeline_days=30),
)
SCORE = LeadScore(
    p_fit=0.8,
    p_authority=0.4,
    p_budget=0.7,
    p_conversion=0.1,
    expected_value_usd=900.0,
    grade="A",
    percentile=91,
    heads={Head.FIT: Answer.YES, Head.AUTHORITY: Answer.UNKNOWN, Head.BUDGET: Answer.YES},
    heads_scored_by={},
    reasons=(),
    scored_by=ScoredBy.MODEL,
    model_version="v1",
    scored_at=NOW,
)


def event(kind: OutcomeType, note: str | None = None) -> OutcomeEvent:
    return OutcomeEvent(lead_id="L1", type=kind, actor="ann", recorded_at=NOW, note=note)


def brief(answers: RepAnswers = RepAnswers()) -> Handoff:  # noqa: B008 - frozen
    return build_handoff(
        "L1",
        LEAD,
        SCORE,
        event=event(OutcomeType.HANDED_OFF, "budget is there"),
        history=[event(OutcomeType.CONTACTED, "called"), event(OutcomeType.REJECTED)],
        answers=answers,
    )


def test_topics_the_rep_left_open_are_answered_by_the_score_or_the_lead() -> None:
    said = {answer.topic: answer for answer in brief().answers}

    assert {topic: answer.said_by for topic, answer in said.items()} == {
        Topic.FIT: "score",
        Topic.AUTHORITY: "score",
        Topic.BUDGET: "score",
        Topic.NEED: "lead",
        Topic.TIMING: "lead",
    }
    assert said[Topic.FIT].answer is Answer.YES
    assert said[Topic.NEED].text == "We need a router"


def test_what_the_rep_learned_overrides_the_score() -> None:
    answers = RepAnswers(
        fit=Answer.NO, texts={Topic.NEED: "two routers"}, meeting_at=NOW + timedelta(days=1)
    )

    made = brief(answers)

    said = {answer.topic: answer for answer in made.answers}
    assert (said[Topic.FIT].answer, said[Topic.FIT].said_by) == (Answer.NO, "rep")
    assert (said[Topic.NEED].text, said[Topic.NEED].said_by) == ("two routers", "rep")
    assert made.meeting_at == NOW + timedelta(days=1)


def test_the_story_so_far_goes_along() -> None:
    made = brief()

    assert made.notes == ("called", "budget is there")
    assert (made.n_rejections, made.handed_by, made.handed_at) == (1, "ann", NOW)


def test_a_brief_holds_no_contact_details_and_reads_back_equal() -> None:
    text = brief().model_dump_json()

    assert Handoff.model_validate_json(text) == brief()
    for detail in ("p@firm.example", "+49 30 1", "P. Person"):
        assert detail not in text
