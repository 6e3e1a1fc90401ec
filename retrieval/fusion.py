"""Two ranked arms become one list. Pure functions over what the engine answered, the same for every engine.

Convex: `w * share(cosine) + (1 - w) * share(bm25)`, where `share(s) = (s - worst) / (best - worst)` over an arm's candidates of
this query, and a missing arm counts 0: min-max, one of the normalisations that Bruch, Gai and Ingber compare in "An Analysis of
Fusion Functions for Hybrid Retrieval" (2023); docs/adr/0010 says why it is ours. RRF: `sum of 1 / (60 + rank)`. With one arm
alone, that arm has all the weight.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.profile import Fusion
from engines.port import Arms, Hit
from retrieval.types import Signals

RRF_K = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk key and how it came to its place."""

    key: int
    signals: Signals


@dataclass(frozen=True, slots=True)
class _Arm:
    """One arm by key. `ranks` count from 1."""

    hits: Sequence[Hit]
    scores: Mapping[int, float]
    ranks: Mapping[int, int]


def merge(lists: Sequence[Sequence[Hit]], limit: int) -> tuple[Hit, ...]:
    """The best `limit` of one arm's lists over several collections; ties by the smaller key."""
    if len(lists) == 1:
        return tuple(lists[0][:limit])
    everything = [hit for hits in lists for hit in hits]
    return tuple(sorted(everything, key=lambda hit: (-hit.score, hit.key))[:limit])


def fuse(arms: Arms, fusion: Fusion, minimum: Mapping[str, float]) -> Iterator[Candidate]:
    """Candidates best first, ties by the smaller key. `minimum` cuts by `dense` or `keyword` after scoring, so that a
    threshold never changes a score; a candidate without the signal does not reach it, whatever the threshold.

    The order is settled when this returns; a candidate is made when it is asked for, since most never are.
    """
    dense, keyword = _arm(arms.dense), _arm(arms.keyword)
    fused = _rrf(dense, keyword) if fusion.kind == "rrf" else _convex(dense, keyword, _weight(arms, fusion))
    floors = [({"dense": dense, "keyword": keyword}[name].scores, floor) for name, floor in minimum.items()]
    kept = [key for key in fused if all(key in scores and scores[key] >= floor for scores, floor in floors)]
    order = sorted(kept, key=lambda key: (-fused[key], key))
    return (Candidate(key, _signals(key, fused[key], (dense, keyword))) for key in order)


def _arm(hits: Sequence[Hit] | None) -> _Arm:
    given = hits or ()
    return _Arm(given, {hit.key: hit.score for hit in given}, {hit.key: place for place, hit in enumerate(given, 1)})


def _weight(arms: Arms, fusion: Fusion) -> float:
    if arms.keyword is None:
        return 1.0
    return 0.0 if arms.dense is None else fusion.dense_weight


def _convex(dense: _Arm, keyword: _Arm, dense_weight: float) -> dict[int, float]:
    fused: dict[int, float] = {}
    for arm, weight in ((dense, dense_weight), (keyword, 1 - dense_weight)):
        scores = [hit.score for hit in arm.hits]
        worst, best = min(scores, default=0.0), max(scores, default=0.0)
        for hit in arm.hits:
            # Equal scores, such as those of a single candidate, are all the best there is.
            share = (hit.score - worst) / (best - worst) if best > worst else 1.0
            fused[hit.key] = fused.get(hit.key, 0.0) + weight * share
    return fused


def _rrf(*arms: _Arm) -> dict[int, float]:
    fused: dict[int, float] = {}
    for arm in arms:
        for key, rank in arm.ranks.items():
            fused[key] = fused.get(key, 0.0) + 1 / (RRF_K + rank)
    return fused


def _signals(key: int, fused: float, arms: tuple[_Arm, _Arm]) -> Signals:
    dense, keyword = arms
    return Signals(
        dense=dense.scores.get(key),
        dense_rank=dense.ranks.get(key),
        keyword=keyword.scores.get(key),
        keyword_rank=keyword.ranks.get(key),
        fused=fused,
    )
