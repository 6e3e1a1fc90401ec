"""What the pool and its workers say to each other. The pool's side is pickled; a worker, which has read hostile files, only
gets to answer in JSON and plain bytes, checked field by field."""

import json
import pickle
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from core.errors import Corrupt, Fault, Invalid, TimedOut, TooLarge, Unavailable
from indexing.chunking import Chunk, ChunkingParameters
from indexing.parsing.charset import storable
from indexing.parsing.types import Child, ParsedDocument, ParseLimits

if TYPE_CHECKING:  # the port imports numpy, which a parser process has no use for
    from inference.port import TokenCounter

PREFIX = struct.Struct(">QQ")
_KINDS: Mapping[str, type[Fault]] = {kind.__name__: kind for kind in (Corrupt, Invalid, TimedOut, TooLarge, Unavailable)}
_HEADER_BYTES_MAX = 256 * 1024 * 1024


class TokenizerSource(Protocol):
    """Something small and picklable that a worker makes a TokenCounter of."""

    def load(self) -> "TokenCounter": ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRequest:
    """How to read and cut one file. Without a tokenizer there are no chunks. `title`, where given, stands in the chunks'
    context instead of the one that is found in the file."""

    filename: str = ""
    media_type: str | None = None
    title: str | None = None
    tokenizer: TokenizerSource | None = None
    chunking: ChunkingParameters = field(default_factory=ChunkingParameters)
    limits: ParseLimits = field(default_factory=ParseLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """One file as it is indexed. Chunk spans point into `text`; `cpu_s` is what reading and cutting took."""

    text: str
    media_type: str
    title: str | None
    pages: int | None
    chunks: tuple[Chunk, ...]
    children: tuple[Child, ...]
    warnings: tuple[str, ...]
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker is told; the content follows the pickle unless there is a path to read it from."""

    request: ParseRequest
    path: str | None
    cpu_s: float


class NonsenseError(ValueError):
    """A worker's answer that no sound worker gives."""


def encode_job(job: Job, content: bytes) -> tuple[bytes, bytes]:
    """Prefix and pickle, then the content as it is, which may be too large to copy."""
    body = pickle.dumps(job)
    return PREFIX.pack(len(body), len(content)) + body, content


def decode_job(body: bytes) -> Job:
    """Only a worker calls this, on what its own parent wrote."""
    return cast("Job", pickle.loads(body))  # noqa: S301 - the pipe's other end is the service that started this process


def encode_answer(document: ParsedDocument, chunks: Sequence[Chunk], *, cpu_s: float) -> Iterator[bytes]:
    text = document.text.encode()
    header: dict[str, object] = {
        "media_type": document.media_type,
        "title": document.title,
        "pages": document.pages,
        "warnings": document.warnings,
        "cpu_s": cpu_s,
        "text_bytes": len(text),
        "chunks": [[chunk.start, chunk.end, chunk.page, chunk.heading_path, chunk.context] for chunk in chunks],
        "children": [[child.name, child.media_type, len(child.content)] for child in document.children],
    }
    yield from _framed(header, [text, *(child.content for child in document.children)])


def encode_fault(fault: Fault) -> Iterator[bytes]:
    kind = next((name for name, kind in _KINDS.items() if isinstance(fault, kind)), "Corrupt")
    yield from _framed({"fault": [kind, fault.code, fault.message]}, [])


def sizes(prefix: bytes, limits: ParseLimits) -> tuple[int, int]:
    """Bytes of header and of payload that follow. Raises NonsenseError beyond what the limits can add up to."""
    header, payload = PREFIX.unpack(prefix)
    if header > _HEADER_BYTES_MAX or payload > 4 * limits.text_characters_max + limits.children_bytes_max:
        raise NonsenseError
    return header, payload


def decode_answer(header: bytes, payload: bytes) -> ParsedFile:
    """The parsed file, or the worker's Fault raised, or NonsenseError."""
    try:
        fields = json.loads(header)
        if "fault" in fields:
            kind, code, message = fields["fault"]
            raise _KINDS[kind](_text(code), _text(message))
        return _parsed_file(fields, payload)
    except (KeyError, TypeError, ValueError, RecursionError) as nonsense:
        raise NonsenseError from nonsense


def _parsed_file(fields: dict[str, object], payload: bytes) -> ParsedFile:
    size = _number(fields["text_bytes"])
    text = storable(payload[:size].decode())
    return ParsedFile(
        text=text,
        media_type=_text(fields["media_type"]),
        title=None if fields["title"] is None else _text(fields["title"]),
        pages=None if fields["pages"] is None else _number(fields["pages"]),
        chunks=tuple(_chunks(_rows(fields["chunks"]), len(text))),
        children=tuple(_children(_rows(fields["children"]), payload, size)),
        warnings=tuple(_text(warning) for warning in _rows(fields["warnings"])),
        cpu_s=float(cast("float", fields["cpu_s"])),
    )


def _chunks(rows: list[object], length: int) -> Iterator[Chunk]:
    for ordinal, row in enumerate(rows):
        start, end, page, path, context = _rows(row)
        first, last = _number(start), _number(end)
        if not first < last <= length:
            raise NonsenseError
        yield Chunk(
            ordinal=ordinal,
            start=first,
            end=last,
            page=None if page is None else _number(page),
            heading_path=tuple(_text(heading) for heading in _rows(path)),
            context=_text(context),
        )


def _children(rows: list[object], payload: bytes, offset: int) -> Iterator[Child]:
    for row in rows:
        name, media_type, size = _rows(row)
        end = offset + _number(size)
        if end > len(payload):
            raise NonsenseError
        yield Child(name=_text(name), media_type=_text(media_type), content=payload[offset:end])
        offset = end


def _framed(header: dict[str, object], parts: list[bytes]) -> Iterator[bytes]:
    body = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    yield PREFIX.pack(len(body), sum(len(part) for part in parts)) + body
    yield from parts


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise NonsenseError
    return storable(value)


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise NonsenseError
    return value


def _rows(value: object) -> list[object]:
    if not isinstance(value, list):
        raise NonsenseError
    return cast("list[object]", value)
