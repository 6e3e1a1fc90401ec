"""Idempotency keys: the answer is kept in the transaction of the write, or not at all."""

import pytest

from core.errors import Conflict, NotFound
from core.filters import Eq
from core.ids import KeyId, TenantId
from core.paging import PageRequest
from indexing.types import DeleteSelector, JobRequest, SourceKind, Wait
from storage import idempotency
from storage.records import JobState
from tests.support.indexing import HANDBOOK, Stack, once, submission

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

TEXT = "Visitors sign in at the desk."


async def kept(stack: Stack, key: str) -> str | None:
    async with stack.db.read(TenantId("default")) as tx:
        found = await idempotency.find(tx, KeyId("key_test"), "test", key)
    return None if found is None else found.body.decode()


async def test_a_submit_keeps_its_answer_and_a_waiting_one_its_last(stack: Stack) -> None:
    answer = await stack.submit(submission("a", TEXT), caller=stack.admin(once=once("k")))
    assert answer.results[0].status == "created"
    assert await kept(stack, "k") == repr(answer)


async def test_an_accepted_submit_keeps_that_it_was_accepted(still: Stack) -> None:
    answer = await still.submit(submission("a", TEXT), caller=still.admin(once=once("k")), wait=Wait.STORED)
    assert await kept(still, "k") == repr(answer)


async def test_a_submit_that_changed_something_at_once_keeps_its_offset(stack: Stack) -> None:
    await stack.put("a", TEXT)
    answer = await stack.submit(submission("a", TEXT, title="T"), caller=stack.admin(once=once("k")), wait=Wait.STORED)
    assert answer.offset == await stack.head()
    assert await kept(stack, "k") == repr(answer)


async def test_a_second_writer_with_the_key_conflicts_and_writes_nothing(still: Stack) -> None:
    await still.submit(submission("a", TEXT), caller=still.admin(once=once("k")), wait=Wait.STORED)
    before = (await still.job_count(), await still.ids())
    with pytest.raises(Conflict) as second:
        await still.submit(submission("b", TEXT), caller=still.admin(once=once("k")), wait=Wait.STORED)
    assert second.value.code == "idempotency.in_progress"
    assert (await still.job_count(), await still.ids()) == before


async def test_a_write_that_fails_keeps_no_answer(still: Stack) -> None:
    with pytest.raises(NotFound):
        await still.submit(submission("a", TEXT), index="nowhere", caller=still.admin(once=once("k")))
    assert await kept(still, "k") is None
    answer = await still.submit(submission("a", TEXT), caller=still.admin(once=once("k")), wait=Wait.STORED)
    assert answer.results[0].status == "accepted"


async def test_deletes_and_jobs_keep_their_answers_too(stack: Stack) -> None:
    await stack.put("a", TEXT, metadata={"team": "hr"})
    selector = DeleteSelector(condition=Eq("team", "hr"))
    receipt = await stack.catalog.delete_documents(stack.admin(once=once("delete")), HANDBOOK, selector, dry_run=False)
    assert (receipt.deleted, receipt.offset) == (1, await stack.head())
    assert await kept(stack, "delete") == repr(receipt)
    request = JobRequest(kind=SourceKind.UPLOAD)
    opened = await stack.indexing.open_job(stack.admin(once=once("open")), HANDBOOK, request)
    assert await kept(stack, "open") == repr(opened)
    started = await stack.indexing.start(stack.admin(once=once("start")), opened.id)
    assert await kept(stack, "start") == repr(started)


async def test_files_sent_twice_under_one_key_make_one_job_and_leave_no_open_one(stack: Stack) -> None:
    request = JobRequest(kind=SourceKind.UPLOAD)
    caller = stack.admin(once=once("k"))
    first = await stack.indexing.submit_files(caller, HANDBOOK, [stack.spool("a.txt", TEXT)], request)
    with pytest.raises(Conflict):
        await stack.indexing.submit_files(caller, HANDBOOK, [stack.spool("a.txt", TEXT)], request)
    await stack.finished(first.id)
    states = {job.id: job.state for job in (await stack.indexing.jobs(stack.admin(), PageRequest())).items}
    assert sorted(states.values()) == [JobState.CANCELLED, JobState.COMPLETED]
