"""Answers that are being generated now, as this process knows them: who asks the same, or near enough, waits for the leader.
The leases behind them are in the store, so that leaders of several processes exclude each other (cache/leases.py)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from cache.flat import Vector
from core.clock import Clock
from core.ids import TenantId

FLIGHTS_MAX = 10_000
LANDINGS_SLOTS = 4_096


@dataclass(slots=True, kw_only=True, eq=False)
class Flight:
    """One answer on its way. `until_s` is on the clock's monotonic scale."""

    tenant: TenantId
    partition: bytes
    normalized: bytes
    query: str
    vector: Vector | None
    until_s: float
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Flights:
    """One per process, on the event loop: joining or beginning is one step that nothing comes between."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[TenantId, bytes], dict[bytes, Flight]] = {}
        self._landings = [0] * LANDINGS_SLOTS

    def landings(self, tenant: TenantId, partition: bytes) -> int:
        """A number that moves when an answer of the partition lands: who looked before it must look again. Partitions may
        share one, which costs a look."""
        return self._landings[hash((tenant, partition)) % LANDINGS_SLOTS]

    def join(self, tenant: TenantId, partition: bytes, normalized: bytes, like: Callable[[Flight], bool]) -> Flight | None:
        """The flight of this very question, or one that is `like` it; None when it has to begin."""
        inside = self._known.get((tenant, partition), {})
        now_s = self._clock.monotonic()
        for key in [key for key, one in inside.items() if one.until_s <= now_s]:
            self.end(inside[key])
        same = inside.get(normalized)
        return same or next((one for one in inside.values() if like(one)), None)

    def begin(self, flight: Flight) -> None:
        """Others join it from now on. Beyond the limit nobody can, which costs an answer generated twice."""
        if sum(map(len, self._known.values())) < FLIGHTS_MAX:
            self._known.setdefault((flight.tenant, flight.partition), {})[flight.normalized] = flight

    def landed(self, tenant: TenantId, partition: bytes, normalized: bytes) -> None:
        """The answer is there, or will not come: who waits looks again."""
        self._landings[hash((tenant, partition)) % LANDINGS_SLOTS] += 1
        flight = self._known.get((tenant, partition), {}).get(normalized)
        if flight is not None:
            self.end(flight)

    def end(self, flight: Flight) -> None:
        inside = self._known.get((flight.tenant, flight.partition), {})
        if inside.get(flight.normalized) is flight:
            del inside[flight.normalized]
            if not inside:
                del self._known[(flight.tenant, flight.partition)]
        flight.over.set()

    async def wait(self, flight: Flight, seconds: float) -> None:
        """Until it is over, its time is, or `seconds` have passed."""
        left = min(seconds, flight.until_s - self._clock.monotonic())
        try:
            async with asyncio.timeout(max(0.0, left)):
                await flight.over.wait()
        except TimeoutError:
            return
