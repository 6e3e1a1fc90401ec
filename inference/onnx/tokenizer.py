"""Text to tokens for models whose tokenizer lies in a file. Knows no model: it imports neither onnx nor onnxruntime, so that
a parser's subprocess can count tokens within 100 ms of its start."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tokenizers import BertWordPieceTokenizer, Encoding, Tokenizer

from core.errors import Corrupt

VOCABULARY = Path(__file__).parent / "vocab.txt"
# The library keeps some 100 bytes of alignment a character: in pieces of 8 Ki characters 10 MB of text need a few MB of
# memory instead of a gigabyte, and go through at three times the speed.
PIECE_CHARACTERS = 8 * 1024
# Only so far from a piece's end is a blank looked for before a word is cut.
_BLANK_REACH_CHARACTERS = 1024
# Not \s: BERT drops control characters such as U+001F without a trace, and what stands around them is one word.
_BLANK = re.compile(r"[ \t\n\r](?=\S)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class TokenizerKind(StrEnum):
    """What the file is: a BERT vocabulary, one token a line, or the `tokenizers` library's own JSON."""

    WORDPIECE = "wordpiece"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFile:
    """Where a tokenizer lies. Small and picklable: send it to a subprocess and `load` it there."""

    path: Path = VOCABULARY
    kind: TokenizerKind = TokenizerKind.WORDPIECE

    def load(self) -> "FileTokenizer":
        """Reads the file: Corrupt when it is missing or is no tokenizer."""
        return FileTokenizer(self._read())

    def _read(self) -> Tokenizer | BertWordPieceTokenizer:
        if not self.path.is_file():
            raise self._fault("there is no such file")
        try:
            match self.kind:
                case TokenizerKind.WORDPIECE:
                    return BertWordPieceTokenizer(str(self.path))
                case TokenizerKind.JSON:
                    return Tokenizer.from_file(str(self.path))
        except Exception as broken:  # the Rust library raises bare Exception for any file it cannot use
            raise self._fault(str(broken)) from broken

    def _fault(self, why: str) -> Corrupt:
        return Corrupt(
            "inference.tokenizer_unreadable",
            f"The tokenizer {self.path} cannot be read as {self.kind}: {why}; reinstall mnemic or correct the path.",
        )


class FileTokenizer:
    """A TokenCounter, and the token ids a model wants. Safe to share between threads: nothing in it changes."""

    def __init__(self, tokenizer: Tokenizer | BertWordPieceTokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        framed, bare = tokenizer.encode("a").ids, tokenizer.encode("a", add_special_tokens=False).ids
        before = framed.index(bare[0]) if bare else len(framed)
        self._head, self._tail = framed[:before], framed[before + len(bare) :]

    @property
    def specials(self) -> int:
        return len(self._head) + len(self._tail)

    def count(self, text: str) -> int:
        return sum(len(encoding.ids) for _, encoding in self._pieces(text))

    def count_whole(self, text: str) -> int:
        """The same in one go, for tokenizers to which a cut behind a blank is one token more. 100 bytes a character."""
        return len(self._tokenizer.encode(sound(text), add_special_tokens=False).ids)

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """As the Protocol says. Tokens that share characters (a Hangul syllable falls into its letters) get them by the last
        of them, and those before an empty span, so that a cut after any token never takes more tokens than it counted."""
        found: list[tuple[int, int]] = []
        for start, encoding in self._pieces(text):
            found.extend((start + first, start + end) for first, end in encoding.offsets)
        return found if text.isascii() else _apart(found, text)

    def window(self, text: str, tokens_max: int) -> list[int]:
        """The ids of `text` between the special tokens, cut to `tokens_max`. What lies beyond is not even read."""
        room = tokens_max - self.specials
        ids: list[int] = []
        for _, encoding in self._pieces(text):
            ids.extend(encoding.ids)
            if len(ids) >= room:
                break
        return [*self._head, *ids[:room], *self._tail]

    def _pieces(self, text: str) -> Iterator[tuple[int, Encoding]]:
        for start, end in pieces(text):
            yield start, self._tokenizer.encode(sound(text[start:end]), add_special_tokens=False)


def _apart(spans: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """`spans` without overlaps, and each with the accents that the normaliser dropped behind it: they belong to its letter."""
    limit = len(text)
    for position in range(len(spans) - 1, -1, -1):
        start, end = spans[position]
        while end < limit and unicodedata.combining(text[end]):
            end += 1
        spans[position] = (min(start, limit), min(end, limit))
        limit = spans[position][0]
    return spans


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Cuts `text` into ranges of at most PIECE_CHARACTERS, behind blanks where there are any, so that no word is cut."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        limit = start + PIECE_CHARACTERS
        ends = [blank.end() for blank in _BLANK.finditer(text, limit - _BLANK_REACH_CHARACTERS, limit)]
        end = ends[-1] if ends else limit
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)


def sound(text: str) -> str:
    """Lone surrogates (JSON can carry them) are no Unicode text: each becomes the replacement character, one for one."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
