"""Leads in: accepted only when lead, score, decision and queue item are on disk together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from leadqual.leads.schema import FieldReason, RawLead, Rejected
from leadqual.qualify.score import LeadScore
from leadqual.routing.decision import Decision
from leadqual.services.calls import Call

API_FEED: Final = "api"
TOUCH_WINDOW: Final = timedelta(days=30)
MAX_BATCH: Final = 1000

SUPPRESSED: Final = Rejected((
    FieldReason("contact.email", "this person was erased on request; nothing was stored"),
))
"""What a lead with a suppressed e-mail address gets."""


class IntakeStatus(StrEnum):
    """What became of a lead that was sent."""

    CREATED = "created"
    TOUCHED = "touched"
    REPLAYED = "replayed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """A lead that is on disk, scored and routed.

    `created` is False for a new touch on a known lead. A replay under the same idempotency
    key repeats the first answer, with `status` REPLAYED.
    """

    lead_id: str
    status: IntakeStatus
    created: bool
    score: LeadScore
    decision: Decision


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What became of one lead of a batch: a result, or the reasons against it."""

    index: int
    status: IntakeStatus
    result: IntakeResult | None = None
    reasons: tuple[FieldReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a lead would get, without anything stored."""

    score: LeadScore
    decision: Decision


class Intake:
    """Take leads in.

    Methods
    -------
    accept(raw, *, call, feed="api", quarantine=None) -> Future[IntakeResult | Rejected]
    accept_many(payloads, *, call, feed="api") -> list[BatchRow]
    preview(raw, *, call) -> Preview | Rejected
    """

    def accept(
        self, raw: RawLead, *, call: Call, feed: str = API_FEED, quarantine: str | None = None
    ) -> Future[IntakeResult | Rejected]:
        """Store, score and route one lead; the future resolves after COMMIT.

        Parameters
        ----------
        raw : RawLead
            The lead as its source sent it.
        call : Call
            Needs `leads:write` or a form key.
        feed : str
            Where it came through; `external_id` is unique within a feed.
        quarantine : str, optional
            Why it must not reach a rep (a filled honeypot, say).

        Raises
        ------
        PermissionDeniedError, BusyError
            At once. The future raises `IdempotencyError` and `StoreError`.
        """
        raise AssertionError

    def accept_many(
        self, payloads: Sequence[object], *, call: Call, feed: str = API_FEED
    ) -> list[BatchRow]:
        """Take up to 1,000 leads; one bad row spoils no other. Blocks until committed.

        Raises
        ------
        PermissionDeniedError, IdempotencyError, BusyError, StoreError
        InputError
            When there are more than `MAX_BATCH` payloads.
        """
        raise AssertionError

    def preview(self, raw: RawLead, *, call: Call) -> Preview | Rejected:
        """Score and route a lead without storing anything. Needs `leads:read`."""
        raise AssertionError
