"""A service over a real SQLite store and a tiny real model."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadqual.services.serving import Serving
from leadqual.testing import BundleShelf, FrozenClock, make_bundle, make_serving


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def shelf() -> BundleShelf:
    return BundleShelf()


@pytest.fixture
def serving(
    tmp_path: Path, sqlite_url: str, clock: FrozenClock, shelf: BundleShelf
) -> Iterator[Serving]:
    """Return a service with a model; nothing runs in its background."""
    with closing(
        make_serving(tmp_path, url=sqlite_url, bundle=make_bundle(), shelf=shelf, clock=clock)
    ) as made:
        yield made


@pytest.fixture
def rules_serving(
    tmp_path: Path, sqlite_url: str, clock: FrozenClock, shelf: BundleShelf
) -> Iterator[Serving]:
    """Return a service without a model."""
    with closing(make_serving(tmp_path, url=sqlite_url, shelf=shelf, clock=clock)) as made:
        yield made
