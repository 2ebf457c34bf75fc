"""What tests need: a clock that stands still, leads, a tiny model and a service over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from argon2 import PasswordHasher

from leadqual.config import Settings
from leadqual.errors import UnknownVersionError
from leadqual.features.encoder import Encoder
from leadqual.leads.flat import flatten_lead
from leadqual.leads.normalise import normalise
from leadqual.leads.schema import Lead, RawLead, Rejected
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.bundle import ModelBundle
from leadqual.qualify.conversion import ConversionModel
from leadqual.qualify.reference import Reference
from leadqual.qualify.score import Head
from leadqual.registry.local import LocalRegistry
from leadqual.routing.standard import default_standard_text
from leadqual.services.calls import ROLE_SCOPES, SYSTEM, Call, Principal, PrincipalKind, Role
from leadqual.services.idempotent import Once
from leadqual.services.intake import IntakeResult
from leadqual.services.scoring import CHAMPION, columns_of
from leadqual.services.serving import Edges, Serving, assemble
from leadqual.store import open_store

START: Final = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
"""A Friday morning, in the opening hours of the default standard."""

VERSION: Final = "2026-11-20-1"
KEY: Final = b"the signing key of every test service"
_CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_INDUSTRIES: Final = ("Logistics", "Retail", "Software", "Farming")
_SENIORITIES: Final = ("c_level", "manager", "specialist", "intern")


class FrozenClock:
    """A clock that moves when told to."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self.now

    def advance(self, amount: timedelta) -> datetime:
        """Move on and return the new moment."""
        self.now += amount
        return self.now


def make_payload(number: int = 1, **fields: object) -> dict[str, Any]:
    """Return the body of `POST /v1/leads` for the lead with this number.

    Different numbers are different persons at different companies; `fields` replace top-level
    fields (`contact={...}` replaces the whole section).
    """
    payload: dict[str, Any] = {
        "source": "webinar",
        "contact": {
            "email": f"person{number}@company{number}.example",
            "full_name": f"Person Number{number}",
            "job_title": "Head of Operations",
            "country": "DE",
        },
        "company": {
            "name": f"Company {number}",
            "domain": f"company{number}.example",
            "industry": _INDUSTRIES[number % len(_INDUSTRIES)],
            "n_employees": 20 + 37 * (number % 50),
        },
        "interest": {"product": "pro", "message": "Please call me", "timeline_days": 60},
        "engagement": {"n_visits": number % 7, "n_page_views": number % 31},
    }
    return payload | fields


def make_raw_lead(number: int = 1, **fields: object) -> RawLead:
    """Return the lead with this number as a source sends it; see `make_payload`."""
    return RawLead.model_validate(make_payload(number, **fields))


def make_lead(number: int = 1, *, now: datetime = START, **fields: object) -> Lead:
    """Return the lead with this number after normalisation; see `make_payload`."""
    lead = normalise(make_raw_lead(number, **fields), now=now)
    if isinstance(lead, Rejected):
        raise AssertionError(  # noqa: TRY004 - a wrong test, not a wrong type
            f"the test lead is not usable: {lead.reasons}"
        )
    return lead


def make_bundle(version: str = VERSION, *, shift: float = 0.0) -> ModelBundle:
    """Return a tiny model: larger companies with more page views convert more often.

    Parameters
    ----------
    shift : float
        Added to the log-odds of conversion, so that versions can be told apart.
    """
    columns = columns_of([
        flatten_lead(
            make_lead(
                number,
                contact={"email": f"p{number}@c{number}.example", "seniority": seniority},
            )
        )
        for number in range(120)
        for seniority in (_SENIORITIES[number % len(_SENIORITIES)],)
    ])
    encoder = Encoder.fit(columns, n_leads=120, min_count=5)
    direct = replace(_linear(encoder, "company.n_employees", 0.8), shift=shift)
    return ModelBundle(
        version=version,
        created_at=START,
        encoder=encoder,
        heads={
            Head.FIT: _linear(encoder, "company.n_employees", 0.9),
            Head.AUTHORITY: _linear(encoder, "engagement.n_visits", 0.5),
            Head.BUDGET: _linear(encoder, "engagement.n_page_views", 0.7),
        },
        conversion=ConversionModel(direct=direct, direct_weight=1.0),
        amount=AmountModel.constant(20_000.0, width=encoder.width),
        reference=Reference(np.linspace(0.0, 15_000.0, 101)),
        summary={"made_by": "leadqual.testing"},
    )


