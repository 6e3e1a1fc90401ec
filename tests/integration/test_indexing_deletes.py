"""Deleting documents one by one, by filter, by the thousand; and whole indexes."""

import pytest

from core.caller import Grant
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.filters import Eq
from core.ids import DocumentId, IndexName, TenantId
from core.paging import PageRequest
from core.profile import Fusion, IndexProfile
from engines.port import Collection
from indexing.types import DeleteSelector, DocumentPatch, IndexDefinition, JobRequest, SourceKind, Wait
from storage import documents, indexes
from storage.documents import Content
from storage.records import Envelope, JobState
from tests.support.indexing import ANN, BOB, HANDBOOK, HR, Stack, submission

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

TEXT = "Parking spaces are given out by lot."
MISSING = DocumentId("missing.txt")


async def three(stack: Stack) -> None:
    await stack.submit(
        submission("a", TEXT + " a", metadata={"team": "hr"}),
        submission("b", TEXT + " b", metadata={"team": "hr"}, acl=[HR]),
        submission("c", TEXT + " c", metadata={"team": "it"}),
    )


async def bare(stack: Stack, number: int) -> tuple[DocumentId, ...]:
    """Live documents without a chunk, quicker than reading files would make them."""
    ids = tuple(DocumentId(f"d{place}") for place in range(number))
    now = stack.clock.now()
    content = Content(digest="d", sha256=b"d", media_type="text/plain", parsed_title=None, text="", chunks=0)
    async with stack.db.write(stack.admin().tenant) as tx:
        index = await indexes.get(tx, HANDBOOK)
        numbers = await documents.issue_many(tx, index.id, ids, now)
        for record in (await documents.find_many(tx, index.id, ids)).values():
            await documents.publish(tx, record, number=numbers[record.id], envelope=Envelope(), content=content, at=now)
    return ids


async def test_a_deleted_document_is_not_found_and_cannot_be_deleted_again(stack: Stack) -> None:
    await three(stack)
    offset = await stack.delete("a")
    assert offset == await stack.head()
    assert await stack.found("parking") == {"b", "c"}
    with pytest.raises(NotFound) as gone:
        await stack.delete("a")
    assert gone.value.code == "indexing.no_such_document"


async def test_deleting_what_was_never_published_answers_an_offset_too(still: Stack) -> None:
    await still.put("a", TEXT, wait=Wait.STORED)
    assert await still.delete("a") == await still.head()


async def test_a_filter_deletes_exactly_what_it_matches(stack: Stack) -> None:
    await three(stack)
    condition = await stack.catalog.parse_filter(stack.admin(), HANDBOOK, {"eq": ["team", "hr"]})
    receipt = await stack.catalog.delete_documents(stack.admin(), HANDBOOK, DeleteSelector(condition=condition), dry_run=False)
    assert (receipt.deleted, set(receipt.ids), receipt.job_id) == (2, {"a", "b"}, None)
    assert receipt.offset == await stack.head()
    assert await stack.found("parking") == {"c"}


async def test_ids_that_are_not_there_are_named_as_missing(stack: Stack) -> None:
    await three(stack)
    receipt = await stack.catalog.delete_documents(
        stack.admin(), HANDBOOK, DeleteSelector(ids=(DocumentId("a"), MISSING)), dry_run=False
    )
    assert (receipt.ids, receipt.missing) == ((DocumentId("a"),), (MISSING,))
    assert await stack.ids() == {"b", "c"}


async def test_a_dry_run_names_what_would_go_and_deletes_nothing(stack: Stack) -> None:
    await three(stack)
    receipt = await stack.catalog.delete_documents(
        stack.admin(), HANDBOOK, DeleteSelector(condition=Eq("team", "hr")), dry_run=True
    )
    assert (receipt.deleted, set(receipt.ids), receipt.dry_run, receipt.offset) == (2, {"a", "b"}, True, None)
    assert await stack.ids() == {"a", "b", "c"}


