"""Which pieces say what another already says. Exact shingle sets over the few hundred candidates of one request: at that size
comparing them takes some 3 ms and needs no MinHash, whose error would be another reason to doubt a dropped piece."""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, pairwise
from math import ceil

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
    candidates = _candidates(shingles)
    fixed = {place: _fixed(words[place]) for place in {*candidates, *chain.from_iterable(candidates.values())}}
    return [
        frozenset(
            other
            for other in candidates.get(place, ())
            if len(own & shingles[other]) >= CONTAINED_MIN * len(own) and fixed[place] <= fixed[other]
        )
        for place, own in enumerate(shingles)
    ]


def _candidates(shingles: Sequence[frozenset[object]]) -> dict[int, set[int]]:
    """By place, those that may hold enough of it: most pieces have too many shingles that no other has, and are done. Whoever
    holds enough of the rest holds one of its rarest, as many as may be lacking and one more (the prefix filter of Chaudhuri,
    Ganti and Kaushik, 2006)."""
    told = _told_twice(shingles)
    shared = [own & told for own in shingles]
    holders: defaultdict[object, list[int]] = defaultdict(list)
    for place, own in enumerate(shared):
        for shingle in own:
            holders[shingle].append(place)
    found: dict[int, set[int]] = {}
    for place, own in enumerate(shared):
        spare = len(own) - ceil(CONTAINED_MIN * len(shingles[place]))
        if spare >= 0:
            rarest = sorted(own, key=lambda shingle: len(holders[shingle]))[: spare + 1]
            found[place] = {other for shingle in rarest for other in holders[shingle]} - {place}
    return found


def _told_twice(shingles: Sequence[frozenset[object]]) -> set[object]:
    """Those that more than one piece has."""
    seen, twice = set[object](), set[object]()
    for own in shingles:
        twice |= own & seen
        seen |= own
    return twice


def _fixed(words: Sequence[str]) -> frozenset[str]:
    """What a near duplicate may not differ in."""
    return frozenset(
        word for word in set(words) if word in _NEGATIONS or word.endswith("n't") or _NUMBER.search(word) is not None
    )


def _shingles(words: Sequence[str]) -> frozenset[object]:
    if len(words) < WORDS_MIN:
        return frozenset({("whole", *words)})
    return frozenset(zip(words, words[1:], words[2:], strict=False)) | frozenset(pairwise(words[-WORDS + 1 :]))
