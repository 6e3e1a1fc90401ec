"""Markdown: the canonical text is the text itself; markdown-it only says which lines are what. Inline marks stay unread."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from indexing.parsing.formats import plain
from indexing.parsing.types import Block, BlockKind, ParsedDocument, Source

# markdown-it takes about 2 s a MiB here; a text this large is a dump or a book, and paragraphs serve it as well.
_STRUCTURE_CHARACTERS_MAX = 4 * 1024 * 1024
_FRONT_MATTER = re.compile(r"---\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)
_HEADING_MARKS = re.compile(r"^[ ]{0,3}#{1,6}[ \t]*|[ \t]*#*[ \t]*$|\n[ ]{0,3}(?:=+|-+)[ \t]*$")
_KINDS = {
    "paragraph_open": BlockKind.PARAGRAPH,
    "heading_open": BlockKind.HEADING,
    "table_open": BlockKind.TABLE,
    "fence": BlockKind.CODE,
    "code_block": BlockKind.CODE,
    "html_block": BlockKind.PARAGRAPH,
    "list_item_open": BlockKind.LIST_ITEM,
}


def parse(text: str, source: Source) -> ParsedDocument:
    front = _FRONT_MATTER.match(text)
    body_start = front.end() if front else 0
    if len(text) - body_start > _STRUCTURE_CHARACTERS_MAX:
        blocks = plain.paragraphs(text, limits=source.limits)
    else:
        blocks = _blocks(text, body_start)
    named = _TITLE.search(front.group(1)) if front else None
    title = named.group(1) if named else _first_heading(text, blocks)
    return ParsedDocument(text=text, blocks=tuple(blocks), media_type="text/markdown", title=title and title[:300])


def heading_text(text: str) -> str:
    """A Markdown heading without its marks."""
    return _HEADING_MARKS.sub("", _HEADING_MARKS.sub("", text.strip())).strip()


def _blocks(text: str, start: int) -> list[Block]:
    reader = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table")
    reader.core.ruler.enableOnly(["normalize", "block"])  # inline marks are not needed, and are half of the time
    lines = _line_starts(text, start)
    blocks: list[Block] = []
    depth = 0
    claimed = 0  # lines below are part of a block that stands already
    for token in reader.parse(text[start:]):
        depth += token.nesting if token.type.endswith(("bullet_list_open", "ordered_list_open", "list_close")) else 0
        kind = _KINDS.get(token.type)
        if kind is None or token.map is None or token.map[0] < claimed:
            continue
        end_line = _own_end(token, kind, text, lines)
        block = _block(kind, token, text, (lines[token.map[0]], lines[min(end_line, len(lines) - 1)]), depth=depth)
        if block:
            blocks.append(block)
            claimed = end_line
    return blocks


def _own_end(token: Token, kind: BlockKind, text: str, lines: list[int]) -> int:
    """An item ends where its first paragraph does, so that nested items are items of their own."""
    assert token.map is not None
    first, last = token.map
    if kind is not BlockKind.LIST_ITEM:
        return last
    for line in range(first + 1, last):
        here = text[lines[line] : lines[line + 1]].strip()
        if not here or here[:1] in "-*+`~|>" or re.match(r"\d{1,9}[.)]\s", here):
            return line
    return last


def _block(kind: BlockKind, token: Token, text: str, span: tuple[int, int], *, depth: int) -> Block | None:
    start, end = span
    end = start + len(text[start:end].rstrip())
    if start >= end:
        return None
    level = int(token.tag[1]) if kind is BlockKind.HEADING else max(0, depth - 1) if kind is BlockKind.LIST_ITEM else 0
    header_end = start
    if kind is BlockKind.TABLE:
        header_end = start + len("\n".join(text[start:end].split("\n")[:2]))
    return Block(kind=kind, start=start, end=end, level=level, header_end=header_end)


def _line_starts(text: str, start: int) -> list[int]:
    starts = [start, *(match.end() for match in re.finditer("\n", text[start:]))]
    return [starts[0], *(start + offset for offset in starts[1:]), len(text)]


def _first_heading(text: str, blocks: list[Block]) -> str | None:
    heading = next((block for block in blocks if block.kind is BlockKind.HEADING), None)
    return heading_text(text[heading.start : heading.end]) if heading else None
