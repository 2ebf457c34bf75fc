from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from leadqual.leads.records import dump_record
from leadqual.leads.schema import Motion
from leadqual.qualify.score import Answer, Direction, Head, LeadScore, ReasonCode, ScoredBy
from leadqual.routing.decide import RoutingContext, decide
from leadqual.routing.decision import Queue
from leadqual.routing.hours import add_business_time
from leadqual.routing.rank import order_key, rank_of, urgency
from leadqual.routing.standard import default_standard

START = datetime(2026, 1, 1)  # hypothesis adds the time zone
shares = st.floats(0, 1)
moments = st.datetimes(START, datetime(2027, 12, 31), timezones=st.just(UTC))
values = st.floats(0, 1e12, allow_nan=False)


@st.composite
def scores(draw):
    percentile = draw(st.integers(0, 100))
    return LeadScore(
        p_fit=draw(shares),
        p_authority=draw(shares),
        p_budget=draw(shares),
        p_conversion=draw(shares),
        expected_value_usd=draw(values),
        grade=draw(st.sampled_from("ABCD")),
        percentile=percentile,
        heads={head: draw(st.sampled_from(Answer)) for head in Head},
        heads_scored_by={head.value: draw(st.sampled_from(ScoredBy)) for head in Head},
        reasons=(),
        scored_by=draw(st.sampled_from(ScoredBy)),
        model_version="v",
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


contexts = st.builds(
    RoutingContext,
    motion=st.sampled_from(Motion),
    is_customer=st.booleans(),
    quarantine_reason=st.none() | st.just("looks like spam"),
    created_at=moments,
    n_queued_today=st.integers(0, 200),
    is_explorable=st.booleans(),
)


@st.composite
def standards(draw):
    document = default_standard().model_dump(mode="json")
    document["cut"]["mode"] = draw(st.sampled_from(["thresholds", "fill_capacity"]))
    document["cut"]["min_percentile"] = draw(st.integers(0, 100))
    document["cut"]["min_expected_value_usd"] = draw(st.floats(0, 1e4))
    document["exploration"]["nurture"] = draw(shares)
    document["ranking"]["half_life_days"] = draw(st.floats(0.1, 100))
    return type(default_standard()).model_validate(document)


@given(scores(), contexts, standards(), moments, st.floats(0, 1, exclude_max=True))
def test_a_decision_is_deterministic_explained_and_well_formed(score, context, standard, now, draw):
    decision = decide(score, context, standard, now=now, draw=draw)

    assert decision == decide(score, context, standard, now=now, draw=draw)
    assert all(decision.why)
    assert (decision.due_at is not None) == (
        decision.queue in {Queue.MRR, Queue.SDR, Queue.ACCOUNT_MANAGER}
    )
    assert not decision.explored or decision.propensity < 1.0 or standard.exploration.nurture == 1.0


@given(scores(), contexts, standards(), moments, st.floats(0, 1, exclude_max=True))
def test_the_two_motions_never_mix(score, context, standard, now, draw):
    decision = decide(score, context, standard, now=now, draw=draw)

    other = Queue.SDR if context.motion is Motion.INBOUND else Queue.MRR
    assert decision.queue is not other


@given(scores(), values, st.integers(0, 100), contexts, standards(), moments, shares)
def test_more_expected_value_never_makes_it_worse(
    score, value, percentile, context, standard, now, draw
):
    low_value, high_value = sorted((score.expected_value_usd, value))
    low_percentile, high_percentile = sorted((score.percentile, percentile))
    low = score.model_copy(update={"expected_value_usd": low_value, "percentile": low_percentile})
    high = score.model_copy(
        update={"expected_value_usd": high_value, "percentile": high_percentile}
    )

    below = decide(low, context, standard, now=now, draw=draw)
    above = decide(high, context, standard, now=now, draw=draw)

    assert above.rank >= below.rank
    assert above.order_key >= below.order_key
    is_worked = {Queue.MRR, Queue.SDR, Queue.ACCOUNT_MANAGER}
    assert below.queue not in is_worked or above.queue in is_worked


@given(
    st.tuples(st.floats(0.01, 1e9), moments),
    st.tuples(st.floats(0.01, 1e9), moments),
    st.floats(0, 60),
    st.floats(1, 60),
)
def test_two_waiting_leads_never_change_places(first, second, later_days, half_life_days):
    half_life = timedelta(days=half_life_days)
    keys = [order_key(value, at, half_life=half_life) for value, at in (first, second)]
    now = max(first[1], second[1]) + timedelta(days=later_days)

    ranks = [
        rank_of(value, urgency(at, now, half_life=half_life), typical_value_usd=250.0)
        for value, at in (first, second)
    ]

    # equal keys and ranks that underflow to 0 are ties
    assert (
        abs(keys[0] - keys[1]) < 1e-6
        or (keys[0] > keys[1]) == (ranks[0] > ranks[1])
        or (ranks[0] == ranks[1])
    )


@given(moments, st.integers(0, 5000), st.integers(0, 5000))
def test_business_time_adds_up(start, first, second):
    hours = default_standard().hours
    together = add_business_time(start, timedelta(minutes=first + second), hours)

    midway = add_business_time(start, timedelta(minutes=first), hours)
    apart = add_business_time(midway, timedelta(minutes=second), hours)

    assert start <= midway <= together
    # closing time and the next opening are the same business moment
    assert apart == together or add_business_time(together, timedelta(0), hours) in {
        apart,
        add_business_time(apart, timedelta(0), hours),
    }


reasons = st.builds(
    ReasonCode,
    head=st.text(max_size=9),
    direction=st.sampled_from(Direction),
    feature=st.text(max_size=9),
    text=st.text(),
    weight=st.floats(allow_nan=False, allow_infinity=False),
)


@given(scores(), st.lists(reasons, max_size=5), contexts, moments)
def test_records_are_written_as_pydantic_writes_them(score, said, context, now):
    explained = score.model_copy(update={"reasons": tuple(said)})
    decision = decide(score, context, default_standard(), now=now, draw=0.5)

    assert dump_record(explained) == explained.model_dump_json()
    assert dump_record(decision) == decision.model_dump_json()
    assert LeadScore.model_validate_json(dump_record(explained)) == explained
