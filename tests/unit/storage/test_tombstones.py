"""Tombstones: what is buried stays out, says nothing of what it was, and can be lifted or carried elsewhere."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from core.ids import Principal, TenantId
from storage import tombstones
from storage.tombstones import source_mark, triple_mark, value_mark
from tests.support.stores import AT, TENANT, Store, sqlite_store, store

__all__ = ["sqlite_store", "store"]

ANN, BOB = Principal("user:ann"), Principal("user:bob")


async def test_what_is_buried_is_refused_and_nothing_else_is(store: Store) -> None:
    gone, other = triple_mark("ann|city|berlin"), triple_mark("ann|city|paris")
    async with store.db.write(TENANT) as tx:
        assert await tombstones.bury(tx, ANN, [gone], AT) == 1
    async with store.db.read(TENANT) as tx:
        assert await tombstones.refused(tx, ANN, [gone, other]) == {gone}


async def test_burying_again_changes_nothing(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        assert await tombstones.bury(tx, ANN, [value_mark("a"), value_mark("a"), value_mark("b")], AT) == 2
        assert await tombstones.bury(tx, ANN, [value_mark("a")], AT + timedelta(days=1)) == 0


async def test_a_tombstone_is_one_owner_s_in_one_tenant(store: Store) -> None:
    gone = value_mark("my PIN is 4711")
    async with store.db.write(TENANT) as tx:
        await tombstones.bury(tx, ANN, [gone], AT)
        await tombstones.bury(tx, BOB, [value_mark("something else")], AT)
        assert await tombstones.refused(tx, BOB, [gone]) == frozenset()
    async with store.db.read(TenantId("blue")) as tx:
        assert await tombstones.refused(tx, ANN, [gone]) == frozenset()


@pytest.mark.parametrize("said", ["lives in Berlin", "LIVES  in\u00a0berlin.", "lives in \uff22erlin!"])
async def test_case_spacing_and_closing_punctuation_do_not_let_a_value_in_again(sqlite_store: Store, said: str) -> None:
    async with sqlite_store.db.write(TENANT) as tx:
        await tombstones.bury(tx, ANN, [value_mark("Lives in Berlin")], AT)
        assert await tombstones.refused(tx, ANN, [value_mark(said)]) == {value_mark(said)}


async def test_a_source_is_one_message_and_not_its_words(sqlite_store: Store) -> None:
    async with sqlite_store.db.write(TENANT) as tx:
        await tombstones.bury(tx, ANN, [source_mark("trip", "m1", "I fly on Monday")], AT)
        again, elsewhere = source_mark("trip", "m1", "I fly on Monday"), source_mark("trip", "m2", "I fly on Monday")
        assert await tombstones.refused(tx, ANN, [again, elsewhere]) == {again}


async def test_what_is_lifted_comes_in_again(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        await tombstones.bury(tx, ANN, [value_mark("a"), value_mark("b")], AT)
        assert await tombstones.lift(tx, ANN, [value_mark("a")]) == 1
        assert await tombstones.refused(tx, ANN, [value_mark("a"), value_mark("b")]) == {value_mark("b")}


async def test_the_store_holds_no_word_of_what_is_buried_and_equal_words_differ_by_owner(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        for owner in (ANN, BOB):
            await tombstones.bury(tx, owner, [value_mark("zanzibar")], AT)
        rows = (await tx.execute(text("SELECT digest FROM tombstones"))).scalars().all()
        whole = [repr(tuple(row)) for row in await tx.execute(text("SELECT * FROM tombstones"))]
    assert len(set(rows)) == 2
    assert not any("zanzibar" in row for row in whole)
