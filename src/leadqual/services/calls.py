"""Who asks, when, and under which idempotency key: what a use case gets from its shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from leadqual.errors import PermissionDeniedError
from leadqual.routing.decision import Queue
from leadqual.services.idempotent import Once


class Scope(StrEnum):
    """One thing a key or a role may do (DESIGN section 9)."""

    LEADS_WRITE = "leads:write"
    LEADS_READ = "leads:read"
    OUTCOMES_WRITE = "outcomes:write"
    QUEUE_WORK = "queue:work"
    REPORTS_READ = "reports:read"
    MODELS_PROMOTE = "models:promote"
    POLICY_WRITE = "policy:write"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person does here; decides scopes and which queues exist for them."""

    MRR = "mrr"
    SDR = "sdr"
    AE = "ae"
    AM = "am"
    LEADER = "leader"
    OPS = "ops"
    SCIENTIST = "scientist"
    ADMIN = "admin"


class PrincipalKind(StrEnum):
    """How somebody proved who they are."""

    USER = "user"
    SECRET_KEY = "secret_key"  # noqa: S105 - names a kind of caller, is no secret
    FORM_KEY = "form_key"
    SYSTEM = "system"


_WORKER: Final = frozenset({Scope.QUEUE_WORK, Scope.OUTCOMES_WRITE, Scope.LEADS_READ})

ROLE_SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.MRR: _WORKER,
    Role.SDR: _WORKER,
    Role.AE: _WORKER,
    Role.AM: _WORKER,
    Role.LEADER: _WORKER | {Scope.REPORTS_READ, Scope.POLICY_WRITE},
    Role.OPS: _WORKER | {Scope.LEADS_WRITE, Scope.REPORTS_READ, Scope.POLICY_WRITE},
    Role.SCIENTIST: frozenset({Scope.REPORTS_READ, Scope.MODELS_PROMOTE}),
    Role.ADMIN: frozenset(Scope),
}

_ALL_QUEUES: Final = frozenset(Queue)

ROLE_QUEUES: Final[Mapping[Role, frozenset[Queue]]] = {
    Role.MRR: frozenset({Queue.MRR}),
    Role.SDR: frozenset({Queue.SDR}),
    Role.AE: frozenset(),
    Role.AM: frozenset({Queue.ACCOUNT_MANAGER}),
    Role.LEADER: frozenset({Queue.MRR, Queue.SDR, Queue.ACCOUNT_MANAGER, Queue.NURTURE}),
    Role.OPS: _ALL_QUEUES,
    Role.SCIENTIST: frozenset(),
    Role.ADMIN: _ALL_QUEUES,
}
"""An MRR never sees outbound leads, an SDR never inbound ones; an AE sees hand-offs only."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose credentials were checked.

    `name` is what events and the audit log record as the actor: a user name, `key:<id>`
    or `system`. `origins` are the pages a form key may be used from.
    """

    kind: PrincipalKind
    name: str
    scopes: frozenset[Scope]
    role: Role | None = None
    origins: tuple[str, ...] = ()

    def require(self, scope: Scope) -> None:
        """Do nothing when `scope` is granted.

        Raises
        ------
        PermissionDeniedError
            When it is not.
        """
        if scope not in self.scopes:
            raise PermissionDeniedError(
                f"this needs the scope {scope.value}, which {self.name} does not have; "
                "ask an administrator for a key or a role with it"
            )

    @property
    def ae(self) -> str | None:
        """Return the AE whose hand-offs exist for this principal; None for everybody else."""
        return self.name if self.role is Role.AE else None

    @property
    def queues(self) -> frozenset[Queue]:
        """Return the queues that exist for this principal: all of them for a secret key."""
        if self.role is not None:
            return ROLE_QUEUES[self.role]
        return frozenset() if self.kind is PrincipalKind.FORM_KEY else _ALL_QUEUES

    def require_queue(self, queue: Queue) -> None:
        """Do nothing when the principal works or may look at `queue`.

        Raises
        ------
        PermissionDeniedError
            When the queue belongs to another role.
        """
        self.require(Scope.QUEUE_WORK)
        if queue not in self.queues:
            seen = ", ".join(sorted(name.value for name in self.queues)) or "none"
            raise PermissionDeniedError(
                f"{self.name} may not look at the {queue.value} queue (queues of this role: {seen})"
            )


SYSTEM: Final = Principal(kind=PrincipalKind.SYSTEM, name="system", scopes=frozenset(Scope))
"""The service itself and the command line of its operator."""


@dataclass(frozen=True, slots=True)
class Call:
    """Hold what every use case needs from the shell that calls it.

    `now` is aware UTC; `once` makes a write idempotent, None leaves it as it is.
    """

    principal: Principal
    now: datetime
    once: Once | None = None
