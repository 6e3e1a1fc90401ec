"""Answers under an Idempotency-Key: kept with the write they answer, or not at all."""

from collections.abc import Callable
from datetime import UTC

import pytest

from core.caller import Caller, Grant, Once
from core.clock import SystemClock
from core.deadline import Deadline
from core.errors import Conflict
from core.ids import KeyId, Principal, TenantId
from storage import idempotency, keys
from storage.idempotency import StoredAnswer
from storage.records import KeyRecord
from tests.support.stores import AT, TENANT, Store

KEY = KeyId("key_1")


def _encode(answer: object) -> bytes:
    return str(answer).encode()


def _caller(encode: Callable[[object], bytes] = _encode) -> Caller:
    subject = Principal("user:ann")
    return Caller(
        tenant=TENANT,
        key_id=KEY,
        subject=subject,
        principals=frozenset({subject}),
        grants=frozenset({Grant.WRITE}),
        deadline=Deadline.after(SystemClock(), 10),
        request_id="req",
        once=Once(key="abc", route="POST /v1/x", digest=b"d", encode=encode, status=lambda _: 201),
    )


async def test_the_answer_is_found_again_under_the_same_key_and_route_only(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        await idempotency.remember(tx, _caller(), "first")
    async with store.db.read(TENANT) as tx:
        assert await idempotency.find(tx, KEY, "POST /v1/x", "abc") == StoredAnswer(digest=b"d", body=b"first", status=201)
        assert await idempotency.find(tx, KEY, "POST /v1/y", "abc") is None
        assert await idempotency.find(tx, KeyId("key_2"), "POST /v1/x", "abc") is None
    async with store.db.read(TenantId("blue")) as tx:
        assert await idempotency.find(tx, KEY, "POST /v1/x", "abc") is None


async def test_a_second_writer_is_told_to_wait_and_its_write_is_undone(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        await idempotency.remember(tx, _caller(), "first")

    async def write_again() -> None:
        async with store.db.write(TENANT) as tx:
            await keys.add(tx, _key("key_9"))
            await idempotency.remember(tx, _caller(), "second")

    with pytest.raises(Conflict) as fault:
        await write_again()
    assert fault.value.code == "idempotency.in_progress"
    async with store.db.system_read("a test looks for a key") as tx:
        assert await keys.find(tx, KeyId("key_9")) is None


async def test_the_final_answer_takes_the_place_of_the_first(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        await idempotency.remember(tx, _caller(), "accepted")
        await idempotency.replace(tx, _caller(), "created")
        found = await idempotency.find(tx, KEY, "POST /v1/x", "abc")
    assert found is not None
    assert found.body == b"created"


async def test_a_revoked_key_is_found_with_its_end_and_only_its_tenant_can_revoke_it(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        await keys.add(tx, _key("key_1"))
    async with store.db.write(TenantId("blue")) as tx:
        assert not await keys.revoke(tx, KEY, AT)
    async with store.db.write(TENANT) as tx:
        assert await keys.revoke(tx, KEY, AT)
        assert not await keys.revoke(tx, KEY, AT)
    async with store.db.system_read("a test looks for a key") as tx:
        found = await keys.find(tx, KEY)
    assert found is not None
    assert found.revoked_at == AT
    assert found.created_at == AT.astimezone(UTC)


def _key(key_id: str) -> KeyRecord:
    return KeyRecord(
        id=KeyId(key_id),
        tenant=TENANT,
        name="test",
        secret_sha256=b"x" * 32,
        subject=Principal("user:ann"),
        principals=(Principal("group:hr"),),
        grants=(Grant.READ,),
        created_at=AT,
        expires_at=None,
        revoked_at=None,
    )
