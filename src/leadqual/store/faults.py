"""Turn what a database driver raises into the library's own errors.

Drivers repeat values in their messages (PostgreSQL's DETAIL names the e-mail address that was
there already), so nothing of a message is kept but names of constraints, and the original is
not chained.
"""

from __future__ import annotations

from typing import Final

from leadqual.errors import BusyError, ConflictError, InputError, LeadqualError, StoreError

_LOST_RACE: Final = ("40001", "40P01", "55P03", "57014")
_SQLITE_BUSY: Final = ("locked", "busy")
_SQLITE_FULL: Final = ("full", "disk i/o", "readonly", "read-only")

AGAIN: Final = "nothing was written; send the request again"


def store_error(error: Exception) -> LeadqualError:
    """Return the error of the library for one of a driver, without any value in it."""
    if isinstance(error, (UnicodeError, OverflowError)):
        return _unholdable()
    if hasattr(error, "sqlstate"):
        return _from_postgresql(error, error.sqlstate)
    return _from_name(error)


def _from_postgresql(error: Exception, sqlstate: str | None) -> LeadqualError:
    """Judge by SQLSTATE (its first two characters are the class); without one, by the class alone.

    The server did not say anything then, and what the driver says names host, user and database.
    """
    if sqlstate is None:
        if type(error).__name__ == "DataError":
            return _unholdable()
        return StoreError(
            "the database cannot be reached or broke off; see its log, then try again"
        )
    diagnostics = getattr(error, "diag", None)
    if sqlstate.startswith("23"):
        name = getattr(diagnostics, "constraint_name", None)
        return ConflictError(
            f"the database refused it: {name or getattr(diagnostics, 'message_primary', '')}"
        )
    if sqlstate in _LOST_RACE:
        return BusyError(f"the database was busy with the same rows (SQLSTATE {sqlstate}); {AGAIN}")
    if sqlstate.startswith("22"):
        return _unholdable()
    return StoreError(
        f"PostgreSQL refused or broke off (SQLSTATE {sqlstate}); see its log, then try again"
    )


def _from_name(error: Exception) -> LeadqualError:
    """Judge an error of SQLite by its DB-API class and its fixed texts."""
    kind = type(error).__name__
    text = str(error)
    if kind == "IntegrityError":
        return ConflictError(f"the database refused it: {text}")
    if kind == "DataError":
        return _unholdable()
    if any(word in text.lower() for word in _SQLITE_BUSY):
        return BusyError(f"the database is locked by another process; {AGAIN}")
    if any(word in text.lower() for word in _SQLITE_FULL):
        return StoreError(
            "SQLite cannot write: the disk is full or broken, or the file or the transaction is "
            "read-only; free space or check the rights of the database file, then try again"
        )
    if "malformed" in text or "not a database" in text:
        return StoreError(
            "the database file is damaged or no SQLite database; stop the servers, move it and its "
            "-wal and -shm files away, then restore a backup with `leadqual db restore`"
        )
    if "no such table" in text or "no such column" in text:
        return StoreError("the database lacks a table of ours; run `leadqual db upgrade`")
    return StoreError(f"the database cannot be reached or broke off ({kind}); try again")


def _unholdable() -> InputError:
    """Return the error for a value that no column holds."""
    return InputError(
        "a value cannot be stored: text with a NUL or an unpaired surrogate, or an integer "
        "of more than 64 bits"
    )
