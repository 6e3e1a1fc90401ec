"""Removing in the background what nothing needs: trimmed changes, superseded chunks, jobs that ended long ago, answers kept for
repeated requests, unused vectors and originals.

Nothing rests on its running: reads check the records, and what it removes no live row refers to.
"""

import asyncio
from datetime import timedelta

from core.clock import Clock
from core.errors import Fault
from core.ids import TenantId
from core.telemetry import log
from storage import changes, housekeeping, idempotency, items, jobs, vectors
from storage.blobs import Blobs
from storage.database import Database, Transaction
from storage.records import JobState

EVERY_S = 60.0
ROWS_PER_STEP = 500
CHANGES_PER_STEP = 2_000
# Of vectors and originals each, what a round looks at: a million in 100 rounds, at 0.4 s of CPU each.
LOOKED_AT_PER_STEP = 1_000
STEPS_PER_ROUND = 10
CHANGES_KEPT = 10_000
# An upload that is still under way refers to its vectors and originals only when it ends.
UNUSED_AFTER = timedelta(hours=24)
# A data folder that nobody started for so long holds back nothing any more; started again, it rebuilds its engine.
ENGINE_GONE_AFTER = timedelta(days=30)


class Housekeeper:
    """Works until cancelled, a bounded step at a time, so that no writer waits long. `jobs_kept` is how long a job that ended
    can be looked at, and its failed items tried again."""

    def __init__(self, *, db: Database, blobs: Blobs, clock: Clock, jobs_kept: timedelta) -> None:
        self._db = db
        self._blobs = blobs
        self._clock = clock
        self._jobs_kept = jobs_kept
        self._vectors_seen: dict[TenantId, vectors.VectorKey] = {}
        self._originals_seen: dict[TenantId, bytes] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                async with self._db.system_read("housekeeping serves every tenant") as tx:
                    tenants = list(await changes.heads(tx))
                for tenant in tenants:
                    await self.tidy(tenant)
            except Fault as fault:  # the store is busy or its disk full: the next round will do
                log.warning("housekeeping_failed", code=fault.code, detail=fault.message)

    async def tidy(self, tenant: TenantId) -> None:
        """What can go of one tenant; of many vectors and originals, a part in each round."""
        async with self._db.write(tenant) as tx:
            await changes.forget_gone_engines(tx, self._clock.now() - ENGINE_GONE_AFTER)
            await idempotency.expire(tx)
            await self._cancel_forgotten_jobs(tx)
        while await self._drop_ended_jobs(tenant):
            pass
        while await self._drop_superseded(tenant):
            pass
        await self._trim_changes(tenant)
        await self._collect_vectors(tenant)
        await self._collect_originals(tenant)

    async def _trim_changes(self, tenant: TenantId) -> None:
        async with self._db.read(tenant) as tx:
            what = await changes.trimmable(tx, keep=CHANGES_KEPT)
        went = CHANGES_PER_STEP if what is not None else 0
        while what is not None and went == CHANGES_PER_STEP:
            async with self._db.write(tenant) as tx:
                went = await changes.trim(tx, what, limit=CHANGES_PER_STEP)

    async def _drop_superseded(self, tenant: TenantId) -> bool:
        async with self._db.write(tenant) as tx:
            return await housekeeping.drop_superseded(tx, limit=ROWS_PER_STEP) > 0

    async def _cancel_forgotten_jobs(self, tx: Transaction) -> None:
        now = self._clock.now()
        for job_id in await housekeeping.forgotten_jobs(tx, now - self._jobs_kept, limit=ROWS_PER_STEP):
            await items.cancel_unfinished(tx, job_id)
            await jobs.move(tx, job_id, to=JobState.CANCELLED, among=(JobState.OPEN,), at=now)

    async def _drop_ended_jobs(self, tenant: TenantId) -> bool:
        async with self._db.write(tenant) as tx:
            return await housekeeping.drop_ended_jobs(tx, self._clock.now() - self._jobs_kept, limit=ROWS_PER_STEP) > 0

    async def _collect_vectors(self, tenant: TenantId) -> None:
        """Looks in readers' time, and writes only where something goes."""
        before = self._clock.now() - UNUSED_AFTER
        at = self._vectors_seen.pop(tenant, None)
        for _ in range(STEPS_PER_ROUND):
            async with self._db.read(tenant) as tx:
                unused, at = await vectors.unused(tx, before, after=at, limit=LOOKED_AT_PER_STEP)
            if unused:
                async with self._db.write(tenant) as tx:
                    await vectors.drop_unused(tx, unused)
            if at is None:
                return
        assert at is not None
        self._vectors_seen[tenant] = at

    async def _collect_originals(self, tenant: TenantId) -> None:
        before = self._clock.now() - UNUSED_AFTER
        at: bytes | None = self._originals_seen.pop(tenant, b"")
        for _ in range(STEPS_PER_ROUND):
            assert at is not None
            async with self._db.read(tenant) as tx:
                unused, at = await self._blobs.unused(tx, before, after=at, limit=LOOKED_AT_PER_STEP)
            if unused:
                async with self._db.write(tenant) as tx:
                    files = await self._blobs.collect(tx, before, unused)
                await self._blobs.discard(files, before)
            if at is None:
                return
        self._originals_seen[tenant] = at
