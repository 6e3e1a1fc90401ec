"""What a file is, from its content. A name or a claimed media type only decides between kinds of text."""

from dataclasses import dataclass
from typing import Protocol, cast

import puremagic

from indexing.parsing import archives, faults, text_types
from indexing.parsing.charset import decode
from indexing.parsing.types import Source

PDF = "application/pdf"
OCTETS = "application/octet-stream"

_PDF_WITHIN = 1024
_SIGNATURES = (
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
    (b"!BDN", "application/vnd.ms-outlook-pst"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"%!PS", "application/postscript"),
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """`text` is canonical where the type is a kind of text, else None."""

    media_type: str
    text: str | None = None


def detect(source: Source) -> Detected:
    """The type of the content. Raises the fault of an empty, locked, damaged or bottomless container."""
    content = source.content
    if not content:
        raise faults.empty()
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return Detected(media_type=PDF)
    if content.startswith(archives.ZIP_MAGIC):
        return Detected(media_type=archives.zip_type(source))
    if content.startswith(archives.OLE2_MAGIC):
        return Detected(media_type=archives.ole2_type(content))
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return Detected(media_type=media_type)
    return _detect_text(source)


def _detect_text(source: Source) -> Detected:
    text = decode(source.content)
    if text is None:
        return Detected(media_type=_binary_name(source.content))
    if not text.strip():
        raise faults.empty()
    return Detected(media_type=text_types.kind_of(text, source), text=text)


def _binary_name(content: bytes) -> str:
    """A name for bytes that are not read here, for the message alone."""
    try:
        guesses = cast("list[_Guess]", puremagic.magic_string(content[:4096]))  # pyright: ignore[reportUnknownMemberType] - half typed
    except (puremagic.PureError, ValueError):
        return OCTETS
    named = [guess.mime_type for guess in guesses if guess.mime_type and guess.confidence >= 0.5]
    return named[0] if named else OCTETS


class _Guess(Protocol):
    """What puremagic answers."""

    mime_type: str
    confidence: float
