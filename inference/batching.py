"""What every embedder does around its model: each distinct text once, and work on threads without blocking the event loop.
No model, and no policy about what to embed."""

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")

# Nice values of passage threads: the kernel gives a waking query thread (0) nine tenths of a core that one of them holds.
PASSAGE_NICENESS = 10


class Distinct:
    """Texts without repetitions, and the way back: `rows(vectors of .texts)` has one row for each text given."""

    def __init__(self, texts: Sequence[str]) -> None:
        first: dict[str, int] = {}
        self._rows = [first.setdefault(text, len(first)) for text in texts]
        self.texts = list(first)

    def rows(self, vectors: Sequence[NDArray[np.float32]], dimension: int) -> NDArray[np.float32]:
        if not self._rows:
            return np.empty((0, dimension), np.float32)
        return np.stack(vectors)[self._rows].astype(np.float32, copy=False)


class Lane:
    """A few threads and their queue. Calls take turns: each has at most two items a thread queued, so that a short call does
    not wait for the end of a long one, and one that is cancelled leaves at most that much running."""

    def __init__(self, name: str, *, threads: int, polite: bool = False) -> None:
        assert threads >= 1, threads
        self._name = name
        self._window = 2 * threads
        self._pool = ThreadPoolExecutor(threads, f"embed-{name}", initializer=_give_way if polite else None)
        self._closed = False

    async def map(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """`work` of each item, in order. Cancelling drops what has not begun; so does the first failure, which is raised."""
        loop = asyncio.get_running_loop()
        begun: deque[asyncio.Future[R]] = deque()
        done: list[R] = []
        try:
            for item in items:
                if len(begun) == self._window:
                    done.append(await self._result(begun.popleft()))
                self._check_open()
                begun.append(loop.run_in_executor(self._pool, work, item))
            while begun:
                done.append(await self._result(begun.popleft()))
        finally:
            for future in begun:
                future.cancel()
        return done

    async def _result(self, future: asyncio.Future[R]) -> R:
        try:
            return await future
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # not the caller gave up: `close` emptied the queue
                self._check_open()
            raise

    async def close(self) -> None:
        """Waits for what has begun; what waits in the queue is cancelled."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("inference.closed", f"The embedder's lane {self._name} is closed: the service is shutting down.")


def _give_way() -> None:
    """Lowers the priority of this thread alone. Linux has priorities a thread; elsewhere the lanes share the cores evenly."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # Never up: a process that was started nicer may not, unless it is root's.
        os.setpriority(os.PRIO_PROCESS, thread, max(PASSAGE_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """`vector` at length 1."""
    return (vector / np.linalg.norm(vector)).astype(np.float32, copy=False)
