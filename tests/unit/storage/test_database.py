"""Transactions: no update is lost, reads are consistent, and the world's troubles come out as faults."""

import asyncio
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text, update

from core.errors import Unavailable
from core.ids import TenantId
from storage.database import Database
from storage.tables import documents, tenant_heads
from tests.support.stores import TENANT, Store, make_index, publish

INCREMENTS = 160


@pytest.mark.timeout(60)
async def test_concurrent_increments_are_all_stored(sqlite_store: Store) -> None:
    async def increment() -> None:
        async with sqlite_store.db.write(TENANT) as tx:
            mine = tenant_heads.c.tenant == TENANT
            head = (await tx.execute(select(tenant_heads.c.head).where(mine))).scalar_one()
            await asyncio.sleep(0)
            await tx.execute(update(tenant_heads).where(mine).values(head=head + 1))

    await asyncio.gather(*(increment() for _ in range(INCREMENTS)))
    async with sqlite_store.db.read(TENANT) as tx:
        assert (await tx.execute(select(tenant_heads.c.head).where(tenant_heads.c.tenant == TENANT))).scalar_one() == INCREMENTS


async def test_a_reader_keeps_its_view_while_a_writer_commits(sqlite_store: Store) -> None:
    statement = select(tenant_heads.c.head).where(tenant_heads.c.tenant == TENANT)
    async with sqlite_store.db.read(TENANT) as reader:
        before = (await reader.execute(statement)).scalar_one()
        async with sqlite_store.db.write(TENANT) as writer:
            await writer.execute(update(tenant_heads).values(head=99))
        assert (await reader.execute(statement)).scalar_one() == before


async def test_sqlite_is_durable_and_never_reuses_a_row_id(sqlite_store: Store) -> None:
    async with sqlite_store.db.write(TENANT) as tx:
        assert (await tx.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await tx.execute(text("PRAGMA synchronous"))).scalar_one() == 2
        index = await make_index(tx)
        first = await publish(tx, index, "a", "one")
        assert first is not None
        await tx.execute(documents.delete())
        second = await publish(tx, index, "a", "one")
        assert second is not None
    assert second.row_id > first.row_id


async def test_a_full_disk_is_a_fault_and_leaves_nothing_half_written(sqlite_store: Store) -> None:
    async with sqlite_store.db.write(TENANT) as tx:
        index = await make_index(tx)
        pages = (await tx.execute(text("PRAGMA page_count"))).scalar_one()
        await tx.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(Unavailable) as fault:
        async with sqlite_store.db.write(TENANT) as tx:
            await publish(tx, index, "big", "word " * 50_000)
    assert fault.value.code == "storage.disk_full"
    async with sqlite_store.db.write(TENANT) as tx:
        await tx.execute(text("PRAGMA max_page_count = 1000000"))
        assert (await tx.execute(select(documents.c.id))).first() is None
        assert await publish(tx, index, "small", "word") is not None


async def test_a_store_that_may_not_be_written_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "mnemic.db"
    sqlite3.connect(path).close()
    db = Database.open(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(Unavailable) as fault:
        async with db.write(TENANT) as tx:
            await tx.execute(text("CREATE TABLE anything (id INTEGER)"))
    assert fault.value.code == "storage.read_only"
    await db.close()


async def test_a_server_that_is_not_there_is_a_fault() -> None:
    db = Database.open("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable) as fault:
        async with db.read(TENANT):
            pass
    assert fault.value.code == "storage.unavailable"
    await db.close()


@pytest.mark.postgres
async def test_postgres_itself_hides_other_tenants_rows(store: Store) -> None:
    if store.db.kind != "postgresql":
        return
    async with store.db.write(TenantId("blue")) as tx:
        await publish(tx, await make_index(tx), "secret", "words")
    with psycopg.connect(store.url) as connection:
        connection.execute("CREATE ROLE mnemic_plain_reader")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO mnemic_plain_reader")
        connection.execute("SET ROLE mnemic_plain_reader")
        seen = [_count(connection, tenant) for tenant in ("default", "blue", "")]
        connection.rollback()
    assert seen == [0, 1, 0]


def _count(connection: psycopg.Connection[tuple[int]], tenant: str) -> int:
    connection.execute("SELECT set_config('mnemic.tenant', %s, true)", [tenant])
    found = connection.execute("SELECT count(*) FROM documents").fetchone()
    assert found is not None
    return found[0]
