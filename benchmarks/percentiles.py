"""Percentiles of measured times, by nearest rank: every figure is a time that somebody really waited. Pure."""

import math
from collections.abc import Mapping, Sequence

WANTED = (50, 95, 99)


def percentiles(seconds: Sequence[float]) -> Mapping[str, float]:
    """`p50`, `p95`, `p99` and `max` in milliseconds, and how many there were."""
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    ranks = {f"p{share}": ordered[math.ceil(share / 100 * len(ordered)) - 1] for share in WANTED}
    return {
        **{name: round(value * 1000, 2) for name, value in ranks.items()},
        "max": round(ordered[-1] * 1000, 2),
        "count": len(ordered),
    }
