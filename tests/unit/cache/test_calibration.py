"""The threshold that labels allow for, and the bound that is told with it."""

import importlib
import math
import random

import pytest

from cache.bounds import beta_share, evidence, exceeds, holds, wrong_rate_upper
from cache.calibration import NOWHERE, Label, audit_rate, bound_at, has_drifted, operating_point


def labelled(count: int, *, wrong_below: float = 0.5, noise: float = 0.0, seed: int = 1) -> list[Label]:
    """Scores all over [0, 1); wrong below `wrong_below`, and with chance `noise` above."""
    chance = random.Random(seed)
    scores = [chance.random() for _ in range(count)]
    return [Label(score=one, wrong=one < wrong_below or chance.random() < noise) for one in scores]


mpmath = importlib.import_module("mpmath")  # comes with sympy, without types


def oracle(x: float, a: float, b: float) -> float:
    return float(mpmath.betainc(a, b, 0, x, regularized=True))


def test_four_hundred_and_fifty_right_answers_and_no_wrong_one_bound_the_rate_by_one_in_a_hundred() -> None:
    assert wrong_rate_upper(0, 450) == pytest.approx(0.01, abs=1e-4)
    assert holds(0, 452, 0.01)
    assert not holds(0, 448, 0.01)


@pytest.mark.parametrize("wrong, judged, rate", [(0, 450, 0.01), (10, 2_000, 0.01), (3.5, 410.25, 0.02), (40, 6_000, 0.05)])
def test_evidence_is_the_likelihood_of_all_lower_rates_over_that_of_the_rate(wrong: float, judged: float, rate: float) -> None:
    def likelihood(of: object) -> object:
        return mpmath.power(of, wrong) * mpmath.power(1 - mpmath.mpf(of), judged - wrong)

    peak = max(wrong, 1) / judged
    lower = mpmath.quad(likelihood, [0, *(peak * place / 4 for place in range(1, 17) if peak * place / 4 < rate), rate])
    assert evidence(wrong, judged, rate) == pytest.approx(float(mpmath.log(lower / rate / likelihood(rate))), abs=1e-6)


@pytest.mark.parametrize(
    "wrong, judged, above", [(1, 1, False), (1, 2, False), (2, 2, False), (4, 4, True), (3, 100, False), (12, 200, True)]
)
def test_more_than_allowed_takes_more_than_one_wrong_answer(wrong: int, judged: int, *, above: bool) -> None:
    assert exceeds(wrong, judged, 0.02) is above


def test_however_often_it_is_asked_a_rate_that_is_kept_seldom_seems_exceeded() -> None:
    def ever(seed: int) -> bool:
        chance, wrong = random.Random(seed), 0
        for judged in range(1, 400):
            wrong += chance.random() < 0.02
            if exceeds(wrong, judged, 0.02):
                return True
        return False

    assert sum(ever(seed) for seed in range(100)) <= 5


def test_nothing_judged_is_nothing_known() -> None:
    assert wrong_rate_upper(0, 0) == wrong_rate_upper(5, 5) == 1.0
    assert not exceeds(0, 100, 0.02)
    assert not holds(0, 0, 0.5)


