"""How likely the evidence is in a context, from what led to it."""

import math

import pytest

from retrieval.answerability import either, estimate, of_memories
from retrieval.types import Signals


def found(*cosines: float, keyword: float = 8.0, first: int = 1) -> list[Signals]:
    """Results by falling cosine; BM25 falls with it, and the best of words stands at `first`."""
    return [
        Signals(
            dense=cosine,
            dense_rank=rank,
            keyword=keyword * cosine,
            keyword_rank=first if rank == 1 else rank + 1,
            fused=cosine,
        )
        for rank, cosine in enumerate(cosines, 1)
    ]


def test_what_stands_out_in_both_arms_is_likelier_than_a_flat_list_of_strangers() -> None:
    clear, flat = estimate(found(0.8, 0.4, 0.35, 0.3)), estimate(found(0.3, 0.3, 0.29, 0.29, first=7))
    assert clear > 0.7
    assert flat < 0.2
    assert estimate(found(0.8, 0.4, 0.35, 0.3, first=9)) < clear


def test_nothing_found_is_never_answerable() -> None:
    assert estimate([]) == 0.0
    assert of_memories(0.0) == 0.0


def test_one_arm_alone_is_enough_to_be_estimated() -> None:
    only = Signals(dense=None, dense_rank=None, keyword=3.0, keyword_rank=1, fused=1.0)
    assert 0 < estimate([only]) < 0.5
    silent = Signals(dense=-0.1, dense_rank=1, keyword=0.0, keyword_rank=1, fused=0.0)
    assert 0 < estimate([silent, silent]) < 0.5


@pytest.mark.parametrize("more", range(1, 9))
def test_a_memory_that_says_more_is_believed_more(more: int) -> None:
    assert of_memories(more / 10) < of_memories((more + 1) / 10)
    assert of_memories(1.0) == 1.0


def test_the_surer_source_decides_and_a_source_that_was_not_asked_does_not() -> None:
    assert either(0.2, 0.7) == 0.7
    assert either(0.2, None) == 0.2
    assert either(None, None) is None
    assert math.isclose(either(0.0, 0.0) or 0.0, 0.0)
