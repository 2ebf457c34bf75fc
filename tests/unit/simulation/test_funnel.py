import csv
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from leadqual.leads.mapping import load_mapping
from leadqual.leads.normalise import normalise
from leadqual.leads.parse import parse_raw
from leadqual.leads.schema import Lead, RawLead
from leadqual.outcomes.events import TAKES_REASON, OutcomeType, Reason
from leadqual.routing.quarantine import quarantine_reason
from leadqual.simulation.funnel import live_leads, simulate, write_csv
from leadqual.simulation.parameters import FunnelParameters

SAMPLES = Path(__file__).parents[3] / "data_samples"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@cache
def history(**changes):
    return simulate(FunnelParameters(**changes))


def column(table, name, kind=float):
    return np.array([np.nan if value is None else value for value in table[name]], dtype=kind)


def auc(probability, score):
    """Area under the curve, in expectation over outcomes with this probability."""
    order = np.argsort(score, kind="stable")
    _, group = np.unique(score[order], return_inverse=True)
    won = np.bincount(group, probability[order])
    lost = np.bincount(group, 1 - probability[order])
    below = np.cumsum(lost) - lost
    return (won * (below + lost / 2)).sum() / (won.sum() * lost.sum())


def take_in(payloads):
    leads = []
    for payload in payloads:
        raw = parse_raw(payload)
        assert isinstance(raw, RawLead)
        lead = normalise(raw, now=NOW)
        assert isinstance(lead, Lead)
        leads.append(lead)
    return leads


def events_by_lead(simulated):
    found = defaultdict(list)
    outcomes = simulated.outcomes
    for lead_id, kind, at in zip(
        outcomes["lead_id"], outcomes["type"], outcomes["occurred_at"], strict=True
    ):
        found[lead_id].append((kind, at))
    return found


def test_the_same_parameters_give_the_same_history():
    parameters = FunnelParameters(n_leads=300)

    first, second = simulate(parameters), simulate(parameters)

    assert (first.leads, first.outcomes, first.truth) == (
        second.leads,
        second.outcomes,
        second.truth,
    )
    assert simulate(FunnelParameters(n_leads=300, seed=2)).leads != first.leads


