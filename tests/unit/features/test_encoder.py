import json
import math

import numpy as np
import pytest

from leadqual.errors import BundleError, InputError, TrainingError
from leadqual.features.document import Document, write_document
from leadqual.features.encoder import Encoder
from leadqual.features.spec import CategoricalFeature, NumericFeature
from leadqual.leads.schema import Scalar
from leadqual.outcomes.history import Columns

N = 200


def fitted(columns: Columns, n_leads: int = N) -> Encoder:
    return Encoder.fit(columns, n_leads=n_leads)


def read_back(encoder: Encoder) -> Encoder:
    return Encoder.from_document(
        Document.parse(write_document(encoder.as_dict()), where="features.json")
    )


def some_columns(n_leads: int = N) -> Columns:
    rng = np.random.default_rng(0)
    return {
        "source": [["webinar", "referral", "Trade Show"][i] for i in rng.integers(0, 3, n_leads)],
        "is_free_mail": [[True, False, None][i] for i in rng.integers(0, 3, n_leads)],
        "company.n_employees": [
            None if i % 4 == 0 else int(x) for i, x in enumerate(rng.lognormal(4, 1.5, n_leads))
        ],
        "attributes.fit_index": [f"{x:.3f}" for x in rng.normal(50, 10, n_leads)],
        "created_at": [
            f"2026-03-{1 + i % 28:02d}T{i % 24:02d}:30:00+00:00" for i in range(n_leads)
        ],
    }


def column(encoder: Encoder, columns: Columns, name: str, n_leads: int = N) -> np.ndarray:
    matrix = encoder.transform(columns, n_leads=n_leads)
    return matrix[:, encoder.column_names.index(name)]


def test_numbers_are_standardised_and_missing_ones_flagged():
    columns = some_columns()
    encoder = fitted(columns)

    size = column(encoder, columns, "company.n_employees")
    flag = column(encoder, columns, "company.n_employees is missing")

    known = np.array([value is not None for value in columns["company.n_employees"]])
    assert abs(size[known].mean()) < 0.05
    assert abs(size[known].std() - 1) < 0.05
    assert (size[~known] == 0).all()
    assert (flag == ~known).all()


def test_skewed_counts_are_learned_on_a_log_scale_and_symmetric_values_as_they_are():
    encoder = fitted(some_columns())

    is_log = {feature.name: feature.is_log for feature in encoder.numeric}

    assert is_log["company.n_employees"]
    assert not is_log["attributes.fit_index"]


def test_a_number_bends_at_its_thirds_and_not_where_it_is_missing():
    values: list[Scalar] = [*range(150), *[None] * 50]
    encoder = fitted({"attributes.index": values})
    asked: list[Scalar] = [0, 49, 99, 149, None]

    matrix = encoder.transform({"attributes.index": asked}, n_leads=5)

    value, low_bend, high_bend = (
        matrix[:, encoder.column_names.index(name)]
        for name in (
            "attributes.index",
            "attributes.index above 49.67",
            "attributes.index above 99.33",
        )
    )
    assert (low_bend[:2] == 0).all()
    assert low_bend[2] > 0
    assert (high_bend[:3] == 0).all()
    assert high_bend[3] == pytest.approx(0.3 * (value[3] - value[2]), rel=0.02)
    assert low_bend[4] == high_bend[4] == 0


def test_a_number_with_few_leads_on_one_side_does_not_bend_there():
    values: list[Scalar] = [*[0] * 190, *[1, 2] * 5]

    encoder = fitted({"engagement.n_downloads": values})

    assert encoder.numeric[0].bends == ()


def test_date_parts_are_held_back_against_other_columns():
    columns = some_columns()
    encoder = fitted(columns)

    matrix = encoder.transform(columns, n_leads=N)

    levels = {
        name.partition(" ")[0]: set(np.unique(matrix[:, place]))
        for place, name in enumerate(encoder.column_names)
        if " = " in name
    }
    assert levels["derived.created_weekday"] == levels["derived.created_hours"] == {0.0, 0.3}
    assert levels["source"] == {0.0, 1.0}


def test_the_matrix_never_holds_nan_and_each_column_knows_its_source():
    columns = some_columns()
    encoder = fitted(columns)

    matrix = encoder.transform(columns, n_leads=N)

    assert np.isfinite(matrix).all()
    assert matrix.shape == (N, encoder.width) == (N, len(encoder.feature_of))
    sources = [encoder.feature_names[i] for i in encoder.feature_of]
    assert all(
        text.startswith(source) for text, source in zip(encoder.column_names, sources, strict=True)
    )


