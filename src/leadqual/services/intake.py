"""Leads in: accepted only when lead, score, decision and queue item are on disk together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter

from leadqual.errors import InputError
from leadqual.leads.normalise import normalise
from leadqual.leads.parse import parse_raw
from leadqual.leads.schema import FieldReason, Lead, RawLead, Rejected
from leadqual.services.admission import (
    SUPPRESSED,
    Admission,
    Admitted,
    Arrival,
    IntakeResult,
    IntakeStatus,
    ScoredArrival,
)
from leadqual.services.calls import Call, Principal, PrincipalKind, Scope
from leadqual.services.idempotent import answer_once
from leadqual.services.scoring import LiveScorer
from leadqual.services.writer import GroupWriter
from leadqual.store import Store, Tx

__all__ = [
    "API_FEED",
    "MAX_BATCH",
    "SUPPRESSED",
    "BatchRow",
    "Intake",
    "IntakeResult",
    "IntakeStatus",
]

API_FEED: Final = "api"
MAX_BATCH: Final = 1000
SLICE: Final = 50
"""Rows of a batch that are committed together: short enough for single leads to pass between."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What became of one lead of a batch: a result, or the reasons against it."""

    index: int
    status: IntakeStatus
    result: IntakeResult | None = None
    reasons: tuple[FieldReason, ...] = ()


@cache
def _rows() -> TypeAdapter[list[BatchRow]]:
    """Return what reads a kept answer; built with the first idempotency key of a batch."""
    return TypeAdapter(list[BatchRow])


