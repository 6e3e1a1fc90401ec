"""Word, PowerPoint, Excel: structure in place, and nothing that a crafted file may do."""

import datetime as dt
import io
import zipfile
from typing import Any, cast

import pytest
from docx.document import Document as WordDocument
from docx.oxml import parse_xml

from core.errors import Fault
from indexing.parsing.registry import parse
from indexing.parsing.types import BlockKind, ParsedDocument, ParseLimits, Source
from tests.support import files


def read(content: bytes, limits: ParseLimits | None = None) -> ParsedDocument:
    return parse(Source(content=content, limits=limits or ParseLimits()))


def code(content: bytes) -> str:
    with pytest.raises(Fault) as raised:
        read(content)
    return raised.value.code


def test_word_keeps_headings_lists_and_tables_in_their_place() -> None:
    document = read(files.docx(files.handbook()))
    assert document.text == (
        "Handbook\n\nLeave\n\nEveryone has thirty days.\n\n- ask your lead\n\n"
        "Years | Days\n1 | 30\n5 | 32\n\nUnused days lapse in March."
    )
    kinds = [(block.kind, block.level) for block in document.blocks]
    assert kinds == [
        (BlockKind.HEADING, 1),
        (BlockKind.HEADING, 2),
        (BlockKind.PARAGRAPH, 0),
        (BlockKind.LIST_ITEM, 0),
        (BlockKind.TABLE, 0),
        (BlockKind.PARAGRAPH, 0),
    ]
    assert document.title == "Handbook"


def test_a_word_document_with_macros_is_read() -> None:
    plain = files.docx(files.handbook())
    types = b'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"'
    macro = b'ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"'
    assert "thirty days" in read(_edited(plain, "[Content_Types].xml", types, macro)).text


def test_text_in_a_box_is_found_once() -> None:
    document = files.handbook()
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = "<w:txbxContent><w:p><w:r><w:t>Boxed words</w:t></w:r></w:p></w:txbxContent>"
    choice = f"<mc:Choice Requires='wps'>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    choice = f"<mc:AlternateContent>{choice}</mc:AlternateContent>"
    _insert_first(document, parse_xml(f"<w:p {w} {mc}><w:r>{choice}</w:r></w:p>"))
    assert read(files.docx(document)).text.count("Boxed words") == 1


def test_deleted_words_are_gone_and_inserted_ones_are_there() -> None:
    document = files.handbook()
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    change = "<w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
    _insert_first(document, parse_xml(f"<w:p {w}>{change}</w:p>"))
    assert read(files.docx(document)).text.startswith("new\n\nHandbook")


@pytest.mark.parametrize("member", ["word/document.xml", "word/styles.xml", "docProps/core.xml"])
def test_an_office_member_that_declares_a_document_type_is_refused(member: str) -> None:
    bomb = b'<?xml version="1.0"?><!-- <a> --><!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    assert code(files.with_member(files.docx(files.handbook()), member, bomb)) == "indexing.corrupt_document"


def test_a_word_document_without_a_body_is_corrupt() -> None:
    types = files.archive({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<nonsense"})
    assert code(types) == "indexing.corrupt_document"


def test_slides_are_pages_with_titles_bullets_and_notes() -> None:
    document = read(files.pptx([("Plan", ["first", "second"], "say hello"), ("End", ["thanks"], "")]))
    assert document.pages == 2
    assert [(b.page, document.text[b.start : b.end]) for b in document.blocks] == [
        (1, "Plan"),
        (1, "- first"),
        (1, "- second"),
        (1, "say hello"),
        (2, "End"),
        (2, "thanks"),
    ]


def test_sheets_are_headings_and_every_stretch_of_rows_is_a_table() -> None:
    rows = [["Ducks by year"], ["Year", "Ducks"], [2019, 120], [2020, 135.5], [], ["a", True], ["b", dt.date(2026, 1, 5)]]
    document = read(files.xlsx({"Ponds": rows, "Empty": []}))
    assert document.text == ("Ponds\n\nDucks by year\n\nYear | Ducks\n2019 | 120\n2020 | 135.5\n\na | TRUE\nb | 2026-01-05")
    tables = [block for block in document.blocks if block.kind is BlockKind.TABLE]
    assert document.text[tables[0].start : tables[0].header_end] == "Year | Ducks"


def test_empty_columns_and_rows_of_a_sheet_are_trimmed() -> None:
    document = read(files.xlsx({"S": [[], ["", "a", "", "b", ""], ["", "1", "", "2", ""], [], []]}))
    assert document.text == "S\n\na | b\n1 | 2"


def test_a_sheet_of_nothing_holds_no_text() -> None:
    assert code(files.xlsx({"S": []})) == "indexing.no_text"


def test_text_that_grows_over_the_limit_is_refused_on_the_way() -> None:
    with pytest.raises(Fault) as raised:
        read(files.xlsx({"S": [["word"] * 50] * 50}), ParseLimits(text_characters_max=1_000))
    assert raised.value.code == "indexing.document_too_large"


@pytest.mark.parametrize("content", [b"PK\x03\x04" + b"x" * 100, b"PK\x05\x06"])
def test_a_broken_archive_is_corrupt(content: bytes) -> None:
    assert code(content) == "indexing.corrupt_document"


def test_other_archives_and_legacy_formats_are_named_as_unsupported() -> None:
    assert code(files.archive({"a.txt": b"hello"})) == "indexing.unsupported_type"
    assert code(files.archive({"mimetype": b"application/epub+zip", "a": b"b"})) == "indexing.unsupported_type"
    assert code(b"{\\rtf1 hello}") == "indexing.unsupported_type"


def _insert_first(document: WordDocument, element: object) -> None:
    cast("Any", document.element).body.insert(0, element)


def _edited(packed: bytes, member: str, old: bytes, new: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        content = archive.read(member)
    assert old in content
    return files.with_member(packed, member, content.replace(old, new))
