"""Whatever reps do, in whatever order: one owner at a time, and the state follows from the log."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from leadqual.errors import ConflictError
from leadqual.outcomes.events import OutcomeType
from leadqual.queue.items import LEASE
from leadqual.queue.states import FINAL_STATES, ItemState
from leadqual.queue.transitions import Extras
from leadqual.routing.decision import Queue
from leadqual.store import Store, Tx
from tests.contract.records import NOW, add_lead, decision, outcome

LEADS = [f"L{number}" for number in range(6)]
REPS = ["ann", "bob", "cid"]


class Team:
    """Reps who act at random; remembers the last token each was given."""

    def __init__(self, store: Store, rng: np.random.Generator) -> None:
        self.store = store
        self.rng = rng
        self.now = NOW
        self.tokens: dict[str, int] = {}
        self.n_refused = 0

    def act(self) -> None:
        """Do one thing and let some time pass."""
        self.now += timedelta(minutes=int(self.rng.integers(0, 20)))
        lead_id, rep = str(self.rng.choice(LEADS)), str(self.rng.choice(REPS))
        actions: list[Callable[[Tx, str, str], None]] = [
            self.claim_next,
            self.claim,
            self.release,
            self.snooze,
            self.report,
            self.report,
            self.put,
        ]
        try:
            with self.store.transaction() as tx:
                actions[int(self.rng.integers(len(actions)))](tx, lead_id, rep)
        except ConflictError:
            self.n_refused += 1

    def claim_next(self, tx: Tx, _lead_id: str, rep: str) -> None:
        item = tx.queue.claim_next(Queue.MRR, actor=rep, now=self.now)
        if item is not None:
            assert item.lease_until == self.now + LEASE
            self.tokens[item.lead_id] = item.token

    def claim(self, tx: Tx, lead_id: str, rep: str) -> None:
        before = tx.queue.get(lead_id, now=self.now)
        item = tx.queue.claim(lead_id, actor=rep, now=self.now)
        assert before is not None
        assert before.claimed_by in {None, rep}
        self.tokens[lead_id] = item.token

    def release(self, tx: Tx, lead_id: str, rep: str) -> None:
        tx.queue.release(lead_id, actor=rep, token=self.tokens.get(lead_id, 0), now=self.now)

    def snooze(self, tx: Tx, lead_id: str, rep: str) -> None:
        tx.queue.snooze(
            lead_id,
            actor=rep,
            token=self.tokens.get(lead_id, 0),
            until=self.now + timedelta(minutes=int(self.rng.integers(1, 90))),
            now=self.now,
        )

    def report(self, tx: Tx, lead_id: str, rep: str) -> None:
        kind = list(OutcomeType)[int(self.rng.integers(len(OutcomeType)))]
        event = outcome(lead_id, kind, actor=rep, recorded_at=self.now)
        extras = Extras(
            until=self.now + timedelta(hours=3) if self.rng.random() < 0.5 else None,
            handed_to="eva" if self.rng.random() < 0.5 else None,
        )
        token = self.tokens.get(lead_id) if self.rng.random() < 0.7 else None
        tx.events.append(event)
        tx.queue.apply(lead_id, event, token=token, now=self.now, extras=extras)

    def put(self, tx: Tx, lead_id: str, _rep: str) -> None:
        tx.queue.put(lead_id, decision(float(self.rng.normal())), now=self.now)


def check_everything(store: Store, now: datetime) -> None:
    with store.read() as tx:
        assert tx.queue.verify(now) == ()
        items = tx.queue.get_many(LEADS, now=now)
        listed = tx.queue.ranked(Queue.MRR, limit=50, now=now, states=list(ItemState)).items
    for item in items.values():
        assert (item.state in FINAL_STATES) == (item.finished_at is not None)
        assert (item.state is ItemState.CLAIMED) == (item.claimed_by is not None)
        assert item in listed
    waiting = [item.lead_id for item in listed if not item.is_final]
    assert len(waiting) == len(set(waiting))


@pytest.mark.parametrize("seed", range(4))
def test_random_work_keeps_every_promise(store: Store, seed: int) -> None:
    team = Team(store, np.random.default_rng(seed))
    for number, lead_id in enumerate(LEADS):
        add_lead(store, lead_id, order_key=float(number))

    for step in range(120):
        team.act()
        if step % 20 == 19:
            check_everything(store, team.now)

    check_everything(store, team.now + timedelta(days=2))
    assert 10 < team.n_refused < 110
