"""Turns the tags of a page, in order, into blocks. It knows which tags begin a line, and nothing of trees."""

from dataclasses import dataclass, field
from typing import Protocol

from indexing.parsing.text_builder import TextBuilder

_BLOCKS = frozenset((
    "address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "form", "header", "hgroup", "hr", "html", "legend", "main", "ol", "p", "section", "summary", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "caption",
))  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


class Attributed(Protocol):
    """A tag that may carry attributes."""

    @property
    def attributes(self) -> dict[str, str | None]: ...


@dataclass(slots=True)
class _Table:
    """A table that is being read. One that holds another is a layout, and its cells are plain blocks."""

    rows: list[list[str]] = field(default_factory=list["list[str]"])
    header_rows: int = 0
    in_header: bool = False
    layout: bool = False


class BlockWriter:
    """Fed with `enter`, `text` and `leave`, it writes to the builder."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._line: list[str] = []
        self._heading = 0
        self._lists: list[int] = []  # one count a list that is open; -1 where items have no numbers
        self._marker: str | None = None
        self._pre = 0
        self._tables: list[_Table] = []
        self.first_heading: str | None = None

    def text(self, text: str) -> None:
        self._line.append(text)

    def enter(self, tag: str, node: Attributed) -> None:
        if tag == "br":
            self._line.append("\n" if self._pre else " ")
        elif tag == "img":
            self._line.append(f" {node.attributes.get('alt') or ''} ")
        elif tag == "table":
            self._flush()
            self._open_table()
        elif self._in_cells():
            self._enter_cell(tag)
        elif tag in _HEADINGS:
            self._flush()
            self._heading = _HEADINGS[tag]
        elif tag in {"ul", "ol", "menu"}:
            self._flush()
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._flush()
            self._marker = self._next_marker()
        elif tag == "pre":
            self._flush()
            self._pre += 1
        elif tag in _BLOCKS:
            self._flush()

    def leave(self, tag: str) -> None:
        if tag == "table" and self._tables:
            self._close_table()
        elif self._in_cells():
            self._leave_cell(tag)
        elif tag in {"ul", "ol", "menu"}:
            self._flush()
            if self._lists:
                self._lists.pop()
        elif tag == "pre":
            self._flush()
            self._pre = max(0, self._pre - 1)
        elif tag in _BLOCKS or tag in _HEADINGS or tag == "li":
            self._flush()
            self._heading = 0
            self._marker = None if tag == "li" else self._marker

    def close(self) -> None:
        while self._tables:
            self._close_table()
        self._flush()

    def _flush(self) -> None:
        if not self._line:
            return
        raw = "".join(self._line)
        self._line = []
        if self._pre:
            self._builder.code(raw)
            return
        text = " ".join(raw.split())
        if not text:
            return
        if self._heading:
            self.first_heading = self.first_heading or text
            self._builder.heading(text, self._heading)
        elif self._marker is not None:
            self._builder.list_item(text, depth=max(0, len(self._lists) - 1), marker=self._marker)
            self._marker = "  "  # what follows in the same item stands under it
        else:
            self._builder.paragraph(text)

    def _next_marker(self) -> str:
        if not self._lists or self._lists[-1] < 0:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1]}. "

    def _in_cells(self) -> bool:
        return bool(self._tables) and not self._tables[-1].layout

    def _open_table(self) -> None:
        for outer in self._tables:
            if not outer.layout:
                outer.layout = True
                for row in outer.rows:
                    self._builder.paragraph(" ".join(row))
                outer.rows = []
        self._tables.append(_Table())

    def _close_table(self) -> None:
        table = self._tables[-1]
        if table.layout:
            self._flush()
        else:
            self._end_cell()
            self._write(table)
        self._tables.pop()

    def _write(self, table: _Table) -> None:
        rows = [[" ".join(cell.split()) for cell in row] for row in table.rows]
        if sum(1 for row in rows if any(row)) < 2 or max(sum(1 for cell in row if cell) for row in rows) < 2:
            for row in rows:
                self._builder.paragraph(" ".join(cell for cell in row if cell))
        else:
            self._builder.table(rows, header_rows=max(1, min(table.header_rows, 3)))

    def _enter_cell(self, tag: str) -> None:
        table = self._tables[-1]
        if tag == "thead":
            table.in_header = True
        elif tag == "tr":
            self._end_cell()
            table.rows.append([])
            table.header_rows += table.in_header
        elif tag in {"td", "th"}:
            self._end_cell()
            if not table.rows:
                table.rows.append([])
            table.rows[-1].append("")
        elif tag in _BLOCKS or tag in _HEADINGS or tag == "li":
            self._line.append(" ")

    def _leave_cell(self, tag: str) -> None:
        if tag == "thead":
            self._tables[-1].in_header = False
        elif tag in {"td", "th", "tr"}:
            self._end_cell()
        elif tag == "caption":
            self._builder.paragraph(" ".join("".join(self._line).split()))
            self._line = []
        elif tag in _BLOCKS or tag in _HEADINGS or tag == "li":
            self._line.append(" ")

    def _end_cell(self) -> None:
        table = self._tables[-1]
        text = " ".join("".join(self._line).split())
        self._line = []
        if not text:
            return
        if not table.rows:
            table.rows.append([])
        if not table.rows[-1]:
            table.rows[-1].append("")
        table.rows[-1][-1] = f"{table.rows[-1][-1]} {text}".strip()
