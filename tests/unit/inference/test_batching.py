"""Distinct texts, and lanes of threads: order, cancelling, and queries that do not wait for passages."""

import asyncio
import os
import sys
import threading

import numpy as np
import pytest

from core.errors import Unavailable
from inference.batching import PASSAGE_NICENESS, Distinct, Lane


def test_each_distinct_text_is_kept_once_and_every_row_comes_back() -> None:
    distinct = Distinct(["b", "a", "b", "b"])
    assert distinct.texts == ["b", "a"]
    rows = distinct.rows([np.array([1.0], np.float32), np.array([2.0], np.float32)], 1)
    assert rows.ravel().tolist() == [1.0, 2.0, 1.0, 1.0]


def test_no_texts_are_no_rows_of_the_right_width() -> None:
    assert Distinct([]).rows([], 7).shape == (0, 7)


async def test_results_come_in_the_order_of_the_items() -> None:
    lane = Lane("test", threads=3)
    assert await lane.map(lambda item: item * 2, range(50)) == [item * 2 for item in range(50)]
    await lane.close()


async def test_work_happens_off_the_event_loops_thread() -> None:
    lane = Lane("test", threads=1)
    assert threading.get_ident() not in await lane.map(lambda _: threading.get_ident(), range(3))
    await lane.close()


async def test_cancelling_drops_what_has_not_begun() -> None:
    lane = Lane("test", threads=1)
    begun, release, seen = asyncio.Event(), threading.Event(), list[int]()
    loop = asyncio.get_running_loop()

    def work(item: int) -> None:
        seen.append(item)
        loop.call_soon_threadsafe(begun.set)
        release.wait()

    call = asyncio.create_task(lane.map(work, range(100)))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    release.set()
    assert await lane.map(lambda item: item, ["next"]) == ["next"]
    assert seen == [0]
    await lane.close()


async def test_a_failure_is_raised_and_the_rest_is_dropped() -> None:
    lane = Lane("test", threads=1)
    seen: list[int] = []

    def work(item: int) -> None:
        seen.append(item)
        raise Unavailable("test.down", "down")

    with pytest.raises(Unavailable, match="down"):
        await lane.map(work, range(100))
    await lane.close()
    assert len(seen) <= 3


async def test_a_query_is_answered_while_passages_hold_every_thread_of_theirs() -> None:
    passages, queries, release = Lane("passage", threads=2), Lane("query", threads=1), threading.Event()
    ingesting = asyncio.create_task(passages.map(lambda _: release.wait(), range(50)))
    assert await queries.map(str.upper, ["query"]) == ["QUERY"]
    assert not ingesting.done()
    release.set()
    assert await ingesting == [True] * 50
    await passages.close()
    await queries.close()


async def test_a_short_call_overtakes_the_rest_of_a_long_one() -> None:
    lane = Lane("test", threads=1)
    done: list[str] = []
    long = asyncio.create_task(lane.map(done.append, ["long"] * 50))
    await asyncio.sleep(0)
    await lane.map(done.append, ["short"])
    assert done.index("short") < 10
    await long
    await lane.close()


async def test_closing_ends_waiting_calls_with_a_fault_and_refuses_new_ones() -> None:
    lane = Lane("test", threads=1)
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(_: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        release.wait()

    waiting = asyncio.create_task(lane.map(work, range(10)))
    await begun.wait()
    closing = asyncio.create_task(lane.close())
    await asyncio.sleep(0)
    release.set()
    await closing
    with pytest.raises(Unavailable, match="shutting down"):
        await waiting
    with pytest.raises(Unavailable) as raised:
        await lane.map(work, [1])
    assert raised.value.code == "inference.closed"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities a thread")
async def test_polite_threads_give_way_and_nobody_else_does() -> None:
    def niceness(_: int) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness(0)
    polite, plain = Lane("passage", threads=2, polite=True), Lane("query", threads=1)
    assert set(await polite.map(niceness, range(8))) == {max(before, PASSAGE_NICENESS)}
    assert await plain.map(niceness, [0]) == [before]
    assert niceness(0) == before
    await polite.close()
    await plain.close()
