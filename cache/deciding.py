"""Whether the best neighbour's answer may serve: vetoes, score, threshold, by the namespace's mode. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from cache.acceptance import Candidate, Neighbour, Weights, choose, score
from cache.calibration import Operating
from cache.guards import read
from cache.types import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a namespace decides now. `operating` is what was learned; `cosine_min` is mode static's threshold, and
    `static_upper` the bound there, 1.0 without labels."""

    mode: Mode
    weights: Weights
    operating: Operating
    cosine_min: float
    static_upper: float

    @property
    def threshold(self) -> float | None:
        return self.cosine_min if self.mode is Mode.STATIC else self.operating.threshold

    @property
    def wrong_rate_upper(self) -> float | None:
        """None where nothing is guaranteed."""
        if self.mode is Mode.STATIC:
            return None if self.static_upper >= 1 else self.static_upper
        return None if self.operating.threshold is None else self.operating.wrong_rate_upper


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`fits`: by its score and without a veto the candidate would answer, whether or not the mode lets it."""

    candidate: Candidate | None
    score: float | None
    fits: bool

    @property
    def guards(self) -> tuple[str, ...]:
        return () if self.candidate is None else self.candidate.vetoes


def decide(query: str, neighbours: Sequence[Neighbour], rule: Rule) -> Decision:
    """`neighbours` come nearest first, those that may be seen alone."""
    candidate = choose(read(query), neighbours)
    if candidate is None:
        return Decision(candidate=None, score=None, fits=False)
    value = score(candidate, rule.weights)
    if candidate.vetoes:
        fits = False
    elif rule.mode is Mode.STATIC:
        fits = candidate.neighbour.similarity >= rule.cosine_min
    else:
        fits = rule.operating.admits(value)
    return Decision(candidate=candidate, score=value, fits=fits)


def to_compare(candidate: Neighbour, neighbours: Sequence[Neighbour], groups_max: int) -> tuple[int, ...]:
    """One entry of each of the nearest answer groups, the candidate's first: what a new answer is compared with."""
    firsts: dict[int, int] = {}
    for one in (candidate, *neighbours):
        firsts.setdefault(one.group, one.key)
    return tuple(firsts.values())[:groups_max]
