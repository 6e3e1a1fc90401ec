"""The embedded engine as a process lives with it: one holder of the folder, bounded memory, threads, cancellation, the end."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from core.errors import Conflict, Unavailable
from core.filters import Eq
from core.limits import MIB
from engines.embedded import EmbeddedEngine, Tuning
from engines.embedded.faiss_border import faiss
from engines.embedded.workers import Workers
from engines.port import Row
from tests.support.engines import ask, collection, fill, keys, row, toward, vector, watermark

HERE = collection()
QUICK = Tuning(writer_idle_s=0.05)


def start(folder: Path, *, memory_bytes_max: int = 64 * MIB, tuning: Tuning = QUICK) -> EmbeddedEngine:
    return EmbeddedEngine(folder, memory_bytes_max=memory_bytes_max, threads=2, tuning=tuning)


# --- the folder


async def test_a_second_engine_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    engine = start(tmp_path)
    with pytest.raises(Conflict, match=rf"process {os.getpid()} on \S+, there since 20") as refused:
        start(tmp_path)
    assert refused.value.code == "engine.locked"
    await engine.close()
    await start(tmp_path).close()


def _hold(folder: Path, ready: Event) -> None:
    """Holds the folder until it is killed."""

    async def hold() -> None:
        engine = start(folder)
        await fill(engine, HERE, [row(1, "wing")])
        await engine.flush(HERE)
        await fill(engine, HERE, [row(2, "wing")], offset=2)
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(hold())


@pytest.mark.timeout(30)
async def test_a_killed_process_lets_go_of_the_folder_and_leaves_what_it_flushed(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Event()
    process = spawning.Process(target=_hold, args=(tmp_path, ready))
    process.start()
    assert await asyncio.to_thread(ready.wait, 20)
    with pytest.raises(Conflict, match=f"process {process.pid}"):
        start(tmp_path)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    engine = start(tmp_path)
    assert await engine.durable(HERE) == watermark(1)
    await fill(engine, HERE, [row(2, "wing")], offset=2)
    assert keys((await ask(engine, HERE, text="wing")).keyword) == [1, 2]
    await engine.close()


async def test_a_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written"):
        start(tmp_path / "file" / "data")


async def test_a_search_leaves_no_trace_of_a_collection_that_is_not_there(tmp_path: Path) -> None:
    engine = start(tmp_path)
    await ask(engine, HERE, text="wing", at=toward(0))
    await engine.stats(HERE)
    await engine.flush(HERE)
    await engine.close()
    assert os.listdir(tmp_path) == [".lock"]  # noqa: PTH208 — one entry, hidden: shorter than a glob of both kinds


async def test_a_dropped_collection_leaves_no_files(tmp_path: Path) -> None:
    engine = start(tmp_path)
    await fill(engine, HERE, [row(1, "wing")])
    assert (await engine.stats(HERE)).disk_bytes > 0
    await engine.drop(HERE)
    assert [path for path in (tmp_path / "collections").rglob("*") if path.is_file()] == []
    await engine.close()


async def test_a_tenant_may_be_named_like_a_file_of_the_engine(tmp_path: Path) -> None:
    engine = start(tmp_path)
    for name in ("holder.json", ".lock", "collections"):
        await fill(engine, collection(name), [row(1, "wing")])
        await engine.flush(collection(name))
    await engine.close()
    again = start(tmp_path)
    for name in ("holder.json", ".lock", "collections"):
        assert keys((await ask(again, collection(name), text="wing")).keyword) == [1]
    await again.close()


async def test_a_collection_that_cannot_be_written_when_it_is_closed_stays_open(tmp_path: Path) -> None:
    engine = start(tmp_path, memory_bytes_max=1)
    await fill(engine, HERE, [row(1, "wing")])
    in_the_way = tmp_path / "collections" / HERE.path / "rows-1.npz.tmp"
    in_the_way.mkdir()
    other = collection(index_id=2)
    await fill(engine, other, [row(2, "wing")])
    assert keys((await ask(engine, other, text="wing")).keyword) == [2]
    assert keys((await ask(engine, HERE, text="wing")).keyword) == [1]
    with pytest.raises(Unavailable):
        await engine.close()
    await start(tmp_path).close()


# --- memory


async def test_collections_used_longest_ago_are_closed_and_come_back_as_they_were(tmp_path: Path) -> None:
    engine = start(tmp_path, memory_bytes_max=1)
    places = [collection(index_id=number) for number in range(1, 5)]
    for place in places:
        await fill(engine, place, [row(key, f"wing n{place.index_id}") for key in range(1, 20)])
    assert [(await engine.durable(place)) is not None for place in places[:3]] == [True] * 3  # closed, so flushed
    for place in [*places, *reversed(places)]:
        arms = await ask(engine, place, text=f"n{place.index_id}", at=vector(3), limit=30)
        assert sorted(keys(arms.dense)) == keys(arms.keyword) == list(range(1, 20))
    await engine.close()


async def test_the_bound_is_on_bytes_so_that_what_fits_stays_open(tmp_path: Path) -> None:
    engine = start(tmp_path, memory_bytes_max=512 * MIB)
    for number in range(1, 4):
        await fill(engine, collection(index_id=number), [row(1, "wing")])
    assert [await engine.durable(collection(index_id=number)) for number in range(1, 4)] == [None] * 3
    await engine.close()


@pytest.mark.timeout(30)
async def test_many_at_once_with_no_memory_to_speak_of_get_their_own_answers(tmp_path: Path) -> None:
    engine = start(tmp_path, memory_bytes_max=1)
    places = [collection(index_id=number) for number in range(1, 5)]
    for place in places:
        await fill(engine, place, [row(place.index_id, f"wing n{place.index_id}")])

    async def check(number: int) -> None:
        place = places[number % 4]
        if number % 5 == 0:
            await fill(engine, place, [row(100 + number, "flow")], offset=number)
        assert keys((await ask(engine, place, text="wing")).keyword) == [place.index_id]

    await asyncio.gather(*(check(number) for number in range(40)))
    await engine.close()


async def test_an_idle_writer_gives_its_memory_back(tmp_path: Path) -> None:
    engine = start(tmp_path)
    await fill(engine, HERE, [row(1, "wing")])
    heap = QUICK.writer_heap_bytes
    while (await engine.stats(HERE)).memory_bytes >= heap:
        pass
    await fill(engine, HERE, [row(2, "wing")], offset=2)
    assert keys((await ask(engine, HERE, text="wing")).keyword) == [1, 2]
    await engine.close()


# --- threads


def versioned(version: int) -> list[Row]:
    return [row(key, f"word v{version}", {"version": version}, at=toward(version % 8)) for key in range(1, 31)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("tuning", [QUICK, Tuning(ivf_rows_min=20, exhaustive_rows_max=5)], ids=["flat", "lists"])
async def test_a_search_never_sees_half_of_a_batch(tmp_path: Path, tuning: Tuning) -> None:
    engine = start(tmp_path, tuning=tuning)
    await fill(engine, HERE, versioned(0))
    latest = 0
    seen: set[int] = set()

    async def watch() -> None:
        while latest < 25:
            for version in (latest, latest + 1):
                arms = await ask(engine, HERE, text=f"v{version}", at=toward(version % 8), condition=Eq("version", version))
                assert sorted(keys(arms.dense)) == keys(arms.keyword)
                assert len(keys(arms.dense)) in {0, 30}
                assert all(hit.score > 0.99 for hit in arms.dense or ())
                if keys(arms.dense):
                    seen.add(version)

    async def change() -> None:
        nonlocal latest
        for version in range(1, 26):
            await engine.apply(HERE, upserts=versioned(version), deletes=(), watermark=watermark(version))
            latest = version

    await asyncio.gather(change(), *(watch() for _ in range(4)))
    assert len(seen) > 3
    arms = await ask(engine, HERE, text="v25", at=toward(1))
    assert keys(arms.keyword) == sorted(keys(arms.dense)) == list(range(1, 31))
    await engine.close()


async def test_a_search_sees_every_batch_that_returned_before_it(tmp_path: Path) -> None:
    engine = start(tmp_path)
    for key in range(1, 21):
        await fill(engine, HERE, [row(key, "wing")], offset=key)
        arms = await ask(engine, HERE, text="wing", at=vector(key))
        assert len(keys(arms.dense)) == len(keys(arms.keyword)) == key
    await engine.close()


async def test_an_apply_whose_caller_gave_up_does_not_mix_with_the_next(tmp_path: Path) -> None:
    engine = start(tmp_path)
    for version in range(6):
        abandoned = asyncio.create_task(fill(engine, HERE, versioned(2 * version), offset=2 * version + 1))
        await asyncio.sleep(0.002 * version)
        abandoned.cancel()
        await fill(engine, HERE, versioned(2 * version + 1), offset=2 * version + 2)
    arms = await ask(engine, HERE, text="word", at=toward(0))
    assert sorted(keys(arms.dense)) == sorted(keys(arms.keyword)) == list(range(1, 31))
    await engine.close()


async def test_a_collection_can_be_dropped_while_it_is_searched_and_filled(tmp_path: Path) -> None:
    engine = start(tmp_path)
    await fill(engine, HERE, versioned(1))

    async def attempt(number: int) -> None:
        with contextlib.suppress(Conflict):  # when it was dropped under its hands
            await fill(engine, HERE, versioned(number), offset=number)

    searches = [ask(engine, HERE, text="word", at=toward(0)) for _ in range(20)]
    results = await asyncio.gather(*searches, engine.drop(HERE), *(attempt(number) for number in (2, 3)), engine.drop(HERE))
    assert all(len(keys(arms.dense)) in {0, 30} for arms in results if arms is not None)
    await engine.drop(HERE)
    assert keys((await ask(engine, HERE, text="word")).keyword) == []
    await engine.close()


async def test_every_thread_that_calls_faiss_has_openmp_at_one() -> None:
    workers = Workers("test", 2)
    assert set(await asyncio.gather(*(workers.run(faiss.omp_get_max_threads) for _ in range(8)))) == {1}
    workers.close()


async def test_no_more_run_at_once_than_there_are_threads_and_who_waits_can_leave() -> None:
    workers = Workers("test", 1)
    release = threading.Event()
    running = asyncio.create_task(workers.run(lambda: release.wait(5)))
    waiting = asyncio.create_task(workers.run(lambda: pytest.fail("ran though it was cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    release.set()
    assert await running
    with pytest.raises(asyncio.CancelledError):
        await waiting
    workers.close()


# --- the background


@pytest.mark.timeout(30)
async def test_lists_are_trained_in_the_background_once_there_are_enough_rows(tmp_path: Path) -> None:
    engine = start(tmp_path, tuning=Tuning(ivf_rows_min=200, exhaustive_rows_max=10))
    await fill(engine, HERE, [row(key, "wing") for key in range(1, 151)])
    await engine.settle()
    assert (await engine.stats(HERE)).structure == "flat"
    await fill(engine, HERE, [row(key, "wing") for key in range(151, 251)], offset=2)
    await engine.settle()
    assert (await engine.stats(HERE)).structure.startswith("ivf")
    await engine.close()


async def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    engine = start(tmp_path)
    await fill(engine, HERE, [row(1, "wing")])
    await engine.close()
    await engine.close()
