"""What came of a lead: dispositions, hand-offs, AE answers, wins and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter, ValidationError

from leadqual.errors import (
    ConflictError,
    InputError,
    LeadqualError,
    NotFoundError,
    PermissionDeniedError,
)
from leadqual.leads.parse import field_reasons
from leadqual.leads.schema import FieldReason
from leadqual.services.calls import Call, Scope
from leadqual.services.idempotent import Answer, answer_once
from leadqual.services.intake import MAX_BATCH, SLICE
from leadqual.services.recording import (
    Outcome,
    OutcomeOf,
    RecordedOutcome,
    check_outcome,
    record_outcome,
)
from leadqual.services.writer import GroupWriter
from leadqual.store import Tx

__all__ = ["Outcome", "OutcomeOf", "OutcomeRow", "Outcomes", "RecordedOutcome", "RowStatus"]


class RowStatus(StrEnum):
    """What became of one row of an outcome batch."""

    RECORDED = "recorded"
    REPLAYED = "replayed"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one outcome of a batch; `allowed` says what its state does allow."""

    index: int
    status: RowStatus
    recorded: RecordedOutcome | None = None
    reasons: tuple[FieldReason, ...] = ()
    allowed: tuple[str, ...] = ()


_RECORDED: Final = TypeAdapter(RecordedOutcome)
_ROWS: Final = TypeAdapter(list[OutcomeRow])
_ROW: Final = TypeAdapter(OutcomeOf)


class Outcomes:
    """Record outcomes. Every method needs `outcomes:write` and blocks until committed.

    Parameters
    ----------
    writer : GroupWriter
        Commits them.
    """

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer

    def record(self, lead_id: str, outcome: Outcome, *, call: Call) -> Answer[RecordedOutcome]:
        """Append one event and move the queue item with it; a hand-off gets its brief.

        Raises
        ------
        NotFoundError
            When there is no such lead, or none that the caller may see.
        ConflictError
            When the state of the lead forbids it; `allowed` says what it does allow.
        StaleTokenError
            When the caller's lease was lost.
        PermissionDeniedError
            When the caller's role does not report this type.
        InputError
            When a reason or an amount is missing or out of place, a time is impossible, or the
            AE of a hand-off does not exist.
        IdempotencyError, BusyError, StoreError
        """
        call.principal.require(Scope.OUTCOMES_WRITE)
        check_outcome(outcome, call)
        return self._writer.run(
            lambda tx: answer_once(
                tx,
                call.once,
                lambda: record_outcome(tx, lead_id, outcome, call=call),
                kind=_RECORDED,
                now=call.now,
            )
        )

    def record_many(self, payloads: Sequence[object], *, call: Call) -> list[OutcomeRow]:
        """Record up to 1,000 outcomes (`OutcomeOf` bodies); one bad row spoils no other.

        Committed in slices; with an idempotency key a batch that broke off goes on where it
        stopped.

        Raises
        ------
        PermissionDeniedError, IdempotencyError, BusyError, StoreError
        InputError
            When there are more than `MAX_BATCH` rows.
        """
        call.principal.require(Scope.OUTCOMES_WRITE)
        if len(payloads) > MAX_BATCH:
            raise InputError(
                f"{len(payloads)} outcomes in one batch; send at most {MAX_BATCH} at a time"
            )
        rows: list[OutcomeRow] = []
        for start in range(0, len(payloads), SLICE):
            part = call if call.once is None else replace(call, once=call.once.part(start))
            rows += self._record_slice(payloads[start : start + SLICE], start, call=part)
        return rows

    def _record_slice(
        self, payloads: Sequence[object], start: int, *, call: Call
    ) -> list[OutcomeRow]:
        def record_all(tx: Tx) -> list[OutcomeRow]:
            return [
                _record_row(tx, payload, index, call=call)
                for index, payload in enumerate(payloads, start)
            ]

        def work(tx: Tx) -> list[OutcomeRow]:
            answer = answer_once(tx, call.once, lambda: record_all(tx), kind=_ROWS, now=call.now)
            return [_replayed(row) for row in answer.value] if answer.replayed else answer.value

        return self._writer.run(work)


def _record_row(tx: Tx, payload: object, index: int, *, call: Call) -> OutcomeRow:
    """Record one row of a batch in a savepoint of its own."""
    if not isinstance(payload, Mapping):
        reason = FieldReason("", "is not an object with the fields of an outcome")
        return OutcomeRow(index, RowStatus.REJECTED, reasons=(reason,))
    try:
        outcome = _ROW.validate_python(payload)
    except ValidationError as error:
        return OutcomeRow(index, RowStatus.REJECTED, reasons=field_reasons(error))
    try:
        with tx.savepoint():
            check_outcome(outcome, call)
            lead_id = _lead_id(tx, outcome)
            return OutcomeRow(
                index, RowStatus.RECORDED, record_outcome(tx, lead_id, outcome, call=call)
            )
    except NotFoundError as error:
        return _refused(index, RowStatus.NOT_FOUND, error)
    except ConflictError as error:
        row = _refused(index, RowStatus.CONFLICT, error)
        return replace(row, allowed=error.allowed)
    except (InputError, PermissionDeniedError) as error:
        return _refused(index, RowStatus.REJECTED, error)


def _lead_id(tx: Tx, outcome: OutcomeOf) -> str:
    """Return the store's id of the lead that a row names."""
    if (outcome.lead_id is None) == (outcome.external_id is None):
        raise InputError("name the lead by either lead_id or external_id")
    if outcome.lead_id is not None:
        return outcome.lead_id
    known = tx.leads.find_by_external(outcome.feed, outcome.external_id or "")
    if known is None:
        raise NotFoundError("this feed never sent a lead with this external id")
    return known.lead_id


def _refused(index: int, status: RowStatus, error: LeadqualError) -> OutcomeRow:
    return OutcomeRow(index, status, reasons=(FieldReason("", str(error)),))


def _replayed(row: OutcomeRow) -> OutcomeRow:
    return row if row.recorded is None else replace(row, status=RowStatus.REPLAYED)
