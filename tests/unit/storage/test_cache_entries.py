"""Cached answers on both stores."""

from dataclasses import replace
from datetime import timedelta

from core.ids import Principal
from storage import cache_entries, cache_ledger
from storage.cache_entries import NewEntry
from storage.cache_records import FoundSource
from tests.support.stores import AT, TENANT, Store

ANN = Principal("user:ann")
SOURCE = FoundSource(type="message", id="m1", index=None, subject_id=7, version=1, owner=ANN, acl=None)


def answer(question: str, **more: object) -> NewEntry:
    digest = question.encode()
    new = NewEntry(
        namespace="support",
        partition=b"p",
        scope="tenant",
        scope_id="",
        owner=ANN,
        exact=digest,
        normalized=digest,
        text_digest=digest,
        query=question,
        response=f"to {question}",
        size=10,
        model="space",
        vector_sha256=None,
        group=None,
        placed=False,
        sources=(),
        tags=(),
        evidence=None,
        eyes=b"",
        offset=0,
        tokens=0,
        usd=None,
        latency_ms=0.0,
        created_at=AT,
        expires_at=AT + timedelta(days=1),
    )
    return replace(new, **more)  # type: ignore[arg-type]  # fields by name


async def test_many_answers_get_their_ids_in_order(store: Store) -> None:
    questions = [f"question {number}" for number in range(1_200)]
    async with store.db.write(TENANT) as tx:
        ids = await cache_entries.add_all(tx, [answer(one) for one in questions])
    async with store.db.read(TENANT) as tx:
        found = await cache_entries.by_ids(tx, ids)
    assert [found[entry].query for entry in ids] == questions


async def test_an_answer_takes_the_place_of_its_owners_former_one_alone(store: Store) -> None:
    bob = Principal("user:bob")
    async with store.db.write(TENANT) as tx:
        old, other, tagged = await cache_entries.add_all(
            tx, [answer("a"), answer("a", owner=bob), answer("b", tags=("x",), sources=(SOURCE,))]
        )
        new, again = await cache_entries.add_all(tx, [answer("a"), answer("b", tags=("x", "y"), sources=(SOURCE,))])
    async with store.db.read(TENANT) as tx:
        assert set(await cache_entries.by_ids(tx, [old, other, tagged, new, again])) == {other, new, again}
        assert await cache_entries.of_owner(tx, ANN) == (new, again)


async def test_of_two_who_take_a_lease_with_one_token_one_has_it(store: Store) -> None:
    until = AT + timedelta(seconds=30)
    async with store.db.write(TENANT) as tx:
        assert await cache_ledger.put_lease(tx, b"p", b"q", token=1, until=until)
        assert not await cache_ledger.put_lease(tx, b"p", b"q", token=1, until=until)
        assert await cache_ledger.put_lease(tx, b"p", b"q", token=2, until=until)
        assert await cache_ledger.lease(tx, b"p", b"q") == (2, until)
