"""How many wrong answers a run of judged ones still allows for: the one-sided bound of Clopper and Pearson on a proportion.
Numbers in, numbers out; what is judged and which labels count is cache/calibration.py's matter.
"""

import math

CONFIDENCE = 0.95
_FRACTION_TERMS_MAX = 500
_TINY = 1e-300
_PRECISION = 1e-13
_BISECTIONS = 60


def wrong_rate_upper(wrong: float, judged: float, confidence: float = CONFIDENCE) -> float:
    """The rate that is not exceeded with this confidence, after `wrong` of `judged` were wrong; 1.0 when nothing was judged.

    The `confidence` quantile of Beta(wrong + 1, judged - wrong) (Clopper and Pearson 1934). Both counts may be fractions:
    weighted labels come as an effective number (Korn and Graubard 1998).
    """
    assert wrong >= 0, wrong
    if judged <= 0 or wrong >= judged:
        return 1.0
    low, high = wrong / judged, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if beta_share(middle, wrong + 1, judged - wrong) < confidence:
            low = middle
        else:
            high = middle
    return high


def holds(wrong: float, judged: float, rate_max: float, confidence: float = CONFIDENCE) -> bool:
    """Whether that bound is at most `rate_max`: one evaluation where the bound itself takes sixty."""
    if judged <= 0 or wrong >= judged or rate_max <= 0:
        return False
    return rate_max >= 1 or beta_share(rate_max, wrong + 1, judged - wrong) >= confidence


def wrong_rate_lower(wrong: float, judged: float, confidence: float = CONFIDENCE) -> float:
    """The rate that is at least reached with this confidence; 0 when nothing was wrong."""
    return 0.0 if wrong <= 0 or judged <= 0 else 1.0 - wrong_rate_upper(judged - wrong, judged, confidence)


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
