"""Where the part of a domain begins that its owner registered: the public suffix list.

The list is the one that the package `tldextract` carries, without its private part. It is read
here because importing that package takes as long as all of numpy: it brings an HTTP client for
downloads, which never happen here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_PACKAGE: Final = "tldextract"
_FILE: Final = ".tld_set_snapshot"
_REMARK: Final = re.compile(rb"//.*")
_PRIVATE: Final = b"// ===BEGIN PRIVATE DOMAINS==="


@lru_cache(maxsize=1)
def public_suffixes() -> frozenset[str]:
    """Return the rules of the list: suffixes, `*.` for any label, `!` for exceptions from that."""
    public = _read_list().partition(_PRIVATE)[0]
    # Beside rules there are only remarks. At once, in a third of the time of line by line.
    return frozenset(_REMARK.sub(b"", public).decode("utf-8").split())


def split_host(host: str) -> tuple[str, str]:
    """Return the label before the public suffix of a host, and the suffix.

    Parameters
    ----------
    host : str
        Lower-case labels with dots between them; not an IP address.

    Returns
    -------
    label : str
        Empty when the host is itself a public suffix; the last label when no suffix is known.
    suffix : str
        Empty when the list has none for this host.

    Examples
    --------
    >>> split_host("www.shop.acme.co.uk")
    ('acme', 'co.uk')
    >>> split_host("www.parliament.ck"), split_host("parliament.ck"), split_host("www.ck")
    (('www', 'parliament.ck'), ('', 'parliament.ck'), ('www', 'ck'))
    """
    labels = host.split(".")
    known = [_readable(label) for label in labels]
    first = _first_of_suffix(known)
    if first == len(labels):
        return labels[-1], ""
    return labels[first - 1] if first else "", ".".join(labels[first:])


def _first_of_suffix(labels: list[str]) -> int:
    """Return where the longest matching rule begins; the number of labels where none matches."""
    rules = public_suffixes()
    for first in range(len(labels)):
        suffix, parent = ".".join(labels[first:]), ".".join(labels[first + 1 :])
        if f"!{suffix}" in rules:
            return first + 1
        if suffix in rules or f"*.{parent}" in rules:
            return first
    return len(labels)


def _readable(label: str) -> str:
    """Return a label as the list writes it: in its own script."""
    if not label.startswith("xn--"):
        return label
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label


def _read_list() -> bytes:
    """Return the file, found without importing the package around it.

    Raises
    ------
    ModuleNotFoundError
        The package is not installed.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed; reinstall leadqual")
    return (Path(spec.origin).parent / _FILE).read_bytes()