class BundleShelf:
    """Loads the bundles that a test puts on it."""

    def __init__(self, bundles: Sequence[ModelBundle] = ()) -> None:
        self._bundles = {bundle.version: bundle for bundle in bundles}

    def put(self, bundle: ModelBundle) -> None:
        """Add a bundle."""
        self._bundles[bundle.version] = bundle

    def load(self, version: str) -> ModelBundle:
        """Return a bundle. Raises `UnknownVersionError`."""
        try:
            return self._bundles[version]
        except KeyError as error:
            raise UnknownVersionError("this test has no such model version") from error


def make_serving(
    folder: Path,
    *,
    url: str | None = None,
    bundle: ModelBundle | None = None,
    shelf: BundleShelf | None = None,
    clock: FrozenClock | None = None,
    settings: Settings | None = None,
) -> Serving:
    """Return a service on a real database; close it when done.

    Nothing runs in the background: call `scorer.refresh` and `rescorer.run`, or `start`.

    Parameters
    ----------
    folder : Path
        Holds the database, unless `url` names another, and the models.
    bundle : ModelBundle, optional
        The champion; without one leads are scored by rules.
    shelf : BundleShelf, optional
        Where later versions come from.
    """
    clock = clock or FrozenClock()
    shelf = shelf or BundleShelf()
    store = open_store(url or f"sqlite:///{folder / 'leadqual.db'}")
    if store.info().schema is None:
        store.upgrade()
    serving = assemble(
        Edges(
            settings=settings or Settings(home=folder),
            store=store,
            registry=LocalRegistry(folder / "models", KEY),
            key=KEY,
            clock=clock,
            draw=np.random.default_rng(7).random,
            load_bundle=shelf.load,
            hasher=_CHEAP,
        )
    )
    serving.standards.ensure_one(default_standard_text(), call=Call(SYSTEM, clock()))
    if bundle is not None:
        shelf.put(bundle)
        promote(serving, bundle.version)
    serving.scorer.refresh(clock())
    return serving


def promote(serving: Serving, version: str) -> None:
    """Name a version the champion, as promotion does, without asking anybody."""
    serving.writer.run(
        lambda tx: tx.aliases.set(
            CHAMPION, version, actor="test", at=serving.clock(), reason="a test needs it"
        )
    )


def make_call(
    serving: Serving, role: Role | None = None, *, name: str | None = None, once: str | None = None
) -> Call:
    """Return a call by the system, or by a person with a role, at the service's present moment.

    Parameters
    ----------
    once : str, optional
        `KEY` or `KEY:BODY`, the idempotency key and what was sent with it.
    """
    principal = SYSTEM
    if role is not None:
        principal = Principal(
            PrincipalKind.USER, name or f"{role.value}-1", ROLE_SCOPES[role], role=role
        )
    key, _, body = (once or "").partition(":")
    kept = Once.of(key, scope=principal.name, body=body.encode()) if once else None
    return Call(principal, serving.clock(), kept)


def take_in(
    serving: Serving, number: int = 1, *, call: Call | None = None, **fields: object
) -> IntakeResult:
    """Take the lead with this number in and wait for its commit; see `make_payload`."""
    raw = make_raw_lead(number, **fields)
    result = serving.intake.accept(raw, call=call or make_call(serving)).result(30)
    if isinstance(result, Rejected):
        raise AssertionError(  # noqa: TRY004 - a wrong test, not a wrong type
            f"the test lead was rejected: {result.reasons}"
        )
    return result


def _linear(encoder: Encoder, feature: str, weight: float) -> AdditiveModel:
    """Return a model on one feature."""
    coef = np.zeros(encoder.width)
    coef[encoder.starts[feature]] = weight
    return AdditiveModel(coef=coef, intercept=-0.3, center=encoder.means)
