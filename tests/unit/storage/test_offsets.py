"""Offsets: gap-free, in commit order, whoever writes at once."""

import asyncio
import contextlib
import random

import pytest

from core.ids import TenantId
from storage import changes
from storage.database import ChangeDraft, Database, Transaction
from tests.support.stores import AT, TENANT, Store

WRITERS, WRITES = 8, 15


class _ChangedMind(Exception):
    pass


def _draft(version_id: int) -> ChangeDraft:
    return ChangeDraft(index_id=1, op="publish", subject_id=1, block=version_id, rows=1)


async def _write(db: Database, writer: int, chance: random.Random) -> int:
    """Some transactions of one to three changes, one in four rolled back; how many changes were committed."""
    committed = 0
    for turn in range(WRITES):
        number, keep = chance.randint(1, 3), chance.random() > 0.25
        with contextlib.suppress(_ChangedMind):
            async with db.write(TENANT) as tx:
                for _ in range(number):
                    tx.record(_draft(writer * 1000 + turn))
                await asyncio.sleep(0)
                _roll_back_unless(keep=keep)
            committed += number
    return committed


def _roll_back_unless(*, keep: bool) -> None:
    if not keep:
        raise _ChangedMind


async def _follow(db: Database, until: asyncio.Event) -> list[int]:
    """Reads on from the last offset seen, as a projector does."""
    seen: list[int] = []
    while True:
        last_round = until.is_set()
        async with db.read(TENANT) as tx:
            found = await changes.after(tx, seen[-1] if seen else 0, limit=7)
        seen += [change.offset for change in found]
        if last_round and not found:
            return seen
        await asyncio.sleep(0)


@pytest.mark.timeout(60)
async def test_a_reader_that_follows_concurrent_writers_misses_no_offset(store: Store) -> None:
    done = asyncio.Event()
    reader = asyncio.create_task(_follow(store.db, done))
    writers = [_write(store.db, writer, random.Random(writer)) for writer in range(WRITERS)]
    committed = sum(await asyncio.gather(*writers))
    done.set()
    assert await reader == list(range(1, committed + 1))


async def test_each_tenant_counts_for_itself(store: Store) -> None:
    for tenant in ("default", "blue", "default"):
        async with store.db.write(TenantId(tenant)) as tx:
            tx.record(_draft(1))
    async with store.db.read(TenantId("blue")) as tx:
        assert [change.offset for change in await changes.after(tx, 0, limit=10)] == [1]
    async with store.db.system_read("a test looks at every head") as tx:
        assert await changes.heads(tx) == {"default": 2, "blue": 1, "green": 0}


async def test_a_transaction_without_changes_takes_no_offset(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        pass
    assert tx.offset is None


async def test_what_runs_before_the_commit_knows_the_offset_and_can_still_undo_all(store: Store) -> None:
    told: list[int | None] = []

    async def step(offset: int | None) -> None:
        told.append(offset)
        if len(told) == 2:
            raise _ChangedMind

    for _ in range(2):
        with contextlib.suppress(_ChangedMind):
            async with store.db.write(TENANT) as tx:
                tx.record(_draft(1))
                tx.before_commit(step)
    assert told == [1, 2]
    async with store.db.read(TENANT) as tx:
        assert len(await changes.after(tx, 0, limit=10)) == 1


async def _record(db: Database, index_id: int) -> Transaction:
    async with db.write(TENANT) as tx:
        tx.record(ChangeDraft(index_id=index_id, op="publish", subject_id=1, block=1, rows=1))
    return tx


async def test_trimming_stops_at_the_lowest_watermark_and_spares_each_index_its_last_change(store: Store) -> None:
    for index_id in (1, 2, 2, 2, 2, 2):
        await _record(store.db, index_id)
    async with store.db.write(TENANT) as tx:
        await changes.note_watermark(tx, "here", 6, AT)
        await changes.note_watermark(tx, "elsewhere", 4, AT)
        what = await changes.trimmable(tx, keep=0)
        assert what
        assert [await changes.trim(tx, what, limit=1) for _ in range(3)] == [1, 1, 0]
        assert [change.offset for change in await changes.after(tx, 0, limit=10)] == [1, 4, 5, 6]


async def test_nothing_is_trimmed_before_an_engine_has_said_how_far_it_is(store: Store) -> None:
    await _record(store.db, 1)
    await _record(store.db, 1)
    async with store.db.write(TENANT) as tx:
        assert await changes.trimmable(tx, keep=0) is None
