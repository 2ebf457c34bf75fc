"""What a process needs of another one to score."""

import pickle  # noqa: TID251 - as tables are handed over

import numpy as np

from leadqual.services.batch_scorer import with_own_types
from leadqual.testing import make_bundle


def test_tables_that_were_handed_over_have_the_very_types_of_numpy_and_the_same_bits() -> None:
    tables = make_bundle().predictor.tables()
    handed_over = pickle.loads(pickle.dumps(tables, protocol=5))  # noqa: S301 - our own

    own = with_own_types(handed_over)

    assert not all(array.dtype is np.dtype(array.dtype.str) for array in handed_over.values())
    for name, array in tables.items():
        assert own[name].dtype is np.dtype(array.dtype.str)
        assert own[name].shape == array.shape
        assert own[name].tobytes() == array.tobytes()
