"""One database transaction and the repositories in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadqual.store.access import KeyRepository, SessionRepository, UserRepository
from leadqual.store.idempotency import IdempotencyRepository
from leadqual.store.leads import LeadRepository
from leadqual.store.operations import AliasRepository, ImportRepository, StandardRepository
from leadqual.store.outbox import OutboxRepository
from leadqual.store.prepared import Link
from leadqual.store.queue_items import QueueRepository
from leadqual.store.scores import ScoreRepository

if TYPE_CHECKING:
    from leadqual.store.audit import AuditRepository
    from leadqual.store.events import EventRepository
    from leadqual.store.handoffs import HandoffRepository


class Tx:
    """One transaction: what its repositories do is on disk together, or not at all.

    Made by `Store.transaction` and `Store.read`; belongs to the thread that opened it. `link` is
    for the store itself and its tests.
    """

    __slots__ = ("link",)

    def __init__(self, link: Link) -> None:
        self.link = link

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what is done inside when it raises, and nothing of what came before.

        Raises
        ------
        StoreError
            When the database had to give up the whole transaction (a full disk, say):
            then nothing of it will be committed.
        """
        self.link.say("SAVEPOINT unit")
        try:
            yield
        except BaseException:
            self._undo()
            raise
        self.link.say("RELEASE SAVEPOINT unit")

    def _undo(self) -> None:
        """Go back to the savepoint; where there is none any more, end the transaction."""
        try:
            self.link.say("ROLLBACK TO SAVEPOINT unit")
            self.link.say("RELEASE SAVEPOINT unit")
        except BaseException:
            self.link.give_up()
            raise

    @property
    def leads(self) -> LeadRepository:
        """Return the leads and their touches."""
        return LeadRepository(self.link)

    @property
    def scores(self) -> ScoreRepository:
        """Return the scorings with their snapshots."""
        return ScoreRepository(self.link)

    @property
    def queue(self) -> QueueRepository:
        """Return the queues."""
        return QueueRepository(self.link)

    @property
    def handoffs(self) -> HandoffRepository:
        """Return the briefs."""
        from leadqual.store.handoffs import HandoffRepository

        return HandoffRepository(self.link)

    @property
    def events(self) -> EventRepository:
        """Return the outcome events."""
        from leadqual.store.events import EventRepository

        return EventRepository(self.link)

    @property
    def keys(self) -> KeyRepository:
        """Return the API keys."""
        return KeyRepository(self.link)

    @property
    def users(self) -> UserRepository:
        """Return the people who can log in."""
        return UserRepository(self.link)

    @property
    def sessions(self) -> SessionRepository:
        """Return the logins."""
        return SessionRepository(self.link)

    @property
    def idempotency(self) -> IdempotencyRepository:
        """Return the answers to give again."""
        return IdempotencyRepository(self.link)

    @property
    def outbox(self) -> OutboxRepository:
        """Return the messages to send."""
        return OutboxRepository(self.link)

    @property
    def audit(self) -> AuditRepository:
        """Return the audit log."""
        from leadqual.store.audit import AuditRepository

        return AuditRepository(self.link)

    @property
    def standards(self) -> StandardRepository:
        """Return the versions of the written standard."""
        return StandardRepository(self.link)

    @property
    def aliases(self) -> AliasRepository:
        """Return which model versions serve."""
        return AliasRepository(self.link)

    @property
    def imports(self) -> ImportRepository:
        """Return the imported files."""
        return ImportRepository(self.link)
