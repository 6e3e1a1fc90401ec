"""Writes canonical text block by block and remembers where each block stands. It decides nothing about formats."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from indexing.parsing import faults
from indexing.parsing.charset import storable
from indexing.parsing.types import Block, BlockKind, Child, ParsedDocument, ParseLimits

CELL_SEPARATOR = " | "


class TextBuilder:
    """Blocks are set apart by an empty line, items of one list by a line end. Empty blocks are dropped."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._page: int | None = None
        self.title: str | None = None
        self.children: list[Child] = []
        self.warnings: list[str] = []

    def page(self, number: int) -> None:
        """Everything added from here on stands on this page."""
        self._page = number

    def heading(self, text: str, level: int) -> None:
        self._add(BlockKind.HEADING, " ".join(text.split()), level=max(1, min(level, 9)))

    def paragraph(self, text: str) -> None:
        self._add(BlockKind.PARAGRAPH, text.strip())

    def list_item(self, text: str, *, depth: int = 0, marker: str = "- ") -> None:
        body = text.strip()
        if body:
            self._add(BlockKind.LIST_ITEM, f"{'  ' * min(depth, 8)}{marker}{body}", level=min(depth, 8))

    def code(self, text: str) -> None:
        self._add(BlockKind.CODE, text.strip("\n"))

    def table(self, rows: Iterable[Sequence[str]], *, header_rows: int = 1) -> None:
        """Rows become `a | b | c` lines without the columns that are empty in all of them. No header for a single row."""
        lines = [CELL_SEPARATOR.join(row).strip() for row in _without_empty_columns(_clean(rows))]
        lines = [line for line in lines if line.strip("| ")]
        header = "\n".join(lines[:header_rows]) if len(lines) > header_rows else ""
        self._add(BlockKind.TABLE, "\n".join(lines), header_length=len(header))

    def child(self, child: Child) -> None:
        """Refused past the limits, out loud."""
        if len(self.children) >= self._limits.children_max:
            raise faults.too_large("attachments", value="more", limit=self._limits.children_max)
        size = len(child.content)
        room = self._limits.children_bytes_max - sum(len(other.content) for other in self.children)
        if size > min(room, self._limits.child_bytes_max):
            limit = min(room, self._limits.child_bytes_max)
            self.warnings.append(f"an attachment of {size} bytes is left out: the room for attachments is {limit} bytes")
        else:
            self.children.append(child)

    def build(self, media_type: str, *, pages: int | None = None) -> ParsedDocument:
        return ParsedDocument(
            text="".join(self._parts),
            blocks=tuple(self._blocks),
            media_type=media_type,
            title=_clean_title(self.title),
            pages=pages,
            children=tuple(self.children),
            warnings=tuple(self.warnings),
        )

    @property
    def blocks(self) -> Sequence[Block]:
        return self._blocks

    def _add(self, kind: BlockKind, text: str, *, level: int = 0, header_length: int = 0) -> None:
        if not text:
            return
        text = storable(text)
        gap = self._gap(kind)
        start = self._length + len(gap)
        end = start + len(text)
        if end > self._limits.text_characters_max:
            raise faults.too_large("characters of text", value="more", limit=self._limits.text_characters_max)
        self._parts += (gap, text)
        self._length = end
        if len(self._blocks) >= self._limits.blocks_max:
            # A dump of small records: from here on they are one long paragraph, and cut like one.
            self._blocks[-1] = replace(self._blocks[-1], kind=BlockKind.PARAGRAPH, end=end)
            return
        header_end = start + header_length
        self._blocks.append(Block(kind=kind, start=start, end=end, level=level, page=self._page, header_end=header_end))

    def _gap(self, kind: BlockKind) -> str:
        if not self._blocks:
            return ""
        last = self._blocks[-1]
        same_list = kind is BlockKind.LIST_ITEM and last.kind is BlockKind.LIST_ITEM and last.page == self._page
        return "\n" if same_list else "\n\n"


def _clean(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    return [[" ".join(cell.split()) for cell in row] for row in rows]


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    width = max((len(row) for row in rows), default=0)
    used = [False] * width
    for row in rows:
        for column, cell in enumerate(row):
            if cell:
                used[column] = True
    if all(used):
        return rows
    return [[cell for column, cell in enumerate(row) if used[column]] for row in rows]


def _clean_title(title: str | None) -> str | None:
    return (" ".join(storable(title).split())[:300] or None) if title else None
