"""Measures of one ranked list against judgments. Pure; means over queries are taken in evals/report.py.

A list is document ids, best first, each once; judgments are gains by document id, above 0 for the relevant ones.
"""

import math
from collections.abc import Mapping, Sequence

Judgments = Mapping[str, int]


def ndcg(ranked: Sequence[str], judgments: Judgments, k: int) -> float:
    """Discounted gain of the first k over that of the best possible list (Järvelin and Kekäläinen 2002, linear gain)."""
    ideal = sorted((gain for gain in judgments.values() if gain > 0), reverse=True)
    best = _discounted(ideal[:k])
    return _discounted([judgments.get(one, 0) for one in ranked[:k]]) / best if best else 0.0


def recall(ranked: Sequence[str], judgments: Judgments, k: int) -> float:
    """The share of the relevant documents that stand among the first k."""
    relevant = {one for one, gain in judgments.items() if gain > 0}
    return len(relevant.intersection(ranked[:k])) / len(relevant) if relevant else 0.0


def all_found(ranked: Sequence[str], judgments: Judgments, k: int) -> float:
    """1 when every relevant document stands among the first k, else 0: what a question over two documents needs."""
    return float(recall(ranked, judgments, k) == 1.0)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))
