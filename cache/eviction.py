"""Which entries go when a partition or a namespace holds too many: those whose keeping saves least for the room they take.
Pure.

As greedy-dual-size-frequency does (Cherkasova 1998): what an entry saves each time, times how often it was asked for, over
its size, fading while nobody asks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

# What an answer saved is worth where the caller gave no price: a second of waiting, a thousand tokens.
USD_PER_SECOND = 0.000_1
USD_PER_1000_TOKENS = 0.001
USD_FLOOR = 0.000_01
HALF_LIFE_S = 3 * 24 * 3600.0
PARTITION_SHARE_MAX = 0.5  # of a namespace's entries: one busy prompt does not push out all the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What eviction looks at. `partition` names the partition, `used_at` the last hit, or the making."""

    key: int
    partition: str
    hits: int
    bytes: int
    usd: float | None
    tokens: int
    latency_ms: float
    used_at: datetime


def worth(entry: Kept, at: datetime) -> float:
    """Dollars saved per kibibyte kept, faded by the time since it was last of use."""
    saved = entry.usd or entry.tokens / 1000 * USD_PER_1000_TOKENS + entry.latency_ms / 1000 * USD_PER_SECOND
    idle_s = max(0.0, (at - entry.used_at).total_seconds())
    fade = 0.5 ** (idle_s / HALF_LIFE_S)
    return (saved + USD_FLOOR) * (1 + entry.hits) * fade / max(1.0, entry.bytes / 1024)


def surplus(entries: Sequence[Kept], entries_max: int, at: datetime) -> tuple[int, ...]:
    """The keys that go: once there are more than `entries_max`, the least worth of each partition over
    its quota, then of the whole."""
    quota = max(1, int(entries_max * PARTITION_SHARE_MAX))
    by_worth = sorted(entries, key=lambda one: (worth(one, at), one.key))
    counts = Counter(one.partition for one in entries)
    gone: list[int] = []
    if len(counts) > 1 and len(entries) > entries_max:
        for one in by_worth:
            if counts[one.partition] > quota:
                gone.append(one.key)
                counts[one.partition] -= 1
    left = set(gone)
    over = max(0, len(entries) - len(gone) - entries_max)
    return (*gone, *(one.key for one in [one for one in by_worth if one.key not in left][:over]))
