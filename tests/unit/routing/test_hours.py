from datetime import UTC, date, datetime, time, timedelta

import pytest

from leadqual.routing.hours import BusinessHours, add_business_time, share_of_day_left


def berlin(**changes):
    fields = {
        "time_zone": "Europe/Berlin",
        "weekdays": frozenset(range(5)),
        "opens": time(9),
        "closes": time(17),
        "holidays": frozenset({date(2026, 12, 25)}),
    }
    return BusinessHours(**{**fields, **changes})


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-19T09:00", 1, "2026-11-19T10:00"),  # Thursday 10:00 in Berlin
        ("2026-11-19T15:30", 1, "2026-11-20T08:30"),  # closes at 16:00 UTC
        ("2026-11-19T03:00", 1, "2026-11-19T09:00"),  # before opening
        ("2026-11-20T15:30", 1, "2026-11-23T08:30"),  # over a weekend
        ("2026-12-24T15:30", 1, "2026-12-28T08:30"),  # over a holiday and a weekend
        ("2026-11-19T08:00", 20, "2026-11-23T12:00"),  # over two closings
        ("2026-11-21T12:00", 0, "2026-11-23T08:00"),  # the next open moment
    ],
)
def test_the_clock_runs_only_while_open(start, hours, end):
    assert add_business_time(at(start), timedelta(hours=hours), berlin()) == at(end)


def test_a_day_of_the_summer_time_change_has_as_many_business_hours():
    sundays_too = berlin(weekdays=frozenset(range(7)))
    saturday_evening = at("2026-03-28T15:00")  # 16:00, one hour left; the change is on Sunday

    due = add_business_time(saturday_evening, timedelta(hours=2), sundays_too)

    assert due == at("2026-03-29T08:00")  # 10:00 summer time


def test_an_office_that_never_opens_counts_plain_time():
    start = at("2026-11-19T09:00")
    days = frozenset(start.date() + timedelta(days=i) for i in range(-1, 500))

    due = add_business_time(start, timedelta(hours=5), berlin(holidays=days))

    assert due == start + timedelta(hours=5)


@pytest.mark.parametrize(
    ("moment", "share"),
    [
        ("2026-11-19T05:00", 1.0),
        ("2026-11-19T12:00", 0.5),
        ("2026-11-19T20:00", 0.0),
        ("2026-11-21T12:00", 1.0),
    ],
)
def test_the_share_of_the_day_left_falls_while_open(moment, share):
    assert share_of_day_left(at(moment), berlin()) == pytest.approx(share)


def test_a_calendar_answers_alike_after_years_of_questions():
    hours, first = berlin(), date(2020, 1, 1)
    days = [first + timedelta(days=number) for number in range(5_000)]

    found = [hours.window(day) for day in days]

    assert [hours.window(day) for day in days] == found
    assert hours == berlin()
    assert hash(hours) == hash(berlin())
