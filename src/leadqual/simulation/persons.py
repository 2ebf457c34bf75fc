"""The people behind the leads: name, address, phone, title, and what they write."""

from __future__ import annotations

import unicodedata

from numpy.random import Generator

from leadqual.leads.schema import Scalar
from leadqual.simulation.arrivals import GENUINE, SPAM
from leadqual.simulation.market import COUNTRIES, DEPARTMENTS, INTENTS, PRODUCTS, SENIORITIES
from leadqual.simulation.market import SPAM as SPAM_KINDS
from leadqual.simulation.population import Population
from leadqual.simulation.wording import load_wording

_TEST_ENTRIES = (
    ("Test Test", "test@test.example"),
    ("asdf asdf", "asdf@asdf.example"),
    ("Test User", "testuser@example.com"),
)


def person_columns(
    population: Population, *, first_person: int, rng: Generator
) -> dict[str, list[Scalar]]:
    """Return e-mail, name, job title and phone; someone who returns has the same again.

    Companies lie under `.example`; addresses at free mail providers carry the word `sample` and
    a number, phone numbers come from ranges kept for fiction: none belongs to anybody.
    """
    arrivals, recorded = population.arrivals, population.recorded
    draws = rng.random((population.n_leads, 4))[arrivals.person]
    languages = population.languages()
    columns: dict[str, list[Scalar]] = {"email": [], "full_name": [], "job_title": [], "phone": []}
    for row, kind in enumerate(arrivals.kind.tolist()):
        number = first_person + int(arrivals.person[row])
        draw = draws[row].tolist()
        if kind == GENUINE:
            first, last = _name(languages[row], draw)
            email = _email(population, row, first=first, last=last, number=number, draw=draw[2])
            name = f"{first} {last}"
        else:
            name, email = _unwanted(kind, number)
        columns["email"].append(email if recorded.has_email[row] else None)
        columns["full_name"].append(name)
        title = _title(population, row, language=languages[row], draw=draw[2])
        columns["job_title"].append(title if recorded.has_title[row] else None)
        columns["phone"].append(
            _phone(population, row, number) if recorded.has_phone[row] else None
        )
    return columns


def write_messages(population: Population, rng: Generator) -> list[str | None]:
    """Return what each lead wrote, in the language of the person; None without a message."""
    arrivals, words = population.arrivals, load_wording().messages
    draws, seats = rng.random(population.n_leads), rng.integers(3, 200, population.n_leads)
    messages: list[str | None] = []
    for row, (language, has_message) in enumerate(
        zip(population.languages(), population.recorded.has_message.tolist(), strict=True)
    ):
        if not has_message:
            messages.append(None)
        elif arrivals.kind[row] == SPAM:
            messages.append(SPAM_KINDS[int(draws[row] * len(SPAM_KINDS))].message)
        elif arrivals.kind[row] != GENUINE:
            messages.append("test")
        else:
            choices = words[language][INTENTS[arrivals.intent[row]].name]
            text = choices[int(draws[row] * len(choices))]
            messages.append(text.format(n=seats[row], p=PRODUCTS[arrivals.product[row]].name))
    return messages


def _name(language: str, draw: list[float]) -> tuple[str, str]:
    """First and last name usual in a language."""
    firsts, lasts = load_wording().first_names[language], load_wording().last_names[language]
    return firsts[int(draw[0] * len(firsts))], lasts[int(draw[1] * len(lasts))]


def _email(
    population: Population, row: int, *, first: str, last: str, number: int, draw: float
) -> str:
    """Make an address at the company, or a free mail address that cannot exist."""
    stem = f"{_ascii(first)}.{_ascii(last)}"
    company = population.arrivals.company[row]
    if not population.arrivals.is_free_mail[row]:
        return f"{stem}{number}@{population.companies.domains[company]}"
    providers = COUNTRIES[population.companies.country[company]].free_mail
    return f"{stem}.sample{number:06d}@{providers[int(draw * len(providers))]}"


def _unwanted(kind: int, number: int) -> tuple[str, str]:
    """Name and address of spam and of test entries."""
    if kind == SPAM:
        name = SPAM_KINDS[number % len(SPAM_KINDS)].name
        return name, f"{name.split()[0].lower()}{number}@bulk{number % 7}.example"
    return _TEST_ENTRIES[number % len(_TEST_ENTRIES)]


def _title(population: Population, row: int, *, language: str, draw: float) -> str:
    """Write a job title in the language of the person."""
    words = load_wording()
    titles = words.titles[language][SENIORITIES[population.arrivals.seniority[row]].name]
    department = DEPARTMENTS[population.arrivals.department[row]].name
    title = titles[int(draw * len(titles))]
    return title.format(d=words.department_words[language][department])


def _phone(population: Population, row: int, number: int) -> str:
    """Take a number from a range kept for fiction."""
    country = population.companies.country[population.arrivals.company[row]]
    return COUNTRIES[country].phone.format(number % 100)


def _ascii(name: str) -> str:
    """Spell a name as in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return "".join(char for char in plain if char.isascii() and char.isalpha())
