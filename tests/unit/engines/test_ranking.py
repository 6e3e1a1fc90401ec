"""Ties at the cut: whoever fetches in any order among equals ends with the smaller keys."""

import pytest

from engines.embedded.ranking import Scored, cut, is_settled, settle


@pytest.mark.parametrize("equals", [3, 50, 700])
def test_of_rows_with_one_score_those_with_the_smaller_keys_stay(equals: int) -> None:
    asked: list[int] = []
    rows = [(0.5, key) for key in range(equals, 0, -1)] + [(0.9, 9_000)]

    def fetch(wanted: int) -> Scored:
        asked.append(wanted)
        return sorted(rows, key=lambda pair: -pair[0])[:wanted]

    assert settle(fetch, 3) == [(0.9, 9_000), (0.5, 1), (0.5, 2)]
    assert asked == sorted(asked)


def test_one_fetch_is_enough_where_nothing_ties() -> None:
    asked: list[int] = []

    def fetch(wanted: int) -> Scored:
        asked.append(wanted)
        return [(1 / key, key) for key in range(1, wanted + 1)]

    assert [key for _, key in settle(fetch, 5)] == [1, 2, 3, 4, 5]
    assert len(asked) == 1


def test_a_hundred_thousand_equals_are_not_all_fetched() -> None:
    asked: list[int] = []

    def fetch(wanted: int) -> Scored:
        asked.append(wanted)
        return [(0.5, key) for key in range(wanted)]

    assert len(settle(fetch, 5)) == 5
    assert max(asked) <= 10_000


def test_a_list_is_settled_when_it_ended_or_when_the_last_scores_less() -> None:
    assert is_settled([(1.0, 1), (1.0, 2)], wanted=3, limit=1)
    assert not is_settled([(1.0, 1), (1.0, 2)], wanted=2, limit=1)
    assert is_settled([(1.0, 1), (0.5, 2)], wanted=2, limit=1)
    assert cut([(0.5, 3), (0.5, 1), (0.9, 7)], 2) == [(0.9, 7), (0.5, 1)]