async def test_a_selector_is_ids_or_a_filter_and_not_both(stack: Stack) -> None:
    for selector in (DeleteSelector(), DeleteSelector(ids=(MISSING,), condition=Eq("team", "hr"))):
        with pytest.raises(Invalid) as wrong:
            await stack.catalog.delete_documents(stack.admin(), HANDBOOK, selector, dry_run=True)
        assert wrong.value.code == "indexing.invalid_selector"


@pytest.mark.timeout(150)  # a thousand transactions, each synced
async def test_above_a_thousand_a_job_deletes_and_spares_what_was_submitted_after_it(still: Stack) -> None:
    ids = await bare(still, 1_001)
    receipt = await still.catalog.delete_documents(still.admin(), HANDBOOK, DeleteSelector(ids=ids), dry_run=False)
    assert receipt.job_id is not None
    assert (receipt.deleted, len(receipt.ids)) == (1_001, 1_000)
    await still.put("d7", TEXT, wait=Wait.STORED)
    await still.work()
    await still.projector.catch_up()
    job = await still.indexing.job(still.admin(), receipt.job_id)
    assert (job.state, job.counts.deleted, job.counts.skipped) == (JobState.COMPLETED, 1_000, 1)
    assert await still.ids() == {"d7"}
    assert await still.found("parking") == {"d7"}


async def test_what_is_not_there_and_what_is_not_theirs_are_one_answer(stack: Stack) -> None:
    await three(stack)
    bob = stack.caller(BOB)
    for document in ("b", "missing"):
        with pytest.raises(NotFound) as hidden:
            await stack.document(document, caller=bob)
        assert (hidden.value.code, hidden.value.message.replace(repr(document), "…")) == (
            "indexing.no_such_document",
            "index 'handbook' has no document … that you may read",
        )
        with pytest.raises(NotFound):
            await stack.text(document, caller=bob)
        with pytest.raises(NotFound):
            await stack.catalog.chunks(bob, HANDBOOK, DocumentId(document), PageRequest())
        with pytest.raises(NotFound):
            await stack.catalog.versions(bob, HANDBOOK, DocumentId(document), PageRequest())
        with pytest.raises(NotFound):
            await stack.catalog.patch_document(bob, HANDBOOK, DocumentId(document), DocumentPatch(title="x"))
    assert await stack.ids(caller=stack.caller(ANN, HR)) == {"a", "b", "c"}


async def test_another_tenants_index_is_as_if_it_were_not(stack: Stack) -> None:
    await three(stack)
    await stack.add_tenant("other")
    stranger = stack.admin("other")
    for attempt in (
        stack.catalog.index(stranger, HANDBOOK),
        stack.document("a", caller=stranger),
        stack.put("a", TEXT, caller=stranger),
        stack.delete("a", caller=stranger),
        stack.catalog.delete_index(stranger, HANDBOOK),
        stack.search("parking", caller=stranger, index=HANDBOOK),
        stack.catalog.index(stack.admin(), IndexName("nowhere")),
    ):
        with pytest.raises(NotFound) as unknown:
            await attempt
        assert unknown.value.code == "indexing.no_such_index"
    assert await stack.search("parking", caller=stranger) == ()


async def test_reading_writing_and_ruling_each_need_their_grant(stack: Stack) -> None:
    reader, writer = stack.caller(ANN, grants=(Grant.READ,)), stack.caller(ANN, grants=(Grant.WRITE,))
    for attempt in (
        stack.put("a", TEXT, caller=reader),
        stack.delete("a", caller=reader),
        stack.document("a", caller=writer),
        stack.catalog.put_index(stack.caller(ANN), IndexName("new"), IndexDefinition()),
        stack.catalog.delete_index(stack.caller(ANN), HANDBOOK),
        stack.indexing.open_job(reader, HANDBOOK, JobRequest(kind=SourceKind.UPLOAD)),
    ):
        with pytest.raises(Forbidden) as refused:
            await attempt
        assert refused.value.code == "auth.missing_grant"


