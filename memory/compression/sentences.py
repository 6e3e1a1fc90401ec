"""Where the sentences of a message begin and end, exactly: what a summary may cite. A code block, a list item, a table's row
and whatever has no blank in it stay whole. Good enough to cut between, in scripts with and without spaces; no linguistics."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

# A run of text without any end is cut at blanks, so that one message without full stops can still be cited in parts.
CHARACTERS_MAX = 600

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_ITEM = re.compile(r"[ \t]*(?:[-*•+][ \t]+|\(?\d{1,3}[.)][ \t]+|\(?[a-z][.)][ \t]+|\|)")
_END = re.compile(r"[.!?…]+[\"'”’»)\]*_]*(?=\s)|[。！？]+[」』”’）]*|[.!?…]+[\"'”’»)\]*_]*$")  # noqa: RUF001  # full-width marks
_SOFT_END = re.compile(r"[.!?:;…。！？][\"'”’»)\]*_]*$")  # noqa: RUF001  # the same
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“])(?:[A-Z]|mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|e\.g|i\.e|cf|al|fig|no|nos|vol|pp?|inc|ltd|co|corp|dept|approx|"
    r"est|ca|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|a\.m|p\.m|u\.s|u\.k|bzw|z\.b|d\.h|usw|ca|nr|str|bspw|evtl)$",
    re.IGNORECASE,
)
# After these a capital begins a sentence as often as not.
_MAY_END = frozenset({"etc", "a.m", "p.m", "inc", "ltd", "co", "corp", "usw", "u.s", "u.k", "jr", "sr", "no"})
_WORD_BEFORE = 12


class Kind(StrEnum):
    """What a span is: running text, or something that means nothing in parts."""

    PROSE = "prose"
    ITEM = "item"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """`[start, end)` in code points of the message, without white space at either end."""

    start: int
    end: int
    kind: Kind


def spans(text: str) -> Iterator[Span]:
    """The sentences of a message: ascending, apart, and together all of its text but white space."""
    position = 0
    for start, end in _fenced(text):
        yield from _lines(text, position, start)
        yield from _span(text, start, end, Kind.CODE)
        position = end
    yield from _lines(text, position, len(text))


def _fenced(text: str) -> Iterator[tuple[int, int]]:
    """Code between fences; one that is never closed goes to the end."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and fence[0].strip() == fence[1]:
            yield opened.start(), fence.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(text)


def _lines(text: str, start: int, stop: int) -> Iterator[Span]:
    """Items by line, and between them the paragraphs."""
    paragraph = position = start
    while position < stop:
        newline = text.find("\n", position, stop)
        end = stop if newline < 0 else newline
        if _ITEM.match(text, position, end):
            yield from _prose(text, paragraph, position)
            yield from _span(text, position, end, Kind.ITEM)
            paragraph = end
        elif _breaks(text, paragraph, position, end):
            yield from _prose(text, paragraph, position)
            paragraph = position
        position = end + 1
    yield from _prose(text, paragraph, stop)


def _breaks(text: str, paragraph: int, line: int, end: int) -> bool:
    """Whether a line begins something new: after an empty one, after an end mark, or with anything but a small letter."""
    before, first = text[max(paragraph, line - _WORD_BEFORE) : line].rstrip(" \t"), text[line:end].lstrip()[:1]
    return bool(not first or before.endswith("\n\n") or _SOFT_END.search(before.rstrip()) or not first.islower())


def _prose(text: str, start: int, stop: int) -> Iterator[Span]:
    begin = start
    for mark in _END.finditer(text, start, stop):
        if not _is_abbreviation(text, begin, mark, stop):
            yield from _bounded(text, begin, mark.end())
            begin = mark.end()
    yield from _bounded(text, begin, stop)


def _is_abbreviation(text: str, begin: int, mark: re.Match[str], stop: int) -> bool:
    """Whether the full stop belongs to the word before it: `Dr. Ames`, `e.g. this`."""
    if mark[0] != ".":
        return False
    found = _ABBREVIATION.search(text[max(begin, mark.start() - _WORD_BEFORE) : mark.start()])
    if found is None:
        return False
    following = text[mark.end() : stop].lstrip()[:1]
    word = found[0].strip(" \t\n(\"'“").lower()
    return not (word in _MAY_END and (following.isupper() or not following))


def _bounded(text: str, start: int, end: int) -> Iterator[Span]:
    while end - start > CHARACTERS_MAX:
        cut = max(text.rfind(blank, start + CHARACTERS_MAX // 2, start + CHARACTERS_MAX) for blank in (" ", "\n", "\t"))
        if cut < 0:
            break
        yield from _span(text, start, cut, Kind.PROSE)
        start = cut
    yield from _span(text, start, end, Kind.PROSE)


def _span(text: str, start: int, end: int, kind: Kind) -> Iterator[Span]:
    """The stretch without its white space; nothing where nothing else is left."""
    stretch = text[start:end]
    left = start + len(stretch) - len(stretch.lstrip())
    right = end - (len(stretch) - len(stretch.rstrip()))
    if left < right:
        yield Span(start=left, end=right, kind=kind)
