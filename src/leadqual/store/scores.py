"""Every scoring with the snapshot that was scored, and what training reads of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Integer, Text, and_, bindparam, delete, exists, func, select

from leadqual.leads.flat import flatten_lead
from leadqual.leads.schema import Lead, Scalar
from leadqual.qualify.score import LeadScore, ScoredBy
from leadqual.routing.decision import Decision
from leadqual.store.phrases import dump, listed, load
from leadqual.store.prepared import Link, Prepared, Row, Statement, insertion
from leadqual.store.records import NewScore, ScoreRecord, TrainingRow
from leadqual.store.tables import LEADS, RESCORE, SCORES, TOUCHES

FIRST_REASON: Final = "created"
"""The reason of a lead's first scoring, when it cannot be waiting for a rescore yet."""

_RECORD: Final = select(
    SCORES.c.score_id,
    SCORES.c.lead_id,
    SCORES.c.scored_at,
    SCORES.c.reason,
    SCORES.c.score_json,
    SCORES.c.decision_json,
)
_OF: Final = _RECORD.where(SCORES.c.lead_id == bindparam("id", type_=Text))
_ALL_OF: Final = Prepared(_OF.order_by(SCORES.c.score_id))
_LATEST: Final = Prepared(_OF.order_by(SCORES.c.score_id.desc()).limit(1))
_INSERT: Final = insertion(SCORES)
_WAIT: Final = insertion(RESCORE, is_idempotent=True)
_DONE: Final = Prepared(delete(RESCORE).where(RESCORE.c.lead_id == bindparam("id", type_=Text)))
_WAITING: Final = Prepared(
    select(RESCORE.c.lead_id).order_by(RESCORE.c.lead_id).limit(bindparam("n", type_=Integer))
)
_EARLIER: Final = SCORES.alias("earlier")
_IS_FIRST: Final = ~exists().where(
    _EARLIER.c.lead_id == SCORES.c.lead_id, _EARLIER.c.score_id < SCORES.c.score_id
)
_TRAINING: Final = Prepared(
    select(
        LEADS.c.lead_id,
        LEADS.c.feed,
        LEADS.c.is_history,
        LEADS.c.lead_json,
        TOUCHES.c.lead_json,
        SCORES.c.scored_at,
        SCORES.c.queue,
        SCORES.c.explored,
        SCORES.c.propensity,
        SCORES.c.snapshot_json,
    )
    .select_from(LEADS)
    .outerjoin(SCORES, and_(SCORES.c.lead_id == LEADS.c.lead_id, _IS_FIRST))
    .outerjoin(TOUCHES, and_(TOUCHES.c.lead_id == LEADS.c.lead_id, TOUCHES.c.number == 1))
    .where(LEADS.c.lead_id > bindparam("after", type_=Text), LEADS.c.erased_at.is_(None))
    .order_by(LEADS.c.lead_id)
    .limit(bindparam("n", type_=Integer))
)


def _latest_many(dialect: str) -> Statement:
    newest = (
        select(func.max(SCORES.c.score_id))
        .where(SCORES.c.lead_id.in_(listed(dialect, "ids")))
        .group_by(SCORES.c.lead_id)
    )
    return _RECORD.where(SCORES.c.score_id.in_(newest))


_LATEST_MANY: Final = Prepared(_latest_many)


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
