"""What a process tree costs while something happens: CPU seconds and peak memory, read from outside. Not the load itself."""

import threading
import time
from dataclasses import dataclass
from typing import Self

import psutil

SAMPLE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`cpu_s` of the process and every child it had, `rss_peak_bytes` of the sum over those alive at once."""

    wall_s: float
    cpu_s: float
    rss_peak_bytes: int


class Watch:
    """A context manager around the time to be measured; `cost` afterwards."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._done = threading.Event()
        self._rss_peak = 0
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.cost: Cost | None = None

    def __enter__(self) -> Self:
        self._cpu_before = cpu_seconds(self._root)
        self._started = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        wall_s = time.perf_counter() - self._started
        self._done.set()
        self._thread.join()
        cpu_s = cpu_seconds(self._root) - self._cpu_before
        self.cost = Cost(wall_s=wall_s, cpu_s=cpu_s, rss_peak_bytes=self._rss_peak)

    def _sample(self) -> None:
        while True:
            self._rss_peak = max(self._rss_peak, sum(_rss(process) for process in family(self._root)))
            if self._done.wait(SAMPLE_S):
                break


def cpu_seconds(root: psutil.Process) -> float:
    """Of the process, its children that ended (the kernel adds them up), and those alive."""
    times = root.cpu_times()
    return times.user + times.system + times.children_user + times.children_system + sum(map(_cpu, family(root)[1:]))


def family(root: psutil.Process) -> list[psutil.Process]:
    return [root, *root.children(recursive=True)]


def settle(pid: int, *, idle_share: float = 0.05, quiet_s: float = 2.0, limit_s: float = 300.0) -> float:
    """Waits until the process uses less than `idle_share` of a core; the seconds that took."""
    root = psutil.Process(pid)
    started = time.perf_counter()
    while time.perf_counter() - started < limit_s:
        before = cpu_seconds(root)
        time.sleep(quiet_s)
        if cpu_seconds(root) - before < idle_share * quiet_s:
            break
    return time.perf_counter() - started


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # ended just now: its parent's sums have it
    return times.user + times.system + times.children_user + times.children_system


def _rss(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
