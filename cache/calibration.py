"""What a score must reach so that at most `rate_max` of the hits are wrong: learned from labels while the cache works. Pure.

A label says of one would-be hit whether its answer was wrong. Labels come from misses whose new answer was compared, from
audits of hits, and from feedback. They lie where the cache looked, mostly below the threshold, so each is weighted by how
many lookups of its stretch of scores it stands for; the bound is taken on the effective number of them.

A lucky run of labels would last: once a threshold serves, only audits add labels above it. So a threshold is held to evidence
that may be looked at after every label (cache/bounds.py), and many thresholds are tried in an order fixed beforehand, each
only where the one before it held: trying them all is then wrong no more often than trying one (fixed-sequence testing, Maurer,
Hothorn and Lehmacher 1995; for thresholds, Angelopoulos and others 2021). Of 900 streams whose every threshold was wrong as
often as allowed it served 35; what it replaced, the lowest of eighty thresholds with a Clopper-Pearson bound of 99 %, 206.
Weights, and a first threshold that moves as labels come, are beyond what is proved: evals/cache_streams.py plays them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cache.bounds import exceeds, holds, wrong_rate_upper

LABELS_KEPT = 6_000
SCORES_KEPT = 12_000
LABELS_MIN = 60
STRETCHES = 20
# Thresholds that are tried, from the highest down: the same whatever the labels, as the evidence for each has to be. A step is
# 0.05 of log-odds, a hundredth of a score in the middle.
THRESHOLDS = 1 / (1 + np.exp(-np.arange(5.5, -4.0, -0.05)))
# The first that is tried has labels enough to hold though so much of the allowed rate were wrong. With fewer, one wrong label
# ends it all. Of a tenth to four tenths this served most of eight streams (orders 221 to 228 of evals/cache_streams.py).
FIRST_SHARE = 1 / 3
QUARANTINE_AFTER = 2  # audited false hits of one entry

AUDIT_RATE_FIRST = 0.2
AUDIT_RATE_LAST = 0.02
AUDITS_HALF = 100  # after so many audits the rate has halved

DRIFT_WINDOW = 200
# Audits older than so many labels are no sign of drift: where nothing is served none is audited, and it has to end some time.
DRIFT_LABELS = 2_000

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
    """The lowest threshold down to which all that are tried hold at `rate_max`, with 95 % confidence.

    `labels` oldest first; `scores` are of every lookup that had a candidate without a veto, judged or not.
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
    recent = [one for one in labels[-DRIFT_LABELS:] if one.audited][-DRIFT_WINDOW:]
    return rate_max < 1 and exceeds(sum(one.wrong for one in recent), len(recent), rate_max)


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
    counts = np.searchsorted(-points[order], -THRESHOLDS, "right")
    first = _labels_first(rate_max)
    best: tuple[float, float, float] | None = None
    for threshold, count in zip(THRESHOLDS[counts > 0], counts[counts > 0], strict=True):
        judged = float(total[count - 1]) ** 2 / float(squares[count - 1])
        bad_judged = judged * float(bad[count - 1]) / float(total[count - 1])
        if best is None and judged < first:
            continue
        if not holds(bad_judged, judged, rate_max):
            break
        best = float(threshold), bad_judged, judged
    return None if best is None else (best[0], wrong_rate_upper(best[1], best[2]))


@lru_cache(maxsize=64)
def _labels_first(rate_max: float) -> float:
    """How many labels the first threshold needs; infinite where so many are not kept."""
    low, high = 1.0, float(LABELS_KEPT)
    if not holds(FIRST_SHARE * rate_max * high, high, rate_max):
        return math.inf
    while high - low > 1:
        middle = (low + high) / 2
        if holds(FIRST_SHARE * rate_max * middle, middle, rate_max):
            high = middle
        else:
            low = middle
    return high


def _effective(weights: Numbers, wrong: Numbers) -> tuple[float, float]:
    """(judged, wrong) as if every label weighed the same (Kish's effective size, Korn and Graubard's use of it)."""
    total = float(weights.sum())
    if total <= 0:
        return 0.0, 0.0
    judged = total**2 / float((weights**2).sum())
    return judged, judged * float((weights * wrong).sum()) / total
