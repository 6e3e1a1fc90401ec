"""Stretches of the calendar: half-open, as fine as what somebody said. Pure arithmetic on days; no words are read here.

Days are those of one calendar (that of the reference time's own offset); `Period` is what leaves, in UTC.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

YEAR_MIN, YEAR_MAX = 1000, 9990  # what a four-digit year can say, with room for shifts inside datetime's range
_DAYS_OF_WEEK = 7
_MONTHS = 12


class Grain(StrEnum):
    """How exactly a time was said."""

    MINUTE = "minute"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """`[start, end)` in UTC, said to the `grain`."""

    start: datetime
    end: datetime
    grain: Grain


@dataclass(frozen=True, slots=True)
class Days:
    """`[first, end)` in days of one calendar."""

    first: date
    end: date
    grain: Grain

    def period(self, zone: tzinfo) -> Period:
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (self.first, self.end))
        return Period(start=start, end=end, grain=self.grain)


def one_day(day: date) -> Days:
    return Days(day, day + timedelta(days=1), Grain.DAY)


def holding(day: date, grain: Grain) -> Days:
    """The day, week (from Monday), month or year that holds `day`."""
    match grain:
        case Grain.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Days(monday, monday + timedelta(days=_DAYS_OF_WEEK), grain)
        case Grain.MONTH:
            first = day.replace(day=1)
            return Days(first, shifted(first, 1, grain), grain)
        case Grain.YEAR:
            first = date(day.year, 1, 1)
            return Days(first, date(day.year + 1, 1, 1), grain)
        case _:
            return one_day(day)


def shifted(day: date, count: int, grain: Grain) -> date:
    """`count` units later; the 31st becomes the last day of a shorter month. ValueError or OverflowError outside of years
    1 to 9999.
    """
    match grain:
        case Grain.WEEK:
            return day + timedelta(days=_DAYS_OF_WEEK * count)
        case Grain.MONTH | Grain.YEAR:
            months = day.year * _MONTHS + day.month - 1 + count * (_MONTHS if grain is Grain.YEAR else 1)
            year, month = divmod(months, _MONTHS)
            return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
        case _:
            return day + timedelta(days=count)


def weekday_before(day: date, weekday: int) -> date:
    """The last such weekday strictly before `day`."""
    return day - timedelta(days=(day.weekday() - weekday - 1) % _DAYS_OF_WEEK + 1)


def weekday_after(day: date, weekday: int) -> date:
    """The first such weekday strictly after `day`."""
    return day + timedelta(days=(weekday - day.weekday() - 1) % _DAYS_OF_WEEK + 1)


def weekend(day: date) -> Days:
    """Saturday and Sunday of the week that holds `day`."""
    saturday = holding(day, Grain.WEEK).first + timedelta(days=5)
    return Days(saturday, saturday + timedelta(days=2), Grain.DAY)


def season(year: int, name: str) -> Days:
    """Three whole months, as meteorologists count them north of the equator; winter begins in December of `year`."""
    month = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}[name]
    first = date(year, month, 1)
    return Days(first, shifted(first, 3, Grain.MONTH), Grain.MONTH)


def third(days: Days, which: int) -> Days:
    """The first, second or last third (0, 1, 2), cut at whole days: early, mid, late."""
    length = (days.end - days.first).days
    edges = [days.first + timedelta(days=length * part // 3) for part in range(4)]
    return Days(edges[which], edges[which + 1], days.grain if length > 2 * _DAYS_OF_WEEK else Grain.DAY)
