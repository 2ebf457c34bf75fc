"""The invented market: who is in it, and how each level of a field bears on the outcome.

Effects are in log-odds (amounts in log USD). They are the truth that learners try to find;
nothing outside this package reads them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Industry(NamedTuple):
    """One industry. `fit_after` replaces `fit_before` when the market moves."""

    name: str
    share: float
    fit_before: float
    fit_after: float
    budget: float
    amount: float


INDUSTRIES: Final = (
    Industry("Logistics", 0.12, 1.1, 0.9, 0.1, 0.10),
    Industry("Manufacturing", 0.14, 0.8, 0.9, 0.3, 0.25),
    Industry("Software", 0.12, 0.6, -0.2, 0.4, 0.00),
    Industry("Retail", 0.11, 0.2, 0.3, -0.4, -0.10),
    Industry("Health care", 0.08, -0.2, 0.9, 0.2, 0.20),
    Industry("Financial services", 0.07, 0.3, 0.2, 0.9, 0.45),
    Industry("Construction", 0.07, -0.4, -0.3, -0.1, 0.00),
    Industry("Consulting", 0.07, -0.5, -0.5, 0.1, -0.20),
    Industry("Hospitality", 0.06, -0.9, -0.9, -0.8, -0.35),
    Industry("Education", 0.05, -1.0, -0.8, -0.7, -0.30),
    Industry("Public sector", 0.04, -0.9, -0.2, 0.3, 0.30),
    Industry("Energy", 0.03, 0.4, 0.5, 0.7, 0.40),
    Industry("Agriculture", 0.02, -0.6, -0.5, -0.3, -0.15),
    Industry("Non-profit", 0.02, -1.4, -1.4, -1.2, -0.50),
)


class Country(NamedTuple):
    """One country with the spellings that forms and lists use for it."""

    code: str
    spellings: tuple[str, ...]
    language: str
    share: float
    phone: str
    fit: float
    free_mail: tuple[str, ...]


COUNTRIES: Final = (
    Country(
        "US",
        ("United States", "USA"),
        "en",
        0.21,
        "+1 202 555 01{:02d}",
        0.1,
        ("gmail.com", "yahoo.com", "outlook.com"),
    ),
    Country(
        "DE",
        ("Germany", "Deutschland"),
        "de",
        0.17,
        "+49 30 23125 1{:02d}",
        0.3,
        ("gmx.de", "web.de", "gmail.com"),
    ),
    Country(
        "GB",
        ("United Kingdom", "UK"),
        "en",
        0.12,
        "+44 20 7946 09{:02d}",
        0.1,
        ("gmail.com", "hotmail.com", "outlook.com"),
    ),
    Country(
        "FR",
        ("France",),
        "fr",
        0.12,
        "+33 1 99 00 12 {:02d}",
        0.1,
        ("orange.fr", "gmail.com", "free.fr"),
    ),
    Country(
        "ES",
        ("Spain", "España"),
        "es",
        0.09,
        "+34 910 555 1{:02d}",
        -0.1,
        ("gmail.com", "hotmail.com", "yahoo.es"),
    ),
    Country(
        "BR",
        ("Brazil", "Brasil"),
        "pt",
        0.08,
        "+55 11 5550 01{:02d}",
        -0.4,
        ("gmail.com", "uol.com.br", "hotmail.com"),
    ),
    Country(
        "NL", ("Netherlands",), "en", 0.05, "+31 85 555 01{:02d}", 0.2, ("gmail.com", "outlook.com")
    ),
    Country(
        "CH",
        ("Switzerland", "Schweiz"),
        "de",
        0.04,
        "+41 44 555 01 {:02d}",
        0.3,
        ("gmx.ch", "gmail.com"),
    ),
    Country(
        "AT",
        ("Austria", "Österreich"),
        "de",
        0.04,
        "+43 1 555 01{:02d}",
        0.2,
        ("gmx.at", "gmail.com"),
    ),
    Country(
        "MX",
        ("Mexico", "México"),
        "es",
        0.04,
        "+52 55 5550 01{:02d}",
        -0.4,
        ("gmail.com", "hotmail.com"),
    ),
    Country(
        "PT", ("Portugal",), "pt", 0.04, "+351 21 555 01{:02d}", -0.1, ("gmail.com", "sapo.pt")
    ),
)


class Source(NamedTuple):
    """One source of leads. `activity` is the log of its typical page views."""

    name: str
    motion: str
    share: float
    activity: float
    fit: float
    need: float
    reach: float
    utm: tuple[str, str]


SOURCES: Final = (
    Source("web_form", "inbound", 0.13, 1.7, 0.0, 0.3, 0.2, ("google", "organic")),
    Source("demo_request", "inbound", 0.07, 2.2, 0.4, 1.1, 0.7, ("google", "cpc")),
    Source("webinar", "inbound", 0.10, 1.4, 0.2, 0.0, 0.1, ("newsletter", "email")),
    Source("white_paper", "inbound", 0.12, 1.5, -0.1, -0.4, -0.3, ("linkedin", "social")),
    Source("newsletter", "inbound", 0.07, 1.0, -0.2, -0.7, -0.3, ("newsletter", "email")),
    Source("chat", "inbound", 0.05, 1.6, -0.1, 0.6, 0.3, ("direct", "none")),
    Source("online_ad", "inbound", 0.08, 1.2, -0.4, -0.1, -0.2, ("google", "cpc")),
    Source("trade_show", "inbound", 0.05, 0.6, 0.3, 0.1, 0.1, ("event", "offline")),
    Source("referral", "inbound", 0.04, 1.3, 0.8, 0.9, 0.8, ("partner", "referral")),
    Source("prospecting", "outbound", 0.13, 0.3, 0.5, -0.6, -0.3, ("", "")),
    Source("bought_list", "outbound", 0.11, 0.1, -0.5, -0.9, -0.8, ("", "")),
    Source("scouting", "outbound", 0.05, 0.4, 0.7, -0.3, -0.1, ("", "")),
)


class Level(NamedTuple):
    """One level of a categorical field with its share and main effect."""

    name: str
    share: float
    effect: float


SENIORITIES: Final = (
    Level("c_level", 0.07, 1.1),
    Level("vp", 0.05, 1.2),
    Level("director", 0.11, 0.9),
    Level("head", 0.10, 0.6),
    Level("manager", 0.24, 0.0),
    Level("specialist", 0.26, -0.9),
    Level("junior", 0.07, -1.5),
    Level("intern", 0.03, -2.2),
    Level("owner", 0.07, 0.8),
)
DEPARTMENTS: Final = (
    Level("it", 0.22, 0.2),
    Level("operations", 0.18, 0.4),
    Level("marketing", 0.15, -0.2),
    Level("finance", 0.12, 0.3),
    Level("sales", 0.13, 0.0),
    Level("procurement", 0.08, 0.1),
    Level("hr", 0.07, -0.6),
    Level("engineering", 0.05, 0.0),
)
PLANS: Final = (
    Level("starter", 0.42, 9.4),
    Level("pro", 0.40, 9.9),
    Level("enterprise", 0.18, 10.5),
)
"""`effect` of a plan is the log of its typical deal in USD."""
PRODUCTS: Final = (
    Level("analytics", 0.40, 0.0),
    Level("automation", 0.35, 0.1),
    Level("compliance", 0.25, -0.1),
)
TOOLS: Final = (
    Level("spreadsheet", 0.42, 0.1),
    Level("legacy_suite", 0.23, 0.6),
    Level("competitor", 0.20, -0.5),
    Level("none", 0.15, -0.1),
)
INTENTS: Final = (
    Level("quote", 0.22, 1.0),
    Level("replace", 0.12, 0.8),
    Level("project", 0.22, 0.4),
    Level("information", 0.30, -0.4),
    Level("study", 0.07, -1.9),
    Level("support", 0.07, -0.6),
)
"""What a message is about; its text is written in the language of the person."""

DEPARTMENT_FITS_PRODUCT: Final = {
    "analytics": {"finance": 1.0, "marketing": 0.7, "it": -0.5, "procurement": -0.5},
    "automation": {"operations": 1.0, "engineering": 0.8, "marketing": -0.7, "finance": -0.4},
    "compliance": {"it": 0.9, "hr": 0.7, "sales": -1.0, "operations": -0.4},
}
"""Interaction: who asks for what (log-odds of authority and, in part, of need)."""


class Spam(NamedTuple):
    """One kind of unwanted entry."""

    name: str
    message: str


SPAM: Final = (
    Spam(
        "Rank Booster",
        "We put your website on page 1! SEO backlinks, cheap. https://seo.example https://l.example",
    ),
    Spam(
        "Crypto Profit",
        "Earn 9000 $ a week with bitcoin, guaranteed profit, click http://win.example",
    ),
    Spam("Casino Bonus", "Online casino bonus for you!!! http://casino.example viagra, free spins"),
    Spam(
        "Outsourcing Team",
        "Dear sir, we offer 500000 verified email addresses, bulk email. www.lists.example",
    ),
)
