"""Remember that a bundle was read without harm, so that it is not tried again at every start.

The receipt lies beside the bundle. It is a signature over the signed manifest, so over every byte
of the bundle, and over the program that read it: other bytes, another program, Python or numpy,
or another deployment's key, and the bundle is tried in a child process again.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from leadqual.registry.signing import derive_key, is_signed, sign

RECEIPT_FILE: Final = "selftest.sig"

_PURPOSE: Final = "leadqual-self-test/1"
_READERS: Final = ("features", "qualify", "registry")
"""Packages whose code reads and scores a bundle."""


def has_receipt(folder: Path, fingerprint: str, *, key: bytes) -> bool:
    """Say whether a bundle's reading is known to be harmless.

    Parameters
    ----------
    folder : Path
        The version's folder.
    fingerprint : str
        Digest of its verified manifest.
    key : bytes
        The deployment's key.
    """
    try:
        with (folder / RECEIPT_FILE).open("rb") as stream:
            found = stream.read(256).decode("latin-1").strip()
    except OSError:
        return False
    return is_signed(_receipt_key(key), _statement(fingerprint), found)


def leave_receipt(folder: Path, fingerprint: str, *, key: bytes) -> None:
    """Write down that a child process has read and scored a bundle.

    Where the folder cannot be written the next process tries the bundle itself.
    """
    draft = folder / f".{RECEIPT_FILE}.{secrets.token_hex(8)}"
    with suppress(OSError):
        try:
            draft.write_text(sign(_receipt_key(key), _statement(fingerprint)), encoding="ascii")
            os.replace(draft, folder / RECEIPT_FILE)
        finally:
            draft.unlink(missing_ok=True)


def _receipt_key(key: bytes) -> bytes:
    return derive_key(key, _PURPOSE)


def _statement(fingerprint: str) -> bytes:
    """Return what a receipt says: which bundle, and which program read it."""
    return "\n".join([fingerprint, *_program()]).encode()


def _program() -> Iterator[str]:
    """Yield what decides how a bundle is read here: versions, machine and our own code."""
    yield sys.version
    yield platform.machine()
    yield np.__version__
    root = Path(__file__).parents[1]
    for name in _READERS:
        for path in sorted((root / name).glob("*.py")):
            yield f"{name}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
