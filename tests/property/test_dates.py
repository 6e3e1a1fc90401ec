"""Whatever is typed, and whenever: dates are found in order, inside the text, and each is a real stretch of time."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from memory.language.dates import asked_window, find_dates

WORDS = [
    "the",
    "last",
    "next",
    "this",
    "Sunday",
    "before",
    "after",
    "of",
    "week",
    "day",
    "month",
    "year",
    "two",
    "3",
    "ago",
    "in",
    "May",
    "2023",
    "2100",
    "1900",
    "31",
    "7th",
    "yesterday",
    "tomorrow",
    "weekend",
    "summer",
    "Christmas",
    "at",
    "10:30",
    "pm",
    "noon",
    "early",
    "end",
    "Q3",
    "1990s",
    "until",
    "since",
    "between",
    "and",
    "few",
    ",",
    ".",
    "-",
    "?",
    "05/07/2023",
    "2023-05-07T10:00Z",
    "I",
    "met",
    "will",
    "\u2019",
    "\u2013",
]
texts = st.one_of(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join), st.text(max_size=200))
references = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 12, 31)).map(  # noqa: DTZ001 — zoned below
    lambda moment: moment.replace(tzinfo=timezone(timedelta(hours=moment.hour - 12)))
)


@given(texts, references)
def test_dates_are_ordered_inside_the_text_and_last_a_while(text: str, reference: datetime) -> None:
    reached = 0
    for one in find_dates(text, reference):
        assert reached <= one.start < one.end <= len(text)
        assert text[one.start : one.end] == one.text
        assert one.period.start < one.period.end
        assert one.period.start.tzinfo is UTC
        reached = one.end


@given(texts, references)
def test_a_window_never_ends_before_it_starts(text: str, reference: datetime) -> None:
    window = asked_window(text, reference)
    assert window is None or window.start is None or window.end is None or window.start < window.end
