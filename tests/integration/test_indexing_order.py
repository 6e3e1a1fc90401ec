"""Who comes first: numbers decide what wins, not how long the work took."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import Conflict, NotFound
from core.ids import DocumentId
from indexing.parsing.pool import ParserPool
from indexing.types import DocumentPatch, Wait
from inference.onnx.embedder import OnnxEmbedder
from inference.port import Purpose
from storage.items import Claim
from storage.records import DocumentStatus, Outcome
from tests.support.indexing import ANN, HANDBOOK, HR, LEGAL, Stack, embedded_passages, opened, submission

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

OLD = "The office is in Harbour Street."
NEW = "The office moved to Mill Lane."
DOCUMENT = DocumentId("office.txt")


async def do(stack: Stack, claim: Claim) -> None:
    await stack.pipeline.handle(claim)
    await stack.projector.catch_up()


async def outcome(stack: Stack, claim: Claim) -> Outcome | None:
    return (await stack.items(claim.job_id))[claim.document_id].outcome


async def test_a_slow_old_version_does_not_overwrite_a_newer_one(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, wait=Wait.STORED)
    await still.put(DOCUMENT, NEW, wait=Wait.STORED)
    older, newer = await still.claim()
    await do(still, newer)
    await do(still, older)
    assert await outcome(still, older) is Outcome.SKIPPED
    assert [passage.text for passage in await still.search("office")] == [NEW]


@pytest.fixture
def slow(embedder: OnnxEmbedder) -> "Slow":
    return Slow(embedder)


class Slow:
    """The real embedder, which does not begin with the old text before it is let."""

    def __init__(self, embedder: OnnxEmbedder) -> None:
        self._embedder = embedder
        self.spec = embedder.spec
        self.tokenizer = embedder.tokenizer
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        if OLD in texts and not self.asked.is_set():
            self.asked.set()
            await self.let.wait()
        return await self._embedder.embed(texts, purpose)

    async def close(self) -> None: ...


async def test_a_version_overtaken_between_reading_and_publishing_does_not_win(
    tmp_path: Path, slow: Slow, parsers: ParserPool
) -> None:
    async with opened(tmp_path, slow, parsers) as still:
        await still.add_index(HANDBOOK)
        await still.put(DOCUMENT, OLD, wait=Wait.STORED)
        await still.put(DOCUMENT, NEW, wait=Wait.STORED)
        older, newer = await still.claim()
        reading = asyncio.create_task(still.pipeline.handle(older))
        await slow.asked.wait()
        await do(still, newer)
        slow.let.set()
        await reading
        await still.projector.catch_up()
        assert await outcome(still, older) is Outcome.SKIPPED
        assert [passage.text for passage in await still.search("office")] == [NEW]
        assert (await still.document(DOCUMENT)).version == 1


async def test_a_patch_made_while_a_version_is_embedded_is_on_that_version(
    tmp_path: Path, slow: Slow, parsers: ParserPool
) -> None:
    async with opened(tmp_path, slow, parsers) as still:
        await still.add_index(HANDBOOK)
        await still.put(DOCUMENT, NEW, wait=Wait.STORED)
        await still.work()
        await still.put(DOCUMENT, OLD, acl=None, wait=Wait.STORED)
        (waiting,) = await still.claim()
        reading = asyncio.create_task(still.pipeline.handle(waiting))
        await slow.asked.wait()
        await still.catalog.patch_document(still.admin(), HANDBOOK, DOCUMENT, DocumentPatch(acl=[LEGAL]))
        slow.let.set()
        await reading
        await still.projector.catch_up()
        assert [passage.text for passage in await still.search("office")] == [OLD]
        assert await still.found("office", caller=still.caller(ANN)) == set()


async def test_a_text_that_two_items_have_is_embedded_by_the_one_and_waited_for_by_the_other(
    tmp_path: Path, slow: Slow, parsers: ParserPool
) -> None:
    async with opened(tmp_path, slow, parsers) as still:
        await still.add_index(HANDBOOK)
        await still.submit(submission("one", OLD), submission("two", OLD), wait=Wait.STORED)
        one, two = await still.claim()
        before = embedded_passages()
        first = asyncio.create_task(still.pipeline.handle(one))
        await slow.asked.wait()
        second = asyncio.create_task(still.pipeline.handle(two))
        slow.let.set()
        await asyncio.gather(first, second)
        assert embedded_passages() == before + 1
        assert await still.ids() == {"one", "two"}


async def test_a_slow_version_does_not_bring_a_deleted_document_back(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, wait=Wait.STORED)
    (waiting,) = await still.claim()
    await still.delete(DOCUMENT)
    await do(still, waiting)
    assert await outcome(still, waiting) is Outcome.SKIPPED
    assert await still.ids() == set()
    assert await still.search("office") == ()


async def test_a_patch_does_not_swallow_the_version_that_waits_behind_it(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, metadata={"floor": 1}, wait=Wait.STORED)
    await still.work()
    await still.put(DOCUMENT, NEW, metadata={"floor": 2}, wait=Wait.STORED)
    await still.catalog.patch_document(still.admin(), HANDBOOK, DOCUMENT, DocumentPatch(title="Where we are", acl=[HR]))
    await still.work()
    await still.projector.catch_up()
    (passage,) = await still.search("office")
    assert (passage.text, passage.title, passage.metadata) == (NEW, "Where we are", {"floor": 2})
    assert (await still.document(DOCUMENT)).envelope.acl == (HR,)


async def test_a_patch_holds_against_the_access_list_of_a_version_that_is_being_read(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, wait=Wait.STORED)
    await still.work()
    await still.put(DOCUMENT, NEW, acl=None, wait=Wait.STORED)
    (waiting,) = await still.claim()
    await still.catalog.patch_document(still.admin(), HANDBOOK, DOCUMENT, DocumentPatch(acl=[LEGAL]))
    await do(still, waiting)
    assert [passage.text for passage in await still.search("office")] == [NEW]
    assert await still.found("office", caller=still.caller(ANN)) == set()


async def test_a_submit_that_keeps_the_access_list_keeps_that_of_the_one_it_overtook(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, acl=None, wait=Wait.STORED)
    await still.work()
    await still.put(DOCUMENT, "The office is closed.", acl=[LEGAL], wait=Wait.STORED)
    await still.put(DOCUMENT, NEW, wait=Wait.STORED)
    restricting, last = await still.claim()
    await do(still, last)
    await do(still, restricting)
    assert await still.text(DOCUMENT) == NEW
    assert (await still.document(DOCUMENT)).envelope.acl == (LEGAL,)


async def test_a_patch_embeds_nothing_and_counts_a_revision(stack: Stack) -> None:
    await stack.put(DOCUMENT, OLD)
    record, offset = await stack.catalog.patch_document(
        stack.admin(), HANDBOOK, DOCUMENT, DocumentPatch(metadata={"floor": 3}, if_revision=1)
    )
    assert (record.version, record.revision, record.envelope.metadata) == (1, 2, {"floor": 3})
    (passage,) = await stack.search("office", condition={"eq": ["floor", 3]}, min_offset=offset)
    assert passage.document_id == DOCUMENT


async def test_a_patch_that_changes_nothing_counts_nothing_and_covers_what_is_there(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, title="Office", wait=Wait.STORED)
    await still.work()
    record, offset = await still.catalog.patch_document(still.admin(), HANDBOOK, DOCUMENT, DocumentPatch(title="Office"))
    assert record.revision == 1
    assert offset == await still.head() == 1, "the document is searchable from its publication on, not from before"


async def test_a_patch_or_delete_of_a_moved_revision_is_a_conflict_naming_both(stack: Stack) -> None:
    await stack.put(DOCUMENT, OLD)
    await stack.put(DOCUMENT, NEW)
    with pytest.raises(Conflict, match="revision 2, not 1") as stale:
        await stack.catalog.patch_document(stack.admin(), HANDBOOK, DOCUMENT, DocumentPatch(title="x", if_revision=1))
    assert stale.value.code == "indexing.revision_moved"
    with pytest.raises(Conflict, match="revision 2, not 1"):
        await stack.catalog.delete_document(stack.admin(), HANDBOOK, DOCUMENT, if_revision=1)
    assert await stack.ids() == {DOCUMENT}


async def test_what_is_not_live_yet_cannot_be_patched(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, wait=Wait.STORED)
    with pytest.raises(Conflict) as early:
        await still.catalog.patch_document(still.admin(), HANDBOOK, DOCUMENT, DocumentPatch(title="x"))
    assert early.value.code == "indexing.not_live"


async def test_the_same_content_while_another_waits_is_not_taken_for_unchanged(still: Stack) -> None:
    await still.put(DOCUMENT, OLD, wait=Wait.STORED)
    await still.work()
    await still.put(DOCUMENT, NEW, wait=Wait.STORED)
    back = await still.put(DOCUMENT, OLD, wait=Wait.STORED)
    assert back.status == "accepted", "answering 'unchanged' would let the version in between win"
    newer, oldest = await still.claim()
    await do(still, oldest)
    await do(still, newer)
    assert [passage.text for passage in await still.search("office")] == [OLD]


async def test_an_unpublished_document_is_shown_to_nobody_whom_its_access_list_leaves_out(still: Stack) -> None:
    await still.submit(submission("secret.txt", OLD, acl=[HR]), wait=Wait.STORED)
    assert await still.ids(caller=still.caller(ANN)) == set()
    with pytest.raises(NotFound):
        await still.document("secret.txt", caller=still.caller(ANN))
    assert (await still.document("secret.txt", caller=still.caller(HR))).status is DocumentStatus.PENDING
