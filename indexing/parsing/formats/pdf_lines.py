"""Which lines of a PDF page are headings, table rows, list items or prose. Pure: it sees lines, never the file."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from indexing.parsing.text_builder import TextBuilder

# pdfium puts one of these where a word was cut at a line's end.
_CUT_MARKS = "\x02\ufffe\u00ad"
_BULLET = re.compile(r"^(?:[•●○▪■◦‣∙\u2013\-*·]|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)])\s+\S")
_NUMBER = re.compile(r"\(?[$€£]?\(?\d[\d,.]*\)?%?|[—\u2013-]")
# Words that announce a division of a report or a book, the larger the division the lower the level.
_DIVISIONS = (
    (1, re.compile(r"part\s+[ivx]+\b[.:]?", re.IGNORECASE)),
    (2, re.compile(r"(?:item|chapter|article|appendix|exhibit|annex)\s+(?:\d+[a-c]?|[ivx]+|[a-z])\b[.:]?", re.IGNORECASE)),
    (3, re.compile(r"note\s+\d+\b[.:]?", re.IGNORECASE)),
)
_ENDS_IN_PAGE_NUMBER = re.compile(r"\D\s\d{1,4}$|\.{4}")
_LARGE_LEVEL, _BOLD_LEVEL = 4, 7
# A page with more than this many is a list of contents or a poster, and heads nothing.
_HEADINGS_PER_PAGE_MAX = 12
_NUMBER_ENDS = "%)$\u20ac\u00a3-\u2013\u2014"
_UNITS = frozenset({"$", "%", ")", "\u20ac", "\u00a3"})
_HEADING_CHARACTERS_MAX = 110
_HEADING_SENTENCE_MAX = 70
_BOLD_RUN_MAX = 2
_LARGER_BY = 1.12
_REPEATED_ON_PAGES = 3
_FULL_LINE = 0.72


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as pdfium gives it. `height` is 0 where the type was not asked for."""

    text: str
    height: float = 0.0
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`number` counts from 1."""

    number: int
    lines: tuple[Line, ...]


def write_pages(pages: Sequence[Page], builder: TextBuilder) -> None:
    """Adds every line of every page; running heads stay text and are no headings."""
    body = _body_height(pages)
    running = _running_lines(pages)
    levels = _levels(pages, body, running)
    for page in pages:
        builder.page(page.number)
        _write_page(_without_cuts(page.lines), builder, _Look(body=body, running=running, levels=levels))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What the whole document says about one line. `levels` maps heights of large type to heading levels."""

    body: float
    running: frozenset[str]
    levels: dict[float, int]

    def level(self, line: Line) -> int:
        """The heading level of a line by itself, 0 for none."""
        level = _division(line) or self._level_of_type(line)
        return level if level and _may_be_heading(line.text) and line.text not in self.running else 0

    def _level_of_type(self, line: Line) -> int:
        if line.height >= self.body * _LARGER_BY:
            return self.levels.get(line.height, _BOLD_LEVEL - 1)
        return _BOLD_LEVEL if line.bold else 0


def _division(line: Line) -> int:
    """1 to 3 for lines such as `Item 7. Results`, which stand by themselves in a report whatever their type."""
    for level, pattern in _DIVISIONS:
        match = pattern.match(line.text)
        if match:
            rest = line.text[match.end() :].lstrip(" -\u2013—.:[(")
            return level if not rest or rest[0].isupper() else 0
    return 0


def _write_page(lines: Sequence[Line], builder: TextBuilder, look: _Look) -> None:
    width = max((len(line.text) for line in lines), default=0)
    levels = [0 if _is_bold_prose(lines, number) else look.level(line) for number, line in enumerate(lines)]
    if sum(1 for level in levels if level) > _HEADINGS_PER_PAGE_MAX:
        levels = [0] * len(lines)
    prose: list[str] = []
    rows: list[str] = []
    for line, level in zip(lines, levels, strict=True):
        is_row = not level and _is_row(line.text)
        if level or is_row:
            _write_prose(prose, builder)
        if not is_row:
            _write_rows(rows, builder)
        if level:
            builder.heading(line.text, level)
        elif is_row:
            rows.append(line.text)
        else:
            if _BULLET.match(line.text) or not line.text:
                _write_prose(prose, builder)
            if line.text:
                prose.append(line.text)
            if len(line.text) < _FULL_LINE * width and line.text.endswith((".", ":", "?", "!")):
                _write_prose(prose, builder)
    _write_prose(prose, builder)
    _write_rows(rows, builder)