@pytest.mark.parametrize("x", [0.0, 0.001, 0.02, 0.5, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("a, b", [(1, 299), (3.5, 40.25), (200, 5_000), (1, 1), (17, 0.5)])
def test_the_incomplete_beta_is_that_of_mpmath(x: float, a: float, b: float) -> None:
    assert beta_share(x, a, b) == pytest.approx(oracle(x, a, b), abs=1e-11)


def test_without_labels_nothing_is_served() -> None:
    assert operating_point([], [], 0.02) == NOWHERE
    assert not NOWHERE.admits(1.0)


def test_the_threshold_lies_where_wrong_answers_begin() -> None:
    labels = labelled(2_000)
    point = operating_point(labels, [one.score for one in labels], 0.02)
    assert point.threshold is not None
    assert 0.45 < point.threshold < 0.6
    assert point.wrong_rate_upper <= 0.02


def test_a_rate_that_the_data_cannot_reach_serves_nothing() -> None:
    labels = labelled(2_000, noise=0.1)
    point = operating_point(labels, [one.score for one in labels], 0.02)
    assert (point.threshold, point.wrong_rate_upper) == (None, 1.0)


def test_however_often_it_is_looked_at_a_rate_that_is_not_kept_is_seldom_served() -> None:
    """Every threshold is wrong as often as allowed: whatever is served there was luck. The best of many looks had 18 of these
    streams, where one in twenty was told."""
    lucky = sum(_serves_by_luck(seed, rate=0.02) for seed in range(100))
    assert lucky <= 5


def _serves_by_luck(seed: int, *, rate: float) -> bool:
    chance = random.Random(seed)
    scores = [1 / (1 + math.exp(-chance.gauss(1.0, 1.2))) for _ in range(3_000)]
    labels = [Label(score=one, wrong=chance.random() < rate) for one in scores]
    looks = range(300, len(labels) + 1, 300)
    return any(operating_point(labels[:seen], scores[:seen], rate).threshold is not None for seen in looks)


def test_a_threshold_below_one_that_does_not_hold_is_not_served() -> None:
    """However many right answers lie below: the highest scores are the surest."""
    high = [Label(score=0.9, wrong=place % 10 == 0) for place in range(1_200)]
    low = [Label(score=0.5, wrong=False) for _ in range(4_000)]
    labels = [*low, *high]
    assert operating_point(low, [one.score for one in low], 0.05).threshold is not None
    assert operating_point(labels, [one.score for one in labels], 0.05).threshold is None


def test_a_rate_that_the_labels_kept_cannot_show_serves_nothing() -> None:
    labels = [Label(score=0.9, wrong=False) for _ in range(6_000)]
    assert operating_point(labels, [0.9], 0.001).threshold is None
    assert operating_point(labels, [0.9], 1.0).threshold is not None


def test_a_lower_rate_never_serves_more() -> None:
    labels = labelled(3_000, wrong_below=0.3, noise=0.005)
    scores = [one.score for one in labels]
    points = [operating_point(labels, scores, rate).threshold for rate in (0.01, 0.02, 0.05)]
    reached = [point for point in points if point is not None]
    assert reached == sorted(reached, reverse=True)
    assert len(reached) >= 2


def test_labels_that_lie_low_do_not_speak_for_hits_that_lie_high() -> None:
    """Most lookups score high and few of those are judged: each of their labels stands for many."""
    labels = [*labelled(400, wrong_below=0.0), *(Label(score=0.9 + one.score / 10, wrong=False) for one in labelled(100))]
    scores = [*(one.score for one in labels), *(0.9 + one.score / 10 for one in labelled(3_000, seed=2))]
    some_wrong = [*labels[:-1], Label(score=0.95, wrong=True)]
    assert bound_at(0.85, some_wrong, scores) > bound_at(0.85, labels, scores)


def test_audits_that_turn_bad_are_drift_and_old_labels_stop_counting() -> None:
    good = labelled(3_000)
    bad = [Label(score=0.95, wrong=place % 5 == 0, audited=True) for place in range(200)]
    scores = [one.score for one in good]
    assert not has_drifted(good, 0.02)
    assert has_drifted([*good, *bad], 0.02)
    after = operating_point([*good, *bad], scores, 0.02)
    assert after.drifted
    assert after.threshold is None


def test_a_wrong_answer_among_the_first_audits_is_no_drift() -> None:
    audits = [Label(score=0.95, wrong=wrong, audited=True) for wrong in (False, True)]
    assert not has_drifted([*labelled(1_000), *audits], 0.02)


def test_what_drifted_and_is_right_again_serves_again() -> None:
    """Where nothing is served nothing is audited: only judged misses can tell."""
    bad = [Label(score=0.5 + place / 120, wrong=place % 5 == 0, audited=True) for place in range(60)]
    right = labelled(3_000)
    scores = [one.score for one in right]
    assert operating_point(bad, scores, 0.05).drifted
    after = operating_point([*bad, *right], scores, 0.05)
    assert not after.drifted
    assert after.threshold is not None


def test_fewer_hits_are_audited_the_more_were() -> None:
    rates = [audit_rate(audits) for audits in (0, 100, 1_000, 100_000)]
    assert rates == [0.2, 0.1, pytest.approx(0.2 / 11), 0.02] or rates[-1] == 0.02
    assert rates == sorted(rates, reverse=True)
