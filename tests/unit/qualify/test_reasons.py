import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from leadqual.features.encoder import Encoder
from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import Columns
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.reference import Reference, observe_rates
from leadqual.qualify.score import Head
from leadqual.qualify.scoring import score_columns

N = 400
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def history() -> Columns:
    return {
        "company.industry": ["Logistics" if i % 4 == 0 else "Retail" for i in range(N)],
        "company.n_employees": [None if i % 10 == 9 else i for i in range(N)],
        "attributes.plan_interest": [["pro", "basic", None][i % 3] for i in range(N)],
    }


def fit_bundle(columns: Columns, pull: dict[str, float]) -> ModelBundle:
    """Return a bundle whose fit head pulls the named matrix columns; others are left at 0."""
    encoder = Encoder.fit(columns, n_leads=N)
    coef = np.zeros(encoder.width)
    for name, weight in pull.items():
        coef[encoder.column_names.index(name)] = weight
    # Logistics fits 80 % of the time, the rest 40 %.
    industry = columns.get("company.industry", [None] * N)
    answer = np.array([
        float(i % 20 < 16) if level == "Logistics" else float(i % 5 < 2)
        for i, level in enumerate(industry)
    ])
    rates = observe_rates(encoder, encoder.encode(columns, n_leads=N), {"fit": answer})
    return ModelBundle(
        version="v1",
        created_at=NOW,
        encoder=encoder,
        heads={
            head: AdditiveModel(
                coef=coef if head is Head.FIT else np.zeros(encoder.width),
                intercept=0.0,
                center=encoder.means,
            )
            for head in Head
        },
        conversion=None,
        amount=AmountModel.constant(1_000.0, width=encoder.width),
        reference=Reference(np.linspace(0, 1_000, 101), rates),
    )


def texts(bundle: ModelBundle, **fields: Scalar) -> list[str]:
    columns = {name.replace("__", "."): [value] for name, value in fields.items()}
    policy = ScoringPolicy()
    table = score_columns(bundle, columns, n_leads=1, policy=policy, scored_at=NOW)
    return [reason.text for reason in table.reasons(0) if reason.head == "fit"]


def test_a_level_is_explained_by_how_often_such_leads_fitted():
    bundle = fit_bundle(history(), {"company.industry = Logistics": 1.0})

    found = texts(bundle, company__industry="logistics")

    average = bundle.reference.rates["fit"].average
    assert found == [
        f"Industry is Logistics: such leads fit 80 % of the time (average {average * 100:.0f} %)"
    ]


def test_a_rate_that_points_the_other_way_is_not_quoted():
    bundle = fit_bundle(history(), {"company.industry = Logistics": -1.0})

    assert texts(bundle, company__industry="Logistics") == [
        "Industry is Logistics: speaks against fit"
    ]


def test_a_number_is_explained_by_its_place_among_leads():
    bundle = fit_bundle(history(), {"company.n_employees": 1.0})
    bare = replace(bundle, reference=Reference(bundle.reference.ev_quantiles))

    assert texts(bare, company__n_employees=360) == [
        "Number of employees is 360, larger than 90 % of leads: speaks for fit"
    ]
    assert texts(bare, company__n_employees=1) == [
        "Number of employees is 1, smaller than 99 % of leads: speaks against fit"
    ]
    assert texts(bare, company__n_employees=10**9)[0].startswith(
        "Number of employees is 1,000,000,000, larger than 99 % of leads"
    )


def test_what_is_missing_is_said_to_be_missing():
    bundle = fit_bundle(history(), {"company.n_employees is missing": -1.0})
    bare = replace(bundle, reference=Reference(bundle.reference.ev_quantiles))

    assert texts(bare) == ["Number of employees is not known: speaks against fit"]


def test_an_attribute_goes_by_its_own_name():
    bundle = fit_bundle(history(), {"attributes.plan_interest = pro": 1.0})

    assert texts(bundle, attributes__plan_interest="pro")[0].startswith("Plan interest is pro")


def test_a_rare_value_is_never_repeated():
    columns = history()
    columns["company.industry"] = [*columns["company.industry"][:340], *map(str, range(60))]
    bundle = fit_bundle(columns, {"company.industry is other": 1.0})
    secret = "ann.smith@private.example"

    found = texts(bundle, company__industry=secret)

    assert found[0].startswith("Industry is a rare one")
    assert secret not in str(found)


def test_a_hostile_level_is_cut_and_stripped():
    hostile = "Lo\u202egi\x07stics\n<b>" + "x" * 150
    columns: Columns = {"company.industry": [hostile if i % 2 else "Retail" for i in range(N)]}
    name = f"company.industry = {hostile}"
    bundle = fit_bundle(columns, {name: 1.0})

    (found,) = texts(bundle, company__industry=hostile)

    value = re.fullmatch(r"Industry is (.*): speaks for fit", found)
    assert value is not None
    assert value[1].startswith("Logistics <b>xxx")
    assert len(value[1]) <= 60


def test_weights_too_small_to_matter_are_not_reasons():
    bundle = fit_bundle(history(), {"company.industry = Logistics": 0.05})

    assert texts(bundle, company__industry="Logistics") == []


def test_a_weight_is_rounded_as_python_rounds_it():
    explainer = fit_bundle(history(), {}).explainer
    ties = [place / 2**13 for place in range(2**10, 2**12)]
    close = [place / 1e4 + 0.5e-4 for place in range(1_000, 5_000)]
    others = np.random.default_rng(5).normal(0.0, 2.0, 5_000).tolist()

    weights = [*ties, *close, *(-weight for weight in close), *others]
    found = [explainer.reason(0, 0, weight=weight, seen=0.0).weight for weight in weights]

    assert found == [round(weight, 4) for weight in weights]
