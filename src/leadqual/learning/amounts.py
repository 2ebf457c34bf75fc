"""E[amount | won] from the amounts of past wins."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from leadqual.features.encoder import Encoder
from leadqual.learning.learners.matrix import Matrix, fill_zeros
from leadqual.outcomes.labels import Labels
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel

MIN_AMOUNTS: Final = 100
"""Fewer known amounts, and every lead is expected to bring the mean."""

UNKNOWN_AMOUNT_USD: Final = 1.0
_RIDGE: Final = 20.0
_MAX_SMEARING: Final = 10.0


def fit_amount(Z: Matrix, labels: Labels, encoder: Encoder) -> AmountModel:
    """Fit a log-linear ridge to the amounts of won leads (`fit_won_amounts`).

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n_leads, width)
        Encoded features.
    labels : Labels
        Of the same leads.
    encoder : Encoder
        Of the same matrix.
    """
    return fit_won_amounts(Z, np.where(labels.is_won, labels.amount_usd, np.nan), encoder)


def fit_won_amounts(Z: Matrix, amount_usd: NDArray[np.float64], encoder: Encoder) -> AmountModel:
    """Fit a log-linear ridge to amounts.

    A zero amount counts as not given. Without any amount each win is worth one dollar, so that
    expected value ranks as the probability does.

    Parameters
    ----------
    Z : ndarray or sparse array of float64, shape (n_leads, width)
        Encoded features.
    amount_usd : ndarray of float64, shape (n_leads,)
        NaN where there was no win or its amount is not known.
    encoder : Encoder
        Of the same matrix.
    """
    is_known = np.nan_to_num(amount_usd, nan=0.0) > 0
    amounts = amount_usd[is_known]
    if len(amounts) < MIN_AMOUNTS:
        mean = float(amounts.mean()) if len(amounts) else UNKNOWN_AMOUNT_USD
        return AmountModel.constant(mean, width=encoder.width)
    log_amounts = np.log(amounts)
    wins = fill_zeros(Z[is_known])
    model = Ridge(alpha=_RIDGE).fit(wins, log_amounts)
    residuals = log_amounts - model.predict(wins)
    return AmountModel(
        log_usd=AdditiveModel(
            coef=np.asarray(model.coef_, dtype=np.float64),
            intercept=float(model.intercept_),
            center=encoder.means,
        ),
        smearing=min(float(np.exp(residuals).mean()), _MAX_SMEARING),
        cap_usd=float(amounts.max()),
    )


def describe_amounts(labels: Labels) -> str:
    """Return in words what expected value is built on."""
    n_known = int((labels.is_won & (np.nan_to_num(labels.amount_usd, nan=0.0) > 0)).sum())
    if n_known == 0:
        return "no amount is known: each win counts as 1 USD, so value ranks as probability does"
    if n_known < MIN_AMOUNTS:
        return f"only {n_known} won amounts are known: every lead is expected to bring their mean"
    return f"amounts are learned from {n_known} wins"
