"""What nothing needs goes, and only that: superseded chunks once each engine has let go of them, the rest by its age."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Table, func, insert, select, update

from core.clock import VirtualClock
from core.errors import NotFound
from core.ids import DocumentId, TenantId
from indexing.housekeeping import ENGINE_GONE_AFTER, UNUSED_AFTER
from indexing.parsing.pool import ParserPool
from indexing.types import DeleteSelector, JobRequest, SourceKind, Wait
from inference.onnx.embedder import OnnxEmbedder
from storage.records import JobState
from storage.tables import chunks, contents, idempotency, items, jobs, texts, vectors, versions, watermarks
from storage.vectors import VectorKey
from storage.vectors import unused as unused_vectors
from tests.support.indexing import HANDBOOK, JOBS_KEPT, Stack, once, opened

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

TENANT = TenantId("default")
PARKING = "Parking spaces are given out by lot."
CANTEEN = "The canteen opens at eleven."
BIG = f"{PARKING} " * 2_000  # above what lies inline: a file of its own


class Home:
    """A stack whose clock is turned by hand, and the housekeeper in it."""

    def __init__(self, stack: Stack, clock: VirtualClock) -> None:
        self.stack = stack
        self._clock = clock

    async def put(self, document: str, text: str | bytes) -> None:
        await self.stack.put(document, text, wait=Wait.STORED)
        await self.stack.work()

    async def project(self, *, durably: bool = True) -> None:
        await self.stack.projector.catch_up()
        if durably:
            await self.stack.projector.flush()

    async def tidy(self, *, later: timedelta = timedelta()) -> None:
        self._clock.advance(later.total_seconds())
        await self.stack.housekeeper.tidy(TENANT)

    async def count(self, table: Table) -> int:
        async with self.stack.db.read(TENANT) as tx:
            return (await tx.execute(select(func.count()).select_from(table))).scalar_one()

    def files(self) -> list[Path]:
        return [path for path in (self.stack.folder / "blobs").rglob("*") if path.is_file()]


@pytest_asyncio.fixture(loop_scope="session")
async def home(tmp_path: Path, embedder: OnnxEmbedder, parsers: ParserPool) -> AsyncGenerator[Home]:
    clock = VirtualClock()
    async with opened(tmp_path, embedder, parsers, clock=clock) as stack:
        await stack.add_index(HANDBOOK)
        yield Home(stack, clock)


LATER = UNUSED_AFTER + timedelta(minutes=1)


async def test_superseded_chunks_go_when_the_engine_has_durably_let_go_of_them_and_not_before(home: Home) -> None:
    await home.put("a", PARKING)
    await home.put("a", CANTEEN)
    await home.tidy()
    assert await home.count(chunks) == 2, "the engine never said how far it is"
    await home.project(durably=False)
    await home.tidy()
    assert await home.count(chunks) == 2, "a crash now would bring the old rows back into the engine"
    await home.project()
    await home.tidy()
    assert (await home.count(chunks), await home.count(texts)) == (1, 1)
    assert await home.count(versions) == 2, "the versions stay, as history"
    assert [passage.text for passage in await home.stack.search("canteen parking")] == [CANTEEN]


async def test_vectors_go_a_day_after_nothing_refers_to_them_and_those_in_use_stay(home: Home) -> None:
    await home.put("a", PARKING)
    await home.put("b", PARKING)
    await home.put("c", CANTEEN)
    await home.stack.delete("a")
    await home.stack.delete("c")
    await home.project()
    await home.tidy()
    assert await home.count(vectors) == 2, "an upload under way may be about to refer to them"
    await home.tidy(later=LATER)
    assert await home.count(vectors) == 1
    assert await home.stack.found("parking") == {"b"}


async def test_a_walk_over_the_vectors_goes_on_where_it_stood_and_finds_all_that_are_unused(home: Home) -> None:
    for number in range(5):
        await home.put(f"{number}", f"{PARKING} {number}")
    for number in range(1, 5):
        await home.stack.delete(f"{number}")
    await home.project()
    await home.tidy()
    after: VectorKey | None = None
    unused: list[bytes] = []
    steps = 0
    while steps == 0 or after is not None:
        async with home.stack.db.read(TENANT) as tx:
            found, after = await unused_vectors(tx, home.stack.clock.now() + timedelta(minutes=1), after=after, limit=2)
        unused += found
        steps += 1
    assert (len(unused), len(set(unused)), steps) == (4, 4, 3)


async def test_a_text_whose_vector_was_collected_is_embedded_again(home: Home) -> None:
    await home.put("a", PARKING)
    await home.stack.delete("a")
    await home.project()
    await home.tidy(later=LATER)
    assert await home.count(vectors) == 0
    await home.put("a", PARKING)
    await home.project()
    assert await home.stack.found("parking") == {"a"}


async def test_the_originals_of_what_is_live_stay_and_those_of_what_is_gone_go(home: Home) -> None:
    await home.put("live", BIG)
    await home.put("gone", BIG + "gone")
    await home.put("small", CANTEEN)
    await home.stack.delete("gone")
    await home.stack.delete("small")
    await home.project()
    await home.tidy()
    assert await home.count(contents) == 3
    await home.tidy(later=LATER)
    assert await home.count(contents) == 1


async def test_the_file_of_an_original_goes_with_its_row_unless_it_was_sent_again(home: Home) -> None:
    await home.put("a", BIG)
    await home.stack.delete("a")
    assert len(home.files()) == 1
    await home.stack.blobs.discard(home.files(), _modified(home.files()[0]) - timedelta(seconds=1))
    assert len(home.files()) == 1
    await home.stack.blobs.discard(home.files(), _modified(home.files()[0]) + timedelta(seconds=1))
    assert home.files() == []


async def test_the_original_of_a_failed_item_stays_so_that_it_can_be_tried_again(home: Home) -> None:
    failed = await home.stack.put("a.pdf", b"%PDF-1.7 broken", wait=Wait.STORED)
    assert failed.job_id is not None
    await home.stack.work()
    await home.tidy(later=LATER)
    assert await home.count(contents) == 1
    job = await home.stack.indexing.retry(home.stack.admin(), failed.job_id)
    await home.stack.work()
    assert (await home.stack.indexing.job(home.stack.admin(), job.id)).state is JobState.COMPLETED_WITH_ERRORS
    item = (await home.stack.items(job.id))["a.pdf"]
    assert item.code == "indexing.corrupt_document", "not that its original is missing"


async def test_an_original_that_waits_to_be_read_stays_however_long(home: Home) -> None:
    await home.stack.put("a", PARKING, wait=Wait.STORED)
    await home.tidy(later=LATER)
    await home.stack.work()
    assert await home.stack.text("a") == PARKING


async def test_an_ended_job_goes_after_its_days_with_its_items_and_its_originals(home: Home) -> None:
    failed = await home.stack.put("a.pdf", b"%PDF-1.7 broken", wait=Wait.STORED)
    assert failed.job_id is not None
    await home.stack.work()
    await home.put("kept", PARKING)
    await home.tidy(later=JOBS_KEPT - timedelta(minutes=1))
    assert (await home.stack.indexing.job(home.stack.admin(), failed.job_id)).counts.failed == 1
    await home.tidy(later=timedelta(minutes=2))
    with pytest.raises(NotFound):
        await home.stack.indexing.job(home.stack.admin(), failed.job_id)
    assert (await home.count(jobs), await home.count(items), await home.count(contents)) == (0, 0, 1)
    assert await home.stack.text("kept") == PARKING


async def test_a_job_that_waits_stays_however_long_and_one_that_nobody_starts_is_cancelled(home: Home) -> None:
    waiting = await home.stack.put("a", PARKING, wait=Wait.STORED)
    admin = home.stack.admin(seconds=10**8)
    forgotten = await home.stack.indexing.open_job(admin, HANDBOOK, JobRequest(kind=SourceKind.UPLOAD))
    await home.tidy(later=JOBS_KEPT + timedelta(minutes=1))
    assert (await home.stack.indexing.job(admin, forgotten.id)).state is JobState.CANCELLED
    assert waiting.job_id is not None
    assert (await home.stack.indexing.job(admin, waiting.job_id)).state is JobState.QUEUED
    await home.tidy(later=JOBS_KEPT + timedelta(minutes=1))
    assert await home.count(jobs) == 1


async def test_an_answer_kept_for_repeated_requests_goes_when_its_day_is_over(home: Home) -> None:
    selector = DeleteSelector(ids=(DocumentId("none"),))
    await home.stack.catalog.delete_documents(home.stack.admin(once=once("k")), HANDBOOK, selector, dry_run=False)
    await home.tidy()
    assert await home.count(idempotency) == 1
    async with home.stack.db.write(TENANT) as tx:
        await tx.execute(update(idempotency).values(created_at=datetime.now(UTC) - timedelta(hours=25)))
    await home.tidy()
    assert await home.count(idempotency) == 0


async def test_an_engine_that_is_gone_for_long_holds_back_nothing_and_the_only_one_is_never_forgotten(home: Home) -> None:
    await home.put("a", PARKING)
    await home.project()
    await home.tidy(later=ENGINE_GONE_AFTER + timedelta(days=1))
    assert await home.count(watermarks) == 1
    async with home.stack.db.write(TENANT) as tx:
        await tx.execute(insert(watermarks).values(tenant=TENANT, engine="new", offset=1, at=home.stack.clock.now()))
    await home.tidy()
    assert await home.count(watermarks) == 1


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
