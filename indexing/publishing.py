"""The last step of an item: one transaction that flips the document, stores its chunks, and ends the item. All or nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from core.clock import Clock
from core.errors import Fault
from core.ids import DocumentId
from indexing.chunking import indexed_text
from indexing.deciding import Course, Wanted, course_of_content
from indexing.family import change_envelope, inherited, retract
from indexing.parsing.wire import ParsedFile
from storage import documents, indexes, items, jobs, passages, pending, vectors
from storage.blobs import Blob, Blobs
from storage.database import Database, Transaction
from storage.documents import Content
from storage.items import LANE_BULK, Claim, NewItem
from storage.passages import NewChunk
from storage.records import DocumentRecord, DocumentStatus, Envelope, IndexRecord, ItemState, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An item with what the store says of its document now."""

    claim: Claim
    index: IndexRecord
    document: DocumentRecord
    wanted: Wanted
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A child document: its id, the type its container claims, and its content, which is safe already."""

    id: DocumentId
    media_type: str
    blob: Blob


class Publisher:
    """Ends items. Each method is one transaction, and answers whether this worker still held the item."""

    def __init__(self, *, db: Database, blobs: Blobs, owner: str, clock: Clock) -> None:
        self._db = db
        self._blobs = blobs
        self._owner = owner
        self._clock = clock

    async def publish(
        self, work: Work, parsed: ParsedFile, *, content_sha256: bytes, attachments: Sequence[Attachment]
    ) -> bool:
        """Makes the parsed content live. False when the item was taken away, or goes back because a vector was collected."""
        claim = work.claim
        chunks = new_chunks(parsed)
        async with self._db.write(claim.tenant) as tx:
            if not await items.holds(tx, claim.id, self._owner):
                return False
            digests = list({chunk.vector_sha256 for chunk in chunks})
            if len(await vectors.known(tx, work.index.model, digests)) < len(digests):
                await items.requeue(tx, claim.id, self._owner)
                return False
            document = await self._current(tx, work)
            assert claim.number is not None
            flipped = await documents.publish(
                tx,
                document,
                number=claim.number,
                envelope=await self._envelope(tx, work, document),
                content=_content(work, parsed, content_sha256, claim.payload.get("parent")),
                at=self._clock.now(),
            )
            if flipped is None:
                await self._finish(tx, claim, Outcome.SKIPPED, document)
                return True
            published, version_id = flipped
            await passages.add(tx, document_id=document.row_id, version_id=version_id, rows=chunks)
            await self._attach(tx, work, published, attachments)
            outcome = Outcome.CREATED if document.live_version_id is None else Outcome.UPDATED
            await self._finish(tx, claim, outcome, published)
        return True

    async def settle(self, work: Work) -> bool:
        """Ends an item whose content is live already, changing the envelope if it differs; whether the item was held."""
        claim = work.claim
        async with self._db.write(claim.tenant) as tx:
            if not await items.holds(tx, claim.id, self._owner):
                return False
            document = await self._current(tx, work)
            envelope = await self._envelope(tx, work, document)
            course = course_of_content(document, digest=work.digest, envelope=envelope)
            outcome = Outcome.UNCHANGED
            if course is not Course.UNCHANGED:
                assert claim.number is not None
                changed = await change_envelope(tx, document, number=claim.number, envelope=envelope, at=self._clock.now())
                outcome, document = (Outcome.SKIPPED, document) if changed is None else (Outcome.UPDATED, changed)
            elif claim.number is not None:
                await documents.settle(tx, document, number=claim.number)
            await self._finish(tx, claim, outcome, document)
        return True

    async def skip(self, work: Work) -> None:
        """Ends an item that a later submit or a delete of its document has overtaken."""
        async with self._db.write(work.claim.tenant) as tx:
            if await items.holds(tx, work.claim.id, self._owner):
                await self._finish(tx, work.claim, Outcome.SKIPPED, work.document)

    async def drop(self, claim: Claim) -> None:
        """Ends an item whose index is being deleted."""
        async with self._db.write(claim.tenant) as tx:
            if await items.holds(tx, claim.id, self._owner):
                await items.finish(tx, claim.id, state=ItemState.CANCELLED, outcome=None)
                await jobs.finish_if_done(tx, claim.job_id, self._clock.now())

    async def pass_over(self, work: Work, fault: Fault) -> None:
        """Ends an attachment that cannot be indexed as skipped, saying why."""
        claim = work.claim
        async with self._db.write(claim.tenant) as tx:
            if not await items.holds(tx, claim.id, self._owner):
                return
            await retract(tx, work.index, [work.document], self._clock.now(), number=claim.number)
            await items.finish(
                tx, claim.id, state=ItemState.DONE, outcome=Outcome.SKIPPED, code=fault.code, detail=fault.message
            )
            await jobs.finish_if_done(tx, claim.job_id, self._clock.now())

    async def bury(self, claim: Claim, fault: Fault, *, held: bool = True) -> None:
        """Ends an item as failed, visible and replayable; what was live stays live. `held` False: nobody holds it any more."""
        async with self._db.write(claim.tenant) as tx:
            if held and not await items.holds(tx, claim.id, self._owner):
                return
            await items.finish(
                tx, claim.id, state=ItemState.FAILED, outcome=Outcome.FAILED, code=fault.code, detail=fault.message
            )
            document = await documents.find(tx, claim.index_id, claim.document_id)
            if document is not None:
                await documents.mark_failed(tx, document)
            await jobs.finish_if_done(tx, claim.job_id, self._clock.now())

    async def delete(self, claim: Claim) -> None:
        """Ends a delete item by deleting its document."""
        async with self._db.write(claim.tenant) as tx:
            if not await items.holds(tx, claim.id, self._owner):
                return
            index = await indexes.by_id(tx, claim.index_id)
            document = await documents.find(tx, claim.index_id, claim.document_id)
            gone: tuple[DocumentId, ...] = ()
            if index is not None and document is not None and document.status is not DocumentStatus.DELETED:
                gone = await retract(tx, index, [document], self._clock.now(), number=claim.number)
            outcome = Outcome.DELETED if gone else Outcome.SKIPPED
            await items.finish(tx, claim.id, state=ItemState.DONE, outcome=outcome)
            await jobs.finish_if_done(tx, claim.job_id, self._clock.now())

    async def _current(self, tx: Transaction, work: Work) -> DocumentRecord:
        document = await documents.find(tx, work.index.id, work.document.id)
        assert document is not None, "document rows stay until their index goes, and its items go first"
        return document

    async def _envelope(self, tx: Transaction, work: Work, document: DocumentRecord) -> Envelope:
        """What surrounds the document now: the item may have been amended since it was read, an attachment's parent changed."""
        payload = await pending.payload(tx, work.claim.id)
        wanted = Wanted.of_payload(payload)
        if "parent" in payload:
            parent = await documents.find(tx, work.index.id, payload["parent"])
            if parent is not None and parent.live_version_id is not None:
                return inherited(parent, wanted.title)
        return wanted.envelope(document, work.index)

    async def _attach(self, tx: Transaction, work: Work, parent: DocumentRecord, attachments: Sequence[Attachment]) -> None:
        """Queues what came attached, and deletes what no longer does."""
        now = self._clock.now()
        kept = {attachment.id for attachment in attachments}
        former = await documents.children(tx, work.index.id, parent.id)
        await retract(tx, work.index, [child for child in former if child.id not in kept], now)
        if not attachments:
            return
        numbers = await documents.issue_many(tx, work.index.id, list(kept), now)
        await self._blobs.note(tx, [attachment.blob for attachment in attachments], now)
        payload = {**Wanted().payload(), "parent": parent.id}
        rows = [
            NewItem(
                document_id=attachment.id,
                number=numbers[attachment.id],
                content_sha256=attachment.blob.sha256,
                size=attachment.blob.size,
                payload={**payload, "media_type": attachment.media_type or None},
            )
            for attachment in attachments
        ]
        await items.add(tx, work.claim.job_id, rows, index_id=work.index.id, lane=LANE_BULK, at=now)
        await pending.announce(tx, work.index.id, dict.fromkeys(kept, parent.envelope.acl), parent=parent.id)

    async def _finish(self, tx: Transaction, claim: Claim, outcome: Outcome, document: DocumentRecord) -> None:
        await items.finish(
            tx,
            claim.id,
            state=ItemState.DONE,
            outcome=outcome,
            version=document.version,
            revision=document.revision,
            chunks=document.chunks,
        )
        await jobs.finish_if_done(tx, claim.job_id, self._clock.now())


def new_chunks(parsed: ParsedFile) -> list[NewChunk]:
    """A parsed file's chunks as they are stored."""
    return [
        NewChunk(
            ordinal=chunk.ordinal,
            start=chunk.start,
            end=chunk.end,
            page=chunk.page,
            heading_path=chunk.heading_path,
            text=parsed.text[chunk.start : chunk.end],
            context=chunk.context,
            vector_sha256=text_digest(indexed_text(chunk, parsed.text)),
        )
        for chunk in parsed.chunks
    ]


def text_digest(text: str) -> bytes:
    """What a vector is stored under: SHA-256 of the exact text that was embedded."""
    return hashlib.sha256(text.encode()).digest()


def _content(work: Work, parsed: ParsedFile, sha256: bytes, parent: DocumentId | None) -> Content:
    return Content(
        digest=work.digest,
        sha256=sha256,
        media_type=parsed.media_type,
        parsed_title=parsed.title,
        text=parsed.text,
        chunks=len(parsed.chunks),
        parent=parent,
    )
