"""When a sentence says something happened: spans, periods and grains against a reference time, and what is no date at all."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from memory.language.dates import DATES_PER_TEXT_MAX, Window, asked_window, find_dates
from memory.language.periods import Grain

WEDNESDAY = datetime(2023, 6, 14, 10, tzinfo=UTC)


def said(text: str, reference: datetime = WEDNESDAY) -> list[tuple[str, str, str, str]]:
    return [
        (one.text, f"{one.period.start:%Y-%m-%d}", f"{one.period.end:%Y-%m-%d}", one.period.grain.value)
        for one in find_dates(text, reference)
    ]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("It began on 7 May 2023.", ("7 May 2023", "2023-05-07", "2023-05-08", "day")),
        ("the 3rd of April, 2021", ("3rd of April, 2021", "2021-04-03", "2021-04-04", "day")),
        ("Signed on 2023-05-07, all of us", ("2023-05-07", "2023-05-07", "2023-05-08", "day")),
        ("due 11/30/2024", ("11/30/2024", "2024-11-30", "2024-12-01", "day")),
        ("am 24.12.2022", ("24.12.2022", "2022-12-24", "2022-12-25", "day")),
        ("We opened in May 2023", ("May 2023", "2023-05-01", "2023-06-01", "month")),
        ("She moved in 2022.", ("2022", "2022-01-01", "2023-01-01", "year")),
        ("results of Q3 2024", ("Q3 2024", "2024-07-01", "2024-10-01", "month")),
        ("that summer of 2021", ("summer of 2021", "2021-06-01", "2021-09-01", "month")),
        ("May 5-7, 2023 in Oslo", ("May 5-7, 2023", "2023-05-05", "2023-05-08", "day")),
        ("Sunday, 21 May 2023 was wet", ("Sunday, 21 May 2023", "2023-05-21", "2023-05-22", "day")),
        ("in the 1990s? No, in the 1980s it was the 1970s", ("the 1990s", "1990-01-01", "2000-01-01", "year")),
    ],
)
def test_absolute_dates_mean_what_they_say(text: str, expected: tuple[str, str, str, str]) -> None:
    assert said(text)[0] == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("I ran yesterday", ("yesterday", "2023-06-13", "2023-06-14", "day")),
        ("last Tuesday we met", ("last Tuesday", "2023-06-13", "2023-06-14", "day")),
        ("last Wednesday we met", ("last Wednesday", "2023-06-07", "2023-06-08", "day")),
        ("next Friday works", ("next Friday", "2023-06-23", "2023-06-24", "day")),
        ("this Friday works", ("this Friday", "2023-06-16", "2023-06-17", "day")),
        ("we spoke last week", ("last week", "2023-06-05", "2023-06-12", "week")),
        ("two weeks ago it broke", ("two weeks ago", "2023-05-29", "2023-06-05", "week")),
        ("a couple of days ago", ("a couple of days ago", "2023-06-12", "2023-06-13", "day")),
        ("three years ago", ("three years ago", "2020-01-01", "2021-01-01", "year")),
        ("next month", ("next month", "2023-07-01", "2023-08-01", "month")),
        ("last weekend", ("last weekend", "2023-06-10", "2023-06-12", "day")),
        ("the week before last", ("the week before last", "2023-05-29", "2023-06-05", "week")),
        ("last summer", ("last summer", "2022-06-01", "2022-09-01", "month")),
        ("last August", ("last August", "2022-08-01", "2022-09-01", "month")),
        ("the day before yesterday", ("the day before yesterday", "2023-06-12", "2023-06-13", "day")),
        ("over the last three weeks", ("the last three weeks", "2023-05-24", "2023-06-15", "week")),
        ("by the end of the month", ("the end of the month", "2023-06-21", "2023-07-01", "month")),
        ("on the 3rd of this month", ("the 3rd of this month", "2023-06-03", "2023-06-04", "day")),
        ("in two weeks' time", ("in two weeks' time", "2023-06-26", "2023-07-03", "week")),
    ],
)
def test_relative_dates_count_from_the_reference(text: str, expected: tuple[str, str, str, str]) -> None:
    assert said(text) == [expected]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("the Sunday before 25 May 2023", ("the Sunday before 25 May 2023", "2023-05-21", "2023-05-22", "day")),
        ("The week before 9 June 2023", ("The week before 9 June 2023", "2023-05-29", "2023-06-05", "week")),
        ("two days after May 7", ("two days after May 7", "2023-05-09", "2023-05-10", "day")),
        ("the first week of May 2023", ("the first week of May 2023", "2023-05-01", "2023-05-08", "week")),
        ("the last weekend of August 2022", ("the last weekend of August 2022", "2022-08-27", "2022-08-29", "day")),
        ("the second Monday of April 2023", ("the second Monday of April 2023", "2023-04-10", "2023-04-11", "day")),
        ("early June", ("early June", "2023-06-01", "2023-06-11", "month")),
        ("the end of 2022", ("the end of 2022", "2022-09-01", "2023-01-01", "year")),
    ],
)
def test_a_date_may_hang_on_another(text: str, expected: tuple[str, str, str, str]) -> None:
    assert said(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "You may come, and we march on; I sat in the sun for a second.",
        "Every Monday we swim, and on Mondays we cook.",
        "I finished it in two weeks, three years old, for five days.",
        "Version 2023.4.1, order 2023-05-07-33, call 555-2023, ratio 3:15.",
        "It cost 2022 dollars and took 2000 steps.",
        "The 31st of June 2023? I'd say 30 February 2023.",
        "9999 years ago",
    ],
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert [one for one in said(text) if one[0] not in {"June 2023", "February 2023"}] == []


def test_a_bare_weekday_lies_where_the_sentence_looks() -> None:
    assert [one[1] for one in said("We met on Friday. I'm meeting her on Friday.")] == ["2023-06-09", "2023-06-16"]


def test_a_bare_month_lies_where_the_sentence_looks() -> None:
    assert [one[1] for one in said("We moved in August. We will move again in August.")] == ["2022-08-01", "2023-08-01"]


def test_a_clock_time_belongs_to_the_date_beside_it() -> None:
    first, second = find_dates("On 7 May, 2023 at 1:56 pm, and see you tomorrow at 09:30", WEDNESDAY)
    assert first.period.start == datetime(2023, 5, 7, 13, 56, tzinfo=UTC)
    assert (second.text, second.period.start) == ("tomorrow at 09:30", datetime(2023, 6, 15, 9, 30, tzinfo=UTC))
    assert second.period.grain is Grain.MINUTE


def test_a_timestamp_keeps_its_own_offset() -> None:
    (one,) = find_dates("logged 2023-05-07T01:00:00+02:00", WEDNESDAY)
    assert one.period.start == datetime(2023, 5, 6, 23, tzinfo=UTC)


def test_days_are_those_of_the_offset_of_the_reference() -> None:
    late = datetime(2023, 6, 14, 1, tzinfo=timezone(timedelta(hours=9)))
    (one,) = find_dates("yesterday", late)
    assert one.period.start == datetime(2023, 6, 12, 15, tzinfo=UTC)


def test_the_day_comes_first_when_asked_for_or_when_it_must() -> None:
    assert [one[1] for one in said("5/7/2023 and 25/7/2023")] == ["2023-05-07", "2023-07-25"]
    assert f"{find_dates('5/7/2023', WEDNESDAY, day_first=True)[0].period.start:%m-%d}" == "07-05"


def test_spans_hold_in_the_text_as_it_was_typed() -> None:
    text = "\u201cIt\u2019s over\u201d \u2014 New Year\u2019s Eve 2022, May 5\u20137, 2023"
    assert [one.text for one in find_dates(text, WEDNESDAY)] == ["New Year\u2019s Eve 2022", "May 5\u20137, 2023"]


def test_a_text_full_of_dates_is_read_only_so_far() -> None:
    assert len(find_dates("7 May 2023, " * 500, WEDNESDAY)) == DATES_PER_TEXT_MAX


@pytest.mark.parametrize(
    "question, start, end",
    [
        ("What did I say before June 2023?", None, datetime(2023, 6, 1, tzinfo=UTC)),
        ("What changed since last month?", datetime(2023, 5, 1, tzinfo=UTC), None),
        ("Anything after 7 May 2023?", datetime(2023, 5, 8, tzinfo=UTC), None),
        ("until yesterday", None, datetime(2023, 6, 14, tzinfo=UTC)),
        ("Where was I in May 2023?", datetime(2023, 5, 1, tzinfo=UTC), datetime(2023, 6, 1, tzinfo=UTC)),
        ("between 1 May and 7 May 2023", datetime(2023, 5, 1, tzinfo=UTC), datetime(2023, 5, 8, tzinfo=UTC)),
    ],
)
def test_a_question_asks_about_a_window(question: str, start: datetime | None, end: datetime | None) -> None:
    found = asked_window(question, WEDNESDAY)
    assert found == Window(start=start, end=end, grain=found.grain if found else Grain.DAY)


def test_a_question_without_a_date_asks_about_no_window() -> None:
    assert asked_window("How many dogs do I have?", WEDNESDAY) is None


@pytest.mark.parametrize(
    "text, moment",
    [
        ("at 9am EST on 20 June 2023", "2023-06-20T14:00"),
        ("20 June 2023 at 9:00 PST", "2023-06-20T17:00"),
        ("20 June 2023, 15:00 CEST", "2023-06-20T13:00"),
        ("20 June 2023 at 09:00 UTC+2", "2023-06-20T07:00"),
        ("20 June 2023 at 09:00 GMT-03:30", "2023-06-20T12:30"),
        ("tomorrow at 3pm (CET)", "2023-06-15T14:00"),
        ("tomorrow at 15:00, c'est la vie", "2023-06-15T15:00"),
    ],
)
def test_a_clock_time_is_of_the_zone_that_stands_beside_it(text: str, moment: str) -> None:
    (found,) = find_dates(text, WEDNESDAY)
    assert f"{found.period.start:%Y-%m-%dT%H:%M}" == moment


@pytest.mark.parametrize(
    "text, first",
    [
        ("we will meet on the 20th.", "2023-06-20"),
        ("I paid on the 3rd", "2023-06-03"),
        ("I paid on the 20th, finally", "2023-05-20"),
        ("I need to pay by the 3rd, at the latest", "2023-07-03"),
        ("in March next year", "2024-03-01"),
        ("it was in mid-May", "2023-05-11"),
    ],
)
def test_days_and_months_are_said_in_short(text: str, first: str) -> None:
    (found,) = find_dates(text, WEDNESDAY)
    assert f"{found.period.start:%Y-%m-%d}" == first


@pytest.mark.parametrize("text", ["we live on the 3rd floor", "he came in the 3rd", "on the 32nd", "the 2nd edition"])
def test_an_ordinal_is_no_day_by_itself(text: str) -> None:
    assert find_dates(text, WEDNESDAY) == ()
