"""Which memories a question is about: fused rows become memories with a score, each with the parts that made it. Pure.

`score = best row of the memory + the neighbours' best rows * weights + speaker + period + recency`, where a row's own score
is the convex fusion of its arms (retrieval/fusion.py). A message is seldom understood without the one before: what is said
around a hit is found with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memory.recall.questions import Question
from memory.recall.weights import Weights
from retrieval.fusion import Candidate
from storage.memory_rows import Subject
from storage.recollections import Place

Spot = tuple[int, int]  # session row, number of the message
Thing = tuple[Subject, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """How a memory came to its place. The first five are those of its best row, as a search has them; the rest is what was
    added: `neighbors` from the messages around it, `speaker` where the question names who said it, `period`, `recency`.
    """

    dense: float | None
    dense_rank: int | None
    keyword: float | None
    keyword_rank: int | None
    fused: float
    neighbors: float = 0.0
    speaker: float = 0.0
    period: float = 0.0
    recency: float = 0.0

    @property
    def score(self) -> float:
        return self.fused + self.neighbors + self.speaker + self.period + self.recency


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A memory by its best row."""

    place: Place
    signals: Signals


def rank(candidates: Iterable[Candidate], places: Mapping[int, Place], question: Question, weights: Weights) -> list[Ranked]:
    """Best first, ties by the smaller key; one a memory. Candidates without a place are not there."""
    best = _best(candidates, places)
    scores = {
        (place.session_id, place.seq): one.signals.fused
        for one, place in best.values()
        if place.subject is Subject.MESSAGE and place.session_id is not None and place.seq is not None
    }
    named = _named([place for _, place in best.values()], question)
    latest = max((place.occurred for _, place in best.values() if place.occurred is not None), default=None)
    ranked = [
        Ranked(
            place=place,
            signals=Signals(
                dense=candidate.signals.dense,
                dense_rank=candidate.signals.dense_rank,
                keyword=candidate.signals.keyword,
                keyword_rank=candidate.signals.keyword_rank,
                fused=candidate.signals.fused,
                neighbors=_around(place, scores, weights),
                speaker=weights.speaker * (place.key in named),
                period=weights.period * question.in_period(place.occurred),
                recency=weights.recency * _newness(place, latest) if question.current else 0.0,
            ),
        )
        for candidate, place in best.values()
    ]
    return sorted(ranked, key=lambda one: (-one.signals.score, one.place.key))


def _best(candidates: Iterable[Candidate], places: Mapping[int, Place]) -> dict[Thing, tuple[Candidate, Place]]:
    """The parts of a memory collapse to the best of them: candidates come best first."""
    best: dict[Thing, tuple[Candidate, Place]] = {}
    for candidate in candidates:
        place = places.get(candidate.key)
        if place is not None:
            best.setdefault((place.subject, place.subject_id), (candidate, place))
    return best


def _around(place: Place, scores: Mapping[Spot, float], weights: Weights) -> float:
    if place.subject is not Subject.MESSAGE or place.seq is None or place.session_id is None:
        return 0.0
    total = 0.0
    for step in range(1, weights.reach + 1):
        total += weights.before / step * scores.get((place.session_id, place.seq - step), 0.0)
        total += weights.after / step * scores.get((place.session_id, place.seq + step), 0.0)
    return total


def _named(places: list[Place], question: Question) -> frozenset[int]:
    """The rows of those whom the question names, if that tells anything: where they said everything, it does not."""
    named = frozenset(place.key for place in places if question.names(place.speaker, place.role))
    return named if len(named) < len(places) else frozenset()


def _newness(place: Place, latest: float | None) -> float:
    """1 for the latest, halved every 30 days."""
    if latest is None or place.occurred is None:
        return 0.0
    return 0.5 ** ((latest - place.occurred) / (30 * 86_400))
