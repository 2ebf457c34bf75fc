"""One training at a time, per models folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOCK_FILE: Final = ".training.lock"


@contextmanager
def hold_training_lock(models_dir: Path) -> Iterator[bool]:
    """Give True to whoever is first, False to everybody else until that one is done.

    The operating system holds the lock and lets go of it when the process ends, however it
    ends: a killed training blocks nobody.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(models_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
