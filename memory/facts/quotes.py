"""A quoted passage as a digest of its words, and where a text has it. Case, white space and the marks around words do not
count, so that a new version of a document that only looks different still has the passage. Pure."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

_WORD = re.compile(r"\S+")
_MARKS = ".,;:!?\"'()[]{}<>*_#`|\u2018\u2019\u201c\u201d"


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int


def quoted(text: str, start: int, end: int) -> str | None:
    """The digest of the words that code points `[start, end)` of a text touch; None where there is none, or no such place."""
    if not 0 <= start < end <= len(text):
        return None
    while start and not text[start - 1].isspace() and not text[start].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace() and not text[end - 1].isspace():
        end += 1
    words = [word.text for word in _words(text[start:end])]
    return f"{len(words)}:{crc32(words[0].encode()):08x}:{_digest(words)}" if words else None


def locate(text: str, quote: str) -> tuple[int, int] | None:
    """The code points of the first place where a text has the words of a quote."""
    length, first, digest = quote.split(":")
    count, mark = int(length), int(first, 16)
    words = list(_words(text))
    for place in range(len(words) - count + 1):
        if crc32(words[place].text.encode()) != mark:
            continue  # the digest of every stretch of a long text would take seconds
        its = words[place : place + count]
        if _digest([word.text for word in its]) == digest:
            return its[0].start, its[-1].end
    return None


def _words(text: str) -> Iterator[_Word]:
    for match in _WORD.finditer(text):
        word = match.group().strip(_MARKS).casefold()
        if word:
            yield _Word(word, match.start(), match.end())


def _digest(words: list[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()
