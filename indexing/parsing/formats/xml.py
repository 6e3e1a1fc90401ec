"""XML of any vocabulary: text nodes in order, `title`-like elements as headings of what holds them, tables as rows."""

from collections.abc import Iterator
from typing import cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from indexing.parsing import faults
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

_TITLES = frozenset({"title", "article-title", "head", "heading", "headline"})
_ROWS = frozenset({"tr", "row"})
_MARKUP_INSIDE = frozenset((
    "a", "b", "i", "u", "em", "strong", "italic", "bold", "sub", "sup", "span", "code", "emph", "ext-link", "xref",
    "inline-formula", "named-content", "sc", "ulink", "underline", "monospace", "small", "tt", "email", "uri",
    "styled-content",
))  # fmt: skip


def parse(text: str, source: Source) -> ParsedDocument:
    try:
        root: Element = fromstring(text, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as refused:
        raise faults.corrupt("the XML", "it declares entities or points outside itself, which is not read") from refused
    except (ParseError, ValueError) as flaw:
        raise faults.corrupt("the XML", "it is not well formed") from flaw
    builder = TextBuilder(source.limits)
    _walk(root, builder)
    return builder.build("application/xml")


def _walk(root: Element, builder: TextBuilder) -> None:
    """Depth first with a stack of its own: the nesting is the sender's. `level` counts ancestors that have a title."""
    stack: list[tuple[Element, int]] = [(root, 0)]
    while stack:
        element, level = stack.pop()
        name = _name(element)
        if name in _TITLES:
            _title(element, level, builder)
        elif name == "table":
            builder.table(_rows(element))
        elif _is_text(element):
            builder.paragraph(_text(element))
        else:
            inner = level + any(_name(child) in _TITLES for child in element)
            stack += [(child, inner) for child in reversed(element)]


def _title(element: Element, level: int, builder: TextBuilder) -> None:
    text = _text(element)
    builder.title = builder.title or text
    builder.heading(text, max(1, level))


def _is_text(element: Element) -> bool:
    """It holds words of its own, or nothing but marks inside a line."""
    if (element.text or "").strip() or len(element) == 0:
        return True
    return any((child.tail or "").strip() or _name(child) in _MARKUP_INSIDE for child in element)


def _rows(table: Element) -> Iterator[list[str]]:
    for row in table.iter():
        if _name(row) in _ROWS:
            yield [_text(cell) for cell in row]


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _name(element: Element) -> str:
    tag = cast("object", element.tag)  # a function for comments and processing instructions
    return tag.rsplit("}", 1)[-1].lower() if isinstance(tag, str) else ""
