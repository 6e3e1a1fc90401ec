"""Where the tokens of a text begin. One pass over the text, then every count is two bisections."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the port imports numpy, which a parser process has no use for
    from inference.port import TokenCounter

# A tokenizer answers with a list of tuples, 100 bytes a token: pieces keep that small.
_PIECE_CHARACTERS = 32 * 1024
_SPACE = re.compile(r"\s")
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
        return 0 < offset < len(self.text) and not self.text[offset - 1].isspace() and not self.text[offset].isspace()


def _starts(text: str, counter: "TokenCounter") -> Iterator[int]:
    last_end = 0
    for offset, piece in _pieces(text):
        for start, end in counter.spans(piece):
            if offset + start - last_end > _GAP_STEP:
                yield from range(last_end + _GAP_STEP, offset + start, _GAP_STEP)
            if end - start > _WORD_CHARACTERS_MAX:
                yield from range(offset + start, offset + end, _WORD_STEP)
            else:
                yield offset + start
            last_end = offset + end
    yield from range(last_end + _GAP_STEP, len(text), _GAP_STEP)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Stretches that end before white space, so that no word is in two; a longer word is."""
    start = 0
    while start < len(text):
        end = start + _PIECE_CHARACTERS
        if end < len(text):
            space = _SPACE.search(text, end, end + _PIECE_CHARACTERS)
            end = space.start() if space else end
        yield start, text[start:end]
        start = end
