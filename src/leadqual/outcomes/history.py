"""A history: what was known of past leads when they were scored, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leadqual.leads.schema import Scalar
from leadqual.outcomes.events import OutcomeEvent

Columns = dict[str, list[Scalar]]
"""Flat field name (`leads.flat`) to one value per lead; None where it was not known."""


@dataclass(frozen=True)
class Recorded:
    """What this history does not record.

    Where losses are never recorded, an open lead is unknown until it is old, and the absence
    of a win is only as good as the age of the lead.
    """

    losses: bool = True


@dataclass(frozen=True)
class History:
    """Past leads and their events, column-wise and in time order.

    Parameters
    ----------
    source : str
        Name of the feed, for reports.
    lead_ids : sequence of str, length n_leads
        One id per lead, unique, as used by `events`.
    moments : ndarray of datetime64[us], shape (n_leads,)
        Prediction moment in UTC: when the lead was scored, or created in an imported history.
        Ascending. Where `has_times` is false only their order means anything.
    columns : Columns
        Values as of the prediction moment.
    events : sequence of OutcomeEvent
        Every event of these leads, in any order.
    has_times : bool
        False when the export gave only an order, or no order at all (`is_ordered`).
    is_ordered : bool
        False when the rows have no time order: then only grouped cross-validation is honest.
    recorded : Recorded
        What the source leaves out.
    explored : ndarray of bool, shape (n_leads,), optional
        Leads queued by the exploration slice.
    """

    source: str
    lead_ids: Sequence[str]
    moments: NDArray[np.datetime64]
    columns: Columns
    events: Sequence[OutcomeEvent]
    has_times: bool = True
    is_ordered: bool = True
    recorded: Recorded = field(default_factory=Recorded)
    explored: NDArray[np.bool_] | None = None

    @property
    def n_leads(self) -> int:
        """Return the number of leads."""
        return len(self.lead_ids)

    def take(self, rows: NDArray[np.intp]) -> History:
        """Return the history of some leads, in the given row order, with only their events."""
        kept = [self.lead_ids[i] for i in rows]
        known = set(kept)
        return History(
            source=self.source,
            lead_ids=kept,
            moments=self.moments[rows],
            columns={name: [values[i] for i in rows] for name, values in self.columns.items()},
            events=[event for event in self.events if event.lead_id in known],
            has_times=self.has_times,
            is_ordered=self.is_ordered,
            recorded=self.recorded,
            explored=None if self.explored is None else self.explored[rows],
        )
