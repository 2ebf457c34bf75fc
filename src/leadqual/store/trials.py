"""The database of tuning trials: optuna's tables in a file of their own, opened by optuna."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from leadqual.config import make_private_file, make_private_folder
from leadqual.errors import StoreError

FILE_NAME: Final = "tuning.db"


@contextmanager
def open_trials(folder: Path) -> Iterator[str]:
    """Give the URL of a folder's database of trials; a new one is for this user only.

    Raises
    ------
    StoreError
        When it is damaged, locked or not writable: what SQLite raises while it is in use.
    """
    path = folder / FILE_NAME
    make_private_folder(folder)
    make_private_file(path)
    try:
        yield URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
    except SQLAlchemyError as error:
        raise StoreError(
            f"the trials of earlier tunings in {path} cannot be used ({type(error).__name__}). "
            "Check that the file may be written, or move it away: it holds nothing but trials, "
            "which can be repeated"
        ) from error
