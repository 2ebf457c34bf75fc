"""How leadqual ranks and predicts beside what else one could use.

    python -m benchmarks.learning --seeds 6 --jobs 2     # everything: an hour on two cores
    python -m benchmarks.learning --only base slow       # some of it
    python -m benchmarks.learning --quick                # under a minute: does it run?

On the simulator the truth is known: models learn from two years (or the scenario's days) and are
judged on the leads of the next 120 days against their true probability to be won if worked. On
the real sets the newest matured leads are judged, with bootstrap intervals.
"""

from benchmarks.learning.scenarios import SCENARIOS, Split, make_split

__all__ = ["SCENARIOS", "Split", "make_split"]