def test_all_missing_constant_and_unique_columns_are_dropped_with_the_reason():
    columns: Columns = {
        "attributes.empty": [None] * N,
        "attributes.blank": ["  "] * N,
        "attributes.constant": ["x"] * N,
        "attributes.same_number": [7] * N,
        "attributes.identifier": [f"id-{i}" for i in range(N)],
    }

    dropped = fitted(columns).dropped

    assert dropped["attributes.empty"] == dropped["attributes.blank"] == "never known"
    assert "constant" in dropped["attributes.constant"]
    assert "constant" in dropped["attributes.same_number"]
    assert "200 different values" in dropped["attributes.identifier"]


def test_a_history_without_one_usable_column_gives_an_empty_matrix():
    encoder = fitted({"attributes.constant": ["x"] * N})

    matrix = encoder.transform({"attributes.constant": ["y"]}, n_leads=1)

    assert matrix.shape == (1, 0)
    assert read_back(encoder).transform({}, n_leads=3).shape == (3, 0)


def test_fifty_thousand_distinct_values_keep_only_what_is_common():
    n_leads = 60_000
    rare = [f"page-{i}" for i in range(50_000)]
    common = [f"campaign-{i % 100}" for i in range(10_000)]

    encoder = fitted({"campaign.utm_campaign": [*rare, *common]}, n_leads)

    (feature,) = encoder.categorical
    assert len(feature.levels) == 64
    assert feature.has_other
    assert all(level.startswith("campaign-") for level in feature.levels)


def test_a_level_never_seen_is_other_and_a_blank_is_missing():
    n_rare = 30
    values: list[Scalar] = [
        *["common"] * 100,
        *[f"rare-{i}" for i in range(n_rare)],
        *[None] * (N - 100 - n_rare),
    ]
    columns: Columns = {"source": values}
    encoder = fitted(columns)

    matrix = encoder.transform({"source": ["never seen", " ", math.nan, None, "rare-3"]}, n_leads=5)

    lit = [encoder.column_names[i] for i in matrix.argmax(axis=1)]
    missing, other = "source is missing", "source is other"
    assert lit == [other, missing, missing, missing, other]


def test_spelling_case_and_outer_blanks_make_no_difference():
    columns = some_columns()
    encoder = fitted(columns)

    one = encoder.transform({**columns, "source": ["Trade Show"] * N}, n_leads=N)
    other = encoder.transform({**columns, "source": ["  TRADE show "] * N}, n_leads=N)

    assert (one == other).all()


def test_a_boolean_from_json_and_from_a_csv_file_is_the_same_level():
    encoder = fitted(some_columns())

    from_json = encoder.transform({"is_free_mail": [True, False]}, n_leads=2)
    from_csv = encoder.transform({"is_free_mail": ["True", "FALSE"]}, n_leads=2)

    assert (from_json == from_csv).all()
    assert "is_free_mail = yes" in encoder.column_names


def test_columns_absent_later_count_as_missing_and_new_ones_are_ignored():
    encoder = fitted(some_columns())

    absent = encoder.transform({}, n_leads=1)
    explicit = encoder.transform({name: [None] for name in some_columns()}, n_leads=1)
    with_new = encoder.transform({"attributes.new": ["x"]}, n_leads=1)

    assert (absent == explicit).all()
    assert (absent == with_new).all()


