"""One worker process seen from the service: start it, ask it one thing at a time, watch its memory and the clock, kill it."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass
from pathlib import Path

from core.errors import Fault
from core.limits import GIB
from indexing.parsing import faults
from indexing.parsing.wire import PREFIX, Job, NonsenseError, ParsedFile, ParseRequest, decode_answer, encode_job, sizes

_WATCH_EVERY_S = 0.1
_DECODED_HERE_BYTES = 256 * 1024  # larger answers are decoded in a thread: 10 MB take 100 ms
_PIPE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """What one file may take. `memory_bytes` is resident memory of its worker, `documents_max` how many one worker reads."""

    wall_s: float = 300.0  # workers are polite: on a busy machine a CPU second takes many
    cpu_s: float = 90.0
    memory_bytes: int = 1 * GIB
    documents_max: int = 500


class WorkerProcess:
    """Not safe to ask from two tasks. `is_sound` turns False for good when an answer did not come."""

    def __init__(self, process: Process, limits: PoolLimits) -> None:
        self._process = process
        self._limits = limits
        self._asked = 0
        self._is_ended = False
        self.is_sound = True

    @classmethod
    async def start(cls, limits: PoolLimits) -> "WorkerProcess":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing is imported from where it happens to run
            "-m",
            "indexing.parsing.worker",
            str(os.getpid()),
            str(limits.memory_bytes),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=_PIPE_BYTES,
            cwd="/",
            # Our imports and nothing else: a process that reads hostile files has no business with the service's secrets.
            env={"PYTHONPATH": _import_path(), "PYTHONUTF8": "1"},
        )
        return cls(process, limits)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_used_up(self) -> bool:
        """Whether the next file should get a fresh process: libraries leak, and heaps do not shrink."""
        return self._asked >= self._limits.documents_max or self._resident_bytes() > self._limits.memory_bytes // 2

    async def ask(self, source: bytes | Path, request: ParseRequest, *, wall_s: float) -> ParsedFile:
        """The worker's answer or its fault. Leaves an unsound worker behind for every other end."""
        self._asked += 1
        self.is_sound = False
        header, payload = await self._watched(source, request, wall_s=wall_s)
        self.is_sound = True
        if len(header) + len(payload) <= _DECODED_HERE_BYTES:
            return self._decoded(header, payload)
        return await asyncio.to_thread(self._decoded, header, payload)

    async def end(self) -> None:
        """Kills it and waits until it is gone; who waits for its answer is told that the pool closed."""
        self.is_sound = False
        self._is_ended = True
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
                self._process.kill()
        await self._process.wait()

    async def _watched(self, source: bytes | Path, request: ParseRequest, *, wall_s: float) -> tuple[bytes, bytes]:
        exchange = asyncio.ensure_future(self._exchange(source, request))
        loop = asyncio.get_running_loop()
        until = loop.time() + wall_s
        try:
            while not exchange.done():
                await asyncio.wait({exchange}, timeout=min(_WATCH_EVERY_S, max(0.0, until - loop.time())))
                if exchange.done():
                    break
                if self._resident_bytes() > self._limits.memory_bytes:
                    raise faults.out_of_memory(self._limits.memory_bytes)
                if loop.time() >= until:
                    raise faults.timed_out("wall time", limit_s=wall_s)
            return exchange.result()
        except (asyncio.IncompleteReadError, ConnectionError, NonsenseError) as broken:
            raise await self._death(broken) from broken
        finally:
            exchange.cancel()

    async def _exchange(self, source: bytes | Path, request: ParseRequest) -> tuple[bytes, bytes]:
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        path = _absolute(source) if isinstance(source, Path) else None
        job = Job(request=request, path=path, cpu_s=self._limits.cpu_s)
        for part in encode_job(job, b"" if isinstance(source, Path) else source):
            writer.write(part)
            await writer.drain()
        header_size, payload_size = sizes(await reader.readexactly(PREFIX.size), request.limits)
        return await reader.readexactly(header_size), await reader.readexactly(payload_size)

    def _decoded(self, header: bytes, payload: bytes) -> ParsedFile:
        try:
            return decode_answer(header, payload)
        except NonsenseError as nonsense:
            self.is_sound = False
            raise faults.crashed("its answer made no sense") from nonsense

    async def _death(self, broken: Exception) -> Fault:
        """What to say about an exchange that broke off."""
        if self._is_ended:
            return faults.closed()
        if isinstance(broken, NonsenseError):
            return faults.crashed("its answer made no sense")
        code = await self._process.wait()
        if code == -signal.SIGXCPU:
            return faults.timed_out("CPU time", limit_s=self._limits.cpu_s)
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return faults.crashed(how)

    def _resident_bytes(self) -> int:
        """0 where the system has no /proc; there RLIMIT_AS has to do."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _import_path() -> str:
    """Where this process finds its modules, for one that stands elsewhere."""
    return os.pathsep.join(_absolute(entry) for entry in sys.path)


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - an empty entry of sys.path is where we stand
