"""Finds when in English text: dates and times with their spans, resolved against the moment at which the text was said.

Also the stretch of time that a question asks about (`asked_window`). A grammar of our own, because the libraries that find
dates in running text find too many and too slowly: dateparser 1.5 read "we", "sat", "may rain", "march to" and "a second" as
dates in four test sentences, cut "25 May 2023" in three, took 28 to 68 ms a sentence and knows no grain; parsedatetime has been
unmaintained since 2020; dateutil parses a date but does not find one. What is not understood is left out, never guessed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from itertools import islice

from memory.language.date_grammar import COUNT, DATE, UNIT, WEEKDAY, Reading, count_of, meaning, ordinal_of, weekday_number
from memory.language.periods import (
    Days,
    Grain,
    Period,
    holding,
    one_day,
    shifted,
    third,
    weekday_after,
    weekday_before,
    weekend,
)
from memory.language.prose import plain

DATES_PER_TEXT_MAX = 64
TEXT_CHARACTERS_MAX = 100_000  # of a longer text only the beginning is read: 100,000 characters take 0.1 s here
_LEAD_CHARACTERS = 40

_RELATION = re.compile(
    rf"(?:the )?(?:(?P<count>{COUNT}) (?P<unit>{UNIT})s?|(?P<one>{WEEKDAY}|{UNIT}|weekend|night|morning|afternoon|evening))"
    r" (?P<side>before|prior to|after|following|of) $",
    re.IGNORECASE,
)
_PART_OF = re.compile(
    rf"(?:the )?(?:(?P<place>first|second|third|fourth|last) (?P<what>week|weekend|{WEEKDAY}) (?:of|in) (?:the )?"
    r"|(?P<third>early|mid|late|(?:the )?(?:beginning|start|middle|end) of)[ -](?:in )?)$",
    re.IGNORECASE,
)
# Hours from UTC, by the meaning that is most usual where an abbreviation has several. "ET" and the like change with the season
# and are left out.
_ZONE_HOURS = (
    "UTC 0, GMT 0, WET 0, BST 1, WEST 1, CET 1, CEST 2, EET 2, EEST 3, MSK 3, IST 5.5, SGT 8, HKT 8, AWST 8, JST 9, KST 9, "
    "ACST 9.5, AEST 10, AEDT 11, NZST 12, NZDT 13, EST -5, EDT -4, CST -6, CDT -5, MST -7, MDT -6, PST -8, PDT -7, AKST -9, "
    "HST -10"
)
_ZONES: Mapping[str, float] = {name: float(hours) for name, _, hours in (one.partition(" ") for one in _ZONE_HOURS.split(", "))}
_ZONE_NAMES = "|".join(sorted(_ZONES, key=len, reverse=True))
_CLOCK = re.compile(
    r"(?:(?<=\dT)|(?<![\w:.,$€£-]))(?:(?P<h12>1[0-2]|0?[1-9])(?::(?P<m12>[0-5]\d))?\s?(?P<half>[ap])(?:m\b|\.m\.)"
    r"|(?P<h24>[01]?\d|2[0-3]):(?P<m24>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?(?![\d:])"
    rf"|(?P<word>noon|midnight)\b)(?: ?\(?(?-i:(?P<abbreviated>{_ZONE_NAMES})\b(?P<ahead>[+-]\d{{1,2}}(?::?[0-5]\d)?)?)\)?)?",
    re.IGNORECASE,
)
_BETWEEN_DATE_AND_CLOCK = re.compile(r"(?:[Tt]|,? (?:at |around |about |by )?)")
_BETWEEN_CLOCK_AND_DATE = re.compile(r",? (?:on |in )?(?:the )?")
_BOUND = re.compile(r"\b(?P<word>before|until|till|prior to|up to|by|after|since|from|starting)(?: the)? $", re.IGNORECASE)
_LEADS_CLOCK = re.compile(r"(?:\b(?:at|by|until|till|from|to|before|after|around|about|since)|@) ?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateMention:
    """Where a text says when: `[start, end)` in code points, and the period it means."""

    start: int
    end: int
    text: str
    period: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a question asks about: `[start, end)`, either side open when None. `grain` is that of the date said."""

    start: datetime | None
    end: datetime | None
    grain: Grain


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    days: Days


@dataclass(frozen=True, slots=True)
class _Clock:
    start: int
    end: int
    at: time
    zone: tzinfo | None


_Spot = tuple[int, int, Period]


