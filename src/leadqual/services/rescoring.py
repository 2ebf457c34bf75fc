"""Leads that rules scored while no model was there are scored again when one is."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from leadqual.qualify.score import ScoredBy
from leadqual.routing.decision import Decision, Queue
from leadqual.services.placement import Case, Past, Placement, past_of
from leadqual.services.scoring import LiveScorer, Scored
from leadqual.services.writer import GroupWriter
from leadqual.store import LeadRecord, Store, Tx

BATCH: Final = 100
RESCORE_SECONDS: Final = 2.0


class Rescorer:
    """Score again what was scored by rules, a batch at a time, once a model answers.

    Parameters
    ----------
    store : Store
        Names the leads that wait for a model.
    writer : GroupWriter
        Commits the new scores.
    scorer : LiveScorer
        Gives them.
    placement : Placement
        Decides again.
    """

    def __init__(
        self, store: Store, writer: GroupWriter, *, scorer: LiveScorer, placement: Placement
    ) -> None:
        self._store = store
        self._writer = writer
        self._scorer = scorer
        self._placement = placement

    def run(self, *, now: datetime) -> int:
        """Score again until nothing waits; return how many leads a model has scored."""
        n_rescored = 0
        while n_new := self.run_once(now=now):
            n_rescored += n_new
        return n_rescored

    def run_once(self, *, now: datetime) -> int:
        """Score one batch again; return how many leads a model has scored.

        Zero when nothing waits or no model is live.
        """
        if self._scorer.live.bundle is None:
            return 0
        with self._store.read() as tx:
            records = tx.leads.get_many(tx.scores.needing_rescore(BATCH))
        waiting = [record for record in records.values() if record.erased_at is None]
        scored = self._scorer.score_many([record.lead for record in waiting], now=now)
        learned = [
            (record, score)
            for record, score in zip(waiting, scored, strict=True)
            if score.score.scored_by is ScoredBy.MODEL  # not so when it was withdrawn meanwhile
        ]
        if learned:
            self._writer.run(lambda tx: self._write(tx, learned, now=now))
        return len(learned)

    def _write(self, tx: Tx, learned: list[tuple[LeadRecord, Scored]], *, now: datetime) -> None:
        for record, scored in learned:
            self._write_one(tx, record.lead_id, scored, now=now)

    def _write_one(self, tx: Tx, lead_id: str, scored: Scored, *, now: datetime) -> None:
        """Write one new score, unless another process was faster; what is over stays over."""
        record, item = tx.leads.get(lead_id), tx.queue.get(lead_id, now=now)
        latest = tx.scores.latest(lead_id)
        is_done = latest is not None and latest.score.scored_by is ScoredBy.MODEL
        if is_done or record.erased_at is not None:
            return
        decided = None if latest is None else latest.decision
        case = Case(
            record.lead,
            scored,
            _past(tx, lead_id, decided),
            is_new=False,
            was_explored=decided is not None and decided.explored,
        )
        write = self._placement.rate if item is None or item.is_final else self._placement.place
        write(tx, {lead_id: case}, reason="rescored", now=now)


def _past(tx: Tx, lead_id: str, decided: Decision | None) -> Past:
    """Return what is known of the person; where the last decision put them aside, it holds on."""
    past = past_of([stored.event for stored in tx.events.of(lead_id)])
    queue = None if decided is None else decided.queue
    kept_out = "quarantined before" if queue is Queue.QUARANTINE else None
    return Past(
        is_customer=past.is_customer or queue is Queue.ACCOUNT_MANAGER,
        quarantine=past.quarantine or kept_out,
    )
