"""The formats that are read, by the names that callers use."""

from collections.abc import Callable, Iterator, Mapping

from api.foreign import chat, letta, mem0, zep
from api.foreign.shapes import Document, Found, Reading, parsed
from api.wire.bundle import LINE
from core.errors import Invalid

READERS: Mapping[str, Callable[[Document, Reading], Iterator[Found]]] = {
    "mem0": mem0.read,
    "zep": zep.read,
    "letta": letta.read,
    "chat": chat.read,
}


def read(format_: str, raw: bytes, reading: Reading) -> Iterator[Found]:
    """What a file holds. Invalid when it is no such file; what is wrong with one thing in it is told there."""
    document = parsed(raw)
    yield from document.broken
    for found in READERS[format_](document, reading):
        yield _checked(found)


def _checked(found: Found) -> Found:
    """With a line that is one as ours must be."""
    if found.line is None:
        return found
    try:
        LINE.read(LINE.write(found.line))
    except Invalid as flaw:
        return Found(at=found.at, kind=found.kind, flaw=flaw.message)
    return found
