"""E-mail: headers, the best body, attachments as children."""

import pytest

from core.errors import Fault
from indexing.parsing.registry import parse
from indexing.parsing.types import ParsedDocument, ParseLimits, Source
from tests.support import files


def read(content: bytes, limits: ParseLimits | None = None) -> ParsedDocument:
    return parse(Source(content=content, limits=limits or ParseLimits()))


def test_a_mail_shows_who_wrote_to_whom_about_what() -> None:
    document = read(files.eml(subject="Ducks in März", body="They are back.\n"))
    assert document.text == (
        "From: Ann <ann@example.org>\nTo: bob@example.org\nDate: Mon, 05 Jan 2026 10:00:00 +0000\nSubject: Ducks in März\n\n"
        "They are back."
    )
    assert document.title == "Ducks in März"


def test_plain_text_is_preferred_and_html_serves_where_there_is_none() -> None:
    assert "rich" not in read(files.eml(subject="x", body="plain", html="<p>rich</p>")).text
    only = b"From: a@b.c\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/html\n\n<p>rich <b>words</b></p>"
    assert read(only).text.endswith("rich words")


def test_attachments_are_children_with_safe_names() -> None:
    document = read(files.eml(subject="x", body="see below", attachments={"../../etc/leave.pdf": b"%PDF-1.4"}))
    (child,) = document.children
    assert (child.name, child.content) == ("leave.pdf", b"%PDF-1.4")


def test_an_attachment_over_the_limit_is_left_out_loudly() -> None:
    document = read(files.eml(subject="x", body="see", attachments={"a.bin": bytes(5_000)}), ParseLimits(child_bytes_max=1_000))
    assert document.children == ()
    assert "1000" in document.warnings[0]


def test_a_forwarded_message_is_a_child() -> None:
    inner = files.eml(subject="inner", body="original words")
    outer = (
        b"From: a@b.c\nTo: d@e.f\nSubject: Fwd\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=X\n\n"
        b"--X\nContent-Type: text/plain\n\nlook\n--X\nContent-Type: message/rfc822\n\n" + inner + b"\n--X--\n"
    )
    document = read(outer)
    assert [child.name for child in document.children] == ["inner.eml"]
    assert "original words" in read(document.children[0].content).text


def test_an_encrypted_mail_is_refused() -> None:
    for kind in (b"multipart/encrypted; boundary=X", b"application/pkcs7-mime; smime-type=enveloped-data"):
        with pytest.raises(Fault) as raised:
            read(b"From: a@b.c\nTo: d@e.f\nSubject: x\nContent-Type: " + kind + b"\n\n--X--\n")
        assert raised.value.code == "indexing.encrypted"


def test_broken_headers_and_charsets_still_give_text() -> None:
    headers = "From: a@b.c\nSubject: Grüße =?nonsense?B?###?=\nDate: never\nContent-Type: text/plain; charset=no-such"
    content = f"{headers}\n\nHällo".encode()
    document = read(content)
    assert "Grüße" in document.text
    assert document.text.endswith("Hällo")


def test_a_mailbox_is_its_messages_in_order() -> None:
    one, two = files.eml(subject="first", body="aaa"), files.eml(subject="second", body="bbb")
    line = b"From ann@example.org Mon Jan  5 10:00:00 2026\n"
    document = read(line + one + b"\n" + line + two)
    assert document.media_type == "application/mbox"
    assert [document.text[b.start : b.end] for b in document.blocks if b.level == 1] == ["first", "second"]
