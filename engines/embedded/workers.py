"""Threads for what would hold up the event loop: FAISS, Tantivy and the disk. Who may use them is engine.py's to say."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engines.embedded.faiss_border import use_one_thread

_T = TypeVar("_T")


class Workers:
    """A bounded pool off the event loop. Who waits for a thread waits as a coroutine, and can be cancelled."""

    def __init__(self, name: str, threads: int) -> None:
        self._permits = asyncio.Semaphore(threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=use_one_thread)

    async def run(self, work: Callable[[], _T]) -> _T:
        async with self._permits:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        self._pool.shutdown()
