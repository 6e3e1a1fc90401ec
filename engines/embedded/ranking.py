"""The best `limit` of a list that a backend gives in any order among equals: ties go to the smaller key, also at the cut."""

from collections.abc import Callable

Scored = list[tuple[float, int]]

_SPARE = 32
_FETCHED_MAX = 10_000  # of more rows with one score, which ones are cut is left to the backend


def settle(fetch: Callable[[int], Scored], limit: int) -> Scored:
    """`fetch(n)` gives the best n, best first. Asks for more while the cut falls between rows of one score."""
    wanted = limit + _SPARE
    while True:
        scored = fetch(wanted)
        if is_settled(scored, wanted, limit) or wanted >= _FETCHED_MAX:
            return cut(scored, limit)
        wanted = min(4 * wanted, max(_FETCHED_MAX, limit))


def is_settled(scored: Scored, wanted: int, limit: int) -> bool:
    """Whether nothing that was not fetched could stand among the first `limit`."""
    return len(scored) < wanted or scored[-1][0] < scored[limit - 1][0]


def cut(scored: Scored, limit: int) -> Scored:
    return sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:limit]