def find_dates(text: str, reference: datetime, *, day_first: bool = False) -> tuple[DateMention, ...]:
    """All dates of a text in order, never overlapping, at most DATES_PER_TEXT_MAX. `reference` is aware: days are those of its
    offset, and what is relative counts from it. A clock time belongs to the date beside it, else to the reference's day.
    """
    assert reference.tzinfo is not None, "a reference without an offset names no moment"
    read = plain(text[:TEXT_CHARACTERS_MAX])
    reading = Reading(read, reference.date(), day_first)
    found = _extended(islice(_anchors(reading), DATES_PER_TEXT_MAX), read)
    clocks = list(islice(_clocks(read), DATES_PER_TEXT_MAX))
    spots = sorted(_with_clocks(found, clocks, read, reference))
    return tuple(
        DateMention(start=start, end=end, text=text[start:end], period=period)
        for start, end, period in spots[:DATES_PER_TEXT_MAX]
    )


def asked_window(text: str, reference: datetime, *, day_first: bool = False) -> Window | None:
    """The time that a question is about: what "before", "until", "since" and "after" make of its date, or all between the
    earliest and the latest of several. None when it says no date.
    """
    mentions = find_dates(text, reference, day_first=day_first)
    if not mentions:
        return None
    first = mentions[0]
    if len(mentions) > 1:
        starts, ends = [one.period.start for one in mentions], [one.period.end for one in mentions]
        return Window(start=min(starts), end=max(ends), grain=first.period.grain)
    bound = _BOUND.search(plain(text[max(0, first.start - _LEAD_CHARACTERS) : first.start]))
    return _bounded(first.period, bound["word"].lower() if bound else "")


def _bounded(period: Period, word: str) -> Window:
    match word:
        case "before" | "prior to":
            return Window(start=None, end=period.start, grain=period.grain)
        case "until" | "till" | "up to" | "by":
            return Window(start=None, end=period.end, grain=period.grain)
        case "after":
            return Window(start=period.end, end=None, grain=period.grain)
        case "since" | "from" | "starting":
            return Window(start=period.start, end=None, grain=period.grain)
        case _:
            return Window(start=period.start, end=period.end, grain=period.grain)


def _anchors(reading: Reading) -> Iterator[_Found]:
    position = 0
    while match := DATE.search(reading.text, position):
        days = meaning(match, reading)
        if days:
            yield _Found(match.start(), match.end(), days)
        position = match.end() if days else match.start() + 1


def _extended(anchors: Iterable[_Found], text: str) -> list[_Found]:
    """Takes in what stands before a date and moves it: "the Sunday before", "two days after", "early", "the first week of"."""
    found: list[_Found] = []
    for anchor in anchors:
        begin = max(found[-2].end if len(found) > 1 else 0, anchor.start - _LEAD_CHARACTERS)
        lead = text[begin : anchor.start]
        moved = _part(lead, anchor.days) or _related(lead, anchor.days)
        start = begin + moved[0] if moved else anchor.start
        if found and start < found[-1].end:
            if start > found[-1].start:
                moved = None  # half of another date is no lead
            else:
                found.pop()  # "the Sunday" was the lead of this one
        found.append(_Found(start, anchor.end, moved[1]) if moved else anchor)
    return found


def _related(lead: str, anchor: Days) -> tuple[int, Days] | None:
    match = _RELATION.search(lead)
    if not match:
        return None
    side = match["side"].lower()
    try:
        days = _counted(match, side, anchor) if match["count"] else _single(match["one"].lower(), side, anchor)
    except (ValueError, OverflowError):
        return None
    return (match.start(), days) if days else None


def _counted(match: re.Match[str], side: str, anchor: Days) -> Days | None:
    """What "two weeks before 9 June" means: the unit that holds that day."""
    if side == "of":
        return None
    sign = -1 if side in {"before", "prior to"} else 1
    grain = Grain(match["unit"].lower())
    if count_of(match["count"]) == 1 and grain is not Grain.DAY:
        return _single(grain.value, side, anchor)
    edge = anchor.first if sign < 0 else anchor.end - timedelta(days=1)
    return holding(shifted(edge, sign * count_of(match["count"]), grain), grain)


def _single(one: str, side: str, anchor: Days) -> Days | None:
    last = anchor.end - timedelta(days=1)
    if one in {"night", "morning", "afternoon", "evening"}:
        return {"of": anchor, "before": one_day(shifted(anchor.first, -1, Grain.DAY))}.get(side)
    if side == "of":
        return weekend(anchor.first) if one == "weekend" else holding(anchor.first, Grain.WEEK) if one == "week" else None
    back = side in {"before", "prior to"}
    if one == "weekend":
        return weekend(shifted(anchor.first, -1, Grain.WEEK) if back else shifted(last, 1, Grain.WEEK))
    if one in set(Grain):
        grain = Grain(one)
        return holding(shifted(anchor.first if back else last, -1 if back else 1, grain), grain)
    weekday = weekday_number(one)
    return one_day(weekday_before(anchor.first, weekday) if back else weekday_after(last, weekday))