async def test_a_deleted_index_is_gone_at_once_and_its_rows_and_collection_follow(still: Stack) -> None:
    await still.put("a", TEXT, wait=Wait.STORED)
    await still.work()
    await still.projector.catch_up()
    async with still.db.read(TenantId("default")) as tx:
        record = await indexes.get(tx, HANDBOOK)
    job = await still.catalog.delete_index(still.admin(), HANDBOOK)
    assert await still.search("parking") == ()
    with pytest.raises(NotFound):
        await still.document("a")
    await still.work()
    assert (await still.finished(job.id)).state is JobState.COMPLETED
    assert (await still.engine.stats(Collection.of_index(record))).rows == 0
    assert not (still.folder / "engine" / Collection.of_index(record).path).exists()
    async with still.db.read(TenantId("default")) as tx:
        assert await indexes.by_id(tx, record.id) is None
        assert await documents.find(tx, record.id, DocumentId("a")) is None


async def test_the_name_of_a_deleted_index_can_be_used_at_once_for_a_new_one(still: Stack) -> None:
    await still.put("old", TEXT, wait=Wait.STORED)
    await still.work()
    await still.projector.catch_up()
    job = await still.catalog.delete_index(still.admin(), HANDBOOK)
    await still.add_index(HANDBOOK)
    await still.put("new", "Parking is free.", wait=Wait.STORED)
    assert await still.search("parking") == ()
    await still.work()
    await still.projector.catch_up()
    assert (await still.finished(job.id)).state is JobState.COMPLETED
    assert await still.found("parking") == await still.ids() == {"new"}


async def test_deleting_an_index_cancels_its_jobs_and_cannot_itself_be_cancelled(still: Stack) -> None:
    waiting = await still.put("a", TEXT, wait=Wait.STORED)
    job = await still.catalog.delete_index(still.admin(), HANDBOOK)
    assert (await still.finished(waiting.job_id)).state is JobState.CANCELLED
    with pytest.raises(Conflict) as refused:
        await still.indexing.cancel(still.admin(), job.id)
    assert refused.value.code == "indexing.cannot_cancel"
    await still.work()
    assert (await still.finished(job.id)).state is JobState.COMPLETED


async def test_putting_an_index_again_as_it_is_changes_nothing(stack: Stack) -> None:
    definition = IndexDefinition(description="d", default_acl=(HR,), profile=IndexProfile(chunk_tokens=100))
    first, made = await stack.catalog.put_index(stack.admin(), IndexName("x"), definition)
    again, made_again = await stack.catalog.put_index(stack.admin(), IndexName("x"), definition)
    assert (made, made_again, again) == (True, False, first)


async def test_a_profile_is_fixed_once_there_are_documents_but_fusion_and_description_are_not(stack: Stack) -> None:
    profile = (await stack.catalog.index(stack.admin(), HANDBOOK)).profile
    german = IndexProfile(language="german", range_fields=profile.range_fields)
    moved, _ = await stack.catalog.put_index(stack.admin(), HANDBOOK, IndexDefinition(profile=german))
    assert moved.profile.language == "german"
    await stack.put("a", TEXT)
    with pytest.raises(Conflict) as fixed:
        await stack.catalog.put_index(stack.admin(), HANDBOOK, IndexDefinition(profile=profile))
    assert fixed.value.code == "indexing.needs_reindex"
    fused = IndexProfile(language="german", range_fields=profile.range_fields, fusion=Fusion(kind="rrf"))
    changed, _ = await stack.catalog.put_index(stack.admin(), HANDBOOK, IndexDefinition(description="new", profile=fused))
    assert (changed.description, changed.profile.fusion.kind, changed.documents) == ("new", "rrf", 1)
    assert await stack.found("parking") == {"a"}
