"""Columns without a Python object per cell give the bits that lists of the same values give."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadqual.errors import InputError
from leadqual.features.columns import Coded, Column, Table
from leadqual.features.encoder import EncodedLeads, Encoder
from leadqual.leads.schema import Scalar
from leadqual.testing import make_bundle

FIELDS = (
    "source",
    "is_free_mail",
    "company.n_employees",
    "company.country",
    "interest.budget_usd",
    "interest.timeline_days",
    "interest.message",
    "campaign.landing_page",
    "engagement.n_page_views",
    "engagement.n_visits",
    "attributes.plan",
)

finite = st.floats(-1e120, 1e120)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31),
    finite,
    st.text(max_size=20),
    st.sampled_from(["webinar", "Referral ", "pro", "free", "https://a.example/b?c=1", " 3.5 "]),
)
texts = st.lists(st.dictionaries(st.sampled_from(FIELDS), scalars), min_size=1, max_size=12)
numbers = st.lists(
    st.dictionaries(st.sampled_from(FIELDS), st.one_of(st.none(), finite, st.just(3.0))),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    rng = np.random.default_rng(4)
    n_leads = 400
    columns: dict[str, list[Scalar]] = {
        "source": [("webinar", "referral", "fair")[i] for i in rng.integers(0, 3, n_leads)],
        "created_at": [f"2026-05-{1 + i % 28:02d}T{i % 24:02d}:00:00Z" for i in range(n_leads)],
        "is_free_mail": [(True, False, None)[i] for i in rng.integers(0, 3, n_leads)],
        "company.country": [("DE", "US", None)[i] for i in rng.integers(0, 3, n_leads)],
        "company.n_employees": rng.lognormal(4, 2, n_leads).astype(int).tolist(),
        "interest.budget_usd": [None if i % 3 else float(i) for i in range(n_leads)],
        "interest.timeline_days": [None if i % 2 else i for i in range(n_leads)],
        "interest.message": [None if i % 2 else "x" * (i % 90) for i in range(n_leads)],
        "campaign.landing_page": [f"https://a.example/{i % 3}?x={i}" for i in range(n_leads)],
        "engagement.n_page_views": [i % 17 for i in range(n_leads)],
        "engagement.n_visits": [i % 5 for i in range(n_leads)],
        "attributes.plan": [("pro", "free", 3, True)[i % 4] for i in range(n_leads)],
    }
    return Encoder.fit(columns, n_leads=n_leads)


def assert_same(found: EncodedLeads, expected: EncodedLeads) -> None:
    np.testing.assert_array_equal(found.codes, expected.codes)
    for name in ("raw", "z", "is_missing"):
        mine, other = getattr(found, name), getattr(expected, name)
        assert mine.tobytes() == other.tobytes(), name


def as_lists(rows: Sequence[dict[str, Scalar]]) -> dict[str, list[Scalar]]:
    return {name: [row.get(name) for row in rows] for row in rows for name in row}


def coded(values: Sequence[Scalar]) -> Coded:
    """Return a column as Arrow would: the values once each, and an unused one."""
    known = dict.fromkeys((type(value), value) for value in values)
    places = {key: place for place, key in enumerate(known)}
    codes = [places[type(value), value] for value in values]
    return Coded((*(value for _, value in known), "never used"), np.array(codes, dtype=np.intp))


@settings(max_examples=80, deadline=None)
@given(rows=texts, data=st.data())
def test_coded_columns_are_encoded_like_lists(
    encoder: Encoder, rows: list[dict[str, Scalar]], data: st.DataObject
):
    lists = as_lists(rows)
    is_coded = data.draw(st.fixed_dictionaries({name: st.booleans() for name in lists}))
    columns: Table = {name: coded(v) if is_coded[name] else v for name, v in lists.items()}

    found = encoder.encode(columns, n_leads=len(rows))

    assert_same(found, encoder.encode(lists, n_leads=len(rows)))


@settings(max_examples=80, deadline=None)
@given(rows=texts)
def test_snapshots_are_encoded_like_columns_few_or_many(
    encoder: Encoder, rows: list[dict[str, Scalar]]
):
    expected = encoder.encode(as_lists(rows), n_leads=len(rows))

    assert_same(encoder.encode_snapshots(rows), expected)
    for row, snapshot in enumerate(rows):
        assert_same(encoder.encode_snapshots([snapshot]), expected.take(slice(row, row + 1)))


@settings(max_examples=80, deadline=None)
@given(rows=numbers, data=st.data())
def test_arrays_with_nan_are_encoded_like_lists_with_none(
    encoder: Encoder, rows: list[dict[str, Scalar]], data: st.DataObject
):
    lists = as_lists(rows)
    is_array = data.draw(st.fixed_dictionaries({name: st.booleans() for name in lists}))
    columns: dict[str, Column] = {
        name: np.array(values, dtype=np.float64) if is_array[name] else values
        for name, values in lists.items()
    }

    found = encoder.encode(columns, n_leads=len(rows))

    assert_same(found, encoder.encode(lists, n_leads=len(rows)))


@given(
    times=st.lists(
        st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
        min_size=1,
        max_size=9,
    )
)
def test_times_as_an_array_are_encoded_like_texts(encoder: Encoder, times: list[datetime | None]):
    texts = [None if at is None else at.replace(tzinfo=UTC).isoformat() for at in times]
    moments = np.array(times, dtype="datetime64[us]")

    found = encoder.encode({"created_at": moments}, n_leads=len(times))

    assert_same(found, encoder.encode({"created_at": texts}, n_leads=len(times)))


@pytest.mark.parametrize(
    "column",
    [
        np.arange(2),
        np.array([True, False]),
        np.zeros((2, 1)),
        np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
    ],
)
def test_an_array_of_another_kind_is_refused_by_name(column: Column):
    with pytest.raises(InputError, match=r"company\.n_employees is an array of"):
        make_bundle().encoder.encode({"company.n_employees": column}, n_leads=2)
