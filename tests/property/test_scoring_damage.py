"""Whatever happens to a stored bundle, it is refused in words or scores sanely."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leadqual.errors import BundleError
from leadqual.outcomes.history import Columns
from leadqual.qualify.bundle import BUNDLE_FILES, bundle_files, bundle_from_files
from leadqual.qualify.policy import ScoringPolicy
from leadqual.qualify.rules import rules_bundle
from leadqual.qualify.scoring import score_columns

LEADS: Columns = {
    "company.n_employees": [5, None, 10**9],
    "contact.seniority": ["vp", None, "x"],
    "interest.budget_usd": [1.0, 1e15, None],
}
odd: st.SearchStrategy[object] = st.sampled_from([
    None, True, -1, 0, 1, 2**60, 10**400, 1e308, -1e308, 5e-324, 0.5, 1.5,
    "", "fit", "contact.email", "x" * 50, [], {}, [1], [[]], {"a": 1},
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(BUNDLE_FILES), data=st.data())
def test_a_value_replaced_anywhere_is_refused_or_harmless(name: str, data: st.DataObject):
    files = bundle_files(rules_bundle())
    stored = json.loads(files[name])
    place, key = stored, data.draw(st.sampled_from(sorted(stored)))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.integers(0, 9)):
        place = place[key]
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
    place[key] = data.draw(odd)

    try:
        bundle = bundle_from_files({**files, name: json.dumps(stored).encode()})
    except BundleError:
        return

    table = score_columns(
        bundle,
        LEADS,
        n_leads=3,
        policy=ScoringPolicy(),
        scored_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    assert np.isfinite(table.expected_value_usd).all()
    assert all(0 <= table.row(i).p_conversion <= 1 for i in range(3))


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(BUNDLE_FILES),
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255),
)
def test_a_byte_changed_anywhere_is_refused_or_harmless(name: str, place: float, byte: int):
    files = bundle_files(rules_bundle())
    content = bytearray(files[name])
    content[int(place * len(content))] = byte

    with suppress(BundleError):
        bundle_from_files({**files, name: bytes(content)})
