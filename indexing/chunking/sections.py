"""What stands under which heading: blocks become sections, and sections far below the target join their neighbours."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from indexing.chunking.tokens import TokenMap
from indexing.chunking.units import Unit, UnitKind, trimmed
from indexing.parsing.types import Block, BlockKind, ParsedDocument

_MARKS = re.compile(r"^\s{0,3}#{1,6}\s+|\s+#+\s*$|\n\s*(?:=+|-+)\s*$")
_INLINE = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*`]+")
_KINDS = {
    BlockKind.PARAGRAPH: UnitKind.PROSE,
    BlockKind.LIST_ITEM: UnitKind.ITEM,
    BlockKind.TABLE: UnitKind.TABLE,
    BlockKind.CODE: UnitKind.CODE,
    BlockKind.HEADING: UnitKind.HEADING,
}
_HEADING_CHARACTERS_MAX = 300
_INTRODUCTION_TOKENS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """`start` is where it stands in the text."""

    text: str
    level: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Units that stand under the same headings on the same page. `bare` while it holds nothing but headings."""

    path: tuple[Heading, ...]
    units: tuple[Unit, ...]
    page: int | None
    tokens: int
    bare: bool


def sections_of(document: ParsedDocument, tokens: TokenMap) -> list[Section]:
    """All visible text, in order. Cut at headings and at page ends, so that a passage has one place."""
    is_markdown = document.media_type == "text/markdown"
    sections: list[Section] = []
    path: tuple[Heading, ...] = ()
    units: list[Unit] = []
    bare = True
    for block in _all_blocks(document):
        if block.kind is BlockKind.HEADING or (units and units[-1].page != block.page):
            _close(sections, path, units, (document.text, bare))
            units, bare = [], True
        if block.kind is BlockKind.HEADING:
            label = _label(document.text[block.start : block.end], is_markdown=is_markdown)
            above = (heading for heading in path if heading.level < block.level)
            path = (*above, Heading(text=label, level=block.level, start=block.start))
        else:
            bare = False
        units.append(_unit(block, tokens))
    _close(sections, path, units, (document.text, bare))
    return sections


def merged(sections: Sequence[Section], *, target: int, small: int) -> list[Section]:
    """Joins neighbours on one page under a common parent while one of them is below `small` and both fit `target`."""
    joined: list[Section] = []
    for section in sections:
        last = joined[-1] if joined else None
        if last and _may_join(last, section, target=target, small=small):
            joined[-1] = _join(last, section)
        else:
            joined.append(section)
    return joined


def _may_join(first: Section, second: Section, *, target: int, small: int) -> bool:
    if first.page != second.page or first.tokens + second.tokens > target:
        # A heading stands with what it heads, however long that is.
        return first.bare and first.page == second.page and _is_above(first.path, second.path)
    if not (first.tokens < small or second.tokens < small):
        return False
    return _is_above(first.path, second.path) or first.path[:-1] == second.path[: len(first.path[:-1])]


def _is_above(upper: tuple[Heading, ...], lower: tuple[Heading, ...]) -> bool:
    return lower[: len(upper)] == upper


def _join(first: Section, second: Section) -> Section:
    path = second.path if first.bare and _is_above(first.path, second.path) else _common(first.path, second.path)
    return Section(
        path=path,
        units=first.units + second.units,
        page=first.page,
        tokens=first.tokens + second.tokens,
        bare=first.bare and second.bare,
    )


def _common(first: tuple[Heading, ...], second: tuple[Heading, ...]) -> tuple[Heading, ...]:
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    return first[:length]


def _close(sections: list[Section], path: tuple[Heading, ...], units: list[Unit], rest: tuple[str, bool]) -> None:
    text, bare = rest
    if units:
        grouped = tuple(_grouped(units, text))
        total = sum(unit.tokens for unit in units)
        sections.append(Section(path=path, units=grouped, page=units[0].page, tokens=total, bare=bare))


def _grouped(units: Sequence[Unit], text: str) -> Iterator[Unit]:
    """Items of one list as one unit, and the line that announces a list, a table or code with what it announces."""
    position = 0
    while position < len(units):
        first = units[position]
        announces = (
            first.kind is UnitKind.PROSE and first.tokens <= _INTRODUCTION_TOKENS_MAX and text[first.end - 1] in ":\uff1a"
        )
        begin = position + 1 if announces else position
        end = begin
        while end < len(units) and units[end].kind is UnitKind.ITEM:
            end += 1
        if announces and end == begin < len(units) and units[begin].kind in {UnitKind.TABLE, UnitKind.CODE}:
            end += 1
        end = max(end, position + 1)
        yield first if end == position + 1 else _group(units[position:end])
        position = end


def _group(units: Sequence[Unit]) -> Unit:
    return Unit(
        kind=UnitKind.GROUP,
        start=units[0].start,
        end=units[-1].end,
        tokens=sum(unit.tokens for unit in units),
        page=units[0].page,
        parts=tuple(units),
    )


def _all_blocks(document: ParsedDocument) -> Iterator[Block]:
    """The blocks, and a paragraph for visible text that no block claims: nothing is lost to a parser's gap."""
    position, page = 0, None
    for block in document.blocks:
        yield from _unclaimed(document.text, position, block.start, page)
        start, end = trimmed(document.text, block.start, block.end)
        if start < end:
            yield replace(block, start=start, end=end, header_end=max(start, min(block.header_end, end)))
        position, page = block.end, block.page
    yield from _unclaimed(document.text, position, len(document.text), page)


def _unclaimed(text: str, start: int, end: int, page: int | None) -> Iterator[Block]:
    start, end = trimmed(text, start, end)
    if start < end:
        yield Block(kind=BlockKind.PARAGRAPH, start=start, end=end, page=page, header_end=start)


def _unit(block: Block, tokens: TokenMap) -> Unit:
    header = (block.start, block.header_end) if block.kind is BlockKind.TABLE and block.header_end > block.start else None
    return Unit(
        kind=_KINDS[block.kind],
        start=block.start,
        end=block.end,
        tokens=tokens.count(block.start, block.end),
        page=block.page,
        header=header,
    )


def _label(text: str, *, is_markdown: bool) -> str:
    label = " ".join(text.split())
    if is_markdown:
        label = " ".join(_INLINE.sub(lambda match: match.group(1) or "", _MARKS.sub("", _MARKS.sub("", text))).split())
    return label[:_HEADING_CHARACTERS_MAX]
