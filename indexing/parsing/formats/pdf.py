"""PDF through pdfium: the text of each page in pdfium's reading order, its lines told apart as headings, tables and prose."""

import ctypes
from typing import cast

import pypdfium2 as pdfium
from pypdfium2 import raw

from indexing.parsing import faults
from indexing.parsing.charset import canonical
from indexing.parsing.formats.pdf_lines import Line, Page, write_pages
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

_LOCKED = frozenset({raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY})
_PAGES_MAX = 20_000
_BOLD_FROM = 600
_LINE_TYPED_MAX = 160  # longer lines are prose whatever their type looks like, so their type is not asked for
_TITLE_REFUSED = ("untitled", "(", "microsoft word", "powerpoint presentation", "document", "slide 1", "print")


def parse(source: Source) -> ParsedDocument:
    document = _open(source)
    try:
        builder = TextBuilder(source.limits)
        count = len(document)
        if count > _PAGES_MAX:
            raise faults.too_large("pages", value=count, limit=_PAGES_MAX)
        pages = [_page(document, number, builder) for number in range(count)]
        if not any(line.text.strip() for page in pages for line in page.lines):
            raise faults.no_text(f"the PDF of {count} pages")
        builder.title = _title(document)
        write_pages(pages, builder)
        return builder.build("application/pdf", pages=count)
    finally:
        document.close()


def _open(source: Source) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(source.content)
    except pdfium.PdfiumError as flaw:
        if cast("int | None", flaw.err_code) in _LOCKED:  # pyright: ignore[reportUnknownMemberType] - half typed
            raise faults.encrypted("the PDF") from flaw
        raise faults.corrupt("the PDF", "pdfium cannot open it, so it is damaged or cut short") from flaw


def _page(document: pdfium.PdfDocument, index: int, builder: TextBuilder) -> Page:
    try:
        page = document[index]
        try:
            text_page = page.get_textpage()
            try:
                return Page(number=index + 1, lines=_lines(text_page))
            finally:
                text_page.close()
        finally:
            page.close()
    except pdfium.PdfiumError:
        builder.warnings.append(f"page {index + 1} cannot be read and is left out")
        return Page(number=index + 1, lines=())


def _lines(text_page: pdfium.PdfTextPage) -> tuple[Line, ...]:
    text = text_page.get_text_range(errors="replace")
    lines: list[Line] = []
    position = 0
    for piece in text.split("\n"):
        body = piece.strip()
        first = position + len(piece) - len(piece.lstrip())
        # Type is asked for once a line: once a character would take as long as reading the page.
        height, bold = _type_of(text_page, first) if body and len(body) <= _LINE_TYPED_MAX else (0.0, False)
        lines.append(Line(text=canonical(body), height=height, bold=bold))
        position += len(piece) + 1
    return tuple(lines)


def _type_of(text_page: pdfium.PdfTextPage, index: int) -> tuple[float, bool]:
    """Height of the type in points, and whether it is bold, at one character."""
    box = raw.FS_RECTF()
    if not raw.FPDFText_GetLooseCharBox(text_page, index, ctypes.byref(box)):
        return 0.0, False
    return round(abs(box.top - box.bottom), 1), raw.FPDFText_GetFontWeight(text_page, index) >= _BOLD_FROM


def _title(document: pdfium.PdfDocument) -> str | None:
    """What the file says it is called, unless that is a file name, a number, or what a program says by default."""
    title = document.get_metadata_value("Title").strip()  # pyright: ignore[reportUnknownMemberType] - half typed
    lowered = title.lower()
    if not 4 <= len(title) <= 300 or sum(character.isalpha() for character in title) < len(title) / 2:
        return None
    if lowered.startswith(_TITLE_REFUSED) or lowered.endswith(
        (".doc", ".docx", ".pdf", ".indd", ".ppt", ".pptx", ".xls", ".xlsx", ".dvi", ".tex")
    ):
        return None
    return title
