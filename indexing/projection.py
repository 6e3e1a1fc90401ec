"""From the records to the engine: reads each tenant's changes in order, applies them, and knows how far it has come.

Projection is by state, not by event (indexing/folding.py): applying a change twice, or after later ones, ends in the same rows.
"""

import asyncio
import dataclasses
from dataclasses import dataclass

from core.clock import Clock
from core.deadline import Deadline
from core.errors import Fault
from core.ids import TenantId
from core.telemetry import PROJECTION_LAG, log
from engines.port import Collection, SearchEngine, Watermark
from indexing.folding import fold, next_rows
from storage import changes, indexes
from storage.changes import Change
from storage.database import Database
from storage.records import IndexRecord

# One engine commit costs 20 to 90 ms whatever it holds, so a batch is what has gathered since the last one, up to this.
CHANGES_PER_BATCH = 512
# Between two commits while there is work; other processes' commits are seen by looking this often when there is none.
GROUP_S = 0.1
POLL_S = 1.0
RETRY_S = 2.0
# A flush writes whole collections: 3 s for a million rows. What was not flushed is projected again after a crash.
FLUSH_EVERY_S = 30.0
FLUSH_EVERY_ROWS = 50_000
FLUSH_SHARE_MAX = 0.05  # of the time


@dataclass(slots=True, kw_only=True)
class _Progress:
    """Of one tenant: the offset searchable here, the one that this process has made durable, and for each index how far its
    collection already was at the start."""

    indexed: int
    durable: int = 0
    already: dict[int, int]
    rows_unflushed: int = 0
    dirty: dict[int, Collection]
    lock: asyncio.Lock


