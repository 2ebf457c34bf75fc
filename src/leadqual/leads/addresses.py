"""Ways to reach a person: e-mail addresses, domains and telephone numbers. No network."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple

from leadqual.leads.public_suffixes import public_suffixes, split_host

# Nearly every address and host is of these plain forms, for which the rules are decided here;
# the validator (30 microseconds a call) decides the rest. A test holds the two equal.
_PLAIN_LOCAL: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_HOST: Final = re.compile(
    r"(?:(?![a-z0-9-]{2}--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
_SPECIAL_TLDS: Final = frozenset({"arpa", "invalid", "local", "localhost", "onion"})
_MAX_HOST: Final = 253
_MAX_ADDRESS: Final = 254
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://")
_EXTENSION: Final = re.compile(
    r"(?:ext\.?|extension|x|#|durchwahl|dw|poste|ramal)\s*\.?\s*(\d{1,6})$"
)
_WITHOUT_MARKS: Final = str.maketrans("", "", " ().-/,;")
_MIN_DIGITS: Final = 6
_MAX_DIGITS: Final = 15


class EmailAddress(NamedTuple):
    """A valid e-mail address, lower-case, with the registrable domain it belongs to."""

    address: str
    domain: str


def clean_email(text: str) -> EmailAddress | None:
    """Return the address in its canonical spelling, or None if it is not one.

    Syntax only, no DNS. The test domains `.example` and `.test` are allowed; `.local`,
    `.invalid` and single labels are not. An internationalised domain is kept readable in
    `address` and given in its ASCII form in `domain`.

    Examples
    --------
    >>> clean_email(" Ada@Mail.Engines.CO.UK ")
    EmailAddress(address='ada@mail.engines.co.uk', domain='engines.co.uk')
    """
    lowered = text.strip().lower().removeprefix("mailto:")
    local, _, host = lowered.rpartition("@")
    if len(lowered) <= _MAX_ADDRESS and _PLAIN_LOCAL.fullmatch(local):
        checked = _checked_host(host)
        if checked is None:
            return None
        address = lowered if checked.address == host else f"{local}@{checked.address}"
        return EmailAddress(address, checked.domain)
    return _validated(lowered)


@lru_cache(maxsize=65_536)
def registrable_domain(text: str) -> str | None:
    """Return the domain that its owner registered, from a host name, URL or e-mail address.

    Lower-case and ASCII. A suffix that the (bundled) public suffix list does not know counts
    as one label. None for an IP address, a bare suffix, or what is not a domain at all.

    Examples
    --------
    >>> registrable_domain("https://www.shop.acme.co.uk:8080/contact?x=1")
    'acme.co.uk'
    >>> registrable_domain("localhost") is None
    True
    """
    host = _SCHEME.sub("", text.strip().lower())
    host = re.split(r"[/?#\\]", host, maxsplit=1)[0].rpartition("@")[2]
    checked = _checked_host(host.partition(":")[0].strip(". "))
    if checked is None or checked.domain in public_suffixes():
        return None
    return checked.domain


@lru_cache(maxsize=65_536)
def is_free_mail(domain: str) -> bool:
    """Return whether a registrable domain gives mailboxes to anybody, throw-away ones included."""
    return domain in _free_mail_domains()


@lru_cache(maxsize=1)
def special_hosts() -> frozenset[str]:
    """Return the hosts that are public suffixes, or give mailboxes to anybody."""
    return public_suffixes() | _free_mail_domains()


def clean_phone(text: str) -> str | None:
    """Return digits with an international `+` and an extension ` x12`, or None.

    The number of digits (6 to 15) is all that is checked: there is no numbering plan here.
    Letters other than those of an extension make it no number.

    Examples
    --------
    >>> clean_phone("0049 (30) 123-456 ext. 7")
    '+4930123456 x7'
    """
    lowered = text.strip().lower().removeprefix("tel:").replace("(0)", "")
    plain = lowered.translate(_WITHOUT_MARKS)
    # Digits alone have no extension to look for, nor other blanks to take out.
    if plain.isascii() and plain.removeprefix("+").isdigit():
        return _international(plain)
    found = _EXTENSION.search(lowered)
    number = lowered[: found.start()] if found else lowered
    digits = _international(re.sub(r"[\s().\-/,;\u2010-\u2015\u00a0]", "", number))
    return f"{digits} x{found[1]}" if digits and found else digits


def _international(digits: str) -> str | None:
    """Return digits with `+` for `00`, or None where they are no number."""
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    bare = digits.removeprefix("+")
    is_number = bare.isascii() and bare.isdigit() and _MIN_DIGITS <= len(bare) <= _MAX_DIGITS
    return digits if is_number else None


@lru_cache(maxsize=65_536)
def _checked_host(host: str) -> EmailAddress | None:
    """Return (host as it is written, its registrable domain) for a valid mail host."""
    is_plain = len(host) <= _MAX_HOST and _PLAIN_HOST.fullmatch(host) is not None
    if is_plain and host.rpartition(".")[2] not in _SPECIAL_TLDS and "xn--" not in host:
        return EmailAddress(host, _registrable(host))
    checked = _validated(f"x@{host}")
    return checked and EmailAddress(checked.address.removeprefix("x@"), checked.domain)


def _validated(address: str) -> EmailAddress | None:
    """Return an address through the full validator, lower-case."""
    # It compiles patterns over all of Unicode when imported, and few addresses need it.
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return EmailAddress(found.normalized.lower(), _registrable(found.ascii_domain.lower()))


def _registrable(host: str) -> str:
    """Return the registrable domain of a valid host; a bare suffix is returned as it is."""
    known = public_suffixes()
    if host.count(".") == 1 and host not in known and f"*.{host.partition('.')[2]}" not in known:
        return host
    label, suffix = split_host(host)
    if not suffix:
        return ".".join(host.split(".")[-2:])
    return f"{label}.{suffix}" if label else host


@lru_cache(maxsize=1)
def _free_mail_domains() -> frozenset[str]:
    """Read the bundled list of free and throw-away mail domains."""
    text = resources.files("leadqual.leads").joinpath("free_mail.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))
