"""Items: held by one worker at a time, taken over when its lease runs out, and counted into their job."""

import asyncio
from datetime import timedelta

from core.ids import DocumentId, JobId, Principal
from core.limits import ITEM_CLAIMS_MAX
from core.paging import PageRequest
from storage import items, jobs
from storage.database import Database
from storage.items import LANE_BULK, LANE_DIRECT, Claim, NewItem
from storage.records import ItemState, JobKind, JobState, Outcome
from tests.support.stores import AT, TENANT, Store, make_index

LEASE = timedelta(seconds=30)
LATER = AT + timedelta(minutes=5)


async def _job(db: Database, name: str, number: int, lane: int) -> JobId:
    job_id = JobId(f"job_{name}")
    async with db.write(TENANT) as tx:
        index = await make_index(tx, name)
        await jobs.add(
            tx, job_id, index=index, owner=Principal("user:ann"), kind=JobKind.DOCUMENTS, state=JobState.QUEUED, spec={}, at=AT
        )
        rows = [NewItem(document_id=DocumentId(f"{name}{place}"), payload={}) for place in range(number)]
        await items.add(tx, job_id, rows, index_id=index.id, lane=lane, at=AT)
    return job_id


async def _claim(db: Database, owner: str, limit: int = 1, at: timedelta = timedelta()) -> tuple[Claim, ...]:
    async with db.system_write("a test claims as a worker") as tx:
        return await items.claim(tx, owner, now=AT + at, lease_until=AT + at + LEASE, limit=limit)


async def test_workers_that_claim_at_once_never_share_an_item(store: Store) -> None:
    await _job(store.db, "a", 20, LANE_BULK)
    claimed = await asyncio.gather(*(_claim(store.db, f"w{worker}", 5) for worker in range(6)))
    ids = [claim.id for claims in claimed for claim in claims]
    assert len(ids) == len(set(ids)) == 20


async def test_what_somebody_waits_for_goes_before_bulk(store: Store) -> None:
    await _job(store.db, "bulk", 3, LANE_BULK)
    await _job(store.db, "direct", 2, LANE_DIRECT)
    order = [claim.document_id for claim in await _claim(store.db, "w", 4)]
    assert order == ["direct0", "direct1", "bulk0", "bulk1"]


async def test_a_lease_that_ran_out_is_another_workers_and_the_first_holds_it_no_more(store: Store) -> None:
    await _job(store.db, "a", 1, LANE_BULK)
    (first,) = await _claim(store.db, "slow")
    assert await _claim(store.db, "quick", at=LEASE / 2) == ()
    (second,) = await _claim(store.db, "quick", at=LEASE * 2)
    assert (second.id, second.attempts) == (first.id, 2)
    async with store.db.write(TENANT) as tx:
        assert not await items.holds(tx, first.id, "slow")
        assert await items.holds(tx, first.id, "quick")


async def test_a_heartbeat_keeps_the_lease(store: Store) -> None:
    await _job(store.db, "a", 1, LANE_BULK)
    (claim,) = await _claim(store.db, "w")
    async with store.db.system_write("a test beats as a worker") as tx:
        await items.extend(tx, "w", [claim.id], AT + LEASE * 4)
    assert await _claim(store.db, "other", at=LEASE * 2) == ()


async def test_an_item_whose_every_worker_died_is_claimed_no_more_but_reported(store: Store) -> None:
    await _job(store.db, "a", 1, LANE_BULK)
    for turn in range(ITEM_CLAIMS_MAX):
        assert len(await _claim(store.db, "w", at=LEASE * 2 * turn)) == 1
    assert await _claim(store.db, "w", at=LEASE * 100) == ()
    async with store.db.system_read("a test looks for spent items") as tx:
        (spent,) = await items.exhausted(tx, AT + LEASE * 100, 10)
    assert spent.document_id == "a0"


async def test_progress_makes_an_attempt_count_as_the_first(store: Store) -> None:
    await _job(store.db, "a", 1, LANE_BULK)
    for turn in range(2 * ITEM_CLAIMS_MAX):
        (claim,) = await _claim(store.db, "w", at=LEASE * 2 * turn)
        async with store.db.write(TENANT) as tx:
            await items.progressed(tx, claim.id, "w")


async def test_a_stop_gives_items_back_uncounted_and_a_death_counted(store: Store) -> None:
    await _job(store.db, "a", 1, LANE_BULK)
    attempts: list[int] = []
    for counted in (False, True, True):
        (claim,) = await _claim(store.db, "w")
        attempts.append(claim.attempts)
        async with store.db.system_write("a test stops a worker") as tx:
            assert await items.release(tx, "w", counted=counted) == 1
    assert attempts == [1, 1, 2]


async def test_a_job_ends_with_its_last_item_and_counts_by_outcome(store: Store) -> None:
    job_id = await _job(store.db, "a", 2, LANE_BULK)
    first, second = await _claim(store.db, "w", 2)
    async with store.db.write(TENANT) as tx:
        await jobs.run(tx, TENANT, job_id, AT)
        await items.finish(tx, first.id, state=ItemState.DONE, outcome=Outcome.CREATED, version=1)
        assert not await jobs.finish_if_done(tx, job_id, AT)
        await items.finish(tx, second.id, state=ItemState.FAILED, outcome=Outcome.FAILED, code="x.y", detail="why")
        assert await jobs.finish_if_done(tx, job_id, AT)
        job = await jobs.get(tx, job_id, AT)
    assert (job.state, job.pending) == (JobState.COMPLETED_WITH_ERRORS, 0)
    assert (job.counts.found, job.counts.created, job.counts.failed) == (2, 1, 1)


async def test_a_running_job_that_nobody_holds_is_interrupted(store: Store) -> None:
    job_id = await _job(store.db, "a", 1, LANE_BULK)
    await _claim(store.db, "w")
    async with store.db.write(TENANT) as tx:
        await jobs.run(tx, TENANT, job_id, AT)
    async with store.db.read(TENANT) as tx:
        assert (await jobs.get(tx, job_id, AT)).state is JobState.RUNNING
        assert (await jobs.get(tx, job_id, LATER)).state is JobState.INTERRUPTED


async def test_jobs_are_listed_newest_first_and_of_one_owner_where_asked(store: Store) -> None:
    await _job(store.db, "a", 1, LANE_BULK)
    await _job(store.db, "b", 1, LANE_BULK)
    async with store.db.read(TENANT) as tx:
        everybodys = await jobs.page(tx, PageRequest(), AT, owner=None)
        anns = await jobs.page(tx, PageRequest(), AT, owner=Principal("user:ann"))
        bobs = await jobs.page(tx, PageRequest(), AT, owner=Principal("user:bob"))
    assert [job.id for job in everybodys.items] == [job.id for job in anns.items] == ["job_b", "job_a"]
    assert bobs.items == ()
