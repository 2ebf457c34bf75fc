"""Services over a real store and a tiny real model; histories to learn from in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from leadqual.config import Settings
from leadqual.services.importing import ImportRequest
from leadqual.services.serving import Serving
from leadqual.services.workshop import Workshop, open_workshop
from leadqual.testing import BundleShelf, FrozenClock, make_bundle, make_serving

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAPPING = """
source: crm
files:
  leads: {path: leads.csv}
  deals: {path: deals.csv, key: id}
lead:
  external_id: id
  created_at: created
  source: channel
  contact.email: mail
  company.n_employees: size
outcomes:
  - {file: deals, type: {column: kind}, occurred_at: at, amount_usd: usd}
"""


def write_crm(
    folder: Path, *, n_leads: int, n_known: int | None = None, flipped: range = range(0)
) -> ImportRequest:
    """Write 300 days of leads: larger companies from referrals win more often, in ten days.

    Outcomes of leads in `flipped` are the other way round. Only the first `n_known` leads, and
    what was known of them when the next one came, are written.
    """
    rng = np.random.default_rng(3)
    folder.mkdir(exist_ok=True)
    start = NOW - timedelta(days=330)
    moments = [start + timedelta(days=300 * number / max(n_leads, 1)) for number in range(n_leads)]
    end = NOW if n_known is None else moments[n_known]
    leads, deals = ["id,created,mail,channel,size"], ["id,kind,at,usd"]
    for number, created in enumerate(moments):
        channel = ("referral", "webinar", "newsletter")[int(rng.integers(3))]
        size = int(rng.integers(1, 500))
        p = 0.6 / (1 + np.exp(-1.5 * (channel == "referral") - (size - 250) / 60))
        at = created + timedelta(days=float(rng.lognormal(2.0, 0.5)))
        is_won = bool(rng.random() < p)
        is_won ^= number in flipped
        if created < end:
            stamp = created.isoformat()
            leads.append(f"{number},{stamp},p{number}@c{number}.example,{channel},{size}")
        if at < end:
            what = f"won,{at.isoformat()},{1000 * size}" if is_won else f"lost,{at.isoformat()},"
            deals.append(f"{number},{what}")
    (folder / "leads.csv").write_text("\n".join(leads) + "\n", encoding="utf-8")
    (folder / "deals.csv").write_text("\n".join(deals) + "\n", encoding="utf-8")
    (folder / "map.yaml").write_text(MAPPING, encoding="utf-8")
    return ImportRequest(data=folder, mapping=folder / "map.yaml")


@pytest.fixture(scope="session")
def write_export() -> Callable[..., ImportRequest]:
    """Return the function that writes a small history; see `write_crm`."""
    return write_crm


@pytest.fixture(scope="session")
def open_bare() -> Callable[[Path], AbstractContextManager[Workshop]]:
    """Return what opens a deployment without a lab book, whose database takes seconds to make."""

    @contextmanager
    def open_without_lab_book(home: Path) -> Iterator[Workshop]:
        with open_workshop(Settings(home=home)) as opened:
            yield replace(opened, lab_book=None)

    return open_without_lab_book


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
