"""What chunks are packed from: stretches that stay whole where they fit, and how each falls apart where it does not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from indexing.chunking.sentences import sentence_ends
from indexing.chunking.tokens import TokenMap

_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_CLAUSE = re.compile(r"\n|(?<=[;:,、\uff0c\uff1b]) |(?<=[、\uff0c\uff1b])| \| ")
_LINE = re.compile(r"\n")
_SENTENCE_TOKENS_MIN = 4
_PIECE_TOKENS_MIN = 12
_CELL = re.compile(r" \| |\t|(?<=[,;]) ?")


class UnitKind(StrEnum):
    """From whole to fine. A group falls apart into its parts, a word run into windows of tokens."""

    GROUP = "group"
    HEADING = "heading"
    PROSE = "prose"
    ITEM = "item"
    TABLE = "table"
    CODE = "code"
    SENTENCE = "sentence"
    ROW = "row"
    LINES = "lines"
    LINE = "line"
    CLAUSE = "clause"
    WORDS = "words"


_PROSE_KINDS = frozenset({UnitKind.PROSE, UnitKind.ITEM, UnitKind.SENTENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A stretch that begins and ends with something visible. `header` is the span of its table's header."""

    kind: UnitKind
    start: int
    end: int
    tokens: int
    page: int | None = None
    header: tuple[int, int] | None = None
    parts: tuple["Unit", ...] = field(default=())

    @property
    def overlaps(self) -> bool:
        """Whether its last sentences may be repeated at the head of the next chunk."""
        return self.kind in _PROSE_KINDS


def fall_apart(unit: Unit, tokens: TokenMap, *, window: int) -> list[Unit]:
    """Finer units, in order, that cover all of it; windows of `window` tokens at the finest. Never empty, never itself
    unless it is one window."""
    match unit.kind:
        case UnitKind.GROUP:
            return list(unit.parts)
        case UnitKind.HEADING | UnitKind.PROSE | UnitKind.ITEM:
            return _cut(unit, tokens, UnitKind.SENTENCE, sentence_ends(tokens.text, unit.start, unit.end))
        case UnitKind.TABLE:
            return _rows(unit, tokens)
        case UnitKind.CODE:
            return _cut(unit, tokens, UnitKind.LINES, _ends(_BLANK_LINE, unit, tokens))
        case UnitKind.LINES:
            return _cut(unit, tokens, UnitKind.LINE, _ends(_LINE, unit, tokens))
        case UnitKind.ROW:
            return _cut(unit, tokens, UnitKind.WORDS, _ends(_CELL, unit, tokens))
        case UnitKind.SENTENCE | UnitKind.LINE:
            return _cut(unit, tokens, UnitKind.CLAUSE, _ends(_CLAUSE, unit, tokens))
        case UnitKind.CLAUSE | UnitKind.WORDS:
            return _windows(unit, tokens, window)


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch without white space at its ends; empty when it has nothing else."""
    body = text[start:end]
    left = len(body) - len(body.lstrip())
    return start + left, start + max(left, len(body.rstrip()))


def _cut(unit: Unit, tokens: TokenMap, kind: UnitKind, ends: Iterator[int]) -> list[Unit]:
    """Pieces between the ends; crumbs stay together, or four million lines of one word would be as many units."""
    least = _SENTENCE_TOKENS_MIN if kind is UnitKind.SENTENCE else _PIECE_TOKENS_MIN
    units: list[Unit] = []
    start = unit.start
    for end in ends:
        if tokens.count(start, end) >= least:
            _append(units, _part(unit, kind, tokens, trimmed(tokens.text, start, end)))
            start = end
    _append(units, _part(unit, kind, tokens, trimmed(tokens.text, start, unit.end)))
    return units


def _append(units: list[Unit], unit: Unit) -> None:
    if unit.start < unit.end:
        units.append(unit)


def _part(unit: Unit, kind: UnitKind, tokens: TokenMap, span: tuple[int, int]) -> Unit:
    start, end = span
    count = tokens.count(start, end)
    return Unit(kind=kind, start=start, end=end, tokens=count, page=unit.page, header=unit.header)


def _ends(pattern: re.Pattern[str], unit: Unit, tokens: TokenMap) -> Iterator[int]:
    return (match.end() for match in pattern.finditer(tokens.text, unit.start, unit.end))


def _rows(unit: Unit, tokens: TokenMap) -> list[Unit]:
    """Rows; the header goes with the first row below it."""
    if unit.header is None:
        return _cut(unit, tokens, UnitKind.ROW, _ends(_LINE, unit, tokens))
    first = _LINE.search(tokens.text, min(unit.header[1] + 1, unit.end), unit.end)
    if first is None:
        return [_part(unit, UnitKind.LINES, tokens, (unit.start, unit.end))]
    head = _part(unit, UnitKind.LINES, tokens, trimmed(tokens.text, unit.start, first.end()))
    rest = _part(unit, UnitKind.TABLE, tokens, trimmed(tokens.text, first.end(), unit.end))
    return [head, *_cut(rest, tokens, UnitKind.ROW, _ends(_LINE, rest, tokens))]


def _windows(unit: Unit, tokens: TokenMap, window: int) -> list[Unit]:
    """Runs of `window` tokens, moved back to white space where there is some in the last half of the run."""
    units: list[Unit] = []
    start = unit.start
    while start < unit.end:
        end = _word_end(tokens.text, start, tokens.after(start, window, unit.end), unit.end)
        left, right = trimmed(tokens.text, start, end)
        if left < right:
            units.append(_part(unit, UnitKind.WORDS, tokens, (left, right)))
        start = end
    return units


def _word_end(text: str, start: int, end: int, stop: int) -> int:
    if end >= stop or text[end].isspace() or text[end - 1].isspace():
        return end
    for offset in range(end - 1, start + (end - start) // 2, -1):
        if text[offset].isspace():
            return offset
    return end