def test_the_sample_in_the_repository_is_what_the_code_makes(tmp_path):
    write_csv(history(n_leads=3000), tmp_path)

    for name in ("leads.csv", "outcomes.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / "sample" / name).read_bytes()


def test_every_column_is_in_the_field_dictionary():
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    simulated = history(n_leads=3000)

    columns = {*simulated.leads, *simulated.outcomes, *simulated.truth}
    assert {name for name in columns if f"`{name}`" not in text} == set()


def test_the_mapping_names_every_lead_column_and_never_the_truth():
    mapping = load_mapping(SAMPLES / "mappings" / "sample.yaml")

    read = {spec.column for _, spec in mapping.used_columns} | {"lead_id"}
    assert read == set(history(n_leads=3000).leads)
    assert "truth" not in mapping.files


def test_written_values_read_back_as_they_were(tmp_path):
    simulated = history(n_leads=3000)
    write_csv(simulated, tmp_path)

    with (tmp_path / "leads.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["lead_id"] for row in rows] == simulated.leads["lead_id"]
    assert {row["is_customer"] for row in rows} == {"true", "false"}
    assert [row["message"] or None for row in rows] == simulated.leads["message"]


def test_rates_are_those_of_a_credible_funnel():
    simulated = history()
    truth, types = simulated.truth, Counter(simulated.outcomes["type"])

    worked = np.mean([reason != "" for reason in truth["worked_by"]])
    won_s = [
        datetime.fromisoformat(at)
        for at, kind in zip(
            simulated.outcomes["occurred_at"], simulated.outcomes["type"], strict=True
        )
        if kind == "won"
    ]

    assert 0.45 < worked < 0.5
    assert 280 < types["won"] < 400
    assert 0.018 < np.mean(truth["p_conversion"]) < 0.028
    assert types["handed_off"] > types["accepted"] > types["won"]
    assert types["accepted"] - types["won"] > types["lost"]  # some deals are open or never closed
    assert max(won_s) > simulated.parameters.end - timedelta(days=20)


def test_wins_take_about_two_months_and_longer_when_slow():
    def median_days(simulated):
        created = dict(zip(simulated.leads["lead_id"], simulated.leads["created_at"], strict=True))
        delays = [
            datetime.fromisoformat(at) - datetime.fromisoformat(created[lead_id])
            for lead_id, events in events_by_lead(simulated).items()
            for kind, at in events
            if kind == "won"
        ]
        return np.median([delay.total_seconds() / 86_400 for delay in delays])

    assert 50 < median_days(history()) < 70
    assert median_days(history(delay_scale=1.7)) > 80


def test_the_true_probability_is_what_comes_out():
    truth = history().truth
    p, latent = column(truth, "p_conversion"), column(truth, "p_conversion_latent")
    converts = column(truth, "converts_if_worked")

    for expected in (p, latent):
        noise = np.sqrt((expected * (1 - expected)).sum())
        assert abs(converts.sum() - expected.sum()) < 4 * noise
    for name in ("fit", "authority", "need", "budget"):
        p_head, has = column(truth, f"p_{name}"), column(truth, name)
        assert abs(has.sum() - p_head.sum()) < 4 * np.sqrt((p_head * (1 - p_head)).sum())


def test_the_market_moves_half_way_and_only_if_asked_to():
    def change(simulated):
        p = column(simulated.truth, "p_conversion")
        n_before = int(len(p) * simulated.parameters.drift_at)
        return p[n_before:].mean() / p[:n_before].mean()

    assert change(history()) < 0.9
    assert 0.93 < change(history(drift=0.0)) < 1.07


def test_features_tell_about_outcomes_but_not_without_signal():
    def best_feature(simulated):
        genuine = np.array(simulated.truth["kind"]) == "genuine"
        p = column(simulated.truth, "p_conversion")[genuine]
        points = column(simulated.leads, "legacy_points")[genuine]
        return auc(p, points)

    assert 0.65 < best_feature(history()) < 0.72
    assert 0.48 < best_feature(history(signal=0.0)) < 0.52


def test_history_is_selected_by_the_old_points():
    simulated = history()
    by = np.array(simulated.truth["worked_by"])
    points = column(simulated.leads, "legacy_points")

    assert points[by == "points"].mean() > points[by == ""].mean() + 20
    assert abs(points[by == "chance"].mean() - points[by == ""].mean()) < 3
    with_events = set(simulated.outcomes["lead_id"])
    worked = {i for i, why in zip(simulated.leads["lead_id"], by, strict=True) if why}
    assert with_events <= worked


def test_fields_are_missing_more_often_where_it_means_something():
    simulated = history()
    p_fit = column(simulated.truth, "p_fit")
    known = np.array([value is not None for value in simulated.leads["n_employees"]])
    genuine = np.array(simulated.truth["kind"]) == "genuine"

    assert p_fit[known & genuine].mean() > p_fit[~known & genuine].mean() + 0.01


def test_spam_and_test_entries_are_there_and_never_convert():
    simulated = history()
    kinds, p = np.array(simulated.truth["kind"]), column(simulated.truth, "p_conversion")

    assert 0.02 < np.mean(kinds == "spam") < 0.03
    assert 0.002 < np.mean(kinds == "test") < 0.01
    assert p[kinds != "genuine"].max() == 0.0


def test_companies_recur_with_a_heavy_tail_and_winners_come_back_as_customers():
    simulated = history()
    domains = Counter(domain for domain in simulated.leads["company_domain"] if domain)

    assert domains.most_common(1)[0][1] > 20
    assert sum(n == 1 for n in domains.values()) > 0.4 * len(domains)
    first_won: dict[str, str] = {}
    domain_of = dict(
        zip(simulated.leads["lead_id"], simulated.leads["company_domain"], strict=True)
    )
    for lead_id, events in events_by_lead(simulated).items():
        for kind, at in events:
            if kind == "won" and domain_of[lead_id]:
                first_won.setdefault(domain_of[lead_id], at)
    later = [
        is_customer
        for domain, at, is_customer in zip(
            simulated.leads["company_domain"],
            simulated.leads["created_at"],
            simulated.leads["is_customer"],
            strict=True,
        )
        if domain in first_won and at > first_won[domain]
    ]
    assert len(later) > 100
    assert all(later)


def test_events_are_in_order_within_the_history_and_tell_one_story():
    simulated = history()
    created = dict(zip(simulated.leads["lead_id"], simulated.leads["created_at"], strict=True))
    end = simulated.parameters.end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert simulated.outcomes["occurred_at"] == sorted(simulated.outcomes["occurred_at"])

    for lead_id, events in events_by_lead(simulated).items():
        kinds = [kind for kind, _ in events]
        assert len(set(kinds)) == len(kinds)
        assert created[lead_id] < events[0][1]
        assert events[-1][1] < end
        before = {
            "accepted": "handed_off",
            "rejected": "handed_off",
            "won": "accepted",
            "lost": "accepted",
        }
        assert all(before[kind] in kinds for kind in kinds if kind in before)


def test_outcomes_speak_the_vocabulary_of_the_project():
    outcomes = history().outcomes

    assert set(outcomes["type"]) <= {kind.value for kind in OutcomeType}
    reasons = defaultdict(set)
    for kind, reason, amount in zip(
        outcomes["type"], outcomes["reason"], outcomes["amount_usd"], strict=True
    ):
        reasons[kind].add(reason)
        assert (amount is not None) == (kind == "won")
    assert {kind for kind, found in reasons.items() if found != {None}} == {
        kind.value for kind in TAKES_REASON
    }
    assert reasons["disqualified"] - {None} <= {reason.value for reason in Reason}
    assert None in reasons["disqualified"]


def test_each_rep_works_one_motion():
    simulated = history()
    motion = dict(zip(simulated.leads["lead_id"], simulated.leads["motion"], strict=True))
    pairs = {
        (actor.split("-")[0], motion[lead_id])
        for actor, lead_id in zip(
            simulated.outcomes["actor"], simulated.outcomes["lead_id"], strict=True
        )
    }

    assert {motion for role, motion in pairs if role == "mrr"} == {"inbound"}
    assert {motion for role, motion in pairs if role == "sdr"} == {"outbound"}


def test_nobody_real_can_be_reached():
    simulated = history()
    free_mail = re.compile(r"[a-z.]+\.sample\d{6}@[a-z]+\.[a-z.]+")

    addresses = [email for email in simulated.leads["email"] if email]
    real = [
        email
        for email in addresses
        if not email.endswith((".example", "@example.com")) and not free_mail.fullmatch(email)
    ]
    assert real == []
    assert all(d.endswith(".example") for d in simulated.leads["company_domain"] if d)


def test_live_leads_are_accepted_as_they_are():
    parameters = FunnelParameters(n_leads=3000)
    payloads = live_leads(parameters, 300, start=NOW - timedelta(days=1))

    leads = take_in(payloads)

    assert len(leads) == 300
    assert all(NOW - timedelta(days=1) <= lead.created_at <= NOW for lead in leads)
    assert {lead.motion.value for lead in leads} == {"inbound", "outbound"}
    assert payloads == live_leads(parameters, 300, start=NOW - timedelta(days=1))
    assert live_leads(parameters, 0, start=NOW) == []
    emails = {email for email in history(n_leads=3000).leads["email"] if email}
    again = [lead for lead in leads if lead.contact.email in emails]
    assert all(lead.contact.email.startswith(("test", "asdf")) for lead in again)


def test_quarantine_catches_the_simulated_spam_and_no_ordinary_lead():
    parameters = FunnelParameters(n_leads=3000)
    payloads = live_leads(parameters, 1000, start=NOW - timedelta(days=1))
    leads = take_in(payloads)

    unwanted = [
        "bulk" in (lead.contact.email or "")
        or "test" in (lead.contact.full_name or "").lower()
        or "asdf" in (lead.contact.full_name or "")
        for lead in leads
    ]

    assert sum(unwanted) > 10
    assert [quarantine_reason(lead) is not None for lead in leads] == unwanted


@pytest.mark.parametrize("n_leads", [1, 2, 7])
def test_a_tiny_history_works_too(n_leads):
    simulated = simulate(FunnelParameters(n_leads=n_leads, n_days=1))

    assert len(simulated.leads["lead_id"]) == n_leads
    assert len(simulated.truth["p_conversion"]) == n_leads
