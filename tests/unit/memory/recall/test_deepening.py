"""Whether a deeper look could answer more."""

import pytest

from engines.port import Arms, Hit
from memory.recall import deepening


def hits(*scores: float) -> tuple[Hit, ...]:
    return tuple(Hit(place, score) for place, score in enumerate(scores, 1))


@pytest.mark.parametrize(
    "dense, keyword, minimum, expected",
    [
        ((0.9, 0.8), (3.0,), {}, True),
        ((0.9,), (3.0,), {}, False),
        ((0.9, 0.8), (3.0,), {"dense": 0.5}, True),
        ((0.9, 0.4), (3.0,), {"dense": 0.5}, False),
        ((0.9, 0.8), (3.0,), {"keyword": 1.0}, False),
        ((0.9, 0.8), (3.0, 2.0), {"keyword": 1.0, "dense": 0.5}, True),
        ((0.9, 0.8), (3.0, 0.5), {"keyword": 1.0, "dense": 0.5}, False),
    ],
)
def test_only_an_arm_that_was_cut_above_its_floor_has_more(
    dense: tuple[float, ...], keyword: tuple[float, ...], minimum: dict[str, float], *, expected: bool
) -> None:
    assert deepening.more(Arms(dense=hits(*dense), keyword=hits(*keyword)), 2, minimum) is expected


def test_the_deepest_look_is_the_last() -> None:
    depth = deepening.first(10)
    while depth < deepening.DEPTH_MAX:
        depth = deepening.next_after(depth)
    full = hits(*([0.5] * depth))
    assert not deepening.more(Arms(dense=full, keyword=None), depth, {})
