"""Parser processes: bounded, replaced when they die, gone when the pool is closed or its owner is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import Fault
from indexing.chunking import indexed_text
from indexing.parsing.pool import ParserPool
from indexing.parsing.process import PoolLimits
from indexing.parsing.wire import ParseRequest, TokenizerSource
from inference.port import TokenCounter
from tests.support import files

pytestmark = pytest.mark.timeout(60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """A tokenizer that does to its process what a hostile file would do; `load` runs inside the worker."""

    what: str

    def load(self) -> TokenCounter:
        match self.what:
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(3)
            case "noise":
                os.write(1, b"noise on standard output\n")
                print("more noise")
                print("and more", file=sys.stderr)
            case "raise":
                raise ZeroDivisionError("secret words of the document")
            case "hang":
                while True:
                    pass
            case "sleep":
                signal.pause()
            case _:
                hoard = [bytearray(b"x") * (32 << 20) for _ in range(16)]
                assert hoard
                signal.pause()  # until somebody looks: how soon that is depends on the machine
        from tests.unit.chunking.counting import WordCounter

        return WordCounter()


@pytest.fixture
async def pool() -> AsyncIterator[ParserPool]:
    async with ParserPool.open() as opened:
        yield opened


def request(tokenizer: TokenizerSource | None = None, filename: str = "a.txt") -> ParseRequest:
    return ParseRequest(filename=filename, tokenizer=tokenizer)


async def code(pool: ParserPool, what: str, timeout_s: float | None = None) -> str:
    with pytest.raises(Fault) as raised:
        await pool.parse(b"words", request(Trap(what=what)), timeout_s=timeout_s)
    return raised.value.code


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split(")")[1].split()[0] != "Z"


async def test_bytes_and_paths_are_read_and_cut(pool: ParserPool, tmp_path: Path) -> None:
    path = tmp_path / "any name"
    path.write_bytes(files.docx(files.handbook()))
    from inference.onnx.tokenizer import TokenizerFile

    by_path = await pool.parse(path, ParseRequest(filename="handbook.docx", tokenizer=TokenizerFile()))
    by_bytes = await pool.parse(path.read_bytes(), ParseRequest(filename="handbook.docx", tokenizer=TokenizerFile()))
    assert by_path.text == by_bytes.text
    assert by_path.chunks == by_bytes.chunks
    assert "Unused days lapse" in indexed_text(by_path.chunks[-1], by_path.text)


async def test_nothing_runs_before_the_first_file_and_one_worker_serves_a_quiet_day(pool: ParserPool) -> None:
    assert pool.pids == frozenset()
    await pool.parse(b"one", request())
    first = pool.pids
    await pool.parse(b"two", request())
    assert pool.pids == first
    assert len(first) == 1


async def test_a_fault_of_the_document_costs_no_worker(pool: ParserPool) -> None:
    await pool.parse(b"one", request())
    before = pool.pids
    with pytest.raises(Fault, match="holds no bytes"):
        await pool.parse(b"", request())
    assert pool.pids == before


@pytest.mark.parametrize("what", ["crash", "exit"])
async def test_a_crash_is_a_fault_and_the_next_file_gets_a_fresh_worker(pool: ParserPool, what: str) -> None:
    assert await code(pool, what) == "indexing.parser_crashed"
    assert pool.pids == frozenset()
    assert (await pool.parse(b"still here", request())).text == "still here"


async def test_an_exception_of_a_library_is_a_fault_that_quotes_nothing(pool: ParserPool) -> None:
    with pytest.raises(Fault) as raised:
        await pool.parse(b"words", request(Trap(what="raise")))
    assert raised.value.code == "indexing.corrupt_document"
    assert "secret" not in raised.value.message


async def test_noise_of_libraries_does_not_reach_the_answer(pool: ParserPool) -> None:
    assert (await pool.parse(b"words", request(Trap(what="noise")))).text == "words"


async def test_a_file_that_takes_too_long_is_killed(pool: ParserPool) -> None:
    assert await code(pool, "sleep", timeout_s=1.0) == "indexing.parse_timeout"
    assert pool.pids == frozenset()


async def test_a_file_that_takes_too_much_processor_time_is_killed() -> None:
    async with ParserPool.open(limits=PoolLimits(cpu_s=1.0)) as pool:
        assert await code(pool, "hang") == "indexing.parse_timeout"


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
async def test_a_file_that_takes_too_much_memory_is_killed() -> None:
    async with ParserPool.open(limits=PoolLimits(memory_bytes=200 << 20)) as pool:
        assert await code(pool, "hoard") == "indexing.parse_memory"


async def test_a_cancelled_parse_leaves_no_process(pool: ParserPool) -> None:
    task = asyncio.ensure_future(pool.parse(b"words", request(Trap(what="sleep"))))
    while not pool.pids:  # noqa: ASYNC110 - a process start has no event to wait for
        await asyncio.sleep(0.01)
    (pid,) = pool.pids
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pid)


async def test_no_more_workers_than_asked_for() -> None:
    async with ParserPool.open(workers=2) as pool:
        parsed = await asyncio.gather(*(pool.parse(f"file {n}".encode(), request()) for n in range(12)))
        assert [one.text for one in parsed] == [f"file {n}" for n in range(12)]
        assert len(pool.pids) <= 2


async def test_a_worker_that_has_read_enough_is_replaced() -> None:
    async with ParserPool.open(limits=PoolLimits(documents_max=2)) as pool:
        seen: set[int] = set()
        for _ in range(4):
            await pool.parse(b"words", request())
            seen |= pool.pids
        assert len(seen) == 2
        assert pool.pids == frozenset()


async def test_closing_ends_what_runs_and_refuses_what_comes() -> None:
    pool = ParserPool.open()
    task = asyncio.ensure_future(pool.parse(b"words", request(Trap(what="sleep"))))
    while not pool.pids:  # noqa: ASYNC110 - a process start has no event to wait for
        await asyncio.sleep(0.01)
    (pid,) = pool.pids
    await pool.close()
    with pytest.raises(Fault) as raised:
        await task
    assert raised.value.code == "indexing.parser_closed"
    assert not is_alive(pid)
    with pytest.raises(Fault) as refused:
        await pool.parse(b"words", request())
    assert refused.value.code == "indexing.parser_closed"


async def test_a_worker_is_lean_polite_and_knows_no_secret(pool: ParserPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_API_KEY", "secret")
    await pool.parse(files.pdf([["words"]]), request())
    (pid,) = pool.pids
    maps, environment = _of_process(pid)
    assert not [name for name in ("faiss", "onnxruntime", "sqlalchemy", "numpy") if name in maps]
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    assert b"secret" not in environment


def _of_process(pid: int) -> tuple[str, bytes]:
    """What a process has mapped, and its environment."""
    folder = Path(f"/proc/{pid}")
    return (folder / "maps").read_text(encoding="utf-8"), (folder / "environ").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of input ends a worker, once its file is read")
def test_workers_die_with_a_service_that_is_killed() -> None:
    script = (
        "import asyncio, signal\n"
        "from indexing.parsing.pool import ParserPool\n"
        "from indexing.parsing.wire import ParseRequest\n"
        "from tests.unit.parsing.test_pool import Trap\n"
        "async def main():\n"
        "    pool = ParserPool.open()\n"
        "    task = asyncio.ensure_future(pool.parse(b'words', ParseRequest(tokenizer=Trap(what='sleep'))))\n"
        "    while not pool.pids:\n"
        "        await asyncio.sleep(0.01)\n"
        "    print(*pool.pids, flush=True)\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        assert is_alive(pid)
        service.kill()
    for _ in range(200):
        if not is_alive(pid):
            return
        signal.sigtimedwait([], 0.05)
    raise AssertionError(pid)
