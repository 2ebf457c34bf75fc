from datetime import UTC, datetime, timedelta

import pytest

from leadqual.leads.schema import Motion
from leadqual.qualify.score import Head, LeadScore
from leadqual.routing.decide import RoutingContext, decide
from leadqual.routing.decision import Approach, Queue
from leadqual.routing.standard import default_standard, default_standard_text, parse_standard

THURSDAY_NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
NOBODY_DRAWN = 0.999


def score_of(**changes):
    fields = {
        "p_fit": 0.7,
        "p_authority": 0.7,
        "p_budget": 0.7,
        "p_conversion": 0.05,
        "expected_value_usd": 1000.0,
        "grade": "B",
        "percentile": 80,
        "heads": {"fit": "yes", "authority": "yes", "budget": "yes"},
        "heads_scored_by": {"fit": "model", "authority": "model", "budget": "model"},
        "reasons": (),
        "scored_by": "model",
        "model_version": "2026-11-19-1",
        "scored_at": THURSDAY_NOON,
    }
    return LeadScore.model_validate({**fields, **changes})


def context_of(**changes):
    fields = {
        "motion": Motion.INBOUND,
        "is_customer": False,
        "quarantine_reason": None,
        "created_at": THURSDAY_NOON,
        "n_queued_today": 0,
    }
    return RoutingContext(**{**fields, **changes})


def standard_with(**changes):
    """The default standard with some `section.setting` replaced."""
    document = default_standard().model_dump(mode="json")
    for path, value in changes.items():
        *sections, setting = path.split("__")
        part = document
        for section in sections:
            part = part[section]
        part[setting] = value
    return type(default_standard()).model_validate(document)


def decision_of(score=None, context=None, standard=None, *, now=THURSDAY_NOON, draw=NOBODY_DRAWN):
    return decide(
        score or score_of(),
        context or context_of(),
        standard or default_standard(),
        now=now,
        draw=draw,
    )


@pytest.mark.parametrize(
    ("motion", "queue"), [(Motion.INBOUND, Queue.MRR), (Motion.OUTBOUND, Queue.SDR)]
)
def test_the_motion_chooses_the_rep_queue(motion, queue):
    assert decision_of(context=context_of(motion=motion)).queue is queue


def test_a_customer_goes_to_the_account_manager_however_low_the_score():
    decision = decision_of(score_of(percentile=1, p_fit=0.01), context_of(is_customer=True))

    assert decision.queue is Queue.ACCOUNT_MANAGER
    assert decision.approach is Approach.ACCOUNT_MANAGER
    assert decision.due_at is not None


def test_quarantine_comes_before_everything_and_is_never_explored():
    context = context_of(quarantine_reason="looks like spam", is_customer=True)

    decision = decision_of(context=context, draw=0.0)

    assert decision.queue is Queue.QUARANTINE
    assert decision.approach is Approach.REVIEW
    assert decision.due_at is None
    assert not decision.explored
    assert "looks like spam" in decision.why[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cut__min_percentile": 81}, "the standard asks for 81 %"),
        ({"cut__min_p_conversion": 0.06}, "the standard asks for 6 %"),
        ({"cut__min_expected_value_usd": 1001}, "the standard asks for 1,001 USD"),
    ],
)
def test_each_floor_of_the_cut_sends_to_nurture_and_says_which(changes, words):
    decision = decision_of(standard=standard_with(**changes))

    assert decision.queue is Queue.NURTURE
    assert decision.approach is Approach.NURTURE
    assert decision.due_at is None
    assert decision.ask_next is None
    assert words in decision.why[0]


def test_exploration_queues_the_drawn_share_and_stores_it_for_those_not_drawn():
    below = score_of(percentile=3, grade="D")

    drawn = decision_of(below, draw=0.049)
    not_drawn = decision_of(below, draw=0.05)

    assert (drawn.queue, drawn.explored, drawn.propensity) == (Queue.MRR, True, 0.05)
    assert (not_drawn.queue, not_drawn.explored, not_drawn.propensity) == (
        Queue.NURTURE,
        False,
        0.05,
    )
    assert decision_of(draw=0.0).propensity == 1.0


def test_a_lead_that_had_its_chance_is_not_drawn_again():
    decision = decision_of(score_of(percentile=3), context_of(is_explorable=False), draw=0.0)

    assert decision.queue is Queue.NURTURE
    assert decision.propensity == 1.0


def no_fit(**changes):
    heads = {"fit": "no", "authority": "yes", "budget": "yes"}
    return score_of(**{"p_fit": 0.05, "heads": heads, **changes})


def test_a_fit_that_is_surely_missing_is_not_queued():
    decision = decision_of(no_fit())

    assert decision.queue is Queue.DISQUALIFIED_BY_SCORE
    assert decision.approach is Approach.NONE
    assert "5 %" in decision.why[0]
    assert decision_of(no_fit(), draw=0.009).explored


def test_an_unlikely_but_not_hopeless_fit_is_left_to_the_cut():
    assert decision_of(no_fit(p_fit=0.2)).queue is Queue.MRR


def test_the_written_rules_rule_nobody_out_unless_the_standard_says_so():
    by_rules = no_fit(heads_scored_by={"fit": "rules"}, scored_by="rules")

    assert decision_of(by_rules).queue is Queue.MRR
    strict = standard_with(disqualify__only_when_learned=False)
    assert decision_of(by_rules, standard=strict).queue is Queue.DISQUALIFIED_BY_SCORE
    assert any("written rules" in line for line in decision_of(by_rules).why)


FILLING = {
    "cut__mode": "fill_capacity",
    "cut__min_percentile": 0,
    "cut__fill_capacity__mrr": {"capacity_per_day": 30, "expected_per_day": 120},
}
BEFORE_OPENING = datetime(2026, 11, 19, 6, tzinfo=UTC)


