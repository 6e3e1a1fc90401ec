"""PDF: pages, headings by type, tables by numbers, and the ways in which one cannot be read."""

import pytest

from core.errors import Fault
from indexing.parsing.formats.pdf_lines import Line, Page, write_pages
from indexing.parsing.registry import parse
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import BlockKind, ParsedDocument, ParseLimits, Source
from tests.support import files

PROSE = "This line is ordinary prose that fills the width of the page to its right margin nearly"


def read(content: bytes) -> ParsedDocument:
    return parse(Source(content=content))


def code(content: bytes) -> str:
    with pytest.raises(Fault) as raised:
        read(content)
    return raised.value.code


def written(*pages: tuple[Line, ...]) -> ParsedDocument:
    builder = TextBuilder(ParseLimits())
    write_pages([Page(number=number, lines=lines) for number, lines in enumerate(pages, start=1)], builder)
    return builder.build("application/pdf")


def headings(document: ParsedDocument) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind is BlockKind.HEADING]


def test_every_block_has_its_page() -> None:
    document = read(files.pdf([["First page."], ["Second page."]], title="Annual report of ducks"))
    assert [(b.page, document.text[b.start : b.end]) for b in document.blocks] == [(1, "First page."), (2, "Second page.")]
    assert document.pages == 2
    assert document.title == "Annual report of ducks"


def test_large_type_is_a_heading() -> None:
    document = read(files.pdf([["# Results of ducks", PROSE, PROSE, PROSE]]))
    assert headings(document) == ["Results of ducks"]


def test_a_file_name_is_no_title() -> None:
    assert read(files.pdf([["Words."]], title="Microsoft Word - draft.doc")).title is None


def test_a_page_without_text_is_a_scan() -> None:
    assert code(files.pdf([[], []])) == "indexing.no_text"


def test_a_pdf_with_a_password_is_encrypted() -> None:
    assert code(files.pdf([["Secret."]], password="duck")) == "indexing.encrypted"


def test_half_a_pdf_is_corrupt() -> None:
    content = files.pdf([["Words."]])
    assert code(content[: len(content) // 2]) == "indexing.corrupt_document"


def test_a_word_cut_at_a_line_end_is_joined_and_a_typed_hyphen_stays() -> None:
    document = written((Line(text="a reposi\x02"), Line(text="tory of well-"), Line(text="known ducks")))
    assert document.text == "a repository of well-\nknown ducks"


def test_lines_of_numbers_are_a_table() -> None:
    prose = tuple(Line(text=PROSE, height=10) for _ in range(3))
    rows = (Line(text="Sales $ 8,902 $ 9,262", height=10), Line(text="Net income (46.2) 10.6 %", height=10))
    document = written((*prose, *rows))
    tables = [document.text[b.start : b.end] for b in document.blocks if b.kind is BlockKind.TABLE]
    assert tables == ["Sales $ 8,902 $ 9,262\nNet income (46.2) 10.6 %"]


def test_divisions_of_a_report_are_headings_above_bold_lines() -> None:
    lines = (
        Line(text="Item 7. Results of Operations", height=10),
        Line(text="Overview", height=10, bold=True),
        Line(text=PROSE, height=10),
    )
    levels = [block.level for block in written(lines).blocks]
    assert levels[0] < levels[1]
    assert headings(written(lines)) == ["Item 7. Results of Operations", "Overview"]


def test_a_sentence_about_an_item_is_no_heading() -> None:
    assert headings(written((Line(text="Item 7 of this report describes the results", height=10),))) == []


def test_running_heads_contents_and_bold_paragraphs_are_no_headings() -> None:
    head = Line(text="The Duck Company", height=14)
    contents = tuple(Line(text=f"Item {n}. Ducks and ponds 1{n}", height=14) for n in range(1, 6))
    bold = tuple(Line(text="Every line of this is bold", height=10, bold=True) for _ in range(5))
    pages = [(head, *(Line(text=PROSE, height=10) for _ in range(9))) for _ in range(8)]
    assert headings(written(contents, bold, *pages)) == []
