"""Documents through the whole room: what is new, what is the same, what only changed around the content."""

import asyncio

import pytest

from core.ids import DocumentId
from core.paging import PageRequest
from indexing.types import JobRequest, SourceKind, Wait
from storage.records import DocumentStatus, ItemState, JobRecord
from tests.support.indexing import ANN, BOB, HANDBOOK, HR, LEGAL, Stack, embedded_passages, parsed_files, submission

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

LEAVE = "Twenty five days of leave a year. Five days carry over to March."
LEAVE_2 = "Thirty days of leave a year. Nothing carries over any more."
BROKEN_PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog"


async def test_a_new_document_is_created_and_found(stack: Stack) -> None:
    made = await stack.put("hr/leave.md", LEAVE, title="Leave policy")
    assert (made.status, made.version, made.revision, made.chunks) == ("created", 1, 1, 1)
    (passage,) = await stack.search("days of leave that carry over")
    assert (passage.document_id, passage.title, passage.text) == ("hr/leave.md", "Leave policy", LEAVE)


async def test_a_passage_is_the_span_of_the_text_that_it_names(stack: Stack) -> None:
    await stack.put("long.md", "# One\n\n" + LEAVE * 30 + "\n\n# Two\n\n" + LEAVE_2 * 30)
    text = await stack.text("long.md")
    chunks = await stack.chunks("long.md")
    assert len(chunks) == (await stack.document("long.md")).chunks > 2
    assert [chunk.text for chunk in chunks] == [text[chunk.start : chunk.end] for chunk in chunks]


async def test_the_same_again_is_unchanged_without_job_write_parse_or_embedding(stack: Stack) -> None:
    await stack.put("a.txt", LEAVE, title="T", metadata={"year": 2026, "tags": ("x", "y")}, acl=[HR])
    before = (await stack.job_count(), await stack.head(), embedded_passages(), parsed_files())
    again = await stack.put("a.txt", LEAVE, title="T", metadata={"tags": ("x", "y"), "year": 2026}, acl=[HR])
    assert (again.status, again.version, again.revision, again.job_id) == ("unchanged", 1, 1, None)
    assert (await stack.job_count(), await stack.head(), embedded_passages(), parsed_files()) == before


@pytest.mark.parametrize("change", ["title", "metadata", "acl"])
async def test_another_envelope_is_an_update_without_embedding(stack: Stack, change: str) -> None:
    await stack.put("a.txt", LEAVE, title="T", metadata={"team": "hr"}, acl=[HR])
    before = (await stack.job_count(), embedded_passages(), parsed_files())
    new = {"title": "T", "metadata": {"team": "hr"}, "acl": [HR]} | {
        "title": {"title": "New"},
        "metadata": {"metadata": {"team": "legal"}},
        "acl": {"acl": [LEGAL]},
    }[change]
    updated = await stack.put("a.txt", LEAVE, **new)  # type: ignore[arg-type]  # keyword arguments of put
    assert (updated.status, updated.version, updated.revision) == ("updated", 1, 2)
    assert (await stack.job_count(), embedded_passages(), parsed_files()) == before
    (passage,) = await stack.search("days of leave", condition={"eq": ["team", new["metadata"]["team"]]})  # type: ignore[index]  # a mapping
    assert passage.title == new["title"]
    assert (await stack.document("a.txt")).envelope.acl == tuple(new["acl"])


async def test_a_new_title_can_be_searched_for_by_its_words(stack: Stack) -> None:
    await stack.put("a.txt", LEAVE, title="Plain")
    await stack.put("b.txt", "The canteen opens at eleven.")
    assert await _named(stack, "zephyrology") == []
    await stack.put("a.txt", LEAVE, title="Zephyrology")
    assert await _named(stack, "zephyrology") == ["a.txt"]


async def test_an_absent_acl_is_the_indexs_default_on_create_and_kept_on_update(stack: Stack) -> None:
    await stack.add_index("closed", default_acl=(HR,))
    await stack.put("a.txt", LEAVE, index="closed")
    assert (await stack.document("a.txt", index="closed")).envelope.acl == (HR,)
    await stack.put("a.txt", LEAVE, index="closed", acl=[LEGAL])
    await stack.put("a.txt", LEAVE_2, index="closed")
    assert (await stack.document("a.txt", index="closed")).envelope.acl == (LEGAL,)


async def test_a_null_acl_opens_and_an_empty_one_hides_from_all_but_admins(stack: Stack) -> None:
    ann = stack.caller(ANN, HR)
    await stack.put("a.txt", LEAVE, acl=[HR])
    assert await stack.found("leave", caller=ann) == {"a.txt"}
    assert await stack.found("leave", caller=stack.caller(BOB)) == set()
    await stack.put("a.txt", LEAVE, acl=None)
    assert await stack.found("leave", caller=stack.caller(BOB)) == {"a.txt"}
    await stack.put("a.txt", LEAVE, acl=[])
    assert await stack.found("leave", caller=ann) == set()
    assert await stack.ids(caller=ann) == set()
    assert await stack.found("leave") == {"a.txt"}


