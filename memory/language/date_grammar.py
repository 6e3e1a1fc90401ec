"""The English of dates: one pattern over all ways to say one, and for each way what it means. No clock times, no "before".

Conventions, where English leaves a choice: "last Friday" is the nearest one before the reference; "next Friday" the one of
the following week; "two weeks ago" the calendar week that held that day (a week begins on Monday); a bare "Friday" or "in May"
lies where the sentence looks, forward if it speaks of plans, else back. Seasons are those of the north. `1/2/2023` is the 2nd
of January unless the caller reads the day first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from memory.language.periods import (
    YEAR_MAX,
    YEAR_MIN,
    Days,
    Grain,
    holding,
    one_day,
    season,
    shifted,
    third,
    weekday_after,
    weekday_before,
    weekend,
)

MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH_NUMBER = {name[:3]: number for number, name in enumerate(MONTHS, 1)}
_WEEKDAY_NUMBER = {name[:3]: number for number, name in enumerate(WEEKDAYS)}
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNT = {word: number for number, word in enumerate(_COUNTS, 1)} | {"a": 1, "an": 1, "couple": 2, "few": 3}
_ORDINAL = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
_FEASTS = {
    "christmas eve": (12, 24),
    "christmas": (12, 25),
    "new year's eve": (12, 31),
    "new year's": (1, 1),
    "halloween": (10, 31),
    "valentine's": (2, 14),
}

_MONTH_SHORT = r"(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
_WEEKDAY_SHORT = r"(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
MONTH = rf"(?:(?:{'|'.join(MONTHS)})\b|{_MONTH_SHORT}\b\.?)"
WEEKDAY = rf"(?:(?:{'|'.join(WEEKDAYS)})\b|{_WEEKDAY_SHORT}\b\.?)"
COUNT = rf"(?:\d{{1,4}}|{'|'.join(_COUNTS)}|an?(?: couple(?: of)?| few)?|couple(?: of)?|few)"
UNIT = r"(?:day|week|month|year)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1\d|20|21)\d\d"
_SEASON = r"(?:spring|summer|autumn|fall|winter)"
_PART = r"(?:morning|afternoon|evening|night)"
_SPACED_COUNT = COUNT.replace(" ", r"\ ")
_FEAST = r"(?:christmas(?:\ eve|\ day)?|new\ year'?s(?:\ eve|\ day)?|halloween|valentine'?s\ day)"
_OF_WEEK = rf"(?:\b{WEEKDAY},?\ (?:the\ )?)?"

DATE = re.compile(
    rf"""(?:(?<![\w/.:-])|(?<=\bmid-)|(?<=\blate-)|(?<=\bearly-))(?:
    (?P<iso>(?P<iso_y>{_YEAR})[-/](?P<iso_m>0[1-9]|1[0-2])(?:[-/](?P<iso_d>0[1-9]|[12]\d|3[01]))?(?![\d/-]))
  | (?P<slashed>(?P<sl_a>\d\d?)(?P<sl_by>[/.])(?P<sl_b>\d\d?)(?P=sl_by)(?P<sl_y>{_YEAR})(?!\d))
  | (?P<dmy>{_OF_WEEK}(?P<dmy_d>{_DAY})(?:st|nd|rd|th)?(?:\ ?-\ ?(?P<dmy_e>{_DAY}))?(?:\ day)?(?:\ of)?[ -]
        (?P<dmy_m>{MONTH})(?:,?[ -](?P<dmy_y>{_YEAR})\b)?)
  | (?P<mdy>{_OF_WEEK}(?P<mdy_m>{MONTH})\ (?:the\ )?(?P<mdy_d>{_DAY})(?:st|nd|rd|th)?\b(?![:%$]|[.,]\d)
        (?:\ ?-\ ?(?P<mdy_e>{_DAY})(?:st|nd|rd|th)?\b)?(?:,?\ (?P<mdy_y>{_YEAR})\b)?)
  | (?P<my>(?P<my_m>{MONTH}),?\ (?:of\ |in\ )?(?P<my_y>{_YEAR})\b)
  | (?P<relative_month>(?P<rm_m>{MONTH})\ (?:of\ )?(?P<rm_t>next|last|this)\ year\b)
  | (?P<quarter>Q(?P<q_n>[1-4])\ (?P<q_y>{_YEAR})\b)
  | (?P<seasonal>(?:the\ )?(?P<se_n>{_SEASON})\ (?:of\ )?(?P<se_y>{_YEAR})\b)
  | (?P<decade>the\ (?P<de_y>(?:1[89]|20)\d0)'?s\b)
  | (?P<ago>(?:about\ |around\ |over\ )?(?P<ago_n>{_SPACED_COUNT})\ (?P<ago_u>{UNIT})s?\ (?P<ago_w>ago|back|earlier
        |from\ (?:now|today)))
  | (?P<ahead>in\ (?P<ah_n>{_SPACED_COUNT})\ (?P<ah_u>{UNIT})s?(?:'?\ (?P<ah_t>time)\b|\b))
  | (?P<rolling>(?:the\ |these\ )?(?P<ro_w>last|past|previous|next|coming)\ (?P<ro_n>{_SPACED_COUNT})\ (?P<ro_u>{UNIT})s?\b)
  | (?P<edge>(?:the\ )?(?P<ed_w>end|beginning|start|middle)\ of\ (?P<ed_t>the|this|next|last)\ (?P<ed_u>week|month|year)\b)
  | (?P<nearby>the\ day\ before\ yesterday|the\ day\ after\ tomorrow
        |(?:yesterday|today|tomorrow)(?:\ {_PART})?|tonight|last\ night|this\ (?:morning|afternoon|evening))\b
  | (?P<deictic>(?:the\ )?(?P<dei_w>last|past|previous|this\ past|this\ coming|coming|upcoming|next|following|this)\ (?P<dei_t>
        {UNIT}|weekend|{_SEASON}|{MONTH}|{WEEKDAY})\b(?:\ {_PART}\b)?)
  | (?P<second>(?:the\ )?(?P<sc_t>{UNIT}|weekend|{WEEKDAY})\ (?P<sc_w>before\ last|after\ next)\b)
  | (?P<feast>{_FEAST}(?:,?\ (?P<fe_y>{_YEAR})\b)?)
  | (?P<ordinal>(?:the\ )?(?P<or_n>{_DAY})(?:st|nd|rd|th)\ of\ (?P<or_t>this|next|last)\ month\b)
  | (?P<bare_day>the\ (?P<bd_n>{_DAY})(?:st|nd|rd|th)(?=\s*(?:[.,;!?]|$)|\ (?:at|and|but|I|we|he|she|they|it|my|our)\b))
  | (?P<weekday>{WEEKDAY}(?:\ {_PART}\b)?)
  | (?P<month>{MONTH})
  | (?P<year>{_YEAR}\b(?![-/:%]|[.,]\d))
    )(?:(?=T\d)|(?!\w))""",
    re.IGNORECASE | re.VERBOSE,
)

_PLANS = re.compile(
    r"\b(?:will|won't|\w+'ll|going to|gonna|plan(?:s|ning|ned)? (?:to|for|on)|upcoming|coming up|let's|must|due"
    r"|deadline|ha(?:ve|s) to|needs? to|schedul\w+|remind|hop(?:e|ing) to|want(?:s)? to|look(?:ing)? forward|can't wait"
    r"|see you|excited (?:for|to)|book(?:ed|ing)|(?:am|is|are|'m|'s|'re) (?:\w+ing|on|at|due|set)|tomorrow"
    r"|(?:have|got) an? (?:[\w']+ ){0,3}(?:appointment|meeting|interview|flight|exam|surgery|call|check-?up)|by|until|till)\b",
    re.IGNORECASE,
)
_HAPPENED = re.compile(r"\b(?:did|was|were|had|went|got|met|came|took|made|saw|bought|since|ago|yesterday)\b", re.IGNORECASE)
_SENTENCE_CHARACTERS = 160  # how far around a date its sentence is read
_LEADS_MONTH = re.compile(
    r"\b(?:in|since|until|till|by|during|of|from|before|after|around|early|mid|late|through|to|between|and|for|every)[ -]$",
    re.IGNORECASE,
)
_LEADS_WEEKDAY = re.compile(
    r"\b(?:on|by|until|till|since|from|before|after|for|to|and|or|between|of)(?: the)? $", re.IGNORECASE
)
_LEADS_DAY = re.compile(r"\b(?:on|by|until|till|since|from|before|after) $", re.IGNORECASE)
_LEADS_YEAR = re.compile(
    r"(?:\b(?:in|since|during|of|before|after|by|until|from|around|early|mid|late|to|between|and|through|year|for|back in)[ -]"
    r"|\()$",
    re.IGNORECASE,
)
_COUNTED_NEXT = re.compile(r" (?!was\b|is\b|his\b|as\b|has\b|us\b|this\b|does\b)\w+s\b")
_REPEATED = re.compile(r"\b(?:every|each|most|all) $", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, the day on which it was said, and how it writes numbers."""

    text: str
    today: date
    day_first: bool

    def before(self, start: int) -> str:
        return self.text[max(0, start - 24) : start]

    def looks_forward(self, start: int, end: int) -> bool:
        """Whether the sentence around a span speaks of plans, and of nothing that has happened."""
        left = re.split(r"[.!?\n]\s", self.text[max(0, start - _SENTENCE_CHARACTERS) : start])[-1]
        right = re.split(r"[.!?\n](?:\s|$)", self.text[end : end + _SENTENCE_CHARACTERS])[0]
        return any(map(_PLANS.search, (left, right))) and not any(map(_HAPPENED.search, (left, right)))


Meaning = Callable[[re.Match[str], Reading], Days | None]


def meaning(match: re.Match[str], reading: Reading) -> Days | None:
    """The days that a match of DATE names; None where it names none: "may" the verb, the 31st of June, a weekday every week."""
    if match.lastgroup is None or _REPEATED.search(reading.before(match.start())):
        return None
    try:
        days = _MEANINGS[match.lastgroup](match, reading)
    except (ValueError, OverflowError):
        return None
    return days if days and days.first.year >= YEAR_MIN and days.end.year <= YEAR_MAX else None


def month_number(name: str) -> int:
    return _MONTH_NUMBER[name[:3].lower()]


def weekday_number(name: str) -> int:
    return _WEEKDAY_NUMBER[name[:3].lower()]


def count_of(words: str) -> int:
    """The number that COUNT matched."""
    if words.isdigit():
        return int(words)
    return _COUNT[words.lower().removesuffix(" of").split()[-1]]


def ordinal_of(word: str) -> int:
    """The place from 0 of first, second, third, fourth; -1 for last."""
    return _ORDINAL[word.lower()]


def _iso(match: re.Match[str], _: Reading) -> Days:
    year, month = int(match["iso_y"]), int(match["iso_m"])
    return one_day(date(year, month, int(match["iso_d"]))) if match["iso_d"] else holding(date(year, month, 1), Grain.MONTH)


def _slashed(match: re.Match[str], reading: Reading) -> Days:
    first, second = int(match["sl_a"]), int(match["sl_b"])
    day_first = reading.day_first or match["sl_by"] == "." or first > 12
    day, month = (first, second) if day_first and second <= 12 else (second, first)
    return one_day(date(int(match["sl_y"]), month, day))


def _day_and_month(rule: str) -> Meaning:
    def resolve(match: re.Match[str], reading: Reading) -> Days | None:
        name, day, last, year = (match[f"{rule}_{part}"] for part in "mdey")
        if name.islower() and year is None and not match[f"{rule}_d"]:
            return None
        if name.lower() in {"may", "mar", "march"} and name.islower() and year is None and rule == "mdy":
            return None  # "you may 2 times"
        first = _with_year((month_number(name), int(day)), year, match, reading)
        end = first.replace(day=int(last)) if last else first
        return Days(first, end + timedelta(days=1), Grain.DAY) if end >= first else None

    return resolve


def _with_year(when: tuple[int, int], year: str | None, match: re.Match[str], reading: Reading) -> date:
    """The day in the year said, or in the one where the sentence looks."""
    month, day = when
    if year:
        return date(int(year), month, day)
    today = reading.today
    this = date(today.year, month, day)
    if reading.looks_forward(*match.span()):
        return this if this >= today else date(today.year + 1, month, day)
    return this if this <= today else date(today.year - 1, month, day)


def _month_and_year(match: re.Match[str], _: Reading) -> Days:
    return holding(date(int(match["my_y"]), month_number(match["my_m"]), 1), Grain.MONTH)


def _relative_month(match: re.Match[str], reading: Reading) -> Days:
    moved = {"next": 1, "last": -1}.get(match["rm_t"].lower(), 0)
    return holding(date(reading.today.year + moved, month_number(match["rm_m"]), 1), Grain.MONTH)


def _quarter(match: re.Match[str], _: Reading) -> Days:
    first = date(int(match["q_y"]), 3 * int(match["q_n"]) - 2, 1)
    return Days(first, shifted(first, 3, Grain.MONTH), Grain.MONTH)


def _decade(match: re.Match[str], _: Reading) -> Days:
    year = int(match["de_y"])
    return Days(date(year, 1, 1), date(year + 10, 1, 1), Grain.YEAR)


def _ago(match: re.Match[str], reading: Reading) -> Days:
    grain, count = Grain(match["ago_u"].lower()), count_of(match["ago_n"])
    sign = 1 if match["ago_w"].lower().startswith("from") else -1
    return holding(shifted(reading.today, sign * count, grain), grain)


def _ahead(match: re.Match[str], reading: Reading) -> Days | None:
    if not match["ah_t"] and not reading.looks_forward(*match.span()):
        return None  # "I learned it in two weeks" is how long, not when
    grain = Grain(match["ah_u"].lower())
    return holding(shifted(reading.today, count_of(match["ah_n"]), grain), grain)


def _rolling(match: re.Match[str], reading: Reading) -> Days:
    grain, count = Grain(match["ro_u"].lower()), count_of(match["ro_n"])
    if match["ro_w"].lower() in {"next", "coming"}:
        return Days(reading.today, shifted(reading.today, count, grain), grain)
    return Days(shifted(reading.today, -count, grain), reading.today + timedelta(days=1), grain)


def _edge(match: re.Match[str], reading: Reading) -> Days:
    grain = Grain(match["ed_u"].lower())
    moved = {"next": 1, "last": -1}.get(match["ed_t"].lower(), 0)
    which = {"beginning": 0, "start": 0, "middle": 1, "end": 2}[match["ed_w"].lower()]
    return third(holding(shifted(reading.today, moved, grain), grain), which)


def _nearby(match: re.Match[str], reading: Reading) -> Days:
    words = match["nearby"].lower()
    moves = (("before yesterday", -2), ("after tomorrow", 2), ("yesterday", -1), ("last night", -1), ("tomorrow", 1))
    moved = next((days for phrase, days in moves if phrase in words), 0)
    return one_day(reading.today + timedelta(days=moved))


def _deictic(match: re.Match[str], reading: Reading) -> Days | None:
    today, said = reading.today, match["dei_t"].lower()
    moved = _side(match["dei_w"].lower())
    if said in set(Grain):
        if said == "day" and match["dei_w"].lower() in {"this", "following"}:
            return None  # "this day" is any day, "the following day" hangs on what was told before
        return holding(shifted(today, moved, Grain(said)), Grain(said))
    if said == "weekend":
        back = timedelta(days=7 * moved if moved >= 0 or today.weekday() < 5 else -7)
        return weekend(today + back)
    if re.fullmatch(_SEASON, said):
        return _season_near(today, said, moved)
    if re.fullmatch(MONTH, said):
        return _month_near(today, month_number(said), moved)
    return one_day(_weekday_near(today, weekday_number(said), match["dei_w"].lower()))


def _second(match: re.Match[str], reading: Reading) -> Days:
    """The week before last, the weekend after next, the Friday before last."""
    said, sign = match["sc_t"].lower(), -1 if match["sc_w"].lower().startswith("before") else 1
    if said in set(Grain):
        return holding(shifted(reading.today, 2 * sign, Grain(said)), Grain(said))
    if said == "weekend":
        return weekend(shifted(reading.today, 2 * sign, Grain.WEEK))
    week = holding(shifted(reading.today, 2 * sign, Grain.WEEK), Grain.WEEK)
    return one_day(week.first + timedelta(days=weekday_number(said)))


def _side(word: str) -> int:
    if word in {"last", "past", "previous", "this past"}:
        return -1
    return 0 if word == "this" else 1


def _weekday_near(today: date, weekday: int, word: str) -> date:
    if _side(word) < 0:
        return weekday_before(today, weekday)
    if word == "this":
        return holding(today, Grain.WEEK).first + timedelta(days=weekday)
    if word == "next":
        return holding(shifted(today, 1, Grain.WEEK), Grain.WEEK).first + timedelta(days=weekday)
    return weekday_after(today, weekday)


def _season_near(today: date, name: str, moved: int) -> Days:
    """The last one that has ended, the next that has not begun, or this calendar year's."""
    if moved == 0:
        return season(today.year, name)
    around = [season(today.year + years, name) for years in (-2, -1, 0, 1)]
    if moved < 0:
        return [one for one in around if one.end <= today][-1]
    return next(one for one in around if one.first > today)


def _month_near(today: date, month: int, moved: int) -> Days:
    year = today.year
    if moved < 0:
        year -= month >= today.month
    elif moved > 0:
        year += month <= today.month
    return holding(date(year, month, 1), Grain.MONTH)


def _feast(match: re.Match[str], reading: Reading) -> Days:
    said = match["feast"].lower()
    when = next(when for name, when in _FEASTS.items() if said.startswith(name))
    return one_day(_with_year(when, match["fe_y"], match, reading))


def _ordinal(match: re.Match[str], reading: Reading) -> Days:
    moved = {"next": 1, "last": -1}.get(match["or_t"].lower(), 0)
    return one_day(shifted(reading.today.replace(day=1), moved, Grain.MONTH).replace(day=int(match["or_n"])))


def _bare_day(match: re.Match[str], reading: Reading) -> Days | None:
    """On the 20th: of this month, or of the one before or after it where the sentence looks."""
    if not _LEADS_DAY.search(reading.before(match.start())):
        return None  # "I came in the 3rd"
    this = reading.today.replace(day=int(match["bd_n"]))
    forward = reading.looks_forward(*match.span())
    if (this < reading.today) if forward else (this > reading.today):
        month = shifted(reading.today.replace(day=1), 1 if forward else -1, Grain.MONTH)
        this = month.replace(day=int(match["bd_n"]))
    return one_day(this)


def _weekday(match: re.Match[str], reading: Reading) -> Days | None:
    name = match["weekday"].split()[0].rstrip(".")
    if len(name) < 6 and not (name[0].isupper() and _LEADS_WEEKDAY.search(reading.before(match.start()))):
        return None  # "sat", "sun", "wed" are words too; the full names are six letters and more
    forward = reading.looks_forward(*match.span())
    return one_day((weekday_after if forward else weekday_before)(reading.today, weekday_number(name)))


def _month(match: re.Match[str], reading: Reading) -> Days | None:
    name, month = match["month"], month_number(match["month"])
    led = _LEADS_MONTH.search(reading.before(match.start()))
    if not led or (name.islower() and (len(name) < 5 or name == "march")):
        return None
    today = reading.today
    forward = reading.looks_forward(*match.span())
    year = today.year + (month < today.month) if forward else today.year - (month > today.month)
    return holding(date(year, month, 1), Grain.MONTH)


def _year(match: re.Match[str], reading: Reading) -> Days | None:
    year = int(match["year"])
    plausible = abs(year - reading.today.year) <= 200 and _LEADS_YEAR.search(reading.before(match.start()))
    if not plausible or _COUNTED_NEXT.match(reading.text, match.end()):
        return None
    return holding(date(year, 1, 1), Grain.YEAR)


_MEANINGS: Mapping[str, Meaning] = {
    "iso": _iso,
    "slashed": _slashed,
    "dmy": _day_and_month("dmy"),
    "mdy": _day_and_month("mdy"),
    "my": _month_and_year,
    "relative_month": _relative_month,
    "quarter": _quarter,
    "seasonal": lambda match, _: season(int(match["se_y"]), match["se_n"].lower()),
    "decade": _decade,
    "ago": _ago,
    "ahead": _ahead,
    "rolling": _rolling,
    "edge": _edge,
    "nearby": _nearby,
    "deictic": _deictic,
    "second": _second,
    "feast": _feast,
    "ordinal": _ordinal,
    "bare_day": _bare_day,
    "weekday": _weekday,
    "month": _month,
    "year": _year,
}
