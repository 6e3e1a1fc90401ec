"""Which pieces say what another already says. Exact shingle sets over the few hundred candidates of one request: at that size
comparing them takes some 4 ms and needs no MinHash, whose error would be another reason to doubt a dropped piece."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

# Of a piece's shingles, how many another must have to have told it. Fitted on nothing: on LoCoMo's development turns no pair of
# different turns reaches it, and a turn inside a window has 1.0.
CONTAINED_MIN = 0.9
# Shorter texts are duplicates only when they are equal: "yes, thanks" says another thing elsewhere.
WORDS_MIN = 6

_END = None
_WORD = re.compile(r"\w+(?:[.,:/'-]\w+)*")
_NUMBER = re.compile(r"\d")
_NEGATIONS = frozenset(
    {"no", "not", "never", "none", "nothing", "without", "cannot", "nor", "neither", "nicht", "kein", "keine"}
)


def covers(texts: Sequence[str]) -> list[frozenset[int]]:
    """For each text the positions of the others that contain it nearly whole, with every number and negation that it has.

    Two equal texts cover each other: who is told is the caller's order. Symmetric only for equal ones.
    """
    if not texts:
        return []
    words: list[list[str]] = [_WORD.findall(text.casefold()) for text in texts]
    told = _shared_shingles(words)
    fixed: dict[int, frozenset[str]] = {}

    def of(place: int) -> frozenset[str]:
        if place not in fixed:
            fixed[place] = _fixed(words[place])
        return fixed[place]

    return [
        frozenset(other for other in told.holders(place) if other != place and of(place) <= of(other))
        for place in range(len(texts))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """The shingles that more than one text has, as pairs of (shingle, text): `shingle` [n] from 0, ascending, `text` [n].
    `needed` [texts] is how many of a text's own another must have."""

    shingle: NDArray[np.int64]
    text: NDArray[np.int64]
    needed: NDArray[np.floating]

    def holders(self, place: int) -> list[int]:
        """The texts that have enough of the one at `place`, itself among them; none where too few of its own are shared."""
        own = self.shingle[self.text == place]
        if len(own) < self.needed[place]:
            return []
        wanted = np.zeros(int(self.shingle[-1]) + 1, dtype=np.bool_)
        wanted[own] = True
        counts = np.bincount(self.text[wanted[self.shingle]], minlength=len(self.needed))
        return np.flatnonzero(counts >= self.needed[place]).tolist()


def _shared_shingles(words: Sequence[Sequence[str]]) -> _Shared:
    tokens = [_tokens(one) for one in words]
    flat = list(chain.from_iterable(tokens))
    numbers = {token: number for number, token in enumerate(dict.fromkeys(flat))}
    codes = np.fromiter(map(numbers.__getitem__, flat), dtype=np.int64, count=len(flat))
    text = np.repeat(np.arange(len(tokens)), [len(one) for one in tokens])
    inside = text[:-2] == text[2:]
    pair, third, text = (codes[:-2] * len(numbers) + codes[1:-1])[inside], codes[2:][inside], text[:-2][inside]
    # Stable, so that equal shingles stand in the order of their texts.
    order = np.lexsort((third, pair))
    pair, third, text = pair[order], third[order], text[order]
    first = np.append(True, (pair[1:] != pair[:-1]) | (third[1:] != third[:-1]))
    once = first | np.append(True, text[1:] != text[:-1])
    shingle, text = (np.cumsum(first) - 1)[once], text[once]
    several = np.bincount(shingle)[shingle] > 1
    needed = CONTAINED_MIN * np.bincount(text, minlength=len(tokens))
    return _Shared(shingle=shingle[several], text=text[several], needed=needed)


def _tokens(words: Sequence[str]) -> Sequence[object]:
    """The words and an end, of which every three in a row are a shingle; of a short text one that only an equal one has."""
    return (*words, _END) if len(words) >= WORDS_MIN else (tuple(words), _END, _END)


def _fixed(words: Sequence[str]) -> frozenset[str]:
    """What a near duplicate may not differ in."""
    return frozenset(
        word for word in set(words) if word in _NEGATIONS or word.endswith("n't") or _NUMBER.search(word) is not None
    )
