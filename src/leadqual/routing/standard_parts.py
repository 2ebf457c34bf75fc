"""The parts of the written standard; `default_standard.yaml` says what each setting does."""

from __future__ import annotations

from datetime import date, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from leadqual.routing.decision import Queue
from leadqual.routing.hours import BusinessHours

DEFAULT_SLA: Final = "default"
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Percentile = Annotated[int, Field(ge=0, le=100)]
Usd = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
PerDay = Annotated[int, Field(ge=1, le=1_000_000)]
Minutes = Annotated[int, Field(ge=0, le=14_400)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class CutMode(StrEnum):
    """How deep a queue goes."""

    THRESHOLDS = "thresholds"
    FILL_CAPACITY = "fill_capacity"


class StandardPart(BaseModel):
    """Refuse unknown settings, and changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HeadCut(StandardPart):
    """When a head answers yes, and when no; between the two it does not know."""

    yes_at_least: Share
    no_at_most: Share

    @model_validator(mode="after")
    def _leave_a_gap(self) -> Self:
        if self.no_at_most >= self.yes_at_least:
            raise ValueError("no_at_most must be below yes_at_least")
        return self


class QueueCapacity(StandardPart):
    """New leads that a queue can take on one working day, and how many arrive for it."""

    capacity_per_day: PerDay
    expected_per_day: PerDay


class FillCapacity(StandardPart):
    """How the day's capacity decides how deep each list goes."""

    mrr: QueueCapacity
    sdr: QueueCapacity
    always_queue_percentile: Percentile

    def of(self, queue: Queue) -> QueueCapacity:
        """Return the capacity of a rep queue (`mrr` or `sdr`)."""
        return self.mrr if queue is Queue.MRR else self.sdr


class Cut(StandardPart):
    """Which leads are worked at all."""

    mode: CutMode
    min_percentile: Percentile
    min_p_conversion: Share
    min_expected_value_usd: Usd
    fill_capacity: FillCapacity


class Disqualify(StandardPart):
    """How unlikely fit must be for a lead not to be queued at all."""

    fit_at_most: Share
    only_when_learned: bool


class Exploration(StandardPart):
    """Share of leads queued at random, of those below the cut and of those ruled out on fit."""

    nurture: Share
    disqualified_by_score: Share


class SlaMinutes(StandardPart):
    """Business minutes to the first contact per queue: by grade, `default` for the others."""

    mrr: dict[str, Minutes]
    sdr: dict[str, Minutes]
    account_manager: dict[str, Minutes]

    @field_validator("mrr", "sdr", "account_manager")
    @classmethod
    def _has_a_default(cls, value: dict[str, int]) -> dict[str, int]:
        if DEFAULT_SLA not in value:
            raise ValueError("needs a `default` for grades that are not listed")
        return value

    def of(self, queue: Queue, grade: str) -> timedelta | None:
        """Return the time to the first contact; None for queues that nobody works."""
        table: dict[str, int] | None = self.__dict__.get(queue)  # a text, as the names of fields
        if table is None:
            return None
        return _stretch(table.get(grade, table[DEFAULT_SLA]))


@cache
def _stretch(minutes: int) -> timedelta:
    """Return minutes as one object for all leads that are given so many."""
    return timedelta(minutes=minutes)


class Calls(StandardPart):
    """Grades of inbound leads that are called at once, whatever is still unknown about them."""

    call_now_grades: tuple[str, ...]


class Ranking(StandardPart):
    """How fast leads age, and what a typical new lead is worth (rank 0.5)."""

    half_life_days: Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)]
    typical_value_usd: Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)]


class Hours(StandardPart):
    """When leads are worked; SLA clocks stand still otherwise."""

    time_zone: str
    weekdays: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)
    ]
    opens: time
    closes: time
    holidays: Annotated[tuple[date, ...], Field(max_length=1000)]

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError("is no IANA time zone; write one like Europe/Berlin") from error
        return value

    @model_validator(mode="after")
    def _open_before_closing(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")
        return self

    def calendar(self) -> BusinessHours:
        """Return the hours that clocks run on."""
        return BusinessHours(
            time_zone=self.time_zone,
            weekdays=frozenset(_WEEKDAYS.index(day) for day in self.weekdays),
            opens=self.opens,
            closes=self.closes,
            holidays=frozenset(self.holidays),
        )
