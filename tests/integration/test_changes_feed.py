"""The changes feed: in order, for those who may see, until what is behind an offset is no longer kept."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest
from sqlalchemy import delete

from core.caller import Caller
from core.errors import Gone, Invalid, NotFound
from core.ids import Principal, SessionId, TenantId
from indexing.differences import Step
from indexing.feed import DIFF_OFFSETS_MAX, SILENT_MAX, Feed, Reached
from storage import memory_rows, sessions, tenants, vectors
from storage.memory_rows import NewRow, Subject
from storage.sessions import NewSession
from storage.tables import changes
from tests.support.indexing import ANN, BOB, HR, Stack

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]
TENANT = TenantId("default")


def feed_of(stack: Stack) -> Feed:
    return Feed(db=stack.db, progress=stack.projector)


async def told(stack: Stack, caller: Caller, count: int, *, after: int | None = 0) -> list[str]:
    """The next so many steps."""
    steps = await feed_of(stack).follow(caller, after=after)
    return [line async for line in lines(steps, count)]


async def lines(steps: AsyncGenerator[Step | Reached], count: int) -> AsyncGenerator[str]:
    async with aclosing(steps), asyncio.timeout(30):
        while count:
            step = await anext(steps)
            yield f"reached {step.offset}" if isinstance(step, Reached) else f"{step.op} {step.subject.type} {step.subject.id}"
            count -= 1


async def remember(stack: Stack, owner: Principal, subject: int, body: str, *, replaced: int = 0) -> None:
    """A fact of an owner, straight into what is searchable."""
    spec, digest = stack.embedder.spec, hashlib.sha256(body.encode()).digest()
    vector = np.full(spec.dimension, spec.dimension**-0.5, np.float32)
    async with stack.db.write(TENANT) as tx:
        index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=stack.clock.now())
        await vectors.put(tx, spec.digest, {digest: vector}, stack.clock.now())
        row = NewRow(level="fact", body=body, vector_sha256=digest, fields={})
        await memory_rows.publish(
            tx, index, (Subject.FACT, subject), owner=owner, session_id=None, rows=[row], replaced=replaced
        )
    stack.projector.wake()


async def forget(stack: Stack, subject: int) -> None:
    spec = stack.embedder.spec
    async with stack.db.write(TENANT) as tx:
        index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=stack.clock.now())
        await memory_rows.retract(tx, index, (Subject.FACT, subject), rows=1)
    stack.projector.wake()


async def test_documents_are_told_in_order_and_a_new_version_once(stack: Stack) -> None:
    await stack.put("a.md", "One.")
    await stack.put("a.md", "Two.")
    await stack.put("b.md", "Three.")
    await stack.delete("a.md")
    expected = ["added document a.md", "changed document a.md", "added document b.md", "removed document a.md"]
    assert await told(stack, stack.admin(), 4) == expected


async def test_a_document_is_told_to_those_who_may_read_it(stack: Stack) -> None:
    await stack.put("pay.md", "The pay scale.", acl=(HR,))
    await stack.put("lunch.md", "The menu.")
    await stack.delete("pay.md")
    await stack.delete("lunch.md")
    assert await told(stack, stack.caller(BOB), 2) == ["added document lunch.md", "removed document lunch.md"]
    assert (await told(stack, stack.caller(ANN, HR), 4))[0] == "added document pay.md"


async def test_memory_is_told_to_its_owner_and_to_an_admin(stack: Stack) -> None:
    await remember(stack, ANN, 1, "Ann lives in Berlin.")
    await remember(stack, BOB, 2, "Bob lives in Paris.")
    await remember(stack, ANN, 1, "Ann lives in Rome.", replaced=1)
    await forget(stack, 1)
    ann = ["added fact fact_0000000000001", "changed fact fact_0000000000001", "removed fact fact_0000000000001"]
    assert await told(stack, stack.caller(ANN), 3) == ann
    assert await told(stack, stack.caller(BOB), 1) == ["added fact fact_0000000000002"]
    assert len(await told(stack, stack.admin(), 4)) == 4
    with pytest.raises(NotFound):
        stack.caller(BOB).acting_for("ann")


async def test_a_message_names_its_session_and_the_client_s_id(stack: Stack) -> None:
    from storage import messages
    from storage.memory_records import Role, TimeKind
    from storage.messages import NewMessage

    async with stack.db.write(TENANT) as tx:
        session = await sessions.add(
            tx, ANN, NewSession(id=SessionId("trip"), agent=None, metadata={}, ttl_s=None), stack.clock.now()
        )
        assert session is not None
        new = NewMessage(
            seq=1,
            client_id="m-1",
            role=Role.USER,
            speaker=None,
            content="Hello.",
            digest=b"d",
            occurred_at=None,
            occurred_kind=TimeKind.MISSING,
            source=None,
            trust=3,
            flags=(),
            tokens=2,
            metadata={},
            rows=1,
        )
        (message,) = await messages.add(tx, session, [new], stack.clock.now())
        spec, digest = stack.embedder.spec, hashlib.sha256(b"Hello.").digest()
        index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=stack.clock.now())
        await vectors.put(tx, spec.digest, {digest: np.full(spec.dimension, 0.05, np.float32)}, stack.clock.now())
        row = NewRow(level="turn", body="Hello.", vector_sha256=digest, fields={})
        await memory_rows.publish(
            tx, index, (Subject.MESSAGE, message.row_id), owner=ANN, session_id=session.row_id, rows=[row]
        )
    steps = await feed_of(stack).follow(stack.caller(ANN), after=0)
    async with aclosing(steps):
        step = await anext(steps)
    assert isinstance(step, Step)
    assert (step.subject.session, step.subject.message_id, step.subject.type) == ("trip", "m-1", "message")


async def test_a_follower_without_an_offset_hears_of_what_comes_and_can_find_it_then(stack: Stack) -> None:
    await stack.put("old.md", "Old.")
    steps = await feed_of(stack).follow(stack.admin(), after=None)
    async with aclosing(steps), asyncio.TaskGroup() as group:
        waiting = group.create_task(anext(steps))
        await stack.put("new.md", "The harbour reopens.")
        step = await waiting
    assert isinstance(step, Step)
    assert step.subject.id == "new.md"
    assert step.change.offset <= stack.projector.indexed(TENANT)


async def test_a_follower_that_may_see_nothing_is_told_how_far_it_is(stack: Stack) -> None:
    for place in range(SILENT_MAX // 256 + 1):
        await stack.submit(*(_secret(f"{place}-{number}") for number in range(256)))
    first = await told(stack, stack.caller(BOB), 1)
    assert first[0].startswith("reached ")
    assert int(first[0].split()[1]) >= SILENT_MAX


def _secret(name: str):  # noqa: ANN202 -- a Submission
    from tests.support.indexing import submission

    return submission(name, "same", acl=(HR,))


async def test_behind_what_was_trimmed_there_is_nothing_to_follow(stack: Stack) -> None:
    for number in range(5):
        await stack.put(f"{number}.md", f"Number {number}.")
    async with stack.db.write(TENANT) as tx:
        # One in the middle stays, as trimming leaves the last change of every index.
        await tx.execute(delete(changes).where(changes.c.tenant == TENANT, changes.c.offset.in_([1, 3])))
    for after in (0, 1, 2):
        with pytest.raises(Gone, match="no longer all kept"):
            await feed_of(stack).follow(stack.admin(), after=after)
        with pytest.raises(Gone, match="no longer all kept"):
            await feed_of(stack).difference(stack.admin(), since=after, upto=None)
    assert await told(stack, stack.admin(), 2, after=3) == ["added document 3.md", "added document 4.md"]


async def test_an_offset_that_was_never_given_is_gone_too(stack: Stack) -> None:
    head = await stack.head()
    with pytest.raises(Gone, match="was never given"):
        await feed_of(stack).follow(stack.admin(), after=head + 1)
    with pytest.raises(Gone, match="was never given"):
        await feed_of(stack).difference(stack.admin(), since=head, upto=head + 1)


async def test_a_difference_says_what_came_changed_and_went(stack: Stack) -> None:
    await stack.put("stays.md", "One.")
    await stack.put("goes.md", "Two.")
    since = await stack.head()
    await stack.put("stays.md", "One and a half.")
    await stack.put("comes.md", "Three.")
    await stack.put("passes.md", "Four.")
    await stack.delete("passes.md")
    await stack.delete("goes.md")
    difference = await feed_of(stack).difference(stack.admin(), since=since, upto=await stack.head())
    assert {(step.op, step.subject.id) for step in difference.steps} == {
        ("changed", "stays.md"),
        ("added", "comes.md"),
        ("removed", "goes.md"),
    }
    nothing = await feed_of(stack).difference(stack.admin(), since=since, upto=since)
    assert nothing.steps == ()


async def test_a_range_backwards_or_too_wide_is_refused(stack: Stack) -> None:
    await stack.put("a.md", "One.")
    for since, upto in ((1, 0), (0, DIFF_OFFSETS_MAX + 1)):
        with pytest.raises(Invalid, match="ask for 0 to 10000"):
            await feed_of(stack).difference(stack.admin(), since=since, upto=upto)


async def test_another_tenant_s_changes_are_not_there(stack: Stack) -> None:
    await stack.add_tenant("blue")
    await stack.put("a.md", "One.")
    async with stack.db.read(TenantId("blue")) as tx:
        assert await tenants.head(tx) == 0
    with pytest.raises(Gone):
        await feed_of(stack).follow(stack.admin("blue"), after=1)
