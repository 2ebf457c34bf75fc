"""Remember that a bundle was read without harm, and what its models were compiled to.

Neither is done again at every start. The receipt lies beside the bundle and is signed: over the
signed manifest, so over every byte of the bundle, over the arrays in it, and over the program
that made them. Other bytes, another program, Python or numpy, or another deployment's key, and
the bundle is tried in a child process and compiled again. So the format needs no number of its
own, and what it says needs no second check.

A receipt is 64 hex digits; then, filled up with blanks to a multiple of 64 bytes, a line of JSON
with name, type and shape of each array; then the arrays, each filled up likewise.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadqual.qualify.bundle import Tables
from leadqual.registry.signing import derive_key, is_signed, sign

RECEIPT_FILE: Final = "selftest.receipt"
RECEIPT_DRAFTS: Final = f".{RECEIPT_FILE}.*"
"""What a process that was killed while it wrote one left behind."""

MAX_RECEIPT_BYTES: Final = 256 * 1024 * 1024

_PURPOSE: Final = "leadqual-self-test/2"
_READERS: Final = ("features", "qualify", "registry")
"""Packages whose code reads and scores a bundle."""

_MAX_LIST_BYTES: Final = 8_192
_LINE: Final = 64
"""Bytes of a line of the cache: each array begins with one. As long as a signature."""


def read_receipt(folder: Path, fingerprint: str, *, key: bytes) -> Tables | None:
    """Return what a bundle was compiled to; its reading is known to be harmless then.

    Parameters
    ----------
    folder : Path
        The version's folder.
    fingerprint : str
        Digest of its verified manifest.
    key : bytes
        The deployment's key.

    Returns
    -------
    mapping of str to ndarray, or None
        Read-only arrays; None without a receipt of this deployment, bundle and program.
    """
    content = _read(folder / RECEIPT_FILE)
    if content is None:
        return None
    signature, rest = bytes(content[:_LINE]).decode("latin-1"), content[_LINE:]
    if not is_signed(_receipt_key(key), _statement(fingerprint, _digest(rest.data)), signature):
        return None
    return dict(_unpack(rest))


def leave_receipt(folder: Path, fingerprint: str, *, key: bytes, tables: Tables) -> None:
    """Write down that a child process has read and scored a bundle, and what was compiled.

    Where the folder cannot be written, or for arrays that are too large, the next process tries
    the bundle itself.
    """
    content = b"".join(_pack(tables))
    if len(content) + _LINE > MAX_RECEIPT_BYTES:
        return
    signature = sign(_receipt_key(key), _statement(fingerprint, _digest(content)))
    draft = folder / f".{RECEIPT_FILE}.{secrets.token_hex(8)}"
    with suppress(OSError):
        try:
            draft.write_bytes(signature.encode() + content)
            os.replace(draft, folder / RECEIPT_FILE)
        finally:
            draft.unlink(missing_ok=True)


def _read(path: Path) -> NDArray[np.uint8] | None:
    """Return a file's bytes, beginning at a line of the cache; None where there is none."""
    if not path.is_file():  # a pipe in its place would keep who opens it
        return None
    try:
        with path.open("rb", buffering=0) as stream:
            size = min(os.fstat(stream.fileno()).st_size, MAX_RECEIPT_BYTES)
            memory = np.empty(size + _LINE, dtype=np.uint8)
            start = -memory.ctypes.data % _LINE
            content = memory[start : start + size]
            content = content[: stream.readinto(content.data)]
    except OSError:
        return None
    content.flags.writeable = False
    return content


def _pack(tables: Tables) -> Iterator[bytes]:
    """Yield the list of some arrays and then the arrays."""
    contents = [(array.dtype.str, array.shape) for array in tables.values()]
    listed = json.dumps(dict(zip(tables, contents, strict=True))).encode()
    yield listed + b" " * (-(len(listed) + 1) % _LINE) + b"\n"
    for array in tables.values():
        yield array.tobytes() + bytes(-array.nbytes % _LINE)


def _unpack(content: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of a receipt that is known to be ours."""
    listed, _, _ = content[:_MAX_LIST_BYTES].tobytes().partition(b"\n")
    place = len(listed) + 1
    for name, (kind, shape) in json.loads(listed).items():
        array: NDArray[Any] = np.ndarray(shape, dtype=kind, buffer=content, offset=place)
        yield name, array
        place += array.nbytes + -array.nbytes % _LINE


def _digest(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def _receipt_key(key: bytes) -> bytes:
    return derive_key(key, _PURPOSE)


def _statement(fingerprint: str, contents: str) -> bytes:
    """Return what a receipt says: which bundle, what came of it, and which program read it."""
    return "\n".join([fingerprint, contents, *_PROGRAM]).encode()


def _program() -> Iterator[str]:
    """Yield what decides how a bundle is read here: versions, machine and our own code."""
    yield sys.version
    yield platform.machine()
    yield np.__version__
    root = Path(__file__).parents[1]
    for name in _READERS:
        for path in sorted((root / name).glob("*.py")):
            yield f"{name}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"


# What runs, not what is on the disk later: the package may be upgraded under a running server.
_PROGRAM: Final = tuple(_program())
