"""Reps who work at once, each on a thread, through our services or through bare SQL."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from benchmarks.queue.bare import Taken
from benchmarks.queue.filling import QUEUE, START
from leadqual.outcomes.events import OutcomeType
from leadqual.services.calls import ROLE_SCOPES, Call, Principal, PrincipalKind, Role
from leadqual.services.housekeeping import TIDY_SECONDS
from leadqual.services.outcomes import Outcome, Outcomes
from leadqual.services.queues import Queues
from leadqual.services.ticker import Ticker
from leadqual.services.working import Working
from leadqual.services.writer import GroupWriter
from leadqual.store import open_store

_SHARE_RELEASED: Final = 0.3
_SHARE_FINISHED: Final = 0.6
_DISQUALIFIED: Final = Outcome(type=OutcomeType.NO_RESPONSE.value)


class Work(Protocol):
    """What a rep does with a queue."""

    def claim(self, rep: str) -> Taken:
        """Claim the best lead."""

    def release(self, rep: str, taken: Taken) -> None:
        """Give it back."""

    def finish(self, rep: str, taken: Taken) -> None:
        """Close it."""


class OurQueue:
    """Work a queue as the server does: through the services, their writer and their upkeep.

    Parameters
    ----------
    url : str
        Of a database that `filling.fill` made.
    """

    def __init__(self, url: str) -> None:
        self._store = open_store(url)
        self._writer = GroupWriter(self._store)
        self._working = Working(self._writer)
        self._outcomes = Outcomes(self._writer)
        self._queues = Queues(self._store)
        self._upkeep = Ticker("tidy", self._store.tidy, seconds=TIDY_SECONDS)
        self._upkeep.start()

    def time_top(self, n_times: int) -> float:
        """Return the shortest time of reading the best 50 items, in seconds."""
        call = _call("rep")
        with self._store.read() as tx:
            items = tx.queue.limited_to(call.principal.queues)
            return shortest(lambda: items.ranked(QUEUE, limit=50, now=call.now), n_times)

    def page(self) -> None:
        """Read the page of a queue that the web page shows."""
        self._queues.page(QUEUE, call=_call("rep"), limit=50)

    def claim(self, rep: str) -> Taken:
        """Claim the best lead."""
        row = self._working.claim_next(QUEUE, call=_call(rep)).value
        if row is None or row.token is None:
            raise RuntimeError("the queue is empty; fill it with more items")
        return Taken(0, row.lead_id, row.token)

    def release(self, rep: str, taken: Taken) -> None:
        """Give it back."""
        self._working.release(taken.lead_id, token=taken.token, call=_call(rep))

    def finish(self, rep: str, taken: Taken) -> None:
        """Note that there was no response."""
        outcome = _DISQUALIFIED.model_copy(update={"token": taken.token})
        self._outcomes.record(taken.lead_id, outcome, call=_call(rep))

    def close(self) -> None:
        """Stop the writer and the upkeep."""
        self._upkeep.close()
        self._writer.close()
        self._store.close()


def _call(rep: str) -> Call:
    principal = Principal(PrincipalKind.USER, rep, ROLE_SCOPES[Role.MRR], Role.MRR)
    return Call(principal, START)


def shortest(work: Callable[[], object], n_times: int) -> float:
    """Return the shortest of many times of the same work, in seconds."""
    best = float("inf")
    for _ in range(n_times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


@dataclass(slots=True)
class Shift:
    """Claims of one stretch of time: how long each took, in ms, and how many a second."""

    seconds: float
    times_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Return the rate."""
        return len(self.times_ms) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Return the time that a share of claims stayed under."""
        ordered = sorted(self.times_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def claim_for(work: Work, *, n_reps: int, seconds: float, is_worked: bool = False) -> Shift:
    """Let reps claim one lead after the other.

    Parameters
    ----------
    is_worked : bool
        Whether leads are given back (three of ten), closed (six) or kept (one) after the claim,
        instead of all kept. Only the claims are timed.
    """
    shift = Shift(seconds)
    barrier = threading.Barrier(n_reps)
    failures: list[Exception] = []

    def rep(number: int) -> None:
        name, dice = f"rep{number}", random.Random(number)
        try:
            work.claim(name)  # connects
            barrier.wait()
            stop = time.perf_counter() + seconds
            while (start := time.perf_counter()) < stop:
                taken = work.claim(name)
                shift.times_ms.append(1000 * (time.perf_counter() - start))
                if is_worked:
                    _work_on(work, name, taken, chance=dice.random())
        except Exception as error:  # noqa: BLE001 - the error of a thread has to end the benchmark
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=rep, args=(number,)) for number in range(n_reps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return shift


def _work_on(work: Work, rep: str, taken: Taken, *, chance: float) -> None:
    """Do with a lead what reps do."""
    if chance < _SHARE_RELEASED:
        work.release(rep, taken)
    elif chance < _SHARE_RELEASED + _SHARE_FINISHED:
        work.finish(rep, taken)
