"""Every scoring with the snapshot that was scored, and what training reads of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from leadqual.leads.flat import flatten_lead
from leadqual.leads.schema import Lead, Scalar
from leadqual.qualify.score import LeadScore, ScoredBy
from leadqual.routing.decision import Decision
from leadqual.store.json_text import dump, load
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared
from leadqual.store.records import NewScore, ScoreRecord, TrainingRow

FIRST_REASON: Final = "created"
"""The reason of a lead's first scoring, when it cannot be waiting for a rescore yet."""

_INSERT: Final = Prepared("scores.insert")
_ALL_OF: Final = Prepared("scores.of")
_LATEST: Final = Prepared("scores.latest")
_LATEST_MANY: Final = Prepared("scores.latest_many")
_WAIT: Final = Prepared("scores.wait_for_model")
_DONE: Final = Prepared("scores.wait_no_longer")
_WAITING: Final = Prepared("scores.waiting")
_TRAINING: Final = Prepared("scores.training")


class ScoreRepository:
    """Store and read scorings."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def insert(
        self,
        lead_id: str,
        *,
        score: LeadScore,
        decision: Decision,
        snapshot: Mapping[str, Scalar],
        reason: str,
    ) -> None:
        """Store one scoring.

        Parameters
        ----------
        snapshot : mapping
            The flat lead that was scored (`leads.flat`); training reads it, never the lead.
        reason : str
            `created`, `touched`, `rescored`, ...; why it was scored now.

        Raises
        ------
        ConflictError
            When there is no such lead.
        """
        self.insert_many([NewScore(lead_id, score, decision, snapshot, reason)])

    def insert_many(self, rows: Sequence[NewScore]) -> None:
        """Store scorings of different leads at once. Raises `ConflictError` as `insert` does."""
        self._link.run_many(_INSERT, (_row_of(row) for row in rows))
        by_rules = [row for row in rows if row.score.scored_by is ScoredBy.RULES]
        again = [
            row
            for row in rows
            if row.reason != FIRST_REASON and row.score.scored_by is not ScoredBy.RULES
        ]
        self._link.run_many(_WAIT, ({"lead_id": row.lead_id} for row in by_rules))
        self._link.run_many(_DONE, ({"id": row.lead_id} for row in again))

    def latest(self, lead_id: str) -> ScoreRecord | None:
        """Return the newest scoring of a lead, None when it was never scored."""
        row = self._link.first(_LATEST, id=lead_id)
        return None if row is None else _record(row)

    def latest_many(self, lead_ids: Sequence[str]) -> dict[str, ScoreRecord]:
        """Return the newest scoring by lead; leads that were never scored are left out."""
        rows = self._link.run(_LATEST_MANY, ids=dump(list(lead_ids)))
        return {row[1]: _record(row) for row in rows}

    def of(self, lead_id: str) -> tuple[ScoreRecord, ...]:
        """Return every scoring of a lead, oldest first."""
        return tuple(_record(row) for row in self._link.run(_ALL_OF, id=lead_id))

    def needing_rescore(self, limit: int) -> tuple[str, ...]:
        """Return leads whose newest score is by the rules; they leave when a model scores them."""
        return tuple(row[0] for row in self._link.run(_WAITING, n=limit))

    def iter_training_rows(self, batch_size: int = 10_000) -> Iterator[list[TrainingRow]]:
        """Yield what was known of each lead at its prediction moment, in order of lead id.

        That is the snapshot of the first scoring, or for imported history the lead as it was
        imported. Erased persons are left out.
        """
        after = ""
        while rows := self._link.run(_TRAINING, after=after, n=batch_size):
            after = rows[-1][0]
            yield [_training_row(row) for row in rows if row[2] or row[9] is not None]


def _row_of(new: NewScore) -> dict[str, object]:
    score, decision = new.score, new.decision
    return {
        "lead_id": new.lead_id,
        "scored_at": score.scored_at,
        "reason": new.reason,
        "scored_by": score.scored_by.value,
        "model_version": score.model_version,
        "standard_version": decision.standard_version,
        "p_conversion": score.p_conversion,
        "queue": decision.queue.value,
        "explored": decision.explored,
        "propensity": decision.propensity,
        "score_json": new.score_json,
        "decision_json": new.decision_json,
        "snapshot_json": dump(new.snapshot),
    }


def _record(row: Row) -> ScoreRecord:
    score_id, lead_id, scored_at, reason, score, decision = row
    return ScoreRecord(
        score_id,
        lead_id,
        scored_at,
        reason,
        LeadScore.model_validate_json(score),
        Decision.model_validate_json(decision),
    )


def _training_row(row: Row) -> TrainingRow:
    lead_id, feed, is_history, last, first, scored_at, queue, explored, propensity, snapshot = row
    if not is_history:
        known: Mapping[str, Scalar] = load(snapshot)
        return TrainingRow(
            lead_id, feed, scored_at, known, queue, explored, propensity, is_imported=False
        )
    lead = Lead.model_validate_json(first or last)
    return TrainingRow(
        lead_id,
        feed,
        lead.created_at,
        flatten_lead(lead),
        queue=None,
        explored=False,
        propensity=1.0,
        is_imported=True,
    )
