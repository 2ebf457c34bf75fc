"""Where a backtest keeps finished steps: one file each, trusted only with its checksum."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from leadqual.config import make_private_folder
from leadqual.learning.replay.clock import Cadence
from leadqual.learning.replay.steps import StepScores
from leadqual.learning.settings import FitSettings
from leadqual.services.histories import LoadedHistory
from leadqual.services.provenance import hash_method

KEPT_BACKTESTS: Final = 5
"""So many backtests keep their steps; the folder of the one used longest ago goes first."""

_SUFFIX: Final = ".json"
_UNFINISHED: Final = ".part"
_ABANDONED_SECONDS: Final = 3600.0


class StepFolder:
    """One folder of steps that belong together: same data, same settings, same method.

    A file that is cut off, changed or of another backtest counts as absent, so its step is done
    again. Safe to kill at any time, and for two processes at once: they write the same.

    Parameters
    ----------
    folder : Path
        Made when the first step is kept.
    key : str
        What tells this backtest from any other; stands in every file.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key

    def load(self, step: int) -> StepScores | None:
        """Return the kept scores of a step; None where there is no sound file."""
        try:
            document = json.loads(self._path(step).read_bytes())
            if document["checksum"] != self._checksum(document["scores"]):
                return None
            return StepScores.from_dict(document["scores"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, RecursionError):  # no JSON of ours: do it again
            return None

    def save(self, scores: StepScores) -> None:
        """Keep the scores of a step, whole or not at all.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        make_private_folder(self._folder.parent)
        make_private_folder(self._folder)
        entry = scores.as_dict()
        document = {"checksum": self._checksum(entry), "scores": entry}
        with ExitStack() as stack:
            part = stack.enter_context(
                NamedTemporaryFile("w", dir=self._folder, suffix=_UNFINISHED, delete=False)
            )
            stack.callback(Path(part.name).unlink, missing_ok=True)
            json.dump(document, part, allow_nan=False)
            part.flush()
            os.fsync(part.fileno())
            Path(part.name).replace(self._path(scores.step))

    def _path(self, step: int) -> Path:
        return self._folder / f"step-{step:04d}{_SUFFIX}"

    def _checksum(self, scores: Mapping[str, object]) -> str:
        text = json.dumps(scores, sort_keys=True)
        return hashlib.sha256(f"{self._key}\n{text}".encode()).hexdigest()


def open_step_folder(
    parent: Path,
    loaded: LoadedHistory,
    *,
    cadence: Cadence,
    settings: FitSettings,
    now: datetime,
) -> StepFolder:
    """Return the folder of exactly this backtest, and remove those used longest ago.

    What a killed process left half-written in it is removed an hour later.

    Parameters
    ----------
    parent : Path
        Holds one folder per backtest.
    loaded : LoadedHistory
        The data.
    cadence, settings : Cadence, FitSettings
        What was asked for.
    now : datetime
        Aware; tells what is abandoned.
    """
    key = backtest_key(loaded, cadence=cadence, settings=settings)
    folder = parent / key[:16]
    _sweep(folder, now)
    if folder.is_dir():
        os.utime(folder)
    others = [path for path in parent.glob("*") if path.is_dir() and path != folder]
    for old in sorted(others, key=_used_at, reverse=True)[KEPT_BACKTESTS - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
    return StepFolder(folder, key)


def _sweep(folder: Path, now: datetime) -> None:
    """Remove half-written files that nobody can be writing any more."""
    for part in folder.glob(f"*{_UNFINISHED}"):
        with suppress(FileNotFoundError):  # another backtest of the same has just removed it
            if now.timestamp() - part.stat().st_mtime > _ABANDONED_SECONDS:
                part.unlink()


def _used_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another backtest has just removed it
        return 0.0


def backtest_key(loaded: LoadedHistory, *, cadence: Cadence, settings: FitSettings) -> str:
    """Return a sha256 over everything that the scores of a step depend on.

    The data, what it does not record, the steps, the settings, and the code and the libraries
    that learn.
    """
    history = loaded.history
    parts = {
        "data": loaded.data_hash,
        "records": [history.has_times, history.is_ordered, history.recorded.losses],
        "cadence": {name: str(value) for name, value in asdict(cadence).items()},
        "check_order": [str(check) for check in settings.check_order],
        "seed": settings.seed,
        "learners": settings.learners.as_dict(),
        "half_life_share": settings.half_life_share,
        "method": hash_method(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
