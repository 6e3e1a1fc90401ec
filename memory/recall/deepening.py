"""How many rows an arm is asked for, and whether asking for more could answer more. Pure."""

from collections.abc import Mapping

from engines.port import Arms

# Rows an arm gives at first: a message has several, and neighbours lend only what an arm has found.
DEPTH_MIN = 200
DEPTH_PER_RESULT = 4
# Where fewer than k are left, the next look is four times deeper, up to this many rows an arm.
DEPTH_GROWTH = 4
DEPTH_MAX = 12_800


def first(k: int) -> int:
    return max(DEPTH_MIN, k * DEPTH_PER_RESULT)


def next_after(depth: int) -> int:
    return min(DEPTH_MAX, depth * DEPTH_GROWTH)


def more(arms: Arms, depth: int, minimum: Mapping[str, float]) -> bool:
    """Whether rows that no arm gave at `depth` could be results: some arm was cut, and where floors are asked for, each of
    their arms was, above its floor."""
    cut = {
        name: hits[-1].score
        for name, hits in (("dense", arms.dense), ("keyword", arms.keyword))
        if hits is not None and len(hits) >= depth
    }
    if depth >= DEPTH_MAX or not cut:
        return False
    return all(name in cut and cut[name] >= floor for name, floor in minimum.items())
