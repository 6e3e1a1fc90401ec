"""DOCX and DOCM: the body in order, headings with levels, lists, tables in place, text boxes, footnotes after."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any, cast

from docx.document import Document as OpenDocument
from docx.opc.exceptions import OpcError
from docx.opc.part import PartFactory
from docx.package import Package
from docx.parts.document import DocumentPart

from indexing.parsing import archives, faults
from indexing.parsing.ooxml import LXML_ERROR, Element, read_element
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_SKIPPED = {f"{_MC}Fallback", f"{_W}del", f"{_W}instrText", f"{_W}pPr", f"{_W}rPr", f"{_W}moveFrom"}
_TRANSPARENT = {f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}smartTag", f"{_W}customXml", f"{_W}moveTo"}
_STYLES_DEEP_MAX = 12
_MAIN_PARTS = (
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
)


def parse(source: Source) -> ParsedDocument:
    archives.refuse_entities(source.content)
    try:
        document = _open(source.content)
    except (OpcError, zipfile.BadZipFile, KeyError, ValueError, AttributeError, LXML_ERROR, OSError) as flaw:
        raise faults.corrupt("the Word document", type(flaw).__name__) from flaw
    builder = TextBuilder(source.limits)
    builder.title = document.core_properties.title or None
    _Body(document, builder).write()
    return builder.build(archives.DOCX)


def _open(content: bytes) -> OpenDocument:
    """`docx.Document` refuses documents with macros and templates, whose text is written the same way."""
    for kind in _MAIN_PARTS:
        PartFactory.part_type_for[kind] = DocumentPart
    part: Any = Package.open(io.BytesIO(content)).main_document_part
    return part.document


class _Body:
    """One walk over the body; knows the styles and footnotes of its document."""

    def __init__(self, document: OpenDocument, builder: TextBuilder) -> None:
        self._body = cast("Element", cast("Any", document.element).body)
        self._builder = builder
        self._styles = _styles(document)
        self._footnotes = _notes(document, "footnotes")
        self._endnotes = _notes(document, "endnotes")

    def write(self) -> None:
        for element in _children(self._body):
            if element.tag == f"{_W}p":
                self._paragraph(element)
            elif element.tag == f"{_W}tbl":
                self._table(element)

    def _paragraph(self, element: Element) -> None:
        text = _text_of(element)
        if text.strip():
            self._write(element, text)
        for box in _boxes(element):
            for inner in _children(box):
                if inner.tag == f"{_W}p":
                    self._paragraph(inner)
                elif inner.tag == f"{_W}tbl":
                    self._table(inner)
        self._notes_of(element)

    def _write(self, element: Element, text: str) -> None:
        level, listed = _style_of(element, self._styles)
        if level:
            self._builder.heading(text, level)
            if level == 1 and not self._builder.title:
                self._builder.title = text
        elif listed is not None:
            self._builder.list_item(text, depth=listed)
        else:
            self._builder.paragraph(text)

    def _notes_of(self, element: Element) -> None:
        for tag, notes in (("footnoteReference", self._footnotes), ("endnoteReference", self._endnotes)):
            for reference in element.iter(f"{_W}{tag}"):
                note = notes.get(reference.get(f"{_W}id") or "")
                if note:
                    self._builder.paragraph(note)

    def _table(self, table: Element) -> None:
        rows = [[_cell_text(cell) for cell in _cells(row)] for row in _rows(table)]
        if len(rows) == 1 or max((len(row) for row in rows), default=0) == 1:
            for row in rows:  # a frame around text, not a table
                for cell in row:
                    self._builder.paragraph(cell)
        else:
            self._builder.table(rows)


def _children(element: Element) -> Iterator[Element]:
    """Block children, seen through content controls and tracked insertions."""
    stack = list(reversed(element))
    while stack:
        child = stack.pop()
        if child.tag in _TRANSPARENT:
            stack += reversed(child)
        elif isinstance(child.tag, str):
            yield child


def _rows(table: Element) -> Iterator[Element]:
    return (child for child in _children(table) if child.tag == f"{_W}tr")


def _cells(row: Element) -> Iterator[Element]:
    return (child for child in _children(row) if child.tag == f"{_W}tc")


def _cell_text(cell: Element) -> str:
    return " ".join(_text_of(paragraph) for paragraph in cell.iter(f"{_W}p"))


def _text_of(element: Element) -> str:
    """The words of one paragraph; text boxes inside it and text that was deleted are left to others."""
    parts: list[str] = []
    stack = list(reversed(element))
    while stack:
        node = stack.pop()
        if node.tag == f"{_W}t":
            parts.append(node.text or "")
        elif node.tag in {f"{_W}tab", f"{_W}ptab"}:
            parts.append("\t")
        elif node.tag in {f"{_W}br", f"{_W}cr"}:
            parts.append("\n")
        elif node.tag in {f"{_W}noBreakHyphen", f"{_W}softHyphen"}:
            parts.append("-" if node.tag == f"{_W}noBreakHyphen" else "")
        elif node.tag not in _SKIPPED and node.tag != f"{_W}txbxContent":
            stack += reversed(node)
    return "".join(parts).strip()


def _boxes(element: Element) -> Iterator[Element]:
    """Text boxes of a paragraph, each once: Word writes them twice, the second time for old programs."""
    for box in element.iter(f"{_W}txbxContent"):
        if not any(parent.tag == f"{_MC}Fallback" for parent in box.iterancestors()):
            yield box


def _styles(document: OpenDocument) -> dict[str, tuple[int, bool]]:
    """Style id → (heading level or 0, whether its paragraphs are list items), inherited where a style says nothing."""
    elements: dict[str, Element] = {}
    for style in cast("Element", document.styles.element).iter(f"{_W}style"):
        elements[style.get(f"{_W}styleId") or ""] = style
    return {name: _style_kind(style, elements) for name, style in elements.items()}


def _style_kind(style: Element, elements: dict[str, Element]) -> tuple[int, bool]:
    level, listed = 0, False
    for _ in range(_STYLES_DEEP_MAX):
        name = (_value(style, "name") or "").lower()
        if name == "title":
            level = level or 1
        elif name.startswith("heading ") and name[8:].isdigit():
            level = level or int(name[8:])
        outline = style.find(f"{_W}pPr/{_W}outlineLvl")
        if outline is not None and not level:
            level = _level(outline.get(f"{_W}val"))
        listed = listed or name.startswith("list ") or style.find(f"{_W}pPr/{_W}numPr") is not None
        following = elements.get(_value(style, "basedOn") or "")
        if following is None:
            break
        style = following
    return level, listed and not level


def _style_of(paragraph: Element, styles: dict[str, tuple[int, bool]]) -> tuple[int, int | None]:
    """(heading level or 0, list depth or None) of one paragraph."""
    properties = paragraph.find(f"{_W}pPr")
    if properties is None:
        return 0, None
    level, listed = styles.get(_value(properties, "pStyle") or "", (0, False))
    outline = properties.find(f"{_W}outlineLvl")
    if outline is not None and not level:
        level = _level(outline.get(f"{_W}val"))
    numbering = properties.find(f"{_W}numPr")
    if level or (numbering is None and not listed):
        return level, None
    depth = _value(numbering, "ilvl") if numbering is not None else "0"
    return 0, int(depth) if depth and depth.isdigit() else 0


def _level(raw: str | None) -> int:
    """Word counts outline levels from 0 to 8; 9 is body text."""
    return int(raw) + 1 if raw and raw.isdigit() and int(raw) < 9 else 0


def _value(element: Element, name: str) -> str | None:
    found = element.find(f"{_W}{name}")
    return None if found is None else found.get(f"{_W}val")


def _notes(document: OpenDocument, kind: str) -> dict[str, str]:
    for relation in document.part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            try:
                root = read_element(relation.target_part.blob)
            except LXML_ERROR:
                return {}
            return {
                note.get(f"{_W}id") or "": " ".join(_text_of(paragraph) for paragraph in note.iter(f"{_W}p")).strip()
                for note in root
                if note.get(f"{_W}type") is None
            }
    return {}
