"""How likely the evidence for a question is in a context: logistic curves over what led to its passages, and over what recall
says of its memories (memory/recall/answerability.py). Pure.

Fitted by `evals/run.py answerable --fit` on questions of scifact, hotpotqa_100 and financebench, each asked of an index that
has its evidence and of one that lacks it, and on LoCoMo's, those without an answer among them; each source also on the
questions of the other, of which it has nothing. How reliable it is: docs/explanation/answerability.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from retrieval.types import Signals

# Of so many of the best: the fewest that a context asks for, so that the budget does not move the estimate.
RESULTS = 30
LEADING = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """`cosine` is of the best result, `stands_out` how far the best cosine is above the nine next, `words_stand_out` the same
    of BM25 as a share of the best, `agreed` where one passage is the first of both arms."""

    cosine: float
    stands_out: float
    words_stand_out: float
    agreed: float
    intercept: float


FITTED = Weights(cosine=6.472, stands_out=1.465, words_stand_out=1.852, agreed=0.88, intercept=-5.121)
# What recall says is of its first ten, and of questions that memory was asked: on the scale of log odds, what a context makes
# of it.
MEMORY_SLOPE = 2.169
MEMORY_INTERCEPT = 0.139


def features(found: Sequence[Signals]) -> tuple[float, float, float, float]:
    """In the order of Weights, of at least one result, best first."""
    leading = found[:RESULTS]
    dense = sorted((one.dense for one in leading if one.dense is not None), reverse=True)[:LEADING]
    keyword = sorted((one.keyword for one in leading if one.keyword is not None), reverse=True)[:LEADING]
    first = found[0]
    above = _above(keyword)
    return (
        first.dense or 0.0,
        _above(dense),
        above / keyword[0] if above > 0 else 0.0,
        float(first.dense_rank == 1 and first.keyword_rank == 1),
    )


def estimate(found: Sequence[Signals]) -> float:
    """0 to 1; 0 where nothing was found."""
    if not found:
        return 0.0
    cosine, stands_out, words_stand_out, agreed = features(found)
    log_odds = (
        FITTED.intercept
        + FITTED.cosine * cosine
        + FITTED.stands_out * stands_out
        + FITTED.words_stand_out * words_stand_out
        + FITTED.agreed * agreed
    )
    return _logistic(log_odds)


def of_memories(said: float) -> float:
    """How likely it is among a context's memories, where recall says so much of its results; 0 where nothing was found."""
    return 0.0 if said <= 0 else _logistic(MEMORY_INTERCEPT + MEMORY_SLOPE * log_odds_of(said))


def either(documents: float | None, memories: float | None) -> float | None:
    """Where one source has the evidence, it does not matter how sure the other is that it has none. None where neither was
    asked."""
    return max((one for one in (documents, memories) if one is not None), default=None)


def log_odds_of(share: float) -> float:
    return math.log(share / (1 - share)) if share < 1 else math.inf


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _above(scores: Sequence[float]) -> float:
    """How far the first is above the mean of the others; 0 where there are none."""
    return scores[0] - fmean(scores[1:]) if len(scores) > 1 else 0.0
