"""What a score must reach so that at most `rate_max` of the hits are wrong: learned from labels while the cache works. Pure.

A label says of one would-be hit whether its answer was wrong. Labels come from misses whose new answer was compared, from
audits of hits, and from feedback. They lie where the cache looked, mostly below the threshold, so each is weighted by how
many lookups of its stretch of scores it stands for; the bound is taken on the effective number of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cache.bounds import CONFIDENCE, holds, wrong_rate_lower, wrong_rate_upper

LABELS_KEPT = 6_000
SCORES_KEPT = 12_000
LABELS_MIN = 60
STRETCHES = 20
STEPS = 80  # thresholds that are tried, from the highest score down
# A threshold is looked for at many scores, again and again. The best of many looks is better than it will prove: so it has to
# hold at more than the confidence that is told (evals/cache_streams.py: at 0.95 two of 18 streams broke their bound of 0.01).
LOOKS_CONFIDENCE = 0.99
QUARANTINE_AFTER = 2  # audited false hits of one entry

AUDIT_RATE_FIRST = 0.2
AUDIT_RATE_LAST = 0.02
AUDITS_HALF = 100  # after so many audits the rate has halved

DRIFT_WINDOW = 200

STATIC_COSINE = 0.95

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One judged would-be hit. `audited`: it was above the threshold then, and withheld to be checked."""

    score: float
    wrong: bool
    audited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """Where a namespace serves. `threshold` None is nowhere: too few labels, or too many wrong ones. `wrong_rate_upper` bounds
    P(wrong | hit) there with 95 % confidence, 1.0 when nothing is known."""

    threshold: float | None
    wrong_rate_upper: float
    labels: int
    drifted: bool = False

    def admits(self, score: float) -> bool:
        return self.threshold is not None and score >= self.threshold


NOWHERE = Operating(threshold=None, wrong_rate_upper=1.0, labels=0)


def operating_point(labels: Sequence[Label], scores: Sequence[float], rate_max: float) -> Operating:
    """The lowest threshold whose bound is at most `rate_max`, for LOOKS_CONFIDENCE.

    `labels` oldest first; `scores` are of every lookup that had a candidate without a veto, judged or not. Thresholds are tried
    from the top and the search ends where the labels are wrong more often than allowed, so that no lucky stretch below a bad
    one is taken.
    """
    drifted = has_drifted(labels, rate_max)
    used = labels[-DRIFT_WINDOW:] if drifted else labels[-LABELS_KEPT:]
    if len(used) < LABELS_MIN or not scores or rate_max <= 0:
        return Operating(threshold=None, wrong_rate_upper=1.0, labels=len(used), drifted=drifted)
    points = np.array([one.score for one in used])
    wrong = np.array([one.wrong for one in used], np.float64)
    weights = _weights(points, np.array(scores[-SCORES_KEPT:]))
    best = _lowest(points, wrong, weights, rate_max)
    if best is None:
        return Operating(threshold=None, wrong_rate_upper=1.0, labels=len(used), drifted=drifted)
    threshold, upper = best
    return Operating(threshold=threshold, wrong_rate_upper=upper, labels=len(used), drifted=drifted)


def bound_at(threshold: float, labels: Sequence[Label], scores: Sequence[float]) -> float:
    """The bound on P(wrong | hit) at any threshold, 1.0 without labels: what a static mode does is told as well."""
    used = labels[-LABELS_KEPT:]
    if not used or not scores:
        return 1.0
    points = np.array([one.score for one in used])
    weights = _weights(points, np.array(scores[-SCORES_KEPT:]))
    above = points >= threshold
    judged, wrong = _effective(weights[above], np.array([one.wrong for one in used], np.float64)[above])
    return wrong_rate_upper(wrong, judged)


def has_drifted(labels: Sequence[Label], rate_max: float) -> bool:
    """Whether the last audits alone show that more is wrong than allowed: what was learned before no longer holds."""
    recent = [one for one in labels if one.audited][-DRIFT_WINDOW:]
    return wrong_rate_lower(sum(one.wrong for one in recent), len(recent), CONFIDENCE) > rate_max


def audit_rate(audits: int) -> float:
    """The share of would-be hits that are withheld and checked, after that many audits."""
    return max(AUDIT_RATE_LAST, AUDIT_RATE_FIRST / (1 + audits / AUDITS_HALF))


def _weights(points: Numbers, scores: Numbers) -> Numbers:
    """How many lookups each label stands for: those in its stretch of scores, over the labels there."""
    edges = np.quantile(scores, np.linspace(0, 1, STRETCHES + 1)[1:-1])
    of_label, of_lookup = np.searchsorted(edges, points, "right"), np.searchsorted(edges, scores, "right")
    lookups = np.bincount(of_lookup, minlength=STRETCHES)
    judged = np.bincount(of_label, minlength=STRETCHES)
    return (np.maximum(lookups, 1) / np.maximum(judged, 1))[of_label]


def _lowest(points: Numbers, wrong: Numbers, weights: Numbers, rate_max: float) -> tuple[float, float] | None:
    order = np.argsort(-points, kind="stable")
    total, squares, bad = (np.cumsum(column[order]) for column in (weights, weights**2, weights * wrong))
    best: tuple[float, float, float] | None = None
    step = max(1, math.ceil(len(order) / STEPS))
    for place in range(step - 1, len(order), step):
        rate = bad[place] / total[place]
        judged = total[place] ** 2 / squares[place]
        bad_judged = judged * rate
        # One wrong label among the first forty says little: only when too many are wrong for sure, or below what held, it ends.
        if rate > rate_max and (best is not None or holds(judged - bad_judged, judged, 1 - rate_max)):
            break
        if holds(bad_judged, judged, rate_max, LOOKS_CONFIDENCE):
            best = float(points[order[place]]), float(bad_judged), float(judged)
    return None if best is None else (best[0], wrong_rate_upper(best[1], best[2]))


def _effective(weights: Numbers, wrong: Numbers) -> tuple[float, float]:
    """(judged, wrong) as if every label weighed the same (Kish's effective size, Korn and Graubard's use of it)."""
    total = float(weights.sum())
    if total <= 0:
        return 0.0, 0.0
    judged = total**2 / float((weights**2).sum())
    return judged, judged * float((weights * wrong).sum()) / total
