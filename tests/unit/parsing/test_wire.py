"""A worker that has read a hostile file may say anything; the pool believes only what makes sense."""

import json
from typing import cast

import pytest

from core.errors import Invalid
from indexing.chunking import Chunk
from indexing.parsing import faults
from indexing.parsing.types import Child, ParsedDocument, ParseLimits
from indexing.parsing.wire import PREFIX, NonsenseError, ParsedFile, decode_answer, encode_answer, encode_fault, sizes

DOCUMENT = ParsedDocument(
    text="Grüße an alle", blocks=(), media_type="text/plain", children=(Child(name="a", media_type="b/c", content=b"12\x00"),)
)
CHUNK = Chunk(ordinal=0, start=0, end=5, page=None, heading_path=("A", "B"), context="A > B")


def fields(header: bytes) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(header))


NONSENSE: list[dict[str, object]] = [
    {"chunks": [[0, 99, None, [], ""]]},
    {"chunks": [[3, 3, None, [], ""]]},
    {"chunks": [[-1, 3, None, [], ""]]},
    {"chunks": [[0, 3, "one", [], ""]]},
    {"chunks": [[0, 3]]},
    {"children": [["a", "b", 10_000]]},
    {"text_bytes": 2},
    {"text_bytes": "all"},
    {"title": ["a"]},
    {"media_type": None},
    {"fault": ["SystemExit", "a", "b"]},
    {"fault": "oops"},
]


def carried(parts: list[bytes]) -> ParsedFile:
    frame = b"".join(parts)
    header, payload = sizes(frame[: PREFIX.size], ParseLimits())
    body = frame[PREFIX.size :]
    assert len(body) == header + payload
    return decode_answer(body[:header], body[header:])


def test_an_answer_arrives_as_it_was() -> None:
    parsed = carried(list(encode_answer(DOCUMENT, [CHUNK], cpu_s=0.5)))
    assert (parsed.text, parsed.chunks, parsed.children) == (DOCUMENT.text, (CHUNK,), DOCUMENT.children)


def test_a_fault_arrives_as_it_was() -> None:
    with pytest.raises(Invalid) as raised:
        carried(list(encode_fault(faults.encrypted("the PDF"))))
    assert raised.value.code == "indexing.encrypted"


@pytest.mark.parametrize("change", NONSENSE)
def test_nonsense_is_refused(change: dict[str, object]) -> None:
    frame = b"".join(encode_answer(DOCUMENT, [CHUNK], cpu_s=0.5))
    size, _ = PREFIX.unpack(frame[: PREFIX.size])
    header = fields(frame[PREFIX.size : PREFIX.size + size])
    with pytest.raises(NonsenseError):
        decode_answer(json.dumps({**header, **change}).encode(), frame[PREFIX.size + size :])


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(NonsenseError):
        decode_answer(b"\x80\x04cos\nsystem\n", b"")


def test_an_answer_larger_than_the_limits_allow_is_not_waited_for() -> None:
    with pytest.raises(NonsenseError):
        sizes(PREFIX.pack(10, 1 << 50), ParseLimits())


def test_characters_that_cannot_be_stored_are_replaced_once_more() -> None:
    sent = fields(next(iter(encode_answer(DOCUMENT, [], cpu_s=0.0)))[PREFIX.size :])
    header: dict[str, object] = {**sent, "title": "a\x00b\ud800", "children": []}
    assert decode_answer(json.dumps(header).encode(), DOCUMENT.text.encode()).title == "a\ufffdb\ufffd"
