"""Which pieces say what another already says. Exact shingle sets over the few hundred candidates of one request: at that size
counting shared shingles takes some 5 ms and needs no MinHash, whose error would be another reason to doubt a dropped piece."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

# Of a piece's shingles, how many another must have to have told it. Fitted on nothing: on LoCoMo's development turns no pair of
# different turns reaches it, and a turn inside a window has 1.0.
CONTAINED_MIN = 0.9
WORDS = 3
# Shorter texts are duplicates only when they are equal: "yes, thanks" says another thing elsewhere.
WORDS_MIN = 6

_WORD = re.compile(r"\w+(?:[.,:/'-]\w+)*")
_NUMBER = re.compile(r"\d")
_NEGATIONS = frozenset(
    {"no", "not", "never", "none", "nothing", "without", "cannot", "nor", "neither", "nicht", "kein", "keine"}
)


def covers(texts: Sequence[str]) -> list[frozenset[int]]:
    """For each text the positions of the others that contain it nearly whole, with every number and negation that it has.

    Two equal texts cover each other: who is told is the caller's order. Symmetric only for equal ones.
    """
    words = [_WORD.findall(text.casefold()) for text in texts]
    shingles = [_shingles(one) for one in words]
    fixed = [frozenset(word for word in set(one) if _fixed(word)) for one in words]
    holders: defaultdict[object, list[int]] = defaultdict(list)
    for position, own in enumerate(shingles):
        for shingle in own:
            holders[shingle].append(position)
    return [
        frozenset(
            other
            for other, shared in _shared(own, holders).items()
            if other != position and shared >= CONTAINED_MIN * len(own) and fixed[position] <= fixed[other]
        )
        for position, own in enumerate(shingles)
    ]


def _fixed(word: str) -> bool:
    """What a near duplicate may not differ in."""
    return word in _NEGATIONS or word.endswith("n't") or _NUMBER.search(word) is not None


def _shingles(words: Sequence[str]) -> frozenset[object]:
    if len(words) < WORDS_MIN:
        return frozenset({("whole", *words)})
    return frozenset(zip(words, words[1:], words[2:], strict=False)) | frozenset(pairwise(words[-WORDS + 1 :]))


def _shared(own: frozenset[object], holders: defaultdict[object, list[int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for shingle in own:
        others = holders[shingle]
        if len(others) > 1:
            found.update(others)
    return found
