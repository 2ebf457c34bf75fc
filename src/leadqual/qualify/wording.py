"""Features and values in plain words, safe to show: no personal field, nothing a stranger wrote.

Only levels that at least 20 training leads share are shown as text; a number is shown as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from leadqual.qualify.reference import CONVERSION
from leadqual.qualify.score import Head

MAX_SHOWN: Final = 60

LABELS: Final[Mapping[str, str]] = {
    "source": "Source",
    "motion": "Way to us",
    "email_domain": "E-mail domain",
    "is_free_mail": "Free e-mail address",
    "contact.job_title": "Job title",
    "contact.seniority": "Job level",
    "contact.department": "Department",
    "contact.country": "Country of the contact",
    "company.name": "Company",
    "company.domain": "Company domain",
    "company.industry": "Industry",
    "company.n_employees": "Number of employees",
    "company.annual_revenue_usd": "Annual revenue",
    "company.country": "Country of the company",
    "company.is_customer": "Customer status",
    "interest.product": "Product asked for",
    "interest.budget_usd": "Budget",
    "interest.timeline_days": "Time until a decision",
    "interest.is_decision_maker": "Decides alone",
    "engagement.n_visits": "Number of visits",
    "engagement.n_page_views": "Number of pages viewed",
    "engagement.n_emails_opened": "Number of e-mails opened",
    "engagement.n_emails_clicked": "Number of e-mails clicked",
    "engagement.seconds_on_site": "Time on the site",
    "engagement.n_downloads": "Number of downloads",
    "campaign.utm_source": "Campaign source",
    "campaign.utm_medium": "Campaign medium",
    "campaign.utm_campaign": "Campaign",
    "campaign.utm_term": "Search term",
    "campaign.utm_content": "Campaign content",
    "campaign.landing_page": "Landing page",
    "campaign.referrer": "Referring site",
    "consent.marketing": "Consent to marketing",
    "consent.text_version": "Version of the consent text",
    "derived.message_length": "Length of the message",
    "derived.created_weekday": "Day of the week",
    "derived.created_hours": "Time of day",
    "derived.n_engagement_known": "Number of activity figures known",
    "derived.pages_per_visit": "Pages per visit",
    "derived.has_budget_and_timeline": "Budget and timeline both given",
}

_SENTENCES: Final[Mapping[tuple[str, str | None], str]] = {
    ("motion", "inbound"): "Came to us",
    ("motion", "outbound"): "Was found by us",
    ("is_free_mail", "1"): "Writes from a free e-mail address",
    ("is_free_mail", "0"): "Writes from a company e-mail address",
    ("is_free_mail", None): "No e-mail address is known",
    ("company.is_customer", "1"): "Is a customer already",
    ("company.is_customer", "0"): "Is not a customer yet",
    ("interest.is_decision_maker", "1"): "Says they decide",
    ("interest.is_decision_maker", "0"): "Says others decide",
    ("consent.marketing", "1"): "Agreed to marketing",
    ("consent.marketing", "0"): "Did not agree to marketing",
    ("derived.message_length", None): "Left no message",
    ("derived.has_budget_and_timeline", "1"): "Gave both a budget and a timeline",
    ("derived.has_budget_and_timeline", "0"): "Did not give both a budget and a timeline",
}
"""What reads better than "label is value"; None stands for a missing value."""

_CODES: Final = frozenset({"source", "contact.seniority", "contact.department"})
_UNITS: Final[Mapping[str, str]] = {"usd": "USD", "days": "days", "seconds": "seconds"}

_OBSERVED: Final[Mapping[str, str]] = {
    Head.FIT: "such leads fit",
    Head.AUTHORITY: "such contacts can decide",
    Head.BUDGET: "such leads have the budget",
    CONVERSION: "such leads are won",
}
_SUBJECT: Final[Mapping[str, str]] = {
    Head.FIT: "fit",
    Head.AUTHORITY: "authority",
    Head.BUDGET: "budget",
    CONVERSION: "winning the deal",
}


@lru_cache(maxsize=4_096)
def label_of(feature: str) -> str:
    """Return what a feature is called; an attribute by its own name.

    Examples
    --------
    >>> label_of("company.n_employees"), label_of("attributes.plan_interest")
    ('Number of employees', 'Plan interest')
    """
    known = LABELS.get(feature)
    if known is not None:
        return known
    name = shown(feature.partition(".")[2] or feature).replace("_", " ").strip()
    return name[:1].upper() + name[1:] if name else "A field"


def shown(text: str) -> str:
    r"""Return a text for display: no control characters, at most 60 characters.

    Examples
    --------
    >>> shown("Lo\u202egi\x07stics"), len(shown("x" * 500))
    ('Logistics', 60)
    """
    visible = "".join(
        char if char != "\n" else " "
        for char in text[: 4 * MAX_SHOWN]
        if char == "\n" or unicodedata.category(char)[0] != "C"
    )
    kept = " ".join(visible.split())
    return kept if len(kept) <= MAX_SHOWN else kept[: MAX_SHOWN - 1] + "…"


def level_text(feature: str, *, level: str, label: str) -> str:
    """Return a statement about a level: "Industry is Logistics"."""
    sentence = _SENTENCES.get((feature, level))
    if sentence is not None:
        return sentence
    value = shown(label)
    return f"{label_of(feature)} is {value.replace('_', ' ') if feature in _CODES else value}"


def other_text(feature: str) -> str:
    """Return a statement about a level that is rare or new; the value itself is not shown."""
    return f"{label_of(feature)} is a rare one"


def missing_text(feature: str) -> str:
    """Return a statement about a value that is missing."""
    return _SENTENCES.get((feature, None), f"{label_of(feature)} is not known")


def number_text(feature: str, value: float) -> str:
    """Return a statement about a number, with its unit where the name says it.

    Examples
    --------
    >>> number_text("company.n_employees", 1200.0), number_text("interest.budget_usd", 5e4)
    ('Number of employees is 1,200', 'Budget is 50,000 USD')
    """
    if value.is_integer() and abs(value) < 1e15:
        figure = f"{int(value):,}"
    elif 0.01 <= abs(value) < 1e6:
        figure = f"{value:,.2f}".rstrip("0").rstrip(".")
    else:
        figure = f"{value:.3g}"
    return f"{label_of(feature)} is {figure} {_unit(feature)}".rstrip()


@lru_cache(maxsize=4_096)
def _unit(feature: str) -> str:
    """Return the unit that a name ends with, or starts with after its section."""
    last = _UNITS.get(feature.rpartition("_")[2])
    return last or _UNITS.get(feature.rpartition(".")[2].partition("_")[0], "")


def rank_text(share_below: float, share_above: float) -> str:
    """Return how a number stands among the training leads, empty in the middle.

    Examples
    --------
    >>> rank_text(0.88, 0.11), rank_text(0.5, 0.5), rank_text(0.03, 0.95)
    ('larger than 88 % of leads', '', 'smaller than 95 % of leads')
    """
    if share_below >= 0.6:
        return f"larger than {share_below * 100:.0f} % of leads"
    if share_above >= 0.6:
        return f"smaller than {share_above * 100:.0f} % of leads"
    return ""


def observed_text(target: str, *, rate: float, average: float) -> str:
    """Return how often such leads got there.

    Examples
    --------
    >>> observed_text("fit", rate=0.71, average=0.42)
    'such leads fit 71 % of the time (average 42 %)'
    """
    return f"{_OBSERVED[target]} {percent(rate)} of the time (average {percent(average)})"


def speaks_text(target: str, *, is_up: bool) -> str:
    """Return which way a statement counts, where no observed rate can say it."""
    return f"speaks {'for' if is_up else 'against'} {_SUBJECT[target]}"


def rule_text(target: str, *, is_up: bool) -> str:
    """Return which way the written rules count a statement."""
    return f"the written rules count it {'for' if is_up else 'against'} {_SUBJECT[target]}"


def percent(share: float) -> str:
    """Return a share in percent, with the digits that mean something.

    Examples
    --------
    >>> percent(0.7123), percent(0.0231), percent(0.0002)
    ('71 %', '2.3 %', 'under 0.1 %')
    """
    if share < 0.001:
        return "under 0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"
