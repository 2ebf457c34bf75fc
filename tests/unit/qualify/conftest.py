from datetime import UTC, datetime

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from leadqual.features.encoder import Encoder
from leadqual.outcomes.history import Columns
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.conversion import ConversionModel, StageModel
from leadqual.qualify.predict import Predictor
from leadqual.qualify.reference import TARGETS, Reference, ev_quantiles, observe_rates
from leadqual.qualify.score import Head
from leadqual.qualify.trees import TreeEnsemble

N = 1_500


@pytest.fixture(scope="session")
def columns() -> Columns:
    """Return 1,500 leads with texts, numbers, booleans and gaps."""
    rng = np.random.default_rng(0)
    seniority = ["c_level", "vp", "manager", "intern"]
    industry = ["Logistics", "Health", "Retail", "Mining"]
    return {
        "source": [["webinar", "referral", "trade_show"][i] for i in rng.integers(0, 3, N)],
        "motion": [["inbound", "outbound"][i] for i in rng.integers(0, 2, N)],
        "is_free_mail": [bool(x) for x in rng.random(N) < 0.3],
        "contact.seniority": [
            None if r < 0.2 else seniority[i]
            for i, r in zip(rng.integers(0, 4, N), rng.random(N), strict=True)
        ],
        "company.industry": [industry[i] for i in rng.integers(0, 4, N)],
        "company.n_employees": [
            None if r < 0.3 else int(x)
            for x, r in zip(rng.lognormal(4, 1.5, N), rng.random(N), strict=True)
        ],
        "interest.budget_usd": [
            None if r < 0.5 else float(round(x))
            for x, r in zip(rng.lognormal(9, 1, N), rng.random(N), strict=True)
        ],
        "attributes.page_seconds": [int(x) for x in rng.exponential(60, N)],
    }


@pytest.fixture(scope="session")
def encoder(columns: Columns) -> Encoder:
    return Encoder.fit(columns, n_leads=N)


@pytest.fixture(scope="session")
def matrix(encoder: Encoder, columns: Columns) -> NDArray[np.float64]:
    return encoder.transform(columns, n_leads=N)


def train(matrix: NDArray[np.float64], seed: int, n_trees: int = 30) -> lightgbm.Booster:
    """Return a small LightGBM model of a made-up question."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=matrix.shape[1])
    chance = 1 / (1 + np.exp(-(matrix @ weights) + matrix[:, 0] * matrix[:, -1]))
    parameters = {
        "objective": "cross_entropy",
        "num_leaves": 6,
        "learning_rate": 0.1,
        "num_threads": 1,
        "verbosity": -1,
        "seed": seed,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, chance), n_trees)


def make_model(encoder: Encoder, matrix: NDArray[np.float64], seed: int) -> AdditiveModel:
    """Return a model with a linear part and trees."""
    dump = train(matrix, seed).dump_model()
    return AdditiveModel(
        coef=np.random.default_rng(seed).normal(size=encoder.width) / 2,
        intercept=-0.3,
        center=encoder.means,
        trees=TreeEnsemble.from_lightgbm(dump, n_columns=encoder.width),
        linear_weight=0.5,
        tree_weight=0.5,
        shift=0.1,
    )


@pytest.fixture(scope="session")
def models(encoder: Encoder, matrix: NDArray[np.float64]) -> tuple[AdditiveModel, ...]:
    return tuple(make_model(encoder, matrix, seed) for seed in range(6))


@pytest.fixture(scope="session")
def bundle(encoder: Encoder, columns: Columns, models: tuple[AdditiveModel, ...]) -> ModelBundle:
    """Return a bundle with everything in it: heads, stages, need, direct, amount, rates."""
    conversion = ConversionModel(
        stages=(
            StageModel(name="reached", model=models[3], is_with_heads=True),
            StageModel(name="won", model=models[4], is_with_heads=True),
        ),
        direct=models[5],
        need=models[2],
        stage_weight=0.5,
        direct_weight=0.25,
        heads_weight=0.25,
        shift=-0.4,
    )
    heads = dict(zip(Head, models, strict=False))
    coef = np.linspace(-0.2, 0.2, encoder.width)
    amount = AmountModel(
        log_usd=AdditiveModel(coef=coef, intercept=9.0, center=encoder.means),
        smearing=1.3,
        cap_usd=1e6,
    )
    leads = encoder.encode(columns, n_leads=N)
    predictor = Predictor(encoder, heads, conversion=conversion, amount=amount)
    found = predictor.predict(leads, explain=False)
    answers = {target: found.p[:, i].round() for i, target in enumerate(TARGETS)}
    return ModelBundle(
        version="2026-11-21-1",
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        encoder=encoder,
        heads=heads,
        conversion=conversion,
        amount=amount,
        reference=Reference(
            ev_quantiles(found.p[:, -1] * found.amount_usd), observe_rates(encoder, leads, answers)
        ),
        summary={"n_leads": N, "source": "made up"},
    )