def test_texts_that_read_like_measurements_are_numbers_and_codes_are_not():
    columns: Columns = {
        "attributes.index": [f"{i / 7:.2f}" for i in range(N)],
        "attributes.postcode": [f"0{1 + i % 4}234" for i in range(N)],
        "attributes.tier": [str(1 + i % 3) for i in range(N)],
        "attributes.size": ["n/a" if i % 25 == 0 else i for i in range(N)],
        "attributes.mixed": ["n/a" if i % 5 == 0 else i // 50 for i in range(N)],
    }

    kinds = {feature.name: type(feature) for feature in fitted(columns).features}

    assert kinds["attributes.index"] is NumericFeature
    assert kinds["attributes.postcode"] is CategoricalFeature
    assert kinds["attributes.tier"] is CategoricalFeature
    assert kinds["attributes.size"] is NumericFeature
    assert kinds["attributes.mixed"] is CategoricalFeature


def test_numbers_beyond_reason_count_as_missing():
    columns = some_columns()
    encoder = fitted(columns)
    odd: list[Scalar] = [math.inf, -math.inf, math.nan, 10**400, "1e999", "not a number", 1e300]

    found = encoder.transform({"company.n_employees": odd}, n_leads=len(odd))
    missing = encoder.transform({"company.n_employees": [None] * len(odd)}, n_leads=len(odd))

    assert (found == missing).all()


def test_values_far_outside_the_training_range_are_clipped_to_it():
    columns = some_columns()
    encoder = fitted(columns)
    largest = max(v for v in columns["company.n_employees"] if isinstance(v, int))

    found = encoder.transform({"company.n_employees": [largest, 10**15]}, n_leads=2)

    assert (found[0] == found[1]).all()


def test_extreme_training_values_still_give_a_finite_matrix():
    values: list[Scalar] = [1e300, -1e300, 1e99, -1e99, 1e-300, 0.0, *range(N - 6)]

    matrix = fitted({"attributes.wild": values}).transform({"attributes.wild": values}, n_leads=N)

    assert np.isfinite(matrix).all()


def test_personal_fields_never_become_features():
    columns: Columns = {
        **some_columns(),
        "contact.email": [f"{i % 4}@x.example" for i in range(N)],
        "contact.full_name": [["Ann", "Bob"][i % 2] for i in range(N)],
        "interest.message": ["please call me" if i % 2 else None for i in range(N)],
    }

    names = fitted(columns).feature_names

    assert not {"contact.email", "contact.full_name", "interest.message"} & set(names)


def test_a_column_of_the_wrong_length_is_named():
    with pytest.raises(InputError, match="column source has 3 values for 2 leads"):
        fitted(some_columns()).transform({"source": ["a", "b", "c"]}, n_leads=2)


def test_a_history_without_leads_is_refused():
    with pytest.raises(TrainingError, match="no leads"):
        Encoder.fit({}, n_leads=0)


def test_reading_back_gives_the_same_bits():
    columns = some_columns()
    encoder = fitted(columns)

    again = read_back(encoder)

    assert (again.transform(columns, n_leads=N) == encoder.transform(columns, n_leads=N)).all()
    assert write_document(again.as_dict()) == write_document(encoder.as_dict())


def test_one_lead_and_a_hundred_thousand_give_the_same_bits():
    n_leads = 100_000
    rng = np.random.default_rng(1)
    values: list[Scalar] = rng.lognormal(8, 2, n_leads).tolist()
    columns: Columns = {"interest.budget_usd": values}
    encoder = fitted(columns, n_leads)

    together = encoder.transform(columns, n_leads=n_leads)

    assert encoder.numeric[0].is_log
    for row in (*range(20), *rng.integers(0, n_leads, 300), n_leads - 1):
        alone = encoder.transform({"interest.budget_usd": [values[row]]}, n_leads=1)
        assert alone[0, 0] == together[row, 0]


def damage(path: str, value: object) -> bytes:
    """Return a stored encoder with one value replaced; `path` is dotted."""
    document = json.loads(write_document(fitted(some_columns()).as_dict()))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = document
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("means", ..., "features.json: missing means"),
        ("means", [], r"features.json.means: has 0 items"),
        ("features", {}, "features.json.features: found an object, expected a list"),
        ("features.0.kind", "magic", r"features.json.features\[0\]: unknown kind"),
        ("features.0.name", "zzz", "not ordered by name"),
        ("features.0.name", "contact.email", "a personal field is no feature"),
        ("features.0.scale", 0.0, r"features\[0\].scale: out of range"),
        ("features.0.mean", math.nan, "NaN is not allowed"),
        ("features.0.mean", True, r"features\[0\].mean: found true or false"),
        ("features.0.bends", [0.5, 0.5], r"features\[0\].bends: .*2 numbers in ascending order"),
        ("features.0.bends", [-1, 0, 1], r"features\[0\].bends: .*at most 2 numbers"),
        ("features.0.bends", [9.0], r"features\[0\].bends\[0\]: expected -4 to 4"),
        ("features.2.weight", 0.0, r"features\[2\].weight: out of range"),
        ("features.0.extra", 1, "1 unknown name"),
        ("dropped", {"a": 1}, "features.json.dropped.a: found a whole number, expected a text"),
    ],
)
def test_a_damaged_encoder_is_refused_with_what_and_where(path: str, value: object, where: str):
    content = damage(path, value)

    with pytest.raises(BundleError, match=where):
        Encoder.from_document(Document.parse(content, where="features.json"))
