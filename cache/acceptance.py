"""Whether a neighbour's answer serves a question: one pooled score over what the neighbourhood says. Pure; what the score
must reach is cache/calibration.py's matter, and the numbers that it is made with are cache/prior.py's.

Cosine alone cannot tell "the same question" from "a near one": on intent streams 0.90 answers 3 % of its hits wrongly. What
tells them apart is the neighbourhood: how far away the nearest entry with *another* answer is, and whether the entries around
agree. An entry is *placed* when its answer was compared with others; of one that was not, nobody knows which group it is of.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cache.guards import Marks, compare, read

NEIGHBOURS = 16
# Evidence of a neighbour falls by e for each 0.05 of cosine below the nearest; what nobody compared counts a third.
EVIDENCE_WIDTH = 0.05
UNPLACED_WEIGHT = 0.3
MARGIN_MAX = 0.3
# Where no entry with another answer is known, nobody knows how near one may be: that speaks for nothing. Counted as far away, a
# partition of one entry served 8 % of the different pairs of qqp and 69 % of paws_val's; so, 0.3 % and 6 %.
MARGIN_UNKNOWN = 0.05

FEATURES = (
    "cosine",
    "gap",
    "margin",
    "agreement",
    "support",
    "unplaced",
    "overlap",
    "opposites",
    "quantifiers",
    "names",
    "one_sided",
    "negation",
    "reordered",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """An entry near a question. `group` names its answer: entries of one group were judged to answer the same. `text` is the
    entry's question: its marks are read once it is chosen, which of sixteen spares fifteen readings of 60 µs."""

    key: int
    similarity: float
    group: int
    placed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A logistic model over FEATURES, and where its numbers come from."""

    values: tuple[float, ...]
    intercept: float
    provenance: Mapping[str, str]

    def __post_init__(self) -> None:
        assert len(self.values) == len(FEATURES), len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The entry that would answer. `features` are in the order of FEATURES; a veto forbids whatever the score."""

    neighbour: Neighbour
    features: tuple[float, ...]
    vetoes: tuple[str, ...]


def choose(question: Marks, neighbours: Sequence[Neighbour]) -> Candidate | None:
    """The best entry of the group with most evidence, None without neighbours. `neighbours` come nearest first."""
    if not neighbours:
        return None
    nearest = neighbours[0].similarity
    evidence: dict[int, float] = {}
    for one in neighbours:
        weight = math.exp((one.similarity - nearest) / EVIDENCE_WIDTH) * (1.0 if one.placed else UNPLACED_WEIGHT)
        evidence[one.group] = evidence.get(one.group, 0.0) + weight
    group = max(evidence, key=evidence.__getitem__)
    chosen = next(one for one in neighbours if one.group == group)
    comparison = compare(question, read(chosen.text))
    return Candidate(
        neighbour=chosen,
        vetoes=comparison.vetoes,
        features=(
            chosen.similarity,
            nearest - chosen.similarity,
            _margin(chosen, neighbours),
            evidence[group] / sum(evidence.values()),
            math.log1p(sum(one.group == group for one in neighbours)),
            0.0 if chosen.placed else 1.0,
            comparison.overlap,
            comparison.opposites,
            comparison.quantifiers,
            comparison.names,
            comparison.one_sided,
            comparison.negation,
            comparison.reordered,
        ),
    )


def _margin(chosen: Neighbour, neighbours: Sequence[Neighbour]) -> float:
    """How much farther the nearest entry known to answer otherwise is: at least the last of many that answer alike."""
    others = [one.similarity for one in neighbours if one.group != chosen.group and one.placed]
    if not others and len(neighbours) >= NEIGHBOURS and all(one.group == chosen.group for one in neighbours):
        others = [neighbours[-1].similarity]
    return min(MARGIN_MAX, chosen.similarity - others[0]) if others else MARGIN_UNKNOWN


def score(candidate: Candidate, weights: Weights) -> float:
    """In (0, 1), higher is better. It orders candidates; that it were a probability is not claimed."""
    return score_of(candidate.features, weights)


def score_of(features: Sequence[float], weights: Weights) -> float:
    """The score of features, in the order of FEATURES."""
    total = weights.intercept + sum(w * x for w, x in zip(weights.values, features, strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))
