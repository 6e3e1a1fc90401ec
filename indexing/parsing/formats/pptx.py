"""PPTX and PPTM: a slide is a page, its title a heading; text, tables, charts in shape order, then the notes."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from pptx import Presentation
from pptx.exc import PythonPptxError

from indexing.parsing import archives, faults
from indexing.parsing.ooxml import LXML_ERROR, Element, read_element
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

_FLAWS = (
    PythonPptxError,
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    AttributeError,
    LXML_ERROR,
    OSError,
    NotImplementedError,
)
_GROUPS_DEEP_MAX = 20
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"

Shape = Any  # python-pptx types its shapes too loosely to tell a text frame from a group; this module is where they stop


def parse(source: Source) -> ParsedDocument:
    archives.refuse_entities(source.content)
    try:
        deck = Presentation(io.BytesIO(source.content))
        slides = list(deck.slides)
    except _FLAWS as flaw:
        raise faults.corrupt("the presentation", type(flaw).__name__) from flaw
    builder = TextBuilder(source.limits)
    builder.title = deck.core_properties.title or None
    if builder.title and builder.title.lower().startswith("powerpoint presentation"):
        builder.title = None  # what the program writes when nobody did
    for number, slide in enumerate(slides, start=1):
        builder.page(number)
        _slide(slide, builder, number)
    return builder.build(archives.PPTX, pages=len(slides))


def _slide(slide: Any, builder: TextBuilder, number: int) -> None:  # noqa: ANN401 - python-pptx's slide, see Shape
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        builder.heading(title.text_frame.text, 1)
        builder.title = builder.title or (title.text_frame.text if number == 1 else None)
    for shape in _shapes(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        _shape(shape, builder)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        builder.paragraph(slide.notes_slide.notes_text_frame.text)


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Shape]:  # noqa: ANN401 - see Shape
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < _GROUPS_DEEP_MAX:
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _shape(shape: Shape, builder: TextBuilder) -> None:
    if getattr(shape, "has_table", False):
        builder.table([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_chart", False):
        _chart(shape, builder)
    elif getattr(shape, "has_text_frame", False):
        _frame(shape, builder)


def _frame(shape: Shape, builder: TextBuilder) -> None:
    """A frame of several short paragraphs is a list, as bullets on slides are."""
    paragraphs = [paragraph for paragraph in shape.text_frame.paragraphs if paragraph.text.strip()]
    if len(paragraphs) == 1:
        builder.paragraph(paragraphs[0].text)
        return
    for paragraph in paragraphs:
        builder.list_item(paragraph.text, depth=paragraph.level)


def _chart(shape: Shape, builder: TextBuilder) -> None:
    """From the chart's own XML: python-pptx knows no three-dimensional plots."""
    try:
        root = read_element(shape.chart.part.blob)
    except _FLAWS:
        builder.warnings.append("a chart cannot be read and is left out")
        return
    title = root.find(f"{_C}chart/{_C}title")
    if title is not None:
        builder.paragraph("".join(node.text or "" for node in title.iter(f"{_A}t")))
    series = list(root.iter(f"{_C}ser"))
    names = [" ".join(_values(one, "tx").values()) for one in series]
    categories: dict[int, str] = {}
    for one in series:
        categories |= _values(one, "cat") | _values(one, "xVal")
    values = [_values(one, "val") | _values(one, "yVal") for one in series]
    points = sorted(set(categories).union(*values))
    builder.table([["", *names], *([categories.get(point, ""), *(one.get(point, "") for one in values)] for point in points)])


def _values(series: Element, part: str) -> dict[int, str]:
    """Point number → what stands there, as text."""
    element = series.find(f"{_C}{part}")
    found: dict[int, str] = {}
    points: Iterable[Element] = () if element is None else element.iter(f"{_C}pt")
    for point in points:
        value = point.findtext(f"{_C}v")
        if value:
            found[int(point.get("idx") or 0)] = value
    return found
