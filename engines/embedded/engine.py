"""EmbeddedEngine: the async face of the embedded engine. All work with FAISS, Tantivy and the disk happens in its executors."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core.caller import Visibility
from core.errors import Fault, Invalid
from core.telemetry import log
from engines.analysis import check_language
from engines.embedded.locks import FolderLock
from engines.embedded.shelf import Shelf
from engines.embedded.tuning import Tuning
from engines.embedded.workers import Workers
from engines.port import Arms, Collection, CollectionStats, Held, Query, Row, Watermark


class EmbeddedEngine:
    """A SearchEngine over one folder, of which it is the only user."""

    def __init__(self, folder: Path, *, memory_bytes_max: int, threads: int, tuning: Tuning | None = None) -> None:
        """Locks the folder, or raises Conflict naming the holder. `memory_bytes_max` bounds the open collections;
        `threads` the searches that run at once."""
        self._tuning = tuning or Tuning()
        self._lock = FolderLock(folder)
        # Below the lock and not beside it: a tenant may have any name.
        self._shelf = Shelf(folder / "collections", memory_bytes_max=memory_bytes_max, tuning=self._tuning)
        self._searches = Workers("engine-search", threads)
        self._changes = Workers("engine-change", 2)
        self._trainings = Workers("engine-train", 1)
        self._training: dict[str, asyncio.Task[None]] = {}
        self._stopping = threading.Event()
        self._sweep: asyncio.TimerHandle | asyncio.Task[None] | None = None

    async def apply(
        self, collection: Collection, *, upserts: Sequence[Row], deletes: Sequence[int], watermark: Watermark
    ) -> None:
        check_language(collection.language)
        work = partial(self._apply, collection, upserts, deletes, watermark)
        if await self._changes.run(work):
            self._train(collection)
        self._sweep_later()

    async def search(self, visibility: Visibility, query: Query) -> Arms:
        if visibility.tenant != query.collection.tenant:
            raise Invalid("engine.wrong_tenant", "the visibility is of another tenant than the collection")
        return await self._searches.run(partial(self._search, visibility, query))

    async def held(self, collection: Collection, keys: Sequence[int]) -> Held:
        return await self._searches.run(partial(self._held, collection, keys))

    async def durable(self, collection: Collection) -> Watermark | None:
        return await self._changes.run(partial(self._durable, collection))

    async def flush(self, collection: Collection) -> None:
        await self._changes.run(partial(self._flush, collection))

    async def drop(self, collection: Collection) -> None:
        await self._changes.run(partial(self._shelf.drop, collection))

    async def stats(self, collection: Collection) -> CollectionStats:
        return await self._searches.run(partial(self._stats, collection))

    async def settle(self) -> None:
        """Waits until no training runs: for benchmarks and tests."""
        while self._training:
            await asyncio.gather(*self._training.values())

    async def close(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._sweep:
            self._sweep.cancel()
        if isinstance(self._sweep, asyncio.Task):
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweep
        await self.settle()
        try:
            await self._changes.run(self._shelf.close)
        finally:
            for workers in (self._searches, self._changes, self._trainings):
                workers.close()
            self._lock.release()

    # --- in executor threads

    def _apply(self, collection: Collection, upserts: Sequence[Row], deletes: Sequence[int], watermark: Watermark) -> bool:
        with self._shelf.lease(collection, create=True) as opened:
            assert opened is not None, "made when it was not there"
            opened.apply(upserts, deletes, watermark)
            return opened.wants_training

    def _search(self, visibility: Visibility, query: Query) -> Arms:
        with self._shelf.lease(query.collection, create=False) as opened:
            if opened:
                return opened.search(visibility, query)
        return Arms(dense=None if query.vector is None else (), keyword=None if query.text is None else ())

    def _held(self, collection: Collection, keys: Sequence[int]) -> Held:
        with self._shelf.lease(collection, create=False) as opened:
            return opened.held(keys) if opened else Held(dense=frozenset(), keyword=frozenset())

    def _durable(self, collection: Collection) -> Watermark | None:
        with self._shelf.lease(collection, create=False) as opened:
            return opened.durable if opened else None

    def _flush(self, collection: Collection) -> None:
        with self._shelf.lease(collection, create=False) as opened:
            if opened:
                opened.flush()

    def _stats(self, collection: Collection) -> CollectionStats:
        with self._shelf.lease(collection, create=False) as opened:
            if opened:
                return opened.stats()
        return CollectionStats(rows=0, structure="flat", memory_bytes=0, disk_bytes=0, durable=None)

    def _train_now(self, collection: Collection) -> None:
        with self._shelf.lease(collection, create=False) as opened:
            if opened:
                opened.train(self._stopping.is_set)

    # --- in the background, owned by this engine until `close`

    def _train(self, collection: Collection) -> None:
        if collection.path in self._training or self._stopping.is_set():
            return
        task = asyncio.create_task(self._trained(collection))
        self._training[collection.path] = task
        task.add_done_callback(lambda _: self._training.pop(collection.path, None))

    async def _trained(self, collection: Collection) -> None:
        try:
            await self._trainings.run(partial(self._train_now, collection))
        except Fault as fault:
            # The flat index goes on serving, exact and slower; the next batch tries again.
            log.warning("engine.training_failed", collection=collection.path, code=fault.code, reason=fault.message)

    def _sweep_later(self) -> None:
        if self._sweep is None and not self._stopping.is_set():
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._tuning.writer_idle_s, self._sweep_now)

    def _sweep_now(self) -> None:
        self._sweep = asyncio.create_task(self._swept())

    async def _swept(self) -> None:
        left_open = True
        try:
            left_open = await self._changes.run(partial(self._shelf.rest, self._tuning.writer_idle_s))
        except Fault as fault:
            log.warning("engine.merging_failed", code=fault.code, reason=fault.message)
        self._sweep = None
        if left_open:
            self._sweep_later()
