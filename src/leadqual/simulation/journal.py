"""What the CRM recorded: every outcome event up to the end of the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from leadqual.outcomes.events import OutcomeType
from leadqual.simulation.arrays import Bools, Floats, Ints
from leadqual.simulation.dispositions import REASONS, Dispositions, Fate
from leadqual.simulation.team import Team
from leadqual.simulation.wording import load_wording

TYPES: Final = tuple(OutcomeType)
_MEETING_S = 3600
_NOTE_SHARE = 0.3
_LAST_WORD: Final = {
    Fate.SPAM: OutcomeType.SPAM,
    Fate.BAD_DATA: OutcomeType.BAD_DATA,
    Fate.DUPLICATE: OutcomeType.DUPLICATE,
    Fate.NO_RESPONSE: OutcomeType.NO_RESPONSE,
    Fate.UNREACHABLE: OutcomeType.DISQUALIFIED,
    Fate.DO_NOT_CONTACT: OutcomeType.DO_NOT_CONTACT,
    Fate.DISQUALIFIED: OutcomeType.DISQUALIFIED,
    Fate.HANDED_OFF: OutcomeType.HANDED_OFF,
}


@dataclass(frozen=True)
class Journal:
    """Hold one entry per event in time order.

    `type` and `reason` are positions in `TYPES` and `dispositions.REASONS` (-1: none given),
    `occurred_s` seconds since the start, `amount_usd` NaN except for wins.
    """

    lead: Ints
    type: Ints
    occurred_s: Ints
    actor: list[str]
    reason: Ints
    amount_usd: Floats

    def notes(self, rng: Generator) -> list[str | None]:
        """Write a note on some events; it says again what the reason says."""
        words = load_wording().notes
        draw = rng.random(len(self.lead))
        notes: list[str | None] = []
        for reason, share in zip(self.reason.tolist(), (draw / _NOTE_SHARE).tolist(), strict=True):
            choices = words.get(REASONS[reason], []) if reason >= 0 else []
            known = share < 1 and len(choices) > 0
            notes.append(choices[int(share * len(choices))] if known else None)
        return notes


def write_journal(
    dispositions: Dispositions, worked: Bools, *, amount_usd: Floats, team: Team, end_s: int
) -> Journal:
    """Return the events of the worked leads that happened before `end_s`."""
    d = dispositions
    is_left_with_reason = (d.fate == Fate.DISQUALIFIED) | (d.fate == Fate.UNREACHABLE)
    unreachable = np.int64(REASONS.index(next(r for r in REASONS if r.value == "unreachable")))
    rep_reason = np.where(d.fate == Fate.UNREACHABLE, unreachable, d.rep_reason)
    last_word = np.array([TYPES.index(_LAST_WORD[fate]) for fate in Fate])[d.fate]
    is_handed = worked & (d.fate == Fate.HANDED_OFF)
    talked = worked & d.is_reached & (d.fate >= Fate.DO_NOT_CONTACT)
    deal = is_handed & d.is_accepted
    none = np.full(len(worked), -1)
    parts = [
        _part(OutcomeType.CONTACTED, talked, d.contacted_s, reason=none),
        _part(OutcomeType.CONTACT_LATER, talked & d.is_later, d.contacted_s + 60, reason=none),
        _part(OutcomeType.MEETING_BOOKED, is_handed, d.left_s - _MEETING_S, reason=none),
        _part(last_word, worked, d.left_s, reason=np.where(is_left_with_reason, rep_reason, -1)),
        _part(OutcomeType.ACCEPTED, deal, d.answered_s, reason=none),
        _part(OutcomeType.REJECTED, is_handed & ~d.is_accepted, d.answered_s, reason=d.ae_reason),
        _part(OutcomeType.WON, deal & d.is_won, d.ended_s, reason=none),
        _part(OutcomeType.LOST, deal & ~d.is_won & d.is_closed, d.ended_s, reason=d.lost_reason),
    ]
    return _sorted(parts, d, amount_usd=amount_usd, team=team, end_s=end_s)


_Part = tuple[Ints, Ints, Ints, Ints]


def _part(kind: OutcomeType | Ints, rows: Bools, occurred_s: Ints, *, reason: Ints) -> _Part:
    """Lead, type, time and reason of one kind of event."""
    lead = np.flatnonzero(rows)
    types = np.full(len(lead), TYPES.index(kind)) if isinstance(kind, OutcomeType) else kind[lead]
    return lead, types, occurred_s[lead], reason[lead]


def _sorted(
    parts: list[_Part], dispositions: Dispositions, *, amount_usd: Floats, team: Team, end_s: int
) -> Journal:
    """All kinds together, in time order, without what has not happened yet."""
    lead, kind, occurred_s, reason = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((kind, lead, occurred_s))
    order = order[occurred_s[order] < end_s]
    lead, kind = lead[order], kind[order]
    by_ae = np.isin(
        kind,
        [
            TYPES.index(t)
            for t in (OutcomeType.ACCEPTED, OutcomeType.REJECTED, OutcomeType.WON, OutcomeType.LOST)
        ],
    )
    reps, executives = np.array(team.actors), np.array(team.account_executives)
    actor = np.where(
        by_ae, executives[dispositions.account_executive[lead]], reps[dispositions.rep[lead]]
    )
    return Journal(
        lead=lead,
        type=kind,
        occurred_s=occurred_s[order],
        actor=actor.tolist(),
        reason=reason[order],
        amount_usd=np.where(kind == TYPES.index(OutcomeType.WON), amount_usd[lead], np.nan),
    )
