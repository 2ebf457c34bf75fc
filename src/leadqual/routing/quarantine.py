"""Leads that nobody should work: spam, test entries, people who asked to be left alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from leadqual.leads.schema import Lead, Motion, Scalar

_LINK: Final = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
_TEST_WORDS: Final = frozenset({
    *("test", "tests", "testing", "tester", "testuser", "user"),
    *("asdf", "asdfasdf", "qwerty", "foo", "dummy", "fake"),
})
_TEST_MAILBOX: Final = re.compile(
    r"(test|tests|testing|tester|testuser|asdf+|asdfasdf|qwerty|dummy|fake|foo|xxx+)[\d._+-]*"
)
_TEST_BEGINS: Final = ("test", "asdf", "qwerty", "dummy", "fake", "foo", "xxx")
"""What a test mailbox begins with: looked at first, since nearly none does."""

_SPAM_PHRASES: Final = (
    "seo backlinks",
    "page 1 of google",
    "first page of google",
    "rank your website",
    "buy backlinks",
    "guest post",
    "verified email addresses",
    "bulk email",
    "email blast",
    "guaranteed profit",
    "bitcoin profit",
    "forex signal",
    "online casino",
    "casino bonus",
    "viagra",
    "cialis",
    "payday loan",
)
_ENOUGH_FOR_SPAM: Final = 3
_REFUSALS: Final = ("do_not_contact", "dnc", "unsubscribed")
_SPAM: Final = "looks like spam (links and advertising phrases)"
_OUTBOUND: Final = Motion.OUTBOUND
_TRUE_TEXTS: Final = frozenset({"true", "yes", "1", "y"})


def quarantine_reason(lead: Lead) -> str | None:
    """Return why a lead must not be worked, or None when it may.

    A refusal (`attributes.do_not_contact`, or no consent to a contact that we start) comes before
    test entries and spam. One link alone, or one suspicious phrase alone, is not spam. The reason
    never repeats what the lead wrote.
    """
    contact = lead.contact
    if lead.attributes and _asked_not_to_be_contacted(lead.attributes):
        return "asked not to be contacted"
    if lead.motion is _OUTBOUND and lead.consent.marketing is False:
        return "outbound contact without consent: marketing was refused"
    if _is_test(contact.full_name, contact.email):
        return "looks like a test entry (name or mailbox)"
    # A link has no place in a name or a title.
    if _has_link(contact.full_name) or _has_link(contact.job_title):
        return _SPAM
    return _SPAM if lead.interest.message and _is_spam(lead.interest.message) else None


def _asked_not_to_be_contacted(attributes: Mapping[str, Scalar]) -> bool:
    """Whether the source marked a refusal."""
    said = [attributes[name] for name in _REFUSALS if name in attributes]
    return any(str(value).strip().lower() in _TRUE_TEXTS for value in said)


def _is_test(name: str | None, email: str | None) -> bool:
    """Whether name or mailbox consist of test words only."""
    if name and (words := name.lower().split()) and _TEST_WORDS.issuperset(words):
        return True
    mailbox = (email or "").partition("@")[0].lower()
    return mailbox.startswith(_TEST_BEGINS) and _TEST_MAILBOX.fullmatch(mailbox) is not None


def _is_spam(text: str) -> bool:
    """Whether links and phrases of a message add up."""
    message = text.lower()
    n_phrases = sum(map(message.__contains__, _SPAM_PHRASES))
    return n_phrases > 0 and min(2, len(_LINK.findall(message))) + 2 * n_phrases >= _ENOUGH_FOR_SPAM


def _has_link(text: str | None) -> bool:
    """Whether a text has a link: none is without a colon or a dot, and those are quick to find."""
    return text is not None and (":" in text or "." in text) and _LINK.search(text) is not None