def _part(lead: str, anchor: Days) -> tuple[int, Days] | None:
    match = _PART_OF.search(lead)
    if not match or (anchor.end - anchor.first).days < 7:
        return None
    if match["third"]:
        word = match["third"].lower().removeprefix("the ").split()[0]
        which = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}[word]
        return match.start(), third(anchor, which)
    days = _nth(anchor, ordinal_of(match["place"]), match["what"].lower())
    return (match.start(), days) if days else None


def _nth(anchor: Days, place: int, what: str) -> Days | None:
    if anchor.grain is not Grain.MONTH or (what == "week" and place > 3):
        return None
    if what == "week":
        first = anchor.end - timedelta(days=7) if place < 0 else anchor.first + timedelta(days=7 * place)
        return Days(first, first + timedelta(days=7), Grain.WEEK)
    weekday = 5 if what == "weekend" else weekday_number(what)
    eve = anchor.first - timedelta(days=1)
    first = weekday_before(anchor.end, weekday) if place < 0 else weekday_after(eve, weekday) + timedelta(days=7 * place)
    days = one_day(first)
    return Days(first, first + timedelta(days=2), Grain.DAY) if what == "weekend" else days


def _clocks(text: str) -> Iterator[_Clock]:
    for match in _CLOCK.finditer(text):
        yield _Clock(match.start(), match.end(), _time_of(match), _zone_of(match["zone"]) or _named_zone(match))


def _time_of(match: re.Match[str]) -> time:
    if match["word"]:
        return time(12) if match["word"].lower() == "noon" else time(0)
    if match["h24"]:
        return time(int(match["h24"]), int(match["m24"]))
    hour = int(match["h12"]) % 12 + (12 if match["half"].lower() == "p" else 0)
    return time(hour, int(match["m12"] or 0))


def _zone_of(zone: str | None) -> tzinfo | None:
    if not zone:
        return None
    return UTC if zone in {"Z", "z"} else datetime.strptime(zone.replace(":", ""), "%z").tzinfo


def _named_zone(match: re.Match[str]) -> tzinfo | None:
    """CET, or UTC+2."""
    if not match["abbreviated"]:
        return None
    hours = _ZONES[match["abbreviated"]]
    if ahead := match["ahead"]:
        digits = ahead[1:].replace(":", "")
        whole, minutes = (digits, "0") if len(digits) <= 2 else (digits[:-2], digits[-2:])
        hours += (int(whole) + int(minutes) / 60) * (-1 if ahead[0] == "-" else 1)
    return timezone(timedelta(hours=hours)) if abs(hours) < 24 else None


def _with_clocks(found: Sequence[_Found], clocks: Sequence[_Clock], text: str, reference: datetime) -> Iterator[_Spot]:
    zone = reference.tzinfo
    assert zone is not None
    free = [clock for clock in clocks if not any(one.start < clock.end and clock.start < one.end for one in found)]
    for one in found:
        clock = next((clock for clock in free if _beside(one, clock, text)), None)
        if clock and one.days == one_day(one.days.first):
            free.remove(clock)
            yield min(one.start, clock.start), max(one.end, clock.end), _minute(one.days, clock, zone)
        else:
            yield one.start, one.end, one.days.period(zone)
    for clock in free:
        if (
            text[clock.start].isdigit()
            and text[clock.end - 1].isdigit()
            and clock.zone is None
            and not _LEADS_CLOCK.search(text[: clock.start][-8:])
        ):
            continue  # 3:15 may be a ratio, a verse or a score
        yield clock.start, clock.end, _minute(one_day(reference.date()), clock, zone)


def _beside(one: _Found, clock: _Clock, text: str) -> bool:
    if clock.start >= one.end:
        return bool(_BETWEEN_DATE_AND_CLOCK.fullmatch(text[one.end : clock.start]))
    return bool(_BETWEEN_CLOCK_AND_DATE.fullmatch(text[clock.end : one.start]))


def _minute(days: Days, clock: _Clock, zone: tzinfo) -> Period:
    start = datetime.combine(days.first, clock.at, clock.zone or zone).astimezone(UTC)
    return Period(start=start, end=start + timedelta(minutes=1), grain=Grain.MINUTE)
