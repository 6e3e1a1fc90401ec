"""A token counter whose tokens one can count by eye: words and single punctuation marks."""

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"\w+|[^\w\s]")


class WordCounter:
    """A TokenCounter with two special tokens."""

    specials = 2

    def count(self, text: str) -> int:
        return len(_TOKEN.findall(text))

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        return [match.span() for match in _TOKEN.finditer(text)]


class TalliedCounter(WordCounter):
    """Says how many characters it was given in all."""

    characters = 0

    def count(self, text: str) -> int:
        self.characters += len(text)
        return super().count(text)

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        self.characters += len(text)
        return super().spans(text)
