"""What a training took: seconds per stage and the most memory that was ever held."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

Step = Callable[[str], None]

_STATUS: Final = Path("/proc/self/status")
_MIB: Final = 2**20


class Stage(StrEnum):
    """The stages of a training, in words for people."""

    READING = "Reading the history"
    LEAKS = "Looking for leaks"
    TUNING = "Settling the numbers of the learners"
    JUDGING = "Judging on the newest matured leads"
    FITTING = "Fitting on all leads"
    REGISTERING = "Registering the version"


@dataclass(frozen=True)
class Effort:
    """What was used so far.

    Parameters
    ----------
    seconds : mapping of Stage to float
        By the clock on the wall.
    peak_bytes : int or None
        Most memory that the process ever held; None where the system does not tell.
    """

    seconds: Mapping[Stage, float]
    peak_bytes: int | None

    def as_metrics(self) -> dict[str, float]:
        """Return `effort.seconds.<stage>` and `effort.peak_memory_mib`, for a lab book."""
        found = {f"effort.seconds.{s.name.lower()}": n for s, n in self.seconds.items()}
        if self.peak_bytes is not None:
            found["effort.peak_memory_mib"] = self.peak_bytes / _MIB
        return found

    def line(self) -> str:
        """Return the effort in one line, for people."""
        stages = ", ".join(f"{s.name.lower()} {n:.1f}" for s, n in self.seconds.items())
        peak = "" if self.peak_bytes is None else f"; peak memory {self.peak_bytes / _MIB:,.0f} MiB"
        return f"took {sum(self.seconds.values()):.1f} s ({stages}){peak}"


@dataclass
class StageClock:
    """Tells each stage as it begins, and keeps how long it took.

    Parameters
    ----------
    on_step : callable
        Told the name of each stage.
    """

    on_step: Step
    _began: list[tuple[Stage, float]] = field(default_factory=list)

    def begin(self, stage: Stage) -> None:
        """Begin a stage, which ends the one before it."""
        self.on_step(stage.value)
        self._began.append((stage, time.perf_counter()))

    def read(self) -> Effort:
        """Return the effort so far, the stage under way included."""
        ends = [at for _, at in self._began[1:]] + [time.perf_counter()]
        seconds = {
            stage: end - start for (stage, start), end in zip(self._began, ends, strict=True)
        }
        return Effort(seconds, read_peak_bytes())


def read_peak_bytes() -> int | None:
    """Return the most memory that this process ever held; None where the system does not tell."""
    if _STATUS.exists():  # a child's `ru_maxrss` begins with that of its parent
        for line in _STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
