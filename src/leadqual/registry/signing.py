"""The deployment's key: it signs what this deployment made, so foreign files are recognised."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from leadqual.config import make_private_folder
from leadqual.errors import ConfigError

KEY_FILE: Final = "signing.key"
MIN_KEY_CHARACTERS: Final = 32


def load_or_create_key(home: Path, configured: str | None) -> bytes:
    """Return the signing key: the configured one, else the one under `home`, made if absent.

    Parameters
    ----------
    home : Path
        Folder of the deployment; created when it is not there.
    configured : str or None
        `LEADQUAL_SIGNING_KEY`; None or empty means the key file `home/signing.key` (mode 0600).

    Raises
    ------
    ConfigError
        The key is shorter than 32 characters, or the key file cannot be read.
    """
    if configured:
        return _checked(configured, where="LEADQUAL_SIGNING_KEY")
    path = home / KEY_FILE
    if not path.exists():
        _create(path)
    try:
        return _checked(path.read_text(encoding="ascii").strip(), where=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the signing key file {path} cannot be read ({type(error).__name__}); give this "
            "user read access, or set LEADQUAL_SIGNING_KEY"
        ) from error


def _checked(text: str, *, where: str) -> bytes:
    if len(text) < MIN_KEY_CHARACTERS:
        raise ConfigError(
            f"{where} holds {len(text)} characters, but a signing key needs at least "
            f"{MIN_KEY_CHARACTERS}; make one with: "
            'python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return text.encode()


def _create(path: Path) -> None:
    """Write a new key so that two processes starting at once end up with the same one."""
    make_private_folder(path.parent)
    draft = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # the other process was first; its key is the deployment's key
    finally:
        draft.unlink()


def derive_key(key: bytes, purpose: str) -> bytes:
    """Return a 32-byte key for one purpose, so that no two uses share a key.

    Parameters
    ----------
    key : bytes
        The deployment's key.
    purpose : str
        What the derived key is for, such as `"suppression"`; another text, another key.
    """
    return hmac.new(key, b"leadqual/" + purpose.encode(), hashlib.sha256).digest()


def sign(key: bytes, message: bytes) -> str:
    """Return the HMAC-SHA256 of a message as 64 hex digits."""
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def is_signed(key: bytes, message: bytes, signature: str) -> bool:
    """Say whether a signature is ours, in constant time."""
    return hmac.compare_digest(sign(key, message).encode(), signature.encode())
