"""Files are read in processes that can be killed: a bounded number of workers, started when needed, kept while idle, replaced
when they die, grow or have read enough. It holds no model, store or engine."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from core.telemetry import PARSED_DOCUMENTS
from indexing.parsing import faults
from indexing.parsing.process import PoolLimits, WorkerProcess
from indexing.parsing.wire import ParsedFile, ParseRequest


class ParserPool:
    """`parse` from any number of tasks of one event loop; `close` once, after which nothing of it is left running."""

    def __init__(self, *, workers: int, limits: PoolLimits) -> None:
        assert workers >= 1, workers
        self._limits = limits
        self._running: set[WorkerProcess] = set()
        self._closed = False
        # Last in, first out: with little to do one warm worker does it all.
        self._free: asyncio.LifoQueue[WorkerProcess | None] = asyncio.LifoQueue()
        for _ in range(workers):
            self._free.put_nowait(None)

    @classmethod
    def open(cls, *, workers: int = 1, limits: PoolLimits | None = None) -> "ParserPool":
        """Starts nothing yet: a worker takes its 30 MB only when there is something to read."""
        return cls(workers=workers, limits=limits or PoolLimits())

    async def parse(self, source: bytes | Path, request: ParseRequest, *, timeout_s: float | None = None) -> ParsedFile:
        """The file's text, chunks and children. `timeout_s` may tighten the pool's own limit on wall time.

        Raises the coded faults of indexing.parsing.faults, and never anything that a library raised.
        """
        free = await self._free.get()
        worker = free
        outcome = "failed"
        try:
            worker = free or await self._start()
            wall_s = self._limits.wall_s if timeout_s is None else min(timeout_s, self._limits.wall_s)
            parsed = await worker.ask(source, request, wall_s=wall_s)
            outcome = "parsed"
        finally:
            PARSED_DOCUMENTS.labels(outcome).inc()
            await self._give_back(worker)
        return parsed

    async def close(self) -> None:
        """Kills what is running; parses under way end as Unavailable."""
        self._closed = True
        for worker in tuple(self._running):
            await self._end(worker)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def pids(self) -> frozenset[int]:
        """The workers that run now."""
        return frozenset(worker.pid for worker in self._running)

    async def _start(self) -> WorkerProcess:
        if self._closed:
            raise faults.closed()
        worker = await WorkerProcess.start(self._limits)
        if self._closed:
            await worker.end()
            raise faults.closed()
        self._running.add(worker)
        return worker

    async def _give_back(self, worker: WorkerProcess | None) -> None:
        """The place is free again at once; a worker that is not fit for another file is gone first."""
        if worker is not None and (self._closed or not worker.is_sound or worker.is_used_up):
            gone, worker = worker, None
            try:
                await self._end(gone)
            finally:
                self._free.put_nowait(None)
            return
        self._free.put_nowait(worker)

    async def _end(self, worker: WorkerProcess) -> None:
        await worker.end()
        self._running.discard(worker)
