"""Copy a database to a file and back: whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from leadqual.config import make_private_file
from leadqual.errors import BusyError, FileFormatError, SchemaVersionError, StoreError
from leadqual.store.connections import sqlite_module
from leadqual.store.faults import store_error
from leadqual.store.schema import REVISIONS, VERSION_TABLE

Place = Path | Mapping[str, str]
"""The file of SQLite, or libpq's parameters; see `Connections.place`."""

_VERSION_ROW: Final = re.compile(rf"COPY \S*{VERSION_TABLE} .*? FROM stdin;\n(\S+)\n", re.DOTALL)
_OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
_IN_USE: Final = "the database is in use; stop the servers that use it, then try again"
_SQLITE_BUSY: Final = (5, 6)
_FOREIGN: Final = "{path} is no backup of a leadqual database; give a file of `leadqual db backup`"


def back_up(place: Place, path: Path) -> None:
    """Write a consistent copy of a database that may be in use.

    The copy is checked, then takes its name in one step, so `path` is never half a backup.

    Raises
    ------
    StoreError
        When the copy failed or is damaged, or PostgreSQL's `pg_dump` is not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path) as copy:
        if isinstance(place, Path):
            _copy_sqlite(place, copy)
        else:
            _run_tool(
                place,
                "pg_dump",
                "--format=custom",
                "--no-owner",
                f"--file={copy}",
                "--dbname={place}",
            )
        _sync(copy)
        copy.replace(path)
        _sync(path.parent)


def restore_backup(place: Place, path: Path) -> None:
    """Replace the content of a database by a backup, in one transaction.

    Raises
    ------
    FileFormatError
        When the file is no backup of ours, or damaged; nothing was changed.
    SchemaVersionError
        When the backup was made by a newer program; nothing was changed.
    BusyError
        When something uses the database; nothing was changed.
    """
    if not path.is_file():
        raise FileFormatError(f"there is no file {path}")
    if isinstance(place, Path):
        _check_sqlite(path)
        with closing(_connect(path)) as source, closing(_connect(place)) as target:
            _take_alone(target)
            _copy(source, target)
        return
    dumped = _run_tool(
        place, "pg_restore", "--data-only", f"--table={VERSION_TABLE}", "--file=-", str(path)
    )
    found = _VERSION_ROW.search(dumped)
    _check_revision(found[1] if found else None, path)
    _run_tool(
        place,
        "pg_restore",
        "--clean",
        "--if-exists",
        "--no-owner",
        "--single-transaction",
        "--dbname={place}",
        str(path),
    )


def refuse_others(connection: Any) -> None:  # noqa: ANN401 - psycopg's connection
    """Do nothing when nobody else is connected to a PostgreSQL database.

    Raises
    ------
    BusyError
        When somebody is: `pg_restore` would wait for them for ever.
    """
    n_others = connection.execute(_OTHERS).fetchone()[0]
    if n_others:
        raise BusyError(f"{_IN_USE} ({n_others} connection(s))")


def _copy_sqlite(source_path: Path, copy: Path) -> None:
    """Copy a live SQLite database into one plain file and check the copy."""
    with closing(_connect(source_path)) as source, closing(_connect(copy)) as target:
        _copy(source, target)
        target.execute("PRAGMA journal_mode=DELETE")
        if target.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise StoreError(
                "the backup is damaged, so the database is; restore an older backup and run "
                "`leadqual db check`"
            )


def _check_sqlite(path: Path) -> None:
    """Refuse a file that is no sound backup of ours."""
    module = sqlite_module()
    try:
        with closing(module.connect(f"file:{path.absolute()}?mode=ro", uri=True)) as file:
            is_sound = file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            row = file.execute(
                f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant of ours
            ).fetchone()
    except module.Error:
        raise FileFormatError(_FOREIGN.format(path=path)) from None
    if not is_sound:
        raise FileFormatError(f"{path} is damaged; take another backup")
    _check_revision(row[0] if row else None, path)


def _check_revision(revision: str | None, path: Path) -> None:
    """Refuse a backup of another program or of a newer one."""
    if revision is None:
        raise FileFormatError(_FOREIGN.format(path=path))
    if revision not in REVISIONS:
        raise SchemaVersionError(
            f"{path} has the schema {revision}, newer than {REVISIONS[-1]} of this program; "
            "install the version of leadqual that wrote it"
        )


def _connect(path: Path) -> Any:  # noqa: ANN401 - either driver's connection
    make_private_file(path)
    module = sqlite_module()
    return module.connect(str(path), timeout=5.0, isolation_level=None)


def _take_alone(target: Any) -> None:  # noqa: ANN401 - either driver's connection
    """Keep everybody else out until the connection is closed.

    A server that only waits for requests holds no transaction, but its open connections hold a
    lock on the file: an exclusive one is refused while there is any.

    Raises
    ------
    BusyError
        When something has the database open.
    """
    try:
        target.execute("PRAGMA busy_timeout=2000")
        target.execute("PRAGMA locking_mode=EXCLUSIVE")
        target.execute("BEGIN EXCLUSIVE")
        target.execute("COMMIT")
    except sqlite_module().Error as error:
        known = store_error(error)
        raise (BusyError(_IN_USE) if isinstance(known, BusyError) else known) from None


def _copy(source: Any, target: Any) -> None:  # noqa: ANN401 - either driver's connection
    """Copy every page in one transaction of the target."""
    module = sqlite_module()
    try:
        target.execute("PRAGMA busy_timeout=2000")
        source.backup(target, progress=_refuse_waiting)
    except module.Error as error:
        raise store_error(error) from None


def _refuse_waiting(status: int, _remaining: int, _n_pages: int) -> None:
    """Stop where the driver would try again for ever."""
    if status in _SQLITE_BUSY:
        raise BusyError(_IN_USE)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Make an empty file beside `path` that only its owner may read; remove it at the end."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _run_tool(place: Mapping[str, str], name: str, *arguments: str) -> str:
    """Run one of PostgreSQL's tools; the password goes through a file, never the process list."""
    program = shutil.which(name)
    if program is None:
        raise StoreError(
            f"{name} was not found; install PostgreSQL's client programs (the server's version "
            "or newer) and put them on the PATH"
        )
    with tempfile.TemporaryDirectory() as folder:
        target = _without_password(place, Path(folder))
        command = [program, *(argument.replace("{place}", target) for argument in arguments)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, fixed program
    if result.returncode != 0:
        raise StoreError(f"{name} failed: {result.stderr.strip().splitlines()[-1][:300]}")
    return result.stdout


def _without_password(place: Mapping[str, str], folder: Path) -> str:
    """Return the place for libpq, its password moved to a file that only its owner may read."""
    from psycopg.conninfo import make_conninfo

    plain = {**place}
    password = plain.pop("password", None)
    if password is not None:
        passfile = folder / "pgpass"
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
        plain["passfile"] = str(passfile)
    return make_conninfo(**plain)
