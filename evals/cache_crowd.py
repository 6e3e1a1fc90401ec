"""Pairs of questions as a busy partition sees them: one is asked, the other is an entry among many that answer otherwise."""

from collections.abc import Sequence

from cache.acceptance import Candidate, Neighbour, choose
from cache.flat import FlatIndex
from cache.guards import read
from evals.cache_texts import Ask, Pair, Vectors, vectors

_ENTRY = -1


class Crowd:
    """The entries around. Each is known to answer otherwise than the others."""

    def __init__(self, asks: Sequence[Ask], embedded: Vectors) -> None:
        self._index = FlatIndex(embedded.shape[1])
        for place, (ask, vector) in enumerate(zip(asks, embedded, strict=True)):
            self._index.put(place, vector, text=ask.text, group=place, placed=True)

    def candidates(self, pairs: Sequence[Pair]) -> list[Candidate | None]:
        """For each pair: what asking `a` meets where `b` is an entry. None where another entry is nearer."""
        known = vectors([text for pair in pairs for text in (pair.a, pair.b)])
        return [self._candidate(pair, known[2 * place], known[2 * place + 1]) for place, pair in enumerate(pairs)]

    def _candidate(self, pair: Pair, asked: Vectors, entry: Vectors) -> Candidate | None:
        alike = min(1.0, float(asked @ entry))
        its = Neighbour(key=_ENTRY, similarity=alike, group=_ENTRY, placed=True, text=pair.b)
        around = [one for one in self._index.near(asked) if read(one.text) not in {read(pair.b), read(pair.a)}]
        candidate = choose(read(pair.a), sorted([its, *around], key=lambda one: -one.similarity))
        return candidate if candidate is not None and candidate.neighbour.key == _ENTRY else None
