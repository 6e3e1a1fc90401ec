"""Which sentences to keep under a budget of tokens. Scored by how much they stand for the rest, how much they tell, and what
speaks for them; chosen by marginal relevance, so that nothing is kept twice. Pure and exact arithmetic in a fixed
order: the same sentences give the same choice, byte for byte."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.compression.citing import Sentence
from memory.compression.salience import MUST_KEEP, Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Of the parts of a score. `density` is the power of a sentence's tokens that its score is divided by: 0 prefers long
    sentences, 1 short ones."""

    centroid: float
    information: float
    salience: float
    must: float
    redundancy: float
    density: float
    marks: Mapping[Mark, float]


# Fitted on the development conversations (evals/compression.py), by coordinates, towards gold evidence turns, answer strings
# and characters of evidence kept at 4:1, 8:1 and 16:1. What must be kept gets a bonus and not a turn before everything else:
# one sentence in seven has a number, a negation or a date, and taking all of them first kept 0.66 of the evidence turns at
# 4:1 instead of 0.73, and 0.25 of the answers at 16:1 instead of 0.42. The centroid's weight would be 0 by these
# conversations (0.002 better); it is what keeps a summary of prose without names or numbers to its subject. Corrections and
# instructions hardly occur in them; their weights are what an agent's user would want.
DEFAULT = Weights(
    centroid=0.1,
    information=1.6,
    salience=0.6,
    must=0.15,
    redundancy=0.25,
    density=0.5,
    marks={
        Mark.CORRECTION: 1.0,
        Mark.NEGATION: 0.3,
        Mark.DECISION: 1.0,
        Mark.COMMITMENT: 0.25,
        Mark.PREFERENCE: 0.2,
        Mark.INSTRUCTION: 0.8,
        Mark.NUMBER: 0.5,
        Mark.DATE: 1.0,
        Mark.NAME: 1.0,
        Mark.IDENTIFIER: 0.7,
        Mark.QUESTION: -1.0,
        Mark.OPEN: 1.0,
        Mark.ANSWER: 0.3,
        Mark.PERSONAL: 0.7,
    },
)
# A sentence is scored as if it had at least so many tokens: "Yes!" is not worth more for being short.
_TOKENS_MIN = 4


def select(candidates: Sequence[Sentence], tokens_max: int, weights: Weights = DEFAULT) -> tuple[Sentence, ...]:
    """The chosen, in the order of the conversation; together at most `tokens_max` tokens. Nothing fits: nothing is chosen."""
    bag = _Bag(candidates)
    scores = [_score(one, place, bag, weights) for place, one in enumerate(candidates)]
    overlap = np.zeros(len(candidates))
    # What a sentence is worth only falls while others are chosen, so the best by its last known worth, if that still holds,
    # is the best of all.
    heap = [(-score, place) for place, score in enumerate(scores)]
    heapq.heapify(heap)
    chosen: list[int] = []
    said: set[tuple[str, str]] = set()
    again: list[int] = []  # word for word the same: only where all else is in
    left = tokens_max
    while heap and left > 0:
        known, place = heapq.heappop(heap)
        its = (candidates[place].speaker, candidates[place].text.casefold())
        if its in said:
            again.append(place)
            continue
        if candidates[place].tokens > left:
            continue
        worth = weights.redundancy * overlap.item(place) - scores[place]
        if worth > known:
            heapq.heappush(heap, (worth, place))
            continue
        chosen.append(place)
        said.add(its)
        left -= candidates[place].tokens
        np.maximum(overlap, bag.like(place), out=overlap)
    if len(chosen) + len(again) == len(candidates) and sum(candidates[place].tokens for place in again) <= left:
        chosen += again
    return tuple(candidates[place] for place in sorted(chosen))


def _score(one: Sentence, place: int, bag: "_Bag", weights: Weights) -> float:
    salience = sum(weights.marks.get(mark, 0.0) for mark in sorted(one.marks))
    worth = (
        weights.centroid * bag.centrality(place)
        + weights.information * math.log1p(bag.information(place))
        + weights.salience * salience
        + weights.must * bool(one.marks & MUST_KEEP)
    )
    return worth / max(one.tokens, _TOKENS_MIN) ** weights.density


class _Bag:
    """The sentences as unit vectors over their terms, rarer terms weighing more; sums in sorted order, so that they are exact
    repetitions of themselves."""

    def __init__(self, candidates: Sequence[Sentence]) -> None:
        counts = [Counter(one.terms) for one in candidates]
        found = Counter(term for count in counts for term in count)
        self._most = math.log1p(len(candidates))
        self._idf = {term: math.log(1 + len(candidates) / n) for term, n in found.items()}
        self._vectors = [self._vector(count) for count in counts]
        holders: dict[str, list[int]] = defaultdict(list)
        total: dict[str, float] = defaultdict(float)
        for place, vector in enumerate(self._vectors):
            for term, weight in vector.items():
                holders[term].append(place)
                total[term] += weight
        self._holders = {
            term: (np.array(places), np.array([self._vectors[place][term] for place in places]))
            for term, places in holders.items()
        }
        norm = math.sqrt(sum(weight * weight for weight in total.values())) or 1.0
        self._centroid = {term: weight / norm for term, weight in total.items()}

    def centrality(self, place: int) -> float:
        """Cosine to the centroid of all."""
        return sum(weight * self._centroid[term] for term, weight in self._vectors[place].items())

    def information(self, place: int) -> float:
        """How many terms it has, each by how rare it is: a term of one sentence alone counts 1."""
        return sum(self._idf[term] for term in self._vectors[place]) / self._most if self._most else 0.0

    def like(self, place: int) -> NDArray[np.float64]:
        """Cosine to every sentence, 0 to one that shares no term; added up term by term, in the order of its own."""
        own = self._vectors[place]
        if not own:
            return np.zeros(len(self._vectors))
        shared = [self._holders[term] for term in own]
        parts = [weight * theirs for weight, (_, theirs) in zip(own.values(), shared, strict=True)]
        others = np.concatenate([places for places, _ in shared])
        return np.asarray(np.bincount(others, np.concatenate(parts), len(self._vectors)), dtype=np.float64)

    def _vector(self, count: Counter[str]) -> dict[str, float]:
        weighed = {term: (1 + math.log(n)) * self._idf[term] for term, n in sorted(count.items())}
        norm = math.sqrt(sum(weight * weight for weight in weighed.values()))
        return {term: weight / norm for term, weight in weighed.items()} if norm else {}