def _write_prose(lines: list[str], builder: TextBuilder) -> None:
    if lines:
        text = "\n".join(lines)
        if _BULLET.match(text):
            builder.list_item(text, marker="")
        else:
            builder.paragraph(text)
        lines.clear()


def _write_rows(rows: list[str], builder: TextBuilder) -> None:
    if rows:
        builder.table([[row] for row in rows], header_rows=0)
        rows.clear()


def _is_row(text: str) -> bool:
    """A line of a table: numbers stand at its end, two of them or more."""
    if not text or (text[-1] not in _NUMBER_ENDS and not text[-1].isdigit()):
        return False  # nearly every line of prose ends here
    words = text.split()
    if not 2 <= len(words) <= 40:
        return False
    last = [word in _UNITS or _NUMBER.fullmatch(word) is not None for word in words[-4:]]
    return sum(last) >= 2 and any(last[-2:])


def _may_be_heading(text: str) -> bool:
    if not 3 <= len(text) <= _HEADING_CHARACTERS_MAX or not (text[0].isupper() or text[0].isdigit() or text[0] > "\u2fff"):
        return False
    if text.endswith((",", ";", ":")) or (text.endswith(".") and len(text) > _HEADING_SENTENCE_MAX):
        return False
    letters = sum(character.isalpha() for character in text)
    return letters >= 3 and letters >= 0.5 * len(text.replace(" ", "")) and not _ENDS_IN_PAGE_NUMBER.search(text)


def _is_bold_prose(lines: Sequence[Line], number: int) -> bool:
    """Bold lines in a row are a paragraph in bold, not headings; two may be one long heading."""
    first = last = number
    while number - first < _BOLD_RUN_MAX and first > 0 and lines[first - 1].bold:
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].bold and last - first < _BOLD_RUN_MAX:
        last += 1
    return lines[number].bold and last - first >= _BOLD_RUN_MAX


def _body_height(pages: Sequence[Page]) -> float:
    """The height that most characters have."""
    heights: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            if line.height:
                heights[line.height] += len(line.text)
    return heights.most_common(1)[0][0] if heights else 1_000.0


def _running_lines(pages: Sequence[Page]) -> frozenset[str]:
    """Lines that stand on several pages: heads, feet, watermarks."""
    counts = Counter(text for page in pages for text in {line.text for line in page.lines} if text)
    most = max(_REPEATED_ON_PAGES, len(pages) // 20)
    return frozenset(text for text, count in counts.items() if count >= most)


def _levels(pages: Sequence[Page], body: float, running: frozenset[str]) -> dict[float, int]:
    """The larger the type, the higher the heading; three levels at most, by heights that head something."""
    heights = {
        line.height
        for page in pages
        for line in page.lines
        if line.height >= body * _LARGER_BY and line.text not in running and _may_be_heading(line.text)
    }
    ranked = sorted(heights, reverse=True)
    span = _BOLD_LEVEL - _LARGE_LEVEL
    return {height: _LARGE_LEVEL + index * span // max(span, len(ranked)) for index, height in enumerate(ranked)}


def _without_cuts(lines: Sequence[Line]) -> list[Line]:
    """Joins a word that was cut at a line's end, where pdfium marked the cut. A hyphen that was typed stays."""
    joined: list[Line] = []
    for line in lines:
        text = line.text
        if joined and joined[-1].text.endswith(tuple(_CUT_MARKS)):
            previous = joined.pop()
            joined.append(Line(text=previous.text.rstrip(_CUT_MARKS) + text, height=previous.height, bold=previous.bold))
        else:
            joined.append(line)
    return [Line(text=line.text.translate(_NO_MARKS), height=line.height, bold=line.bold) for line in joined]


_NO_MARKS = {ord(mark): None for mark in _CUT_MARKS}
