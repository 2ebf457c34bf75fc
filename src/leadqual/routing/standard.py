"""The written standard of "qualified": a versioned YAML file with an owner.

What each setting does is said beside it in the packaged `default_standard.yaml`, which is also
the template for one's own.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, model_validator

from leadqual.errors import StandardError
from leadqual.outcomes.checks import Check
from leadqual.qualify.policy import HeadThresholds, ScoringPolicy
from leadqual.qualify.score import Head
from leadqual.routing.hours import BusinessHours
from leadqual.routing.standard_parts import (
    DEFAULT_SLA,
    Calls,
    Cut,
    Disqualify,
    Exploration,
    HeadCut,
    Hours,
    Name,
    Percentile,
    Ranking,
    SlaMinutes,
    StandardPart,
)

MAX_STANDARD_CHARS: Final = 64 * 1024


class Standard(StandardPart):
    """Hold one version of the written standard; every field is required.

    Parameters
    ----------
    version : int
        Number of this version; every decision names it.
    name, owner, note : str
        What it is called, who answers for it, and why it is as it is.
    agreed_on : date
        When it was agreed.
    check_order : tuple of Check
        Each check once.
    heads, grades, cut, disqualify, exploration, sla_minutes, approach, ranking, business_hours
        As explained in `default_standard.yaml`. Grades go from best to worst, the last from 0.
    """

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    name: Name
    owner: Name
    agreed_on: date
    note: Annotated[str, Field(max_length=2000)] = ""
    check_order: tuple[Check, ...]
    heads: dict[Head, HeadCut]
    grades: Annotated[dict[Name, Percentile], Field(min_length=1, max_length=20)]
    cut: Cut
    disqualify: Disqualify
    exploration: Exploration
    sla_minutes: SlaMinutes
    approach: Calls
    ranking: Ranking
    business_hours: Hours

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        problems = [*self._incomplete(), *self._unknown_grades()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @cached_property
    def scoring_policy(self) -> ScoringPolicy:
        """Return the part that turns probabilities into answers and grades."""
        return ScoringPolicy(
            heads={
                head: HeadThresholds(yes=cut.yes_at_least, no=cut.no_at_most)
                for head, cut in self.heads.items()
            },
            grade_bands=tuple(self.grades.items()),
        )

    @cached_property
    def hours(self) -> BusinessHours:
        """Return the business hours that clocks run on."""
        return self.business_hours.calendar()

    @cached_property
    def half_life(self) -> timedelta:
        """Return the age at which a lead counts half."""
        return timedelta(days=self.ranking.half_life_days)

    def _incomplete(self) -> list[str]:
        """Say what is not listed once, and where bands are not in order."""
        problems = []
        if sorted(self.check_order) != sorted(Check):
            problems.append("check_order must list fit, authority, need and budget once each")
        if set(self.heads) != set(Head):
            problems.append("heads must have fit, authority and budget")
        bands = list(self.grades.values())
        if bands != sorted(set(bands), reverse=True) or bands[-1] != 0:
            problems.append("grades must go from the highest percentile down to 0")
        return problems

    def _unknown_grades(self) -> list[str]:
        """Say where a grade is named that does not exist."""
        named = {
            "approach.call_now_grades": set(self.approach.call_now_grades),
            **{
                f"sla_minutes.{queue}": set(table) - {DEFAULT_SLA}
                for queue, table in self.sla_minutes
            },
        }
        known = ", ".join(self.grades)
        return [
            f"{place} names grades that `grades` does not have (it has {known})"
            for place, grades in named.items()
            if not grades <= set(self.grades)
        ]


def parse_standard(text: str, *, version: int | None = None) -> Standard:
    """Read a standard from YAML text.

    Parameters
    ----------
    text : str
        As `default_standard.yaml`.
    version : int, optional
        Replaces the version in the text: a store counts versions itself.

    Raises
    ------
    StandardError
        With every problem at once, each with the place where it is.
    """
    document = _load_yaml(text)
    if not isinstance(document, dict):
        raise StandardError("the standard must be a YAML mapping, see `leadqual standard show`")
    given = document if version is None else {**document, "version": version}
    try:
        return Standard.model_validate(given)
    except ValidationError as error:
        found = "; ".join(_say(problem["loc"], problem["msg"]) for problem in error.errors())
        raise StandardError(f"the standard cannot be used: {found}") from error


def load_standard(path: Path) -> Standard:
    """Read a standard from a YAML file.

    Raises
    ------
    StandardError
        When the file cannot be read as text, or is malformed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StandardError(f"{path} cannot be read as a UTF-8 text file") from error
    return parse_standard(text)


@cache
def default_standard_text() -> str:
    """Return the packaged standard as YAML, with its comments."""
    return _packaged("default_standard.yaml")


@cache
def default_standard() -> Standard:
    """Return the packaged standard."""
    return parse_standard(default_standard_text())


@lru_cache(maxsize=2)
def _load_yaml(text: str) -> object:
    """Parse bounded YAML; the active standard is most often the packaged one, word for word."""
    if len(text) > MAX_STANDARD_CHARS:
        raise StandardError(f"the standard is longer than {MAX_STANDARD_CHARS} characters")
    if text == default_standard_text():
        return json.loads(_packaged("default_standard.json"))  # a start needs no YAML for it
    from leadqual.leads.plain_yaml import read_plain_yaml

    try:
        return read_plain_yaml(text)
    except ValueError as error:
        raise StandardError(f"the standard is not valid YAML: {error}") from error


def _packaged(name: str) -> str:
    """Return the text of a file beside this one."""
    return files("leadqual.routing").joinpath(name).read_text(encoding="utf-8")


def _say(place: tuple[int | str, ...], message: str) -> str:
    """One problem with its dotted place."""
    dotted = ".".join(str(part) for part in place)
    plain = message.removeprefix("Value error, ")
    return f"{dotted}: {plain}" if dotted else plain
