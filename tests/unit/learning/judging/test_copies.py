"""Copies of fitted leads among the judged ones are told; leads that merely look alike are not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from leadqual.learning.judging.copies import note_copies
from leadqual.learning.split import Fold
from leadqual.outcomes.history import History
from leadqual.outcomes.labels import label_history

MakeHistory = Callable[..., History]


def fold_of(history: History) -> Fold:
    middle = history.n_leads // 2
    return Fold(np.arange(middle), np.arange(middle, history.n_leads))


def test_copies_with_the_same_end_are_counted(won_or_lost: MakeHistory) -> None:
    once = won_or_lost(400)
    both = replace(
        once,
        lead_ids=[*once.lead_ids, *(f"{i}-again" for i in once.lead_ids)],
        moments=np.concatenate([once.moments, once.moments + np.timedelta64(900, "D")]),
        columns={name: [*values, *values] for name, values in once.columns.items()},
        events=[
            *once.events,
            *(e.model_copy(update={"lead_id": f"{e.lead_id}-again"}) for e in once.events),
        ],
    )

    (note,) = note_copies(both, label_history(both, as_of=None), fold_of(both))

    assert note.startswith("400 of the 400 judged leads (100%) equal a lead")


def test_leads_with_few_columns_that_are_alike_are_no_copies(won_or_lost: MakeHistory) -> None:
    history = won_or_lost(2_000)
    source = history.columns["source"]
    alike = replace(history, columns={"source": source})

    assert note_copies(alike, label_history(alike, as_of=None), fold_of(alike)) == ()
