"""Room in a namespace: counted now and then, made by taking out what is worth least. Which that is, cache/eviction.py says."""

import asyncio

from cache.eviction import Kept, surplus
from cache.learning import Namespace
from cache.ledger import Ledger
from cache.partitions import Partitions
from core.clock import Clock
from core.ids import TenantId
from storage import cache_entries
from storage.database import Database

EVICTED_SHARE = 20  # one in so many goes beyond what must, so that not every store evicts
# 1,000 rows take 6 ms of the event loop (CPU, 3,800 entries): 100,000 are weighed without stopping anybody for long.
ROWS_PER_READ = 1_000


class Evicting:
    """One per process."""

    def __init__(self, *, db: Database, partitions: Partitions, ledger: Ledger, clock: Clock) -> None:
        self._db = db
        self._partitions = partitions
        self._ledger = ledger
        self._clock = clock

    async def make_room(self, tenant: TenantId, namespace: Namespace) -> None:
        """Evicts what is worth least once a namespace holds more than it may; called after each store."""
        name, most = namespace.settings.name, namespace.settings.entries_max
        namespace.room -= 1
        if namespace.room >= 0:
            return
        async with self._db.read(tenant) as tx:
            count = await cache_entries.count(tx, name)
        if count <= most:
            # Counting 100,000 takes milliseconds; other processes store as well, so it is done again before long.
            namespace.room = min(most - count, most // EVICTED_SHARE)
            return
        held = await self._held(tenant, name)
        gone = await asyncio.to_thread(surplus, held, max(1, most - most // EVICTED_SHARE), self._clock.now())
        async with self._db.write(tenant) as tx:
            await cache_entries.remove(tx, gone)
        self._partitions.drop(tenant, gone)
        self._ledger.count(tenant, name, "evicted", len(gone))

    async def _held(self, tenant: TenantId, name: str) -> list[Kept]:
        reads, held, after = self._db.glance(tenant), list[Kept](), 0
        while True:
            some = await cache_entries.stakes(reads, name, after=after, limit=ROWS_PER_READ)
            held += [
                Kept(
                    key=one.id,
                    partition=one.partition.hex(),
                    hits=one.hits,
                    bytes=one.size,
                    usd=one.usd,
                    tokens=one.tokens,
                    latency_ms=one.latency_ms,
                    used_at=one.used_at,
                )
                for one in some
            ]
            if len(some) < ROWS_PER_READ:
                return held
            after = some[-1].id
