"""Which outcomes a role reports: reps leave dispositions, AEs answer hand-offs and close."""

from __future__ import annotations

from typing import Final

from leadqual.errors import PermissionDeniedError
from leadqual.outcomes.events import OutcomeType
from leadqual.queue.states import ItemState, allowed_outcomes
from leadqual.services.calls import Principal, Role

AE_OUTCOMES: Final = frozenset({
    OutcomeType.ACCEPTED,
    OutcomeType.REJECTED,
    OutcomeType.WON,
    OutcomeType.LOST,
})
REP_OUTCOMES: Final = frozenset(OutcomeType) - AE_OUTCOMES


def outcomes_of(principal: Principal) -> frozenset[OutcomeType]:
    """Return the types that somebody may report.

    MRR and SDR leave dispositions and hand off; an AE accepts, rejects and closes; an account
    manager does both, since nobody takes over; leaders, operators and keys of a CRM report all.
    """
    if principal.role in {Role.MRR, Role.SDR}:
        return REP_OUTCOMES
    if principal.role is Role.AE:
        return AE_OUTCOMES
    return frozenset(OutcomeType)


def check_duty(principal: Principal, outcome: OutcomeType) -> None:
    """Do nothing when somebody may report an outcome.

    Raises
    ------
    PermissionDeniedError
        When it is another role's.
    """
    if outcome not in outcomes_of(principal):
        whose = "an AE" if outcome in AE_OUTCOMES else "an MRR or SDR"
        raise PermissionDeniedError(f"{outcome.value} is reported by {whose}, not by this role")


def allowed_for(principal: Principal, state: ItemState) -> tuple[OutcomeType, ...]:
    """Return the outcomes that both the state and the role allow."""
    own = outcomes_of(principal)
    return tuple(outcome for outcome in allowed_outcomes(state) if outcome in own)
