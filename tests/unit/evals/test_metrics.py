"""The measures of the evals against values worked out by hand."""

import math

import pytest

from evals.metrics import all_found, ndcg, recall


def test_a_perfect_list_has_ndcg_one() -> None:
    assert ndcg(["a", "b", "x"], {"a": 1, "b": 1}, 10) == pytest.approx(1.0)


def test_ndcg_discounts_by_the_logarithm_of_the_place() -> None:
    # Relevant at places 2 and 4: 1/log2(3) + 1/log2(5); ideal at 1 and 2: 1 + 1/log2(3).
    expected = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert expected == pytest.approx(0.6509209)
    assert ndcg(["x", "a", "y", "b"], {"a": 1, "b": 1}, 10) == pytest.approx(expected)


def test_ndcg_weighs_graded_judgments() -> None:
    # The gain of 3 stands second and the gain of 1 first: (1 + 3/log2(3)) / (3 + 1/log2(3)).
    assert ndcg(["b", "a"], {"a": 3, "b": 1}, 10) == pytest.approx(0.7967076)


def test_ndcg_counts_only_the_first_k_and_its_ideal_does_too() -> None:
    judgments = dict.fromkeys("abcdefghijklmno", 1)
    assert ndcg(list("abcdefghij"), judgments, 10) == pytest.approx(1.0)
    assert ndcg([*"vwxyz", "a"], {"a": 1}, 5) == 0.0


def test_recall_is_the_share_of_the_relevant_among_the_first_k() -> None:
    judgments = {"a": 1, "b": 1, "c": 0}
    assert recall(["a", "x", "b"], judgments, 2) == 0.5
    assert recall(["a", "x", "b"], judgments, 3) == 1.0


def test_all_found_needs_every_relevant_document() -> None:
    judgments = {"a": 1, "b": 1}
    assert all_found(["a", "x", "b"], judgments, 2) == 0.0
    assert all_found(["a", "x", "b"], judgments, 3) == 1.0


def test_a_query_without_judgments_measures_nothing() -> None:
    assert ndcg(["a"], {}, 10) == recall(["a"], {}, 10) == 0.0
