"""The hard facts that a text states: its numbers, its dates, its names, and whether it negates. Told by form, not understood;
used to hold a rewritten sentence to what it cites, so it rather sees too many than too few."""

import re
from dataclasses import dataclass

from memory.language.prose import plain

_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty"""
_WORD_NUMBERS = {word: str(number) for number, word in enumerate(_SMALL.split())} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
    "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000", "dozen": "12", "twice": "2",
    "both": "2", "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "half": "half", "double": "2",
}  # fmt: skip
# "one" is as often a pronoun as a number: it is no claim, but it supports one.
_NO_CLAIM = frozenset({"one", "first", "second", "both"})
_MONTHS_OF_YEAR = "january february march april may june july august september october november december"
_MONTHS = tuple(_MONTHS_OF_YEAR.split())
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CALENDAR = {
    **{name[:3]: name for name in (*_MONTHS, *_DAYS)},
    **{name: name for name in (*_MONTHS, *_DAYS)},
    "sept": "september",
    "tues": "tuesday",
    "thurs": "thursday",
}
# Capitalised, these are months and days; small, they are other words.
_NEED_CAPITAL = frozenset({"may", "march", *(name[:3] for name in (*_MONTHS, *_DAYS))})
_RELATIVE = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|(?:last|next|this|previous|coming|past) "
    r"(?:week(?:end)?|month|year|night|summer|winter|spring|fall|autumn|morning|evening)|ago)\b",
    re.IGNORECASE,
)
_MONTH = "|".join(sorted({*_MONTHS, *(name[:3] for name in _MONTHS), "sept"}, key=len, reverse=True))
_DATE = re.compile(
    rf"\b(?:(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?: of)?,? (?:{_MONTH})\b\.?"
    rf"|(?:{_MONTH})\b\.? (?P<day_after>[0-3]?\d)(?:st|nd|rd|th)?(?![\d:])"
    r"|(?P<iso_year>(?:19|20)\d\d)-(?P<iso_month>0[1-9]|1[0-2])-(?P<iso_day>[0-3]\d))",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![\d.,-])(?:19|20)\d\d(?![\d-]|[.,]\d)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|nowhere|neither|nor|without|cannot|hardly|barely|[a-z]+n't|refuse[ds]?|refusing|"
    r"den(?:y|ied|ies)|fail(?:s|ed)? to|stop(?:s|ped)?|quit|cancell?ed|avoid(?:s|ed)?|lack(?:s|ed)?|unable|no longer)\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[.!?;,:]+[\"')\]]*(?:\s+|\Z)|\s+(?:and|but|while|whereas)\s+", re.IGNORECASE)
_COUNTING = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[.!?;]")
# How many words behind a number may stand what it counts: "two small white dogs".
_COUNTED_WITHIN = 3
_SMALL_WORDS = """a an the of at by for from to in on with and or but than is are was were will would has have had more less
each per only that which who they he she it we as if so until before after since left ago away"""
_COUNTS_NOTHING = frozenset(_SMALL_WORDS.split())
_OWNED = re.compile(r"(?P<name>[^\W\d_]+)'s (?P<thing>[^\W\d_]+)")
_SENTENCE_START = re.compile(r"(?:\A|[.!?:]\s+|\n\s*)[\"'(\[*_-]*\s*\Z")
# What begins a sentence with a capital without being a name.
_OPENING = """a an the this that these those he she it they we you i his her its their our my your there here in on at by
for from to with of as and but or so if when while after before during since until because although though
both all some many most each every no not one two what who where why how which user assistant speaker yes
then also however overall additionally later currently recently now once"""
_OPENERS = frozenset(_OPENING.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """All folded: numbers by value, months and days by full name, names without possessive. `counts` has with a number the
    word behind it, which tells what it counts, `owned` with a name what is said to be its own."""

    numbers: frozenset[str]
    counts: frozenset[tuple[str, str]]
    dates: frozenset[str]
    names: frozenset[str]
    owned: frozenset[tuple[str, str]]
    negated: bool


def claims(text: str) -> Claims:
    """What a text states. A capitalised word at a sentence's beginning is a name unless it is one that often stands there."""
    smooth = plain(text)
    return Claims(
        numbers=frozenset(_numbers(smooth, _NO_CLAIM)),
        counts=frozenset(_counts(smooth, _NO_CLAIM, 1)),
        dates=frozenset(_dates(smooth)),
        names=frozenset(_names(smooth)),
        owned=frozenset(_owned(smooth)),
        negated=_NEGATION.search(smooth) is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What a cited text offers: more than it claims, since any of its words may be a name, and any of the next few what a
    number counts."""

    numbers: frozenset[str]
    counts: frozenset[tuple[str, str]]
    dates: frozenset[str]
    words: frozenset[str]
    owned: frozenset[tuple[str, str]]
    negated: bool


def support(text: str) -> Support:
    smooth = plain(text)
    return Support(
        numbers=frozenset(_numbers(smooth, frozenset())),
        counts=frozenset(_counts(smooth, frozenset(), _COUNTED_WITHIN)),
        dates=frozenset(_dates(smooth)),
        words=frozenset(word for found in _WORD.findall(smooth) for word in _forms(found)),
        owned=frozenset(_owned(smooth)),
        negated=_NEGATION.search(smooth) is not None,
    )


def clauses(text: str) -> tuple[str, ...]:
    """The parts of a text that may each be true or false alone, roughly: cut at marks and at `and`, `but`, `while`."""
    return tuple(part for part in _CLAUSE_END.split(plain(text)) if _WORD.search(part))


def negates(text: str) -> bool:
    return _NEGATION.search(plain(text)) is not None


def _counts(text: str, left_out: frozenset[str], within: int) -> set[tuple[str, str]]:
    """Numbers with each of the next words that may be what they count. A small word behind a number counts nothing."""
    words = _COUNTING.findall(_YEAR.sub(" ", _DATE.sub(" ", text)))
    found: set[tuple[str, str]] = set()
    for place, word in enumerate(words):
        low = word.lower()
        value = _value(word) if word[0].isdigit() else _WORD_NUMBERS.get(low)
        if value is None or low in left_out:
            continue
        behind = [each.lower() for each in words[place + 1 : place + 1 + within]]
        found |= {(value, each.rstrip("s")) for each in behind if each[0].isalpha() and each not in _COUNTS_NOTHING}
    return found


def _numbers(text: str, left_out: frozenset[str]) -> set[str]:
    """Those that count something: the 3 of "3 May" is no number of dogs."""
    rest = _YEAR.sub(" ", _DATE.sub(" ", text)) if left_out else _DATE.sub(" ", text)
    found = {_value(number) for number in _NUMBER.findall(rest)}
    words = {word.lower() for word in _WORD.findall(rest)} - left_out
    return found | {_WORD_NUMBERS[word] for word in words if word in _WORD_NUMBERS}


def _value(number: str) -> str:
    """`1,200` and `1200` are one; so are `5.0` and `5`, `05` and `5`. More dots than one are a version or a date."""
    plainly = re.sub(r",(?=\d{3}(?!\d))", "", number).replace(",", ".")
    if plainly.count(".") > 1:
        return plainly
    whole, _, part = plainly.partition(".")
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def _dates(text: str) -> set[str]:
    """Words of the calendar, and of written dates their days and years too: `may`, `day 3`."""
    found = {match[0].lower() for match in _RELATIVE.finditer(text)}
    found |= {f"year {year}" for year in _YEAR.findall(text)}
    for date in _DATE.finditer(text):
        day = date["day"] or date["day_after"] or date["iso_day"]
        found |= {f"day {int(day)}"} if day else set[str]()
        found |= {f"year {date['iso_year']}", _MONTHS[int(date["iso_month"]) - 1]} if date["iso_year"] else set[str]()
    for word in _WORD.findall(text):
        name = word.lower()
        if name in _CALENDAR and (word[0].isupper() or name not in _NEED_CAPITAL):
            found.add(_CALENDAR[name])
    return found


def _names(text: str) -> set[str]:
    found: set[str] = set()
    for match in _WORD.finditer(text):
        name = _bare(match[0])
        if not match[0][0].isupper():
            continue
        opens = _SENTENCE_START.search(text, 0, match.start()) is not None
        if name.startswith("i'") or name == "i" or name in _CALENDAR or (opens and name in _OPENERS):
            continue
        found.add(name)
    return found


def _owned(text: str) -> set[tuple[str, str]]:
    return {(match["name"].lower(), match["thing"].lower()) for match in _OWNED.finditer(text)}


def _bare(word: str) -> str:
    return word.lower().removesuffix("'s").rstrip("'&-")


def _forms(word: str) -> tuple[str, ...]:
    low = word.lower()
    return low, _bare(word), low.rstrip("s")
