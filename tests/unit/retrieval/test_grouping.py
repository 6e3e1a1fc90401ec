"""Grouping by document: the best chunk stands for its document, and the order of the rest is kept."""

from core.limits import CHUNK_ORDINAL_BITS
from retrieval.fusion import Candidate
from retrieval.grouping import best_per_document
from retrieval.types import Signals


def candidate(version: int, ordinal: int, fused: float) -> Candidate:
    signals = Signals(dense=fused, dense_rank=1, keyword=None, keyword_rank=None, fused=fused)
    return Candidate(version << CHUNK_ORDINAL_BITS | ordinal, signals)


def test_the_best_chunk_of_each_document_stays_in_order() -> None:
    given = [candidate(7, 3, 0.9), candidate(8, 0, 0.8), candidate(7, 0, 0.7), candidate(8, 131_071, 0.6), candidate(9, 1, 0.5)]
    assert list(best_per_document(given)) == [given[0], given[1], given[4]]


def test_nothing_in_nothing_out() -> None:
    assert list(best_per_document([])) == []