class Projector:
    """Keeps the engine where the records are."""

    def __init__(self, *, db: Database, engine: SearchEngine, engine_id: str, store_id: str, clock: Clock) -> None:
        self._db = db
        self._engine = engine
        self._engine_id = engine_id
        self._store_id = store_id
        self._clock = clock
        self._tenants: dict[TenantId, _Progress] = {}
        self._waiters: dict[TenantId, list[tuple[int, asyncio.Future[None]]]] = {}
        self._moved: dict[TenantId, asyncio.Event] = {}
        self._awake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._flushed_at_s = clock.monotonic()
        self._flush_s = 0.0

    def indexed(self, tenant: TenantId) -> int:
        """The last offset that searches of this process see."""
        progress = self._tenants.get(tenant)
        return progress.indexed if progress else 0

    def wake(self) -> None:
        """Says that something was committed."""
        self._awake.set()

    async def wait(self, tenant: TenantId, offset: int, deadline: Deadline) -> None:
        """Until `offset` is searchable, or TimedOut."""
        if self.indexed(tenant) >= offset:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(tenant, [])
        waiters.append((offset, future))
        self.wake()
        try:
            await deadline.wait(future, f"waiting for offset {offset} (searchable so far: {self.indexed(tenant)})")
        finally:
            if (offset, future) in waiters:
                waiters.remove((offset, future))

    async def moved(self, tenant: TenantId, beyond: int) -> int:
        """Waits, without hurrying anybody, until more than `beyond` is searchable; how much then is."""
        while self.indexed(tenant) <= beyond:
            await self._moved.setdefault(tenant, asyncio.Event()).wait()
        return self.indexed(tenant)

    async def catch_up(self) -> None:
        """Brings every tenant to its head as of now; for the start."""
        while await self._round():
            pass

    async def run(self) -> None:
        """Projects and flushes until cancelled. A backend that fails is tried again; what was applied stays."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._project_always())
            group.create_task(self._flush_always())

    async def _project_always(self) -> None:
        while True:
            self._awake.clear()
            try:
                worked = await self._round()
            except Fault as fault:  # the store or the disk: every tenant waits
                log.error("projection_failed", code=fault.code, detail=fault.message)
                await asyncio.sleep(RETRY_S)
                continue
            if not worked:
                await self._sleep_until_woken()
            elif not any(self._waiters.values()):  # where somebody waits, what gathered during the last commit is group enough
                await asyncio.sleep(GROUP_S)

    async def _flush_always(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                if self._flush_is_due():
                    await self.flush()
            except Fault as fault:
                log.error("projection_flush_failed", code=fault.code, detail=fault.message)

    def _flush_is_due(self) -> bool:
        rows = sum(progress.rows_unflushed for progress in self._tenants.values())
        rested_s = self._clock.monotonic() - self._flushed_at_s
        if rested_s < self._flush_s / FLUSH_SHARE_MAX:
            return False
        return rows >= FLUSH_EVERY_ROWS or (rows > 0 and rested_s >= FLUSH_EVERY_S)

    async def flush(self) -> None:
        """Makes everything applied durable, and says so to the store. Projection goes on meanwhile."""
        async with self._flushing:
            started_s = self._clock.monotonic()
            try:
                for tenant, progress in list(self._tenants.items()):
                    if progress.indexed > progress.durable or progress.dirty:
                        await self._flush(tenant, progress)
            finally:
                self._flushed_at_s = self._clock.monotonic()
                self._flush_s = self._flushed_at_s - started_s

    async def _flush(self, tenant: TenantId, progress: _Progress) -> None:
        async with progress.lock:
            offset, rows = progress.indexed, progress.rows_unflushed
            dirty = dict(progress.dirty)
            progress.dirty.clear()
            progress.rows_unflushed = 0
        try:
            for collection in dirty.values():
                await self._engine.flush(collection)
        except BaseException:
            progress.dirty = {**dirty, **progress.dirty}
            progress.rows_unflushed += rows
            raise
        async with self._db.write(tenant) as tx:
            await changes.note_watermark(tx, self._engine_id, offset, self._clock.now())
        progress.durable = offset

    async def drop(self, index: IndexRecord) -> None:
        """Takes a generation of an index out of the engine: a deleted index, or one that began anew. Later changes of a deleted
        index are passed over."""
        progress = await self._progress(index.tenant)
        async with progress.lock:
            collection = Collection.of_index(index)
            if progress.dirty.get(index.id) == collection:
                del progress.dirty[index.id]
            await self._engine.drop(collection)

    async def _round(self) -> bool:
        """One batch of every tenant that is behind; whether there was any."""
        async with self._db.system_read("which tenants have changes to project") as tx:
            heads = await changes.heads(tx)
        worked = False
        for tenant, head in heads.items():
            try:
                worked = await self._advance(tenant, head) or worked
            except Fault as fault:  # this tenant's; the others go on
                log.error("projection_failed", tenant=tenant, code=fault.code, detail=fault.message)
        return worked

    async def _advance(self, tenant: TenantId, head: int) -> bool:
        progress = await self._progress(tenant)
        PROJECTION_LAG.labels(tenant).set(head - progress.indexed)
        if progress.indexed >= head:
            return False
        async with progress.lock:
            await self._project(tenant, progress)
        return True

    async def _sleep_until_woken(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._awake.wait()
        except TimeoutError:
            return

    async def _project(self, tenant: TenantId, progress: _Progress) -> None:
        async with self._db.read(tenant) as tx:
            todo = await changes.after(tx, progress.indexed, limit=CHANGES_PER_BATCH)
            if not todo:
                return
            batches, done = await fold(tx, todo, indexed=progress.indexed, already=progress.already)
        for batch in batches:
            if batch.collection.index_id not in progress.already:
                # New here; what lies in its place can only be of another history, from before a restore.
                await self._engine.drop(batch.collection)
                progress.already[batch.collection.index_id] = 0
            await self._engine.apply(
                batch.collection,
                upserts=list(batch.upserts.values()),
                deletes=sorted(batch.deletes),
                watermark=self._watermark(batch.last),
            )
            progress.dirty[batch.collection.index_id] = batch.collection
            progress.rows_unflushed += len(batch.upserts) + len(batch.deletes)
        progress.indexed = done
        self._release(tenant, done)

    async def _progress(self, tenant: TenantId) -> _Progress:
        """Where the engine's durable state puts this tenant; collections of another history are rebuilt first."""
        known = self._tenants.get(tenant)
        if known is not None:
            return known
        progress = _Progress(indexed=0, already={}, dirty={}, lock=asyncio.Lock())
        async with self._db.read(tenant) as tx:
            head = (await changes.heads(tx)).get(tenant, 0)
            live = [index for index in await indexes.all_of(tx) if not index.deleting]
        start = head
        for index in live:
            await self._drop_earlier(index)
            at, last = await self._state(index)
            if last is None:
                await self._engine.drop(Collection.of_index(index))
            if last is None or at >= last.offset:
                progress.already[index.id] = at
                continue
            async with self._db.read(tenant) as tx:
                replayable = at > 0 and await changes.token_at(tx, at) is not None
            if replayable:
                progress.already[index.id] = at
                start = min(start, at)
            else:
                progress.already[index.id] = await self._rebuild(index)
        progress.indexed = start
        self._release(tenant, start)
        return self._tenants.setdefault(tenant, progress)

    async def _drop_earlier(self, index: IndexRecord) -> None:
        """What a process that was killed, or another one's change of the index, left of the generation before."""
        if index.generation > 1:
            before = dataclasses.replace(index, generation=index.generation - 1)
            await self._engine.drop(Collection.of_index(before))

    async def _state(self, index: IndexRecord) -> tuple[int, Change | None]:
        """How far the collection durably is in *this* history (0: nowhere), and the index's last change."""
        durable = await self._engine.durable(Collection.of_index(index))
        async with self._db.read(index.tenant) as tx:
            last = await changes.last_of_index(tx, index.id)
            if durable is None or durable.store_id != self._store_id:
                return 0, last
            token = await changes.token_at(tx, durable.offset)
        if token != durable.token:
            log.warning("projection_of_another_history", index=index.id, offset=durable.offset)
            return 0, last
        return durable.offset, last

    async def _rebuild(self, index: IndexRecord) -> int:
        """Fills the collection from the live documents; the offset it then stands at."""
        collection = Collection.of_index(index)
        log.info("projection_rebuild", tenant=index.tenant, index=index.id)
        await self._engine.drop(collection)
        async with self._db.read(index.tenant) as tx:
            last = await changes.last_of_index(tx, index.id)
        assert last is not None, "an index without changes has nothing to rebuild"
        unfinished = Watermark(store_id=self._store_id, offset=0, token="")
        after: int | None = 0
        while True:
            async with self._db.read(index.tenant) as tx:
                rows, after = await next_rows(tx, index, after)
            if after is None:
                break
            await self._engine.apply(collection, upserts=rows, deletes=(), watermark=unfinished)
        await self._engine.apply(collection, upserts=(), deletes=(), watermark=self._watermark(last))
        await self._engine.flush(collection)
        return last.offset

    def _watermark(self, change: Change) -> Watermark:
        return Watermark(store_id=self._store_id, offset=change.offset, token=change.token)

    def _release(self, tenant: TenantId, offset: int) -> None:
        moved = self._moved.pop(tenant, None)
        if moved is not None:
            moved.set()
        for wanted, future in self._waiters.get(tenant, []):
            if wanted <= offset and not future.done():
                future.set_result(None)
