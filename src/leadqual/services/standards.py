"""Versions of the written standard: propose, list, activate."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from leadqual.routing.standard import parse_standard
from leadqual.services.calls import Call, Scope
from leadqual.services.idempotent import Answer, answer_once
from leadqual.services.writer import GroupWriter
from leadqual.store import StandardRecord, Store, Tx


@dataclass(frozen=True, slots=True)
class StandardView:
    """One version of the standard, as YAML text, and who agreed to it."""

    version: int
    text: str
    proposed_by: str
    proposed_at: datetime
    is_active: bool


_VERSION: Final = re.compile(r"^(version:[ \t]*)\d+", re.MULTILINE)
_VIEW: Final = TypeAdapter(StandardView)


class Standards:
    """Keep the versions of the standard; changing needs `policy:write`, reading nothing.

    Parameters
    ----------
    store : Store
        Where versions are read from.
    writer : GroupWriter
        Commits changes.
    """

    def __init__(self, store: Store, writer: GroupWriter) -> None:
        self._store = store
        self._writer = writer

    def list(self, *, call: Call) -> tuple[StandardView, ...]:  # noqa: ARG002 - every use case takes the call, this one is open to any caller
        """Return every version, newest first."""
        with self._store.read() as tx:
            return tuple(_view(record) for record in reversed(tx.standards.list()))

    def propose(self, text: str, *, call: Call) -> Answer[StandardView]:
        """Store a new version, not yet active; the store gives it its number.

        Raises
        ------
        PermissionDeniedError
        StandardError
            When the text is no standard; names every problem.
        """
        call.principal.require(Scope.POLICY_WRITE)
        owner = parse_standard(text).owner
        return self._answered(call, lambda tx: _propose(tx, text, owner=owner, call=call))

    def activate(self, version: int, *, call: Call) -> Answer[StandardView]:
        """Make a version the one that counts; servers follow within two seconds.

        Raises
        ------
        PermissionDeniedError
        NotFoundError
            When there is no such version.
        """
        call.principal.require(Scope.POLICY_WRITE)
        return self._answered(call, lambda tx: _activate(tx, version, call=call))

    def ensure_one(self, text: str, *, call: Call) -> None:
        """Store and activate a first standard where there is none yet.

        Raises
        ------
        PermissionDeniedError
        StandardError
            When the text is no standard.
        """
        call.principal.require(Scope.POLICY_WRITE)
        with self._store.read() as tx:
            if tx.standards.active() is not None:
                return
        owner = parse_standard(text).owner

        def work(tx: Tx) -> None:
            if not tx.standards.list():
                made = _propose(tx, text, owner=owner, call=call)
                _activate(tx, made.version, call=call)

        self._writer.run(work)

    def _answered(self, call: Call, work: Callable[[Tx], StandardView]) -> Answer[StandardView]:
        return self._writer.run(
            lambda tx: answer_once(tx, call.once, lambda: work(tx), kind=_VIEW, now=call.now)
        )


def _propose(tx: Tx, text: str, *, owner: str, call: Call) -> StandardView:
    actor = call.principal.name
    record = tx.standards.propose(text, owner=owner, created_by=actor, at=call.now)
    tx.audit.append(
        "standard.proposed", actor=actor, subject=f"standard:{record.version}", at=call.now
    )
    return _view(record)


def _activate(tx: Tx, version: int, *, call: Call) -> StandardView:
    actor = call.principal.name
    record = tx.standards.activate(version, actor=actor, at=call.now)
    tx.audit.append("standard.activated", actor=actor, subject=f"standard:{version}", at=call.now)
    return _view(record)


def _numbered(record: StandardRecord) -> str:
    """Return the text with the number that decisions name it by, comments and all."""
    return _VERSION.sub(rf"\g<1>{record.version}", record.yaml, count=1)


def _view(record: StandardRecord) -> StandardView:
    return StandardView(
        version=record.version,
        text=_numbered(record),
        proposed_by=record.created_by,
        proposed_at=record.created_at,
        is_active=record.is_active,
    )
