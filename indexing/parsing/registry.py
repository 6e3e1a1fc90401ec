"""Which parser reads which type, and the one way from bytes to a parsed document."""

from collections.abc import Callable

from indexing.parsing import archives, faults, text_types
from indexing.parsing.detect import PDF, Detected, detect
from indexing.parsing.types import ParsedDocument, Source

# Bump when what a parser hands on changes: stored documents are then parsed again when they are next submitted.
PARSER_SIGNATURE = "mnemic-parsers/1"

_SHEETS = frozenset({archives.XLSX, archives.XLS, archives.XLSB, archives.ODS})


def parse(source: Source) -> ParsedDocument:
    """The canonical document. Raises one of the coded faults of indexing.parsing.faults."""
    detected = detect(source)
    document = _parse_text(detected, source) if detected.text is not None else _parse_binary(detected.media_type, source)
    if not document.text.strip() and not document.children:
        raise faults.no_text(f"the document ({document.media_type})")
    if len(document.text) > source.limits.text_characters_max:
        raise faults.too_large("characters of text", value=len(document.text), limit=source.limits.text_characters_max)
    return document


def _parse_binary(media_type: str, source: Source) -> ParsedDocument:
    # Imported when first needed: a worker that only ever sees Markdown stays small.
    if media_type == PDF:
        from indexing.parsing.formats import pdf

        return pdf.parse(source)
    if media_type == archives.DOCX:
        from indexing.parsing.formats import docx

        return docx.parse(source)
    if media_type == archives.PPTX:
        from indexing.parsing.formats import pptx

        return pptx.parse(source)
    if media_type in _SHEETS:
        from indexing.parsing.formats import sheets

        return sheets.parse(source, media_type)
    raise faults.unsupported(media_type)


def _parse_text(detected: Detected, source: Source) -> ParsedDocument:
    from indexing.parsing.formats import delimited, html, mail, markdown, plain, structured, xml

    text, kind = detected.text or "", detected.media_type
    if len(text) > source.limits.text_characters_max:
        raise faults.too_large("characters of text", value=len(text), limit=source.limits.text_characters_max)
    if kind in {text_types.CSV, text_types.TSV}:
        return delimited.parse(text, source, kind)
    if kind in {text_types.MAIL, text_types.MBOX}:  # from bytes: its parts have charsets of their own
        return mail.parse(source) if kind == text_types.MAIL else mail.parse_mbox(source)
    parsers: dict[str, Callable[[str, Source], ParsedDocument]] = {
        text_types.HTML: html.parse,
        text_types.MARKDOWN: markdown.parse,
        text_types.SOURCE_CODE: plain.parse_code,
        text_types.JSON: structured.parse,
        text_types.JSONL: structured.parse_lines,
        text_types.XML: xml.parse,
    }
    return parsers.get(kind, plain.parse)(text, source)
