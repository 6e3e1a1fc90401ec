"""Where the tokens of a text begin. One pass over the text, then every count is two bisections."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the port imports numpy, which a parser process has no use for
    from inference.port import TokenCounter

# What every tokenizer here takes for the end of a word. Others of Unicode's blanks stay inside words, which costs nothing.
_BLANKS = " \t\n"
_WORD = re.compile(r"[^ \t\n]+")
# Words repeat: 500,000 characters of a report have 6,000 distinct ones, and those alone are tokenised, once a document.
# Pieces bound what is held at a time.
_PIECE_CHARACTERS = 256 * 1024
# WordPiece makes one unknown token of a word over 100 characters, and none of what it cleans away. Counting such
# stretches by length keeps every chunk bounded, and bounds what their pieces become when they are tokenised alone.
_WORD_CHARACTERS_MAX = 24
_WORD_STEP = 4
_GAP_STEP = 64


class TokenMap:
    """Token counts between any two offsets of one text. Exact where both lie at white space; see `is_within_word`."""

    def __init__(self, text: str, counter: "TokenCounter") -> None:
        self.text = text
        self._counter = counter
        self._starts = array("I", _starts(text, counter))
        self._known: dict[str, int] = {}

    @property
    def specials(self) -> int:
        return self._counter.specials

    def count(self, start: int, end: int) -> int:
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def after(self, start: int, tokens: int, end: int) -> int:
        """The offset behind the first `tokens` (>= 1) tokens from `start`, at most `end`."""
        index = bisect_left(self._starts, start) + tokens
        return min(end, self._starts[index]) if index < len(self._starts) else end

    def measure(self, text: str) -> int:
        """Tokens of another text, such as a heading; remembered, since headings repeat."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._counter.count(text)
        return known

    def exact(self, start: int, end: int) -> int:
        """What the model will count for this stretch alone."""
        return self._counter.count(self.text[start:end])

    def is_within_word(self, offset: int) -> bool:
        """Whether a cut here stands between two characters of one word, where counts may not add up."""
        return 0 < offset < len(self.text) and self.text[offset - 1] not in _BLANKS and self.text[offset] not in _BLANKS


def _starts(text: str, counter: "TokenCounter") -> Iterator[int]:
    known: dict[str, tuple[int, ...]] = {}
    end = 0
    for offset, piece in _pieces(text):
        known.update(_of_words(sorted(set(_WORD.findall(piece)) - known.keys()), counter))
        for match in _WORD.finditer(piece):
            start = offset + match.start()
            if start - end > _GAP_STEP:
                yield from range(end + _GAP_STEP, start, _GAP_STEP)
            for within in known[match.group()]:
                yield start + within
            end = offset + match.end()
    yield from range(end + _GAP_STEP, len(text), _GAP_STEP)


def _of_words(words: list[str], counter: "TokenCounter") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Where the tokens of each word begin within it; all words in one call."""
    spans = iter(counter.spans("\n".join(words)))
    span = next(spans, None)
    offset = 0
    for word in words:
        starts: list[int] = []
        last_end = 0
        while span is not None and span[0] < offset + len(word):
            start, end = span[0] - offset, span[1] - offset
            starts += range(last_end + _GAP_STEP, start, _GAP_STEP)
            starts += range(start, end, _WORD_STEP) if end - start > _WORD_CHARACTERS_MAX else (start,)
            last_end = end
            span = next(spans, None)
        starts += range(last_end + _GAP_STEP, len(word), _GAP_STEP)
        yield word, tuple(starts)
        offset += len(word) + 1


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Stretches that end before a blank, so that no word is in two; a longer word is."""
    start = 0
    while start < len(text):
        end = start + _PIECE_CHARACTERS
        if end < len(text):
            word = _WORD.match(text, end, end + _PIECE_CHARACTERS)
            end = word.end() if word else end
        yield start, text[start:end]
        start = end