def test_capacity_decides_how_deep_the_list_goes():
    standard = standard_with(**FILLING)

    # 30 places for 120 expected leads: the best quarter
    assert decision_of(score_of(percentile=75), standard=standard, now=BEFORE_OPENING).queue is (
        Queue.MRR
    )
    below = decision_of(score_of(percentile=74), standard=standard, now=BEFORE_OPENING)
    assert below.queue is Queue.NURTURE
    assert "30 of 30 places left in mrr" in below.why[0]


def test_the_list_gets_shorter_as_the_queue_fills_and_deeper_as_the_day_ends():
    standard = standard_with(**FILLING)
    middling = score_of(percentile=75)

    half_full = context_of(n_queued_today=15)
    assert decision_of(middling, half_full, standard, now=BEFORE_OPENING).queue is Queue.NURTURE
    evening = datetime(2026, 11, 19, 17, 15, tzinfo=UTC)
    assert decision_of(score_of(percentile=0), half_full, standard, now=evening).queue is Queue.MRR


def test_a_full_queue_takes_only_what_is_always_queued():
    standard = standard_with(**FILLING)
    full = context_of(n_queued_today=30)

    assert decision_of(score_of(percentile=96), full, standard).queue is Queue.NURTURE
    assert decision_of(score_of(percentile=97), full, standard).queue is Queue.MRR


def test_each_rep_queue_has_its_own_capacity():
    standard = standard_with(
        **FILLING,
        cut__fill_capacity__sdr={"capacity_per_day": 120, "expected_per_day": 120},
    )
    low = score_of(percentile=10)

    assert decision_of(low, standard=standard, now=BEFORE_OPENING).queue is Queue.NURTURE
    outbound = context_of(motion=Motion.OUTBOUND)
    assert decision_of(low, outbound, standard, now=BEFORE_OPENING).queue is Queue.SDR


def test_the_first_contact_is_due_by_grade_in_business_time():
    late_friday = datetime(2026, 11, 20, 17, 20, tzinfo=UTC)
    context = context_of(created_at=late_friday)

    due_a = decision_of(score_of(grade="A"), context, now=late_friday).due_at
    due_c = decision_of(score_of(grade="C"), context, now=late_friday).due_at

    assert due_a == datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    assert due_c == datetime(2026, 11, 23, 12, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("heads", "approach", "ask_next"),
    [
        ({"fit": "yes", "authority": "yes", "budget": "yes"}, Approach.CALL, None),
        ({"fit": "yes", "authority": "unknown", "budget": "unknown"}, Approach.ASK, "authority"),
        ({"fit": "yes", "authority": "yes", "budget": "unknown"}, Approach.ASK, "budget"),
        ({"fit": "unknown", "authority": "yes", "budget": "yes"}, Approach.ENRICH, "fit"),
        ({"fit": "yes", "authority": "no", "budget": "unknown"}, Approach.ENRICH, "budget"),
    ],
)
def test_what_is_known_decides_how_the_lead_is_worked(heads, approach, ask_next):
    decision = decision_of(score_of(heads=heads))

    assert (decision.approach, decision.ask_next) == (approach, ask_next)


def test_the_best_inbound_leads_are_called_at_once_and_outbound_is_never_waiting():
    best = score_of(grade="A", heads={"fit": "unknown", "authority": "yes", "budget": "yes"})

    assert decision_of(best).approach is Approach.CALL_NOW
    assert decision_of(best, context_of(motion=Motion.OUTBOUND)).approach is Approach.ENRICH
    nobody = standard_with(approach__call_now_grades=[])
    assert decision_of(best, standard=nobody).approach is Approach.ENRICH


def test_the_check_order_of_the_team_decides_what_to_ask_first():
    open_heads = score_of(heads={"fit": "yes", "authority": "unknown", "budget": "unknown"})
    money_first = standard_with(check_order=["budget", "fit", "authority", "need"])

    assert decision_of(open_heads, standard=money_first).ask_next == "budget"


def test_an_older_lead_ranks_below_a_fresh_one_of_the_same_value():
    week_old = context_of(created_at=THURSDAY_NOON - timedelta(days=7))

    fresh, old = decision_of(), decision_of(context=week_old)

    assert old.rank < fresh.rank
    assert old.order_key < fresh.order_key
    slow = standard_with(ranking__half_life_days=70.0)
    assert decision_of(context=week_old, standard=slow).rank > old.rank


def test_a_typical_new_lead_ranks_in_the_middle():
    typical = score_of(expected_value_usd=400.0)

    decision = decision_of(typical, standard=standard_with(ranking__typical_value_usd=400.0))

    assert decision.rank == pytest.approx(0.5)
    assert any("expected value 400 USD x urgency 1.00" in line for line in decision.why)


@pytest.mark.parametrize("changes", [{}, {"percentile": 1}], ids=["above the cut", "below the cut"])
def test_only_a_model_compares_with_past_leads(changes):
    by_model = decision_of(score_of(**changes))
    by_rules = decision_of(score_of(scored_by="rules", **changes))

    assert "past leads" in " ".join(by_model.why)
    assert "past leads" not in " ".join(by_rules.why)
    assert "made-up leads that the written rules grade by" in by_rules.why[0]


def test_every_decision_names_its_standard_and_says_why():
    standard = parse_standard(default_standard_text(), version=7)

    decision = decision_of(score_of(heads={Head.FIT: "yes"}), standard=standard)

    assert decision.standard_version == 7
    assert decision.grade == "B"
    assert any("First contact is due 60 business minutes" in line for line in decision.why)
