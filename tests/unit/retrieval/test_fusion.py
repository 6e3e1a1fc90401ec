"""Fusion of two arms: exact numbers by hand, and what must hold for any arms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.profile import Fusion
from engines.port import Arms, Hit
from retrieval.fusion import RRF_K, Candidate, fuse, merge


def fused(arms: Arms, fusion: Fusion, minimum: dict[str, float] | None = None) -> list[Candidate]:
    return list(fuse(arms, fusion, minimum or {}))


def hits(*pairs: tuple[int, float]) -> tuple[Hit, ...]:
    return tuple(Hit(key, score) for key, score in pairs)


ARMS = Arms(dense=hits((1, 0.8), (2, 0.6), (3, 0.2)), keyword=hits((2, 12.0), (4, 6.0)))


def test_convex_fusion_stands_each_arm_between_its_worst_and_its_best() -> None:
    found = {candidate.key: candidate.signals.fused for candidate in fused(ARMS, Fusion(kind="convex", dense_weight=0.7))}
    assert found == pytest.approx(
        {
            1: 0.7 * 1.0,
            2: 0.7 * 0.4 / 0.6 + 0.3 * 1.0,
            3: 0.0,
            4: 0.0,
        }
    )


def test_candidates_come_best_first_with_the_scores_and_ranks_of_both_arms() -> None:
    found = fused(ARMS, Fusion(kind="convex", dense_weight=0.7))
    assert [candidate.key for candidate in found] == [2, 1, 3, 4]
    first, last = found[0].signals, found[-1].signals
    assert (first.dense, first.dense_rank, first.keyword, first.keyword_rank) == (0.6, 2, 12.0, 1)
    assert (last.dense, last.dense_rank, last.keyword, last.keyword_rank) == (None, None, 6.0, 2)


def test_rrf_adds_one_over_sixty_and_the_rank() -> None:
    found = {candidate.key: candidate.signals.fused for candidate in fused(ARMS, Fusion(kind="rrf"))}
    assert RRF_K == 60
    assert found == pytest.approx({1: 1 / 61, 2: 1 / 62 + 1 / 61, 3: 1 / 63, 4: 1 / 62})


def test_one_arm_alone_keeps_its_order_and_reaches_one() -> None:
    dense = fused(Arms(dense=ARMS.dense, keyword=None), Fusion(dense_weight=0.3))
    keyword = fused(Arms(dense=None, keyword=ARMS.keyword), Fusion(dense_weight=0.3))
    assert [candidate.key for candidate in dense] == [1, 2, 3]
    assert [candidate.key for candidate in keyword] == [2, 4]
    assert dense[0].signals.fused == keyword[0].signals.fused == 1.0


def test_a_negative_cosine_still_counts_more_than_no_cosine() -> None:
    found = fused(Arms(dense=hits((1, -0.2)), keyword=hits((1, 5.0), (2, 5.0))), Fusion(dense_weight=0.5))
    assert [candidate.key for candidate in found] == [1, 2]


def test_an_arm_of_equal_scores_counts_whole_and_divides_by_nothing() -> None:
    found = fused(Arms(dense=hits((1, -1.0), (2, -1.0)), keyword=()), Fusion(dense_weight=0.6))
    assert [candidate.signals.fused for candidate in found] == [0.6, 0.6]


def test_empty_arms_give_nothing() -> None:
    assert fused(Arms(dense=(), keyword=()), Fusion()) == []


def test_ties_go_to_the_smaller_key() -> None:
    found = fused(Arms(dense=hits((9, 0.5), (4, 0.5)), keyword=None), Fusion())
    assert [candidate.key for candidate in found] == [4, 9]


def test_a_minimum_cuts_by_its_signal_and_leaves_the_scores_alone() -> None:
    whole = {candidate.key: candidate.signals for candidate in fused(ARMS, Fusion())}
    cut = fused(ARMS, Fusion(), {"dense": 0.6})
    assert [candidate.key for candidate in cut] == [2, 1]
    assert all(candidate.signals == whole[candidate.key] for candidate in cut)


def test_zero_is_a_threshold_that_a_missing_signal_does_not_reach() -> None:
    assert [candidate.key for candidate in fused(ARMS, Fusion(), {"dense": 0.0})] == [2, 1, 3]
    assert [candidate.key for candidate in fused(ARMS, Fusion(), {"dense": 0.0, "keyword": 0.0})] == [2]


def test_lists_of_several_collections_merge_by_score_and_are_cut() -> None:
    assert merge([hits((1, 0.9), (5, 0.1)), hits((2, 0.9), (3, 0.5))], 3) == hits((1, 0.9), (2, 0.9), (3, 0.5))
    assert merge([], 3) == ()


scores = st.dictionaries(st.integers(1, 40), st.floats(-1, 1), max_size=20)


def ranked(of: dict[int, float]) -> tuple[Hit, ...]:
    return tuple(Hit(key, score) for key, score in sorted(of.items(), key=lambda pair: (-pair[1], pair[0])))


@given(dense=scores, keyword=scores, weight=st.floats(0, 1), kind=st.sampled_from(["convex", "rrf"]))
def test_fusion_returns_every_candidate_once_in_descending_order_within_zero_and_one(
    dense: dict[int, float], keyword: dict[int, float], weight: float, kind: str
) -> None:
    positive = {key: abs(score) + 0.001 for key, score in keyword.items()}
    arms = Arms(dense=ranked(dense), keyword=ranked(positive))
    found = fused(arms, Fusion(kind="rrf" if kind == "rrf" else "convex", dense_weight=weight))
    assert {candidate.key for candidate in found} == dense.keys() | keyword.keys()
    assert len(found) == len(dense.keys() | keyword.keys())
    values = [candidate.signals.fused for candidate in found]
    assert values == sorted(values, reverse=True)
    assert all(-1e-9 <= value <= 1 + 1e-9 and math.isfinite(value) for value in values)
