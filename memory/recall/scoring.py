"""Which memories a question is about: fused rows become memories with a score, each with the parts that made it. Pure.

`score = best row of the memory + the neighbours' best rows * weights + speaker + period + recency`, where a row's own score
is the convex fusion of its arms (retrieval/fusion.py). A message is seldom understood without the one before: what is said
around a hit is found with it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memory.recall.questions import Question
from memory.recall.weights import Weights
from retrieval.fusion import Candidate
from storage.memory_rows import Subject
from storage.recollections import Place

# What a score is the sum of, in this order: fused, neighbors, speaker, period, recency.
_Parts = tuple[float, float, float, float, float]
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


def rank(
    candidates: Iterable[Candidate], places: Mapping[int, Place], question: Question, weights: Weights
) -> Iterator[Ranked]:
    """Best first, ties by the smaller key; one a memory. Candidates without a place are not there.

    The order is settled when this returns; a memory's parts are put together when it is asked for, since most never are.
    """
    best = _best(candidates, places)
    scores = _scores(best)
    named = _named([place for _, place in best], question)
    latest = max((place.occurred for _, place in best if place.occurred is not None), default=None)
    lenders = _lenders(weights)
    parts: list[_Parts] = [
        (
            one.signals.fused,
            _around(place, scores, lenders),
            weights.speaker * (place.key in named),
            weights.period * question.in_period(place.occurred),
            weights.recency * _newness(place, latest) if question.current else 0.0,
        )
        for one, place in best
    ]
    totals = [fused + neighbors + speaker + period + recency for fused, neighbors, speaker, period, recency in parts]
    order = sorted(range(len(best)), key=lambda at: (-totals[at], best[at][1].key))
    return (Ranked(place=best[at][1], signals=_signals(best[at][0], parts[at])) for at in order)


def _signals(candidate: Candidate, parts: _Parts) -> Signals:
    fused, neighbors, speaker, period, recency = parts
    return Signals(
        dense=candidate.signals.dense,
        dense_rank=candidate.signals.dense_rank,
        keyword=candidate.signals.keyword,
        keyword_rank=candidate.signals.keyword_rank,
        fused=fused,
        neighbors=neighbors,
        speaker=speaker,
        period=period,
        recency=recency,
    )


def _best(candidates: Iterable[Candidate], places: Mapping[int, Place]) -> Sequence[tuple[Candidate, Place]]:
    """The parts of a memory collapse to the best of them: candidates come best first."""
    best: dict[Thing, tuple[Candidate, Place]] = {}
    for candidate in candidates:
        place = places.get(candidate.key)
        if place is not None:
            best.setdefault((place.subject, place.subject_id), (candidate, place))
    return list(best.values())


def _lenders(weights: Weights) -> Sequence[tuple[int, float]]:
    """(how many messages away, what share of its score it lends), the nearest first."""
    return [
        pair for step in range(1, weights.reach + 1) for pair in ((-step, weights.before / step), (step, weights.after / step))
    ]


def _scores(best: Iterable[tuple[Candidate, Place]]) -> dict[int, dict[int, float]]:
    """What was found of each session: the scores of its messages by their numbers."""
    scores: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for one, place in best:
        if place.subject is Subject.MESSAGE and place.session_id is not None and place.seq is not None:
            scores[place.session_id][place.seq] = one.signals.fused
    return scores


def _around(place: Place, scores: Mapping[int, Mapping[int, float]], lenders: Sequence[tuple[int, float]]) -> float:
    session, seq = place.session_id, place.seq
    if place.subject is not Subject.MESSAGE or seq is None or session is None:
        return 0.0
    own = scores[session]
    total = 0.0
    if len(own) > 1:
        for away, share in lenders:
            total += share * own.get(seq + away, 0.0)
    return total


def _named(places: list[Place], question: Question) -> frozenset[int]:
    """The rows of those whom the question names, if that tells anything: where they said everything, it does not."""
    speakers = {(place.speaker, place.role) for place in places}
    asked = {one for one in speakers if question.names(*one)}
    named = frozenset(place.key for place in places if (place.speaker, place.role) in asked) if asked else frozenset[int]()
    return named if len(named) < len(places) else frozenset()


def _newness(place: Place, latest: float | None) -> float:
    """1 for the latest, halved every 30 days."""
    if latest is None or place.occurred is None:
        return 0.0
    return 0.5 ** ((latest - place.occurred) / (30 * 86_400))
