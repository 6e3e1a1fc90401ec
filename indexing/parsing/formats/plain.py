"""Plain text and source code: the canonical text is the text itself, so spans address what the user sent."""

import re

from indexing.parsing.types import Block, BlockKind, ParsedDocument, ParseLimits, Source

_BLANK_LINES = re.compile(r"\n[ \t\f\v]*\n\s*")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S")
# A definition at the left margin in most languages; chunks of code are cut there first.
_DEFINITION = re.compile(
    r"^(?:export\s+|public\s+|private\s+|static\s+|async\s+|pub\s+)*"
    r"(?:def|class|function|func|fn|interface|struct|enum|impl|trait|module|package|CREATE|create|@\w)\b",
    re.MULTILINE,
)


def parse(text: str, source: Source) -> ParsedDocument:
    blocks = paragraphs(text, limits=source.limits)
    return ParsedDocument(text=text, blocks=tuple(blocks), media_type="text/plain", title=None)


def parse_code(text: str, source: Source) -> ParsedDocument:
    """One block per definition at the margin, comments and decorators above it included where they touch it."""
    starts = [0, *(match.start() for match in _DEFINITION.finditer(text))][: source.limits.blocks_max]
    starts = sorted({_with_lead(text, start) for start in starts})
    blocks = [
        Block(kind=BlockKind.CODE, start=start, end=start + len(text[start:end].rstrip()))
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
        if text[start:end].strip()
    ]
    return ParsedDocument(text=text, blocks=tuple(blocks), media_type="text/x-source", title=None)


def paragraphs(text: str, *, limits: ParseLimits, start: int = 0, end: int | None = None) -> list[Block]:
    """Stretches between empty lines in `[start, end)`. Past the limit on blocks the rest is one block."""
    stop = len(text) if end is None else end
    blocks: list[Block] = []
    position = start
    for gap in _BLANK_LINES.finditer(text, start, stop):
        if len(blocks) >= limits.blocks_max:
            break
        _append(blocks, text, position, gap.start())
        position = gap.end()
    _append(blocks, text, position, stop)
    return blocks


def _append(blocks: list[Block], text: str, start: int, end: int) -> None:
    stretch = text[start:end]
    body = stretch.strip()
    if not body:
        return
    left = start + len(stretch) - len(stretch.lstrip())
    kind = BlockKind.LIST_ITEM if _LIST_ITEM.match(body) else BlockKind.PARAGRAPH
    blocks.append(Block(kind=kind, start=left, end=left + len(body)))


def _with_lead(text: str, start: int) -> int:
    """Moves up over the lines that touch a definition from above: its comments and decorators."""
    while start > 0:
        previous = text.rfind("\n", 0, start - 1) + 1
        line = text[previous : start - 1]
        if not line.strip() or line[0] not in "@#/*-[ " or (line[0] == " " and not line.lstrip().startswith("*")):
            return start
        start = previous
    return start
