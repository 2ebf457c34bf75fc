import pytest

from leadqual.features.columns import scalars_of
from leadqual.features.derive import derive
from leadqual.outcomes.history import Columns


def derived(name: str, columns: Columns) -> object:
    return scalars_of(derive(columns, 1)[name])[0]


def test_the_message_becomes_its_length_and_its_absence_stays_missing():
    assert derived("derived.message_length", {"interest.message": ["Hello there"]}) == 11
    assert derived("derived.message_length", {"interest.message": [None]}) is None
    assert "interest.message" not in derive({"interest.message": ["Hello there"]}, 1)


@pytest.mark.parametrize(
    ("created_at", "weekday", "hours"),
    [
        ("2026-11-21T10:15:00+00:00", "Saturday", "08:00 to 12:00 UTC"),
        ("2026-11-21T23:30:00-05:00", "Sunday", "04:00 to 08:00 UTC"),
        ("2026-11-21", "Saturday", "00:00 to 04:00 UTC"),
        ("soon", None, None),
        ("0001-01-01T00:00:00+14:00", None, None),
        (None, None, None),
    ],
)
def test_creation_time_becomes_weekday_and_part_of_day_in_utc(created_at, weekday, hours):
    columns: Columns = {"created_at": [created_at]}

    assert derived("derived.created_weekday", columns) == weekday
    assert derived("derived.created_hours", columns) == hours
    assert "created_at" not in derive(columns, 1)


@pytest.mark.parametrize(
    ("landing_page", "expected"),
    [
        ("https://shop.example/Pricing/?utm_source=x&gclid=1#top", "shop.example/Pricing"),
        ("/pricing?x=1", "/pricing"),
        ("https://shop.example/", "shop.example"),
        ("?only=query", "/"),
        (None, None),
    ],
)
def test_a_landing_page_is_the_page_without_the_visitor(landing_page, expected):
    assert derived("campaign.landing_page", {"campaign.landing_page": [landing_page]}) == expected


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.search.example/find?q=name", "search.example"),
        ("news.example/article/1", "news.example"),
        ("http://[broken", "[broken"),
    ],
)
def test_a_referrer_is_its_host(referrer, expected):
    assert derived("campaign.referrer", {"campaign.referrer": [referrer]}) == expected


def test_pages_per_visit_needs_visits():
    columns: Columns = {"engagement.n_page_views": [12, 3, None], "engagement.n_visits": [4, 0, 2]}

    assert derive(columns, 3)["derived.pages_per_visit"] == [3.0, None, None]


def test_what_is_known_is_counted():
    columns: Columns = {
        "engagement.n_visits": [4, None],
        "engagement.n_downloads": [0, None],
        "interest.budget_usd": [10.0, None],
        "interest.timeline_days": [30, 30],
    }

    table = derive(columns, 2)

    assert table["derived.n_engagement_known"] == [2, 0]
    assert table["derived.has_budget_and_timeline"] == [True, False]


def test_only_wanted_columns_are_derived():
    table = derive({"source": ["a"], "motion": ["inbound"]}, 1, wanted=frozenset({"source"}))

    assert table == {"source": ["a"]}


def test_nothing_is_derived_from_what_a_history_does_not_have():
    assert derive({"source": ["a"]}, 1) == {"source": ["a"]}


def test_a_wanted_column_is_derived_even_where_its_fields_are_absent():
    name = "derived.n_engagement_known"

    assert derive({}, 2, wanted=frozenset({name})) == {name: [0, 0]}
