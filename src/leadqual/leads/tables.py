"""Tables from files: delimited text, JSON lines and Parquet, told apart by their content."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from leadqual.errors import FileFormatError
from leadqual.leads.delimited import open_delimited
from leadqual.leads.json_lines import open_json_lines
from leadqual.leads.rows import Table
from leadqual.leads.spec import FileSpec

_HEAD_BYTES: Final = 64 * 1024
_REFUSED: Final = {
    b"PK\x03\x04": "is a spreadsheet or an archive; export or unpack it as CSV first",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet; export it as CSV first",
    b"\x1f\x8b": "is compressed; unpack it first",
    b"[": "is a JSON list; expected one JSON object per line",
}


def open_table(path: Path, spec: FileSpec | None = None) -> Table:
    """Find out what kind of table a file holds, and its column names.

    `spec` may name the separator and encoding of delimited text.

    Raises
    ------
    FileFormatError
        The file is missing, empty, or none of these.
    """
    head = _read_head(path)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not start:
        raise FileFormatError(f"{path.name}: is empty; expected column names and rows")
    for mark, reason in _REFUSED.items():
        if start.startswith(mark):
            raise FileFormatError(f"{path.name}: {reason}")
    if start.startswith(b"PAR1"):
        # Arrow takes a third of a second to load.
        from leadqual.leads.parquet import open_parquet

        return open_parquet(path)
    if start.startswith(b"{"):
        return open_json_lines(path)
    return open_delimited(path, spec or FileSpec(path=path.name), head=head)


def _read_head(path: Path) -> bytes:
    """Read the beginning of a file."""
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD_BYTES)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise FileFormatError(f"{path.name}: cannot be read ({reason}); check the path") from error
