"""What every answer carries besides its own headers."""

from __future__ import annotations

import os
import re
from typing import Final

CONTENT_SECURITY_POLICY: Final = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
))
"""No inline script or style, nothing from elsewhere: lead fields are written by strangers."""

FRESH: Final = (b"cache-control", b"no-store")
UNCHANGED: Final = (b"cache-control", b"no-cache")
"""For files that are the same for everybody: keep them, but ask whether they changed."""

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HTTPS: Final = {"Strict-Transport-Security": "max-age=31536000"}
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.:-]{1,64}\Z")


def security_headers(*, is_https: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell browsers what not to do, names in lower case.

    Parameters
    ----------
    is_https : bool
        Whether browsers shall insist on HTTPS from now on.
    """
    wanted = _HEADERS | (_HTTPS if is_https else {})
    return [(name.lower().encode(), text.encode()) for name, text in wanted.items()]


def request_id_of(given: bytes | None) -> bytes:
    """Return the caller's id of a request when it is a plain one, else a new one."""
    if given is not None and _REQUEST_ID.match(given):
        return given
    return os.urandom(8).hex().encode()
