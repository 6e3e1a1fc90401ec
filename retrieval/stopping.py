"""Where a ranked list stops being an answer and begins to be noise. Pure; the numbers are fitted by `evals/context.py
--fit`."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A list is cut below `floor` of its best score, and behind a fall of more than `gap` of the best between two neighbours;
    the first `kept_min` stay whatever their scores."""

    floor: float
    gap: float
    kept_min: int


DOCUMENTS = Stop(floor=0.25, gap=0.5, kept_min=3)
MEMORIES = Stop(floor=0.25, gap=0.5, kept_min=5)


def kept(scores: Sequence[float], stop: Stop) -> int:
    """How many of a list, best first, are worth their tokens."""
    if not scores:
        return 0
    best = max(scores[0], 1e-9)
    for place in range(stop.kept_min, len(scores)):
        fall = scores[place - 1] - scores[place]
        if scores[place] < stop.floor * best or fall > stop.gap * best:
            return place
    return len(scores)
