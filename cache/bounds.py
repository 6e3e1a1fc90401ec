"""How many wrong answers a run of judged ones still allows for: a bound on a proportion that holds however often it is looked
at. Numbers in, numbers out; what is judged and which labels count is cache/calibration.py's matter.
"""

import math

CONFIDENCE = 0.95
# One wrong of one is no sign of more than that: twice the rate allowed, or four times it, would have it as easily.
MUCH_TOO_WRONG = 4
_FRACTION_TERMS_MAX = 500
_TINY = 1e-300
_PRECISION = 1e-13
_BISECTIONS = 60


def wrong_rate_upper(wrong: float, judged: float, confidence: float = CONFIDENCE) -> float:
    """The rate that is not exceeded with this confidence, after `wrong` of `judged` were wrong; 1.0 when nothing was judged.

    The end of a confidence sequence: the least rate from which on `evidence` reaches 1 / (1 - confidence). It is good at every
    moment of a growing run of labels at once, where an interval of Clopper and Pearson's is good at one that was fixed before.
    Both counts may be fractions: weighted labels come as an effective number (Korn and Graubard 1998).
    """
    assert wrong >= 0, wrong
    if judged <= 0 or wrong >= judged:
        return 1.0
    low, high = wrong / judged, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if holds(wrong, judged, middle, confidence):
            high = middle
        else:
            low = middle
    return high


def holds(wrong: float, judged: float, rate_max: float, confidence: float = CONFIDENCE) -> bool:
    """Whether that bound is at most `rate_max`: one evaluation where the bound itself takes sixty."""
    if judged <= 0 or wrong >= judged or rate_max <= wrong / judged:
        return False
    return rate_max >= 1 or evidence(wrong, judged, rate_max) >= -math.log1p(-confidence)


def evidence(wrong: float, judged: float, rate: float) -> float:
    """The logarithm of the evidence that fewer than `rate` are wrong: how much likelier the labels are under a rate that may be
    any below, all alike, than under `rate` itself.

    Robbins' mixture (1970). If each label is wrong with chance `rate` or more, given those before, this ratio is a nonnegative
    supermartingale that begins at 1; so it ever reaches 20 with chance 1/20 at most (Ville 1939), and may be looked at after
    each label.
    """
    below = beta_share(rate, wrong + 1, judged - wrong + 1)
    if below <= 0:
        return -math.inf
    return math.log(below) + _whole(wrong, judged) - (wrong + 1) * math.log(rate) - (judged - wrong) * math.log1p(-rate)


def exceeds(wrong: float, judged: float, rate_max: float, confidence: float = CONFIDENCE) -> bool:
    """Whether more than `rate_max` are wrong, with this confidence and however often it is asked: the mixture of `evidence`
    over the rates from `rate_max` to MUCH_TOO_WRONG times that."""
    if wrong <= rate_max * judged:
        return False
    most = min(1.0, MUCH_TOO_WRONG * rate_max)
    within = beta_share(most, wrong + 1, judged - wrong + 1) - beta_share(rate_max, wrong + 1, judged - wrong + 1)
    if within <= 0:
        return rate_max < 1  # nearly all are wrong: the likeliest rates lie beyond the mixture
    likeliest = math.log(within / (most - rate_max)) + _whole(wrong, judged) - wrong * math.log(rate_max)
    return likeliest - (judged - wrong) * math.log1p(-rate_max) >= -math.log1p(-confidence)


def _whole(wrong: float, judged: float) -> float:
    """The logarithm of the complete beta function of both counts, each with one more."""
    return math.lgamma(wrong + 1) + math.lgamma(judged - wrong + 1) - math.lgamma(judged + 2)


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), the distribution function of Beta(a, b), to about 12 digits.

    Lentz's evaluation of its continued fraction, on the side where it converges. numpy has none, and scipy would be 100 MB for
    this one function; tests hold it to mpmath.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    return 1.0 - _left(1 - x, b, a) if x > (a + 1) / (a + b + 2) else _left(x, a, b)


def _left(x: float, a: float, b: float) -> float:
    """I_x(a, b) where the fraction converges quickly: left of the mean."""
    front = a * math.log(x) + b * math.log1p(-x) - (math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)) - math.log(a)
    return math.exp(front) * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    value, ratio = 1.0, 1.0
    inverse = 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = inverse
    for m in range(1, _FRACTION_TERMS_MAX):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            inverse = 1 / _away_from_zero(1 + term * inverse)
            ratio = _away_from_zero(1 + term / ratio)
            value *= inverse * ratio
        if abs(inverse * ratio - 1) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
