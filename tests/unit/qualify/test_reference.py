import numpy as np

from leadqual.features.encoder import Encoder
from leadqual.outcomes.history import Columns
from leadqual.qualify.reference import Reference, bands, ev_quantiles, observe_rates

N = 1_500


def test_rates_are_the_share_of_yes_per_level_over_known_answers(
    encoder: Encoder, columns: Columns
):
    is_big = np.array([source == "webinar" for source in columns["source"]])
    answer = np.where(is_big, 1.0, 0.0)
    answer[::3] = np.nan

    rates = observe_rates(encoder, encoder.encode(columns, n_leads=N), {"fit": answer})["fit"]

    (source,) = [feature for feature in encoder.categorical if feature.name == "source"]
    by_level = dict(zip(source.levels, rates.levels["source"], strict=False))
    assert by_level == {"webinar": 1.0, "referral": 0.0, "trade_show": 0.0}
    assert rates.levels["source"][-2:] == (None, None)
    assert rates.average == answer[~np.isnan(answer)].mean()


def test_numbers_are_observed_in_fifths_and_missing(encoder: Encoder, columns: Columns):
    leads = encoder.encode(columns, n_leads=N)
    row = [feature.name for feature in encoder.numeric].index("company.n_employees")

    band = bands(encoder.numeric[row], leads.raw[row])

    counts = np.bincount(band)
    n_missing = sum(value is None for value in columns["company.n_employees"])
    assert counts[-1] == n_missing
    assert np.ptp(counts[:-1]) < 0.1 * (N - n_missing)


def test_too_few_known_answers_give_no_rate(encoder: Encoder, columns: Columns):
    answer = np.full(N, np.nan)
    answer[:19] = 1.0

    assert observe_rates(encoder, encoder.encode(columns, n_leads=N), {"fit": answer}) == {}


def test_percentiles_place_a_lead_among_the_training_leads():
    reference = Reference(ev_quantiles(np.arange(1_000.0)))

    places = reference.percentile(np.array([-5.0, 0.0, 500.0, 998.0, 1e9]))

    assert places.tolist() == [0, 0, 50, 99, 100]