async def test_new_content_is_the_next_version_and_never_served_beside_the_old(stack: Stack) -> None:
    await stack.put("a.txt", LEAVE)
    updating = asyncio.create_task(stack.put("a.txt", LEAVE_2))
    seen: set[tuple[int, ...]] = set()
    while not updating.done():
        passages = await stack.search("days of leave", min_offset=0)
        seen.add(tuple(sorted(passage.version for passage in passages)))
        assert {(passage.version, passage.text) for passage in passages} <= {(1, LEAVE), (2, LEAVE_2)}
    updated = await updating
    assert (updated.status, updated.version, updated.revision) == ("updated", 2, 2)
    assert seen <= {(1,), (2,), ()}
    assert [passage.text for passage in await stack.search("days of leave")] == [LEAVE_2]


async def test_the_old_version_serves_until_the_flip(still: Stack) -> None:
    await still.put("a.txt", LEAVE, wait=Wait.STORED)
    await still.work()
    await still.put("a.txt", LEAVE_2, wait=Wait.STORED)
    await still.projector.catch_up()
    assert [passage.text for passage in await still.search("days of leave")] == [LEAVE]
    await still.work()
    await still.projector.catch_up()
    assert [passage.text for passage in await still.search("days of leave")] == [LEAVE_2]


async def test_a_new_version_that_cannot_be_read_leaves_the_old_one_serving(stack: Stack) -> None:
    await stack.put("a.pdf", LEAVE, media_type="text/plain")
    failed = await stack.put("a.pdf", BROKEN_PDF)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error[0] == "indexing.corrupt_document"
    assert [passage.text for passage in await stack.search("days of leave")] == [LEAVE]
    assert (await stack.document("a.pdf")).version == 1


async def test_a_failed_item_is_buried_with_its_code_and_works_once_what_it_needed_is_there(stack: Stack) -> None:
    source = stack.roots / "docs"
    source.mkdir()
    (source / "a.pdf").write_bytes(BROKEN_PDF)
    job = await _directory(stack)
    assert (job.state, job.counts.failed) == ("completed_with_errors", 1)
    item = (await stack.items(job.id))["a.pdf"]
    assert (item.state, item.code, item.attempts) == (ItemState.FAILED, "indexing.corrupt_document", 1)
    assert (await stack.document("a.pdf")).status is DocumentStatus.FAILED
    (source / "a.pdf").write_text(LEAVE)
    await stack.indexing.retry(stack.admin(), job.id)
    retried = await stack.finished(job.id)
    assert (retried.state, retried.counts.created, retried.counts.failed) == ("completed", 1, 0)
    assert await stack.found("leave") == {"a.pdf"}


async def test_a_document_made_again_after_a_delete_goes_on_counting(stack: Stack) -> None:
    await stack.put("a.txt", LEAVE, acl=[LEGAL])
    await stack.delete("a.txt")
    assert await stack.found("leave") == set()
    assert await stack.ids() == set()
    again = await stack.put("a.txt", LEAVE)
    assert (again.status, again.version, again.revision) == ("created", 2, 3)
    assert (await stack.document("a.txt")).envelope.acl is None, "a deleted document's access list is nobody's"
    versions = await stack.catalog.versions(stack.admin(), HANDBOOK, DocumentId("a.txt"), PageRequest())
    assert [version.version for version in versions.items] == [1, 2]


async def test_a_batch_is_taken_in_as_a_whole_and_answered_in_its_order(stack: Stack) -> None:
    await stack.put("kept.txt", LEAVE)
    answer = await stack.submit(
        submission("new.txt", LEAVE_2),
        submission("kept.txt", LEAVE),
        submission("bad.pdf", BROKEN_PDF),
        submission("empty", ""),
    )
    assert [(one.id, one.status) for one in answer.results] == [
        ("new.txt", "created"),
        ("kept.txt", "unchanged"),
        ("bad.pdf", "failed"),
        ("empty", "failed"),
    ]
    assert answer.offset == await stack.head()


async def test_two_documents_with_one_text_are_embedded_once(stack: Stack) -> None:
    before = embedded_passages()
    await stack.submit(submission("one.txt", LEAVE), submission("two.txt", LEAVE))
    assert embedded_passages() == before + 1
    assert await stack.found("leave") == {"one.txt", "two.txt"}


async def test_what_is_accepted_has_no_offset_and_its_job_tells_it_in_the_end(stack: Stack) -> None:
    answer = await stack.submit(submission("a.txt", LEAVE), wait=Wait.STORED)
    assert (answer.offset, answer.results[0].status) == (None, "accepted")
    job = await stack.finished(answer.results[0].job_id)
    assert job.offset is not None
    assert [passage.text for passage in await stack.search("leave", min_offset=job.offset)] == [LEAVE]


async def _directory(stack: Stack) -> JobRecord:
    request = JobRequest(kind=SourceKind.DIRECTORY, uri=str(stack.roots / "docs"))
    return await stack.finished((await stack.indexing.open_job(stack.admin(), HANDBOOK, request)).id)


async def _named(stack: Stack, word: str) -> list[str]:
    """The documents that the keyword arm finds."""
    return [passage.document_id for passage in await stack.search(word) if passage.signals.keyword is not None]