class Intake:
    """Take leads in.

    Parameters
    ----------
    store : Store
        Knows how full today's queues are.
    writer : GroupWriter
        Commits what is taken in.
    scorer : LiveScorer
        Scores it.
    admission : Admission
        Writes it.
    """

    def __init__(
        self, store: Store, writer: GroupWriter, *, scorer: LiveScorer, admission: Admission
    ) -> None:
        self._store = store
        self._writer = writer
        self._scorer = scorer
        self._admission = admission

    def accept(
        self, raw: RawLead, *, call: Call, feed: str = API_FEED, quarantine: str | None = None
    ) -> Future[Admitted]:
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
        arrival = _arrival(raw, call=call, feed=feed)
        return self._submit(arrival, quarantine=quarantine, is_unseen=False)

    def accept_unseen(
        self, raw: RawLead, *, call: Call, feed: str, quarantine: str | None = None
    ) -> Future[str | Rejected]:
        """Take one lead as `accept` does and answer a receipt that tells nothing of the person.

        The receipt looks like the id of a lead that came just now, whether the person is new,
        known or erased; of a new lead it is the id. Under an idempotency key the same one comes
        again.

        Raises
        ------
        PermissionDeniedError, BusyError
            At once. The future raises `IdempotencyError` and `StoreError`.
        """
        arrival = _arrival(raw, call=call, feed=feed)
        return self._submit(arrival, quarantine=quarantine, is_unseen=True)

    def _submit(
        self, arrival: Arrival | Rejected, *, quarantine: str | None, is_unseen: bool
    ) -> Future[Any]:
        """Hand an arrival to the writer."""
        if isinstance(arrival, Rejected):
            rejected: Future[Any] = Future()
            rejected.set_result(arrival)
            return rejected
        arrival = replace(arrival, quarantine=quarantine, is_unseen=is_unseen)
        return self._writer.submit_to(self._admission, arrival)

    async def take(self, raw: RawLead, *, call: Call, feed: str = API_FEED) -> Admitted:
        """Take one lead as `accept` does, together with all that come in this turn of the loop.

        Raises
        ------
        PermissionDeniedError, BusyError, IdempotencyError, StoreError
        """
        arrival = _arrival(raw, call=call, feed=feed)
        if isinstance(arrival, Rejected):
            return arrival
        result: Admitted = await self._writer.join(self._admission, arrival)
        return result

    def accept_many(
        self, payloads: Sequence[object], *, call: Call, feed: str = API_FEED
    ) -> list[BatchRow]:
        """Take up to 1,000 leads; one bad row spoils no other. Blocks until committed.

        The batch is committed in slices, so that single leads need not wait for all of it; with
        an idempotency key a batch that broke off goes on where it stopped.

        Raises
        ------
        PermissionDeniedError, IdempotencyError, BusyError, StoreError
        InputError
            When there are more than `MAX_BATCH` payloads.
        """
        _check_may_create(call.principal)
        if len(payloads) > MAX_BATCH:
            raise InputError(
                f"{len(payloads)} leads in one batch; send at most {MAX_BATCH} at a time"
            )
        rows: list[BatchRow] = []
        for start in range(0, len(payloads), SLICE):
            part = call if call.once is None else replace(call, once=call.once.part(start))
            rows += self._accept_slice(payloads[start : start + SLICE], start, call=part, feed=feed)
        return rows

    def _accept_slice(
        self, payloads: Sequence[object], start: int, *, call: Call, feed: str
    ) -> list[BatchRow]:
        """Take one slice of a batch in one unit of work."""
        leads = [_read(payload, now=call.now) for payload in payloads]
        usable = [Arrival(lead, feed, call.now) for lead in leads if isinstance(lead, Lead)]
        scored = self._admission.prepare(usable)

        def admit_all(tx: Tx) -> list[BatchRow]:
            admitted = iter(self._admit_rows(tx, scored))
            results = [next(admitted) if isinstance(lead, Lead) else lead for lead in leads]
            return [_row(index, result) for index, result in enumerate(results, start)]

        def work(tx: Tx) -> list[BatchRow]:
            answer = answer_once(tx, call.once, lambda: admit_all(tx), kind=_rows(), now=call.now)
            return [_replayed_row(row) for row in answer.value] if answer.replayed else answer.value

        return self._writer.run(work)

    def _admit_rows(self, tx: Tx, items: Sequence[ScoredArrival]) -> list[Admitted]:
        """Write rows together, or each in a savepoint: what the database refuses is one alone."""
        try:
            with tx.savepoint():
                written = self._admission.write(tx, items)
            # Rows have no idempotency keys and are not unseen, so these are all of them.
            return [result for result in written if isinstance(result, IntakeResult | Rejected)]
        except InputError as error:
            if len(items) == 1:
                return [Rejected((FieldReason("", str(error)),))]
            return [result for item in items for result in self._admit_rows(tx, [item])]


def _check_may_create(principal: Principal) -> None:
    if principal.kind is not PrincipalKind.FORM_KEY:
        principal.require(Scope.LEADS_WRITE)


def _arrival(raw: RawLead, *, call: Call, feed: str) -> Arrival | Rejected:
    """Return a lead normalised, if the caller may create it."""
    _check_may_create(call.principal)
    lead = normalise(raw, now=call.now)
    return lead if isinstance(lead, Rejected) else Arrival(lead, feed, call.now, call.once)


def _row(index: int, result: Admitted) -> BatchRow:
    if isinstance(result, Rejected):
        return BatchRow(index, IntakeStatus.REJECTED, reasons=result.reasons)
    return BatchRow(index, result.status, result)


def _read(payload: object, *, now: datetime) -> Lead | Rejected:
    """Return one row of a batch as a lead."""
    if not isinstance(payload, Mapping):
        return Rejected((FieldReason("", "is not an object with the fields of a lead"),))
    raw = parse_raw(payload)
    return raw if isinstance(raw, Rejected) else normalise(raw, now=now)


def _replayed(result: IntakeResult) -> IntakeResult:
    return replace(result, status=IntakeStatus.REPLAYED)


def _replayed_row(row: BatchRow) -> BatchRow:
    if row.result is None:
        return row
    return replace(row, status=IntakeStatus.REPLAYED, result=_replayed(row.result))
