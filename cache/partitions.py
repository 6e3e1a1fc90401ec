"""The partitions held in memory for similarity: copies of the records, loaded when first asked, dropped when memory is short.
They propose; the records decide (cache/coherence.py)."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from cache.acceptance import NEIGHBOURS, Neighbour
from cache.flat import EXACT_ROWS_MAX, FlatIndex, Vector, scanned
from core.clock import Clock
from core.ids import TenantId
from core.limits import MIB
from storage import cache_entries
from storage.database import Database

BYTES_MAX = 512 * MIB
# Entries that another process stored are seen by similarity after so long; the exact tiers see them at once.
REFRESH_S = 1.0
# Read again behind the last one seen: on Postgres a lower id may commit later.
OVERLAP = 256
# 1,000 rows take 8 ms of the event loop (CPU, 3,800 entries): a large partition that is read in stops nobody else.
ROWS_PER_READ = 1_000
SCANS_AT_ONCE = 2

Key = tuple[TenantId, bytes]


class _Held:
    def __init__(self, dimension: int) -> None:
        self.index = FlatIndex(dimension)
        self.lock = asyncio.Lock()
        self.seen = 0
        self.refreshed_s: float | None = None


class Partitions:
    """One per process, on the event loop."""

    def __init__(self, db: Database, clock: Clock, *, model: str, dimension: int, bytes_max: int = BYTES_MAX) -> None:
        self._db = db
        self._clock = clock
        self._model = model
        self._dimension = dimension
        self._bytes_max = bytes_max
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._scans = asyncio.Semaphore(SCANS_AT_ONCE)

    async def near(self, tenant: TenantId, partition: bytes, vector: Vector, count: int = NEIGHBOURS) -> tuple[Neighbour, ...]:
        """The nearest entries of a partition, best first."""
        held = self._held.get((tenant, partition))
        if held is None:
            held = self._held.setdefault((tenant, partition), _Held(self._dimension))
        self._held.move_to_end((tenant, partition))
        async with held.lock:
            await self._refresh(tenant, partition, held)
        self._shrink()
        if len(held.index) <= EXACT_ROWS_MAX:  # 10,000 take 0.6 ms, more a thread
            return held.index.near(vector, count)
        async with self._scans:
            places = await asyncio.to_thread(scanned, held.index.scan, vector, count)
        return held.index.found(places, vector)

    def put(self, tenant: TenantId, partition: bytes, entry: int, *, vector: Vector, query: str) -> None:
        """An entry that was just stored. Who has not loaded the partition will read it from the records."""
        held = self._held.get((tenant, partition))
        if held is not None:
            held.index.put(entry, vector, text=query, group=entry, placed=False)

    def drop(self, tenant: TenantId, entries: Iterable[int]) -> None:
        """Entries that are gone."""
        gone = tuple(entries)
        for (owner, _), held in self._held.items():
            if owner == tenant:
                for entry in gone:
                    held.index.drop(entry)

    async def _refresh(self, tenant: TenantId, partition: bytes, held: _Held) -> None:
        now_s = self._clock.monotonic()
        if held.refreshed_s is not None and now_s - held.refreshed_s < REFRESH_S:
            return
        # Marked before reading: what is stored from here on is put by whoever stores it.
        held.refreshed_s = now_s
        whole = False
        try:
            # A large one takes seconds to read in: who gave up has read a part of it for the next.
            await self._read(tenant, partition, held, after=max(0, held.seen - OVERLAP))
            whole = True
        finally:
            if not whole:
                held.refreshed_s = None

    async def _read(self, tenant: TenantId, partition: bytes, held: _Held, *, after: int) -> None:
        reads = self._db.glance(tenant)
        while True:
            rows = await cache_entries.of_partition(reads, partition, self._model, after=after, limit=ROWS_PER_READ)
            for row in rows:
                if row.id not in held.index:
                    held.index.put(row.id, row.vector, text=row.query, group=row.group, placed=row.placed)
            if rows:
                after = rows[-1].id
                held.seen = max(held.seen, after)
            if len(rows) < ROWS_PER_READ:
                return

    def _shrink(self) -> None:
        while len(self._held) > 1 and sum(held.index.bytes for held in self._held.values()) > self._bytes_max:
            self._held.popitem(last=False)
