"""Leads that nobody should work: spam, test entries, people who asked to be left alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from leadqual.leads.schema import Lead, Motion

_LINK: Final = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
_TEST_WORDS: Final = frozenset({
    *("test", "tests", "testing", "tester", "testuser", "user"),
    *("asdf", "asdfasdf", "qwerty", "foo", "dummy", "fake"),
})
_TEST_MAILBOX: Final = re.compile(
    r"(test|tests|testing|tester|testuser|asdf+|asdfasdf|qwerty|dummy|fake|foo|xxx+)[\d._+-]*"
)
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
_TRUE_TEXTS: Final = frozenset({"true", "yes", "1", "y"})


def quarantine_reason(lead: Lead) -> str | None:
    """Return why a lead must not be worked, or None when it may.

    A refusal (`attributes.do_not_contact`, or no consent to a contact that we start) comes before
    test entries and spam. One link alone, or one suspicious phrase alone, is not spam. The reason
    never repeats what the lead wrote.
    """
    return next((reason for holds, reason in _CHECKS if holds(lead)), None)


def _asked_not_to_be_contacted(lead: Lead) -> bool:
    """Whether the source marked a refusal."""
    said = [lead.attributes[name] for name in _REFUSALS if name in lead.attributes]
    return any(str(value).strip().lower() in _TRUE_TEXTS for value in said)


def _refused_marketing(lead: Lead) -> bool:
    """Whether we would approach somebody who refused; an inbound lead asked for an answer."""
    return lead.motion is Motion.OUTBOUND and lead.consent.marketing is False


def _is_test(lead: Lead) -> bool:
    """Whether name or mailbox consist of test words only."""
    mailbox = (lead.contact.email or "").partition("@")[0].lower()
    words = (lead.contact.full_name or "").lower().split()
    only_test_words = bool(words) and all(word in _TEST_WORDS for word in words)
    return only_test_words or _TEST_MAILBOX.fullmatch(mailbox) is not None


def _is_spam(lead: Lead) -> bool:
    """Whether links and phrases add up, or a link stands where a name belongs."""
    if _has_link(lead.contact.full_name) or _has_link(lead.contact.job_title):
        return True
    message = (lead.interest.message or "").lower()
    n_phrases = sum(map(message.__contains__, _SPAM_PHRASES))
    return n_phrases > 0 and min(2, len(_LINK.findall(message))) + 2 * n_phrases >= _ENOUGH_FOR_SPAM


def _has_link(text: str | None) -> bool:
    """Whether a text has a link: none is without a colon or a dot, and those are quick to find."""
    return text is not None and (":" in text or "." in text) and _LINK.search(text) is not None


_CHECKS: Final[tuple[tuple[Callable[[Lead], bool], str], ...]] = (
    (_asked_not_to_be_contacted, "asked not to be contacted"),
    (_refused_marketing, "outbound contact without consent: marketing was refused"),
    (_is_test, "looks like a test entry (name or mailbox)"),
    (_is_spam, "looks like spam (links and advertising phrases)"),
)
