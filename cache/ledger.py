"""What a lookup leaves to be written after its answer: counters, hits, scores, entries found stale, offsets moved on. Bounded;
written in batches by a loop, and when the service stops. Losing some of it to a crash makes no answer wrong."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import Clock
from core.errors import Fault
from core.ids import TenantId
from core.telemetry import CACHE_LOOKUPS, log
from storage import cache_entries, cache_ledger
from storage.database import Database

FLUSH_S = 2.0
NOTES_MAX = 20_000  # of each kind and tenant: more are dropped until the next flush


@dataclass(slots=True, kw_only=True)
class _Notes:
    counts: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    hits: Counter[int] = field(default_factory=Counter[int])
    stale: dict[int, str] = field(default_factory=dict[int, str])
    offsets: dict[int, int] = field(default_factory=dict[int, int])
    scores: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))


class Ledger:
    """One per process."""

    def __init__(self, db: Database, clock: Clock, weights_name: str) -> None:
        self._db = db
        self._clock = clock
        self._weights = weights_name
        self._notes: dict[TenantId, _Notes] = {}
        self._writing = asyncio.Lock()

    def count(self, tenant: TenantId, namespace: str, name: str, amount: float = 1) -> None:
        counts = self._of(tenant).counts
        if len(counts) < NOTES_MAX or (namespace, name) in counts:
            counts[(namespace, name)] += amount

    def looked_up(self, tenant: TenantId, namespace: str, *, status: str, tier: str | None, reason: str | None) -> None:
        """One lookup came to an end."""
        self.count(tenant, namespace, f"lookups.{status}")
        if tier is not None:
            self.count(tenant, namespace, f"hits.{tier}")
        if reason is not None:
            self.count(tenant, namespace, f"{status}.{reason}")
        CACHE_LOOKUPS.labels(tier or "none", status, reason or "none").inc()

    def hit(self, tenant: TenantId, entry: int) -> None:
        hits = self._of(tenant).hits
        if len(hits) < NOTES_MAX or entry in hits:
            hits[entry] += 1

    def stale(self, tenant: TenantId, namespace: str, entry: int, cause: str) -> None:
        stale = self._of(tenant).stale
        if entry not in stale and len(stale) < NOTES_MAX:
            stale[entry] = cause
            self.count(tenant, namespace, f"stale.{cause}")

    def validated(self, tenant: TenantId, entry: int, offset: int) -> None:
        offsets = self._of(tenant).offsets
        if entry in offsets or len(offsets) < NOTES_MAX:
            offsets[entry] = max(offset, offsets.get(entry, 0))

    def score(self, tenant: TenantId, namespace: str, score: float, similarity: float) -> None:
        scores = self._of(tenant).scores[namespace]
        if len(scores) < NOTES_MAX:
            scores.append((score, similarity))

    async def flush(self) -> None:
        """Writes everything noted so far."""
        async with self._writing:
            for tenant, notes in list(self._notes.items()):
                self._notes.pop(tenant)
                try:
                    await self._write(tenant, notes, self._clock.now())
                except Fault as fault:
                    log.warning("cache_notes_lost", tenant=tenant, code=fault.code, counts=len(notes.counts))

    async def run(self) -> None:
        """Flushes for ever."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    def _of(self, tenant: TenantId) -> _Notes:
        return self._notes.setdefault(tenant, _Notes())

    async def _write(self, tenant: TenantId, notes: _Notes, at: datetime) -> None:
        async with self._db.write(tenant) as tx:
            await cache_ledger.count(tx, notes.counts)
            await cache_entries.note_hits(tx, notes.hits, at)
            await cache_entries.spoil(tx, notes.stale)
            await cache_entries.move(tx, notes.offsets)
            for namespace, scores in sorted(notes.scores.items()):
                await cache_ledger.add_scores(tx, namespace, self._weights, scores)
