"""How likely the evidence for a question is among the results: a logistic curve over what led to them. Pure.

Fitted on the 1,319 development questions of LoCoMo and BEAM under the default weights, the 272 that have no answer by design
among them: mean error of a fifth of the questions at most 0.07, Brier 0.220 where the base rate alone has 0.236, AUC 0.64.
It tells a question that nothing fits from one that something does, and hardly a trap from a fair question: those speak the
same words.
"""

import math
from collections.abc import Sequence

from memory.recall.scoring import Signals

INTERCEPT = -3.236
COSINE = 2.037  # of the best cosine of the results
KEYWORD = 0.201  # of the best BM25 score for each word of the query
SCORE = 1.522  # of the best score


def estimate(signals: Sequence[Signals], *, words: int) -> float:
    """0 to 1, of the signals of the results and the number of the query's words. 0 without results."""
    if not signals:
        return 0.0
    cosine = max((one.dense for one in signals if one.dense is not None), default=0.0)
    keyword = max((one.keyword for one in signals if one.keyword is not None), default=0.0)
    score = max(one.score for one in signals)
    log_odds = INTERCEPT + COSINE * cosine + KEYWORD * keyword / max(1, words) + SCORE * score
    return 1 / (1 + math.exp(-log_odds))
