"""Bytes become text in the charset they were written in."""

import pytest

from indexing.parsing.charset import canonical, decode, decode_as

RUSSIAN = "Москва слезам не верит, но верит делам. Это старая пословица, которую знают все. " * 4
POLISH = "Zażółć gęślą jaźń. Książka leży na stole, a źródło bije pod górą. Łódź płynie powoli. " * 4


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251", "koi8-r"])
def test_russian_is_read_in_every_common_charset(charset: str) -> None:
    text = "Plain ASCII first. " * 20 + RUSSIAN if charset in {"utf-16-le", "utf-16-be"} else RUSSIAN
    assert decode(text.encode(charset)) == text


def test_polish_in_latin_2_is_not_taken_for_a_baltic_language() -> None:
    assert decode(POLISH.encode("iso8859-2")) == POLISH


def test_a_declared_charset_is_believed_when_it_fits() -> None:
    page = '<meta charset="iso-8859-1"><p>caf\u00e9 cr\u00e8me</p>'
    assert decode(page.encode("latin-1")) == page


def test_a_declared_charset_that_does_not_fit_is_not() -> None:
    page = f'<meta charset="ascii"><p>{RUSSIAN}</p>'
    assert decode(page.encode("utf-8")) == page


def test_a_few_broken_bytes_do_not_turn_utf_8_into_something_else() -> None:
    content = ("gr\u00fc\u00dfe und k\u00fcsse " * 50).encode() + b"\xff\xfe broken"
    text = decode(content)
    assert text is not None
    assert text.count("gr\u00fc\u00dfe") == 50


def test_binary_is_no_text() -> None:
    assert decode(bytes(range(256)) * 8) is None


def test_line_ends_are_line_feeds_and_what_cannot_be_stored_keeps_its_place() -> None:
    assert canonical("\ufeffa\r\nb\rc\x00d\ud800e") == "a\nb\nc\ufffdd\ufffde"


def test_an_unknown_or_lying_charset_of_a_container_is_overruled() -> None:
    assert decode_as("naïve".encode(), "x-user-defined") == "naïve"
    assert decode_as("naïve".encode(), "ascii") == "naïve"
    assert decode_as("naïve".encode("latin-1"), "latin-1") == "naïve"
