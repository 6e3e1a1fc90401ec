"""What a file is, is decided by its content."""

import pytest

from core.errors import Fault
from indexing.parsing.detect import detect
from indexing.parsing.types import ParseLimits, Source
from tests.support import files

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def kind(content: bytes, filename: str = "", media_type: str | None = None) -> str:
    return detect(Source(content=content, filename=filename, media_type=media_type)).media_type


def code(content: bytes, limits: ParseLimits | None = None) -> str:
    with pytest.raises(Fault) as raised:
        detect(Source(content=content, limits=limits or ParseLimits()))
    return raised.value.code


def test_a_wrong_name_does_not_matter() -> None:
    assert kind(files.pdf([["Hello"]]), "letter.docx") == "application/pdf"
    assert kind(files.docx(files.handbook()), "handbook.txt") == DOCX
    assert kind(files.xlsx({"A": [["x", 1]]}), "table.csv", "text/csv") == XLSX


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"<!DOCTYPE html><html><body>x</body></html>", "text/html"),
        (b"<!-- saved -->\n<html><body>x</body></html>", "text/html"),
        (b"<?xml version='1.0'?><note><to>Ann</to></note>", "application/xml"),
        (b'{"a": [1, 2]}', "application/json"),
        (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson"),
        (b"From: a@example.org\nTo: b@example.org\nSubject: x\n\nHello\n", "message/rfc822"),
        (b"a,b,c\n1,2,3\n4,5,6\n", "text/csv"),
        (b"a\tb\tc\n1\t2\t3\n4\t5\t6\n", "text/tab-separated-values"),
        (b"# Title\n\nSome [link](https://example.org) here.\n", "text/markdown"),
        (b"#!/bin/sh\necho hello\n", "text/x-source"),
        (b"Just a few words, and then, some more.\n", "text/plain"),
        (b'{"a": [1, 2', "text/plain"),
        (b"{\\rtf1 hello}", "application/rtf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "image/png"),
        (bytes(range(256)) * 4, "application/octet-stream"),
    ],
)
def test_a_nameless_file_is_known_by_its_content(content: bytes, expected: str) -> None:
    assert kind(content) == expected


def test_among_kinds_of_text_the_name_decides() -> None:
    assert kind(b"name,age\nann,41\n", "people.csv") == "text/csv"
    assert kind(b"name,age\nann,41\n", "people.txt") == "text/plain"
    assert kind(b"plain words", "notes.md") == "text/markdown"
    assert kind(b"def f(): ...\n", "module.py") == "text/x-source"


def test_among_kinds_of_text_the_given_type_decides_before_the_name() -> None:
    assert kind(b"plain words", "notes.txt", "text/markdown; charset=utf-8") == "text/markdown"


def test_prose_with_commas_is_no_table() -> None:
    assert kind(b"Red, green and blue.\nOne, two.\nThis, that.\nHere, there.\n") == "text/plain"


def test_a_page_of_comments_is_looked_at_in_linear_time() -> None:
    assert kind(b"<!-- x -->" * 1600 + b"words") == "text/plain"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \n\t "])
def test_nothing_but_white_space_is_an_empty_document(content: bytes) -> None:
    assert code(content) == "indexing.empty_document"


def test_an_archive_is_measured_before_it_is_unpacked() -> None:
    packed = files.archive({"[Content_Types].xml": b"<Types/>", "word/document.xml": b" " * 5_000_000})
    assert code(packed, ParseLimits(zip_total_bytes_max=1_000_000)) == "indexing.document_too_large"
    assert code(packed, ParseLimits(zip_member_bytes_max=1_000_000)) == "indexing.document_too_large"
    assert code(packed, ParseLimits(zip_members_max=1)) == "indexing.document_too_large"
    assert code(files.archive({"a": bytes(100_000_000)})) == "indexing.document_too_large"  # a ratio of 1,000


def test_a_cut_archive_is_corrupt() -> None:
    assert code(files.docx(files.handbook())[:5000]) == "indexing.corrupt_document"


def test_a_locked_office_file_is_encrypted() -> None:
    ole2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    assert code(ole2) == "indexing.encrypted"


def test_an_old_word_file_is_named() -> None:
    ole2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "WordDocument".encode("utf-16-le") + bytes(600)
    assert kind(ole2) == "application/msword"
