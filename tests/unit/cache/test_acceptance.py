"""Which entry would answer, and what its neighbourhood says."""

import numpy as np
import pytest

from cache.acceptance import FEATURES, MARGIN_UNKNOWN, NEIGHBOURS, Neighbour, choose, score
from cache.flat import EXACT_ROWS_MAX, FlatIndex, scanned
from cache.guards import read
from cache.prior import prior


def near(key: int, similarity: float, group: int, text: str = "reset the password", *, placed: bool = True) -> Neighbour:
    return Neighbour(key=key, similarity=similarity, group=group, placed=placed, text=text)


def feature(name: str, *neighbours: Neighbour) -> float:
    candidate = choose(read("how to reset the password"), neighbours)
    assert candidate is not None
    return candidate.features[FEATURES.index(name)]


def test_without_neighbours_there_is_no_candidate() -> None:
    assert choose(read("a"), []) is None


def test_the_group_with_most_evidence_answers_by_its_nearest_entry() -> None:
    candidate = choose(read("a"), [near(1, 0.91, 1), near(2, 0.90, 2), near(3, 0.90, 2), near(4, 0.89, 2)])
    assert candidate is not None
    assert candidate.neighbour.key == 2


def test_the_margin_is_to_the_nearest_entry_with_another_answer() -> None:
    assert feature("margin", near(1, 0.9, 1), near(2, 0.88, 1), near(3, 0.75, 2)) == pytest.approx(0.15)
    assert feature("margin", near(1, 0.9, 1), near(2, 0.88, 2, placed=False)) == MARGIN_UNKNOWN


def test_a_margin_that_nobody_measured_is_not_taken_for_a_wide_one() -> None:
    assert feature("margin", near(1, 0.95, 1)) == MARGIN_UNKNOWN
    assert feature("margin", *(near(key, 0.95 - key / 100, 1) for key in range(NEIGHBOURS))) == pytest.approx(0.15)


def test_neighbours_that_disagree_lower_the_score() -> None:
    def of(*neighbours: Neighbour) -> float:
        candidate = choose(read("how to reset the password"), neighbours)
        assert candidate is not None
        return score(candidate, prior())

    assert of(near(1, 0.9, 1), near(2, 0.88, 1)) > of(near(1, 0.9, 1), near(2, 0.88, 2))
    assert of(near(1, 0.95, 1)) > of(near(1, 0.8, 1))
    assert of(near(1, 0.9, 1, "turn the alerts on")) > 0


def test_an_opposite_lowers_the_score_and_a_number_is_a_veto() -> None:
    one = choose(read("enable 2 alerts"), [near(1, 0.95, 1, "disable 2 of the red alerts")])
    same = choose(read("enable 2 alerts"), [near(1, 0.95, 1, "enable 2 alerts please")])
    other = choose(read("enable 2 alerts"), [near(1, 0.95, 1, "enable 3 alerts")])
    assert one is not None
    assert same is not None
    assert other is not None
    assert score(one, prior()) < score(same, prior())
    assert (one.vetoes, other.vetoes) == ((), ("numbers",))


def test_the_committed_weights_say_where_they_come_from() -> None:
    assert {"fitted_on", "rows", "commit", "date"} <= set(prior().provenance)


def test_what_moves_during_a_scan_is_never_mistaken_for_another() -> None:
    index = FlatIndex(4)
    rows = np.eye(4, dtype=np.float32)
    for key in range(3_000):
        index.put(key, rows[key % 4], text=f"text {key}", group=key, placed=False)
    places = scanned(index.scan, rows[1], 5)
    for key in range(1, 2_990):
        index.drop(key)
    for one in index.found(places, rows[1]):
        assert one.similarity == float(one.key % 4 == 1)
    assert {one.key for one in index.near(rows[1], 2)} == {2_993, 2_997}


def test_many_rows_are_scanned_by_their_sketches_and_the_nearest_is_found() -> None:
    chance = np.random.default_rng(3)
    rows = chance.standard_normal((EXACT_ROWS_MAX + 500, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = FlatIndex(384)
    for key, row in enumerate(rows):
        index.put(key, row, text="a text", group=key, placed=False)
    index.drop(7)
    for key in (0, 1_024, 9_999, EXACT_ROWS_MAX + 499):
        asked = rows[key] + 0.3 * rows[(key + 100) % 5_000]
        (nearest, *_) = index.near(asked / np.linalg.norm(asked))
        assert nearest.key == key


def test_the_flat_index_finds_drops_and_joins() -> None:
    index = FlatIndex(4)
    rows = np.eye(4, dtype=np.float32)
    for key in range(200):
        index.put(key, rows[key % 4], text=f"text {key}", group=key, placed=False)
    assert {one.key % 4 for one in index.near(rows[2], 10)} == {2}
    for key in range(2, 200, 4):
        index.drop(key)
    index.drop(999)
    assert len(index) == 150
    assert max(one.similarity for one in index.near(rows[2], 10)) == 0.0
    index.join({5: 1, 9: 5})
    assert {one.group for one in index.near(rows[1], 50) if one.key in {1, 5, 9}} == {1}
    index.put(1, rows[2], text="moved", group=1, placed=True)
    (moved, *_) = index.near(rows[2], 3)
    assert (moved.key, moved.placed, len(index)) == (1, True, 150)
