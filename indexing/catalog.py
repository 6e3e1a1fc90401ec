"""Indexes and documents as things to read, describe and remove. Getting content in is service.py's; ranking is not here."""

import dataclasses
from dataclasses import dataclass

from core.caller import Caller, Grant
from core.clock import Clock
from core.errors import Conflict, Invalid
from core.filters import Filter, matches, parse_filter
from core.ids import DocumentId, IndexName, JobId, make_id
from core.limits import Limits
from core.paging import Page, PageRequest
from indexing.errors import needs_reindex, no_such_document, revision_moved
from indexing.family import change_envelope, family, retract
from indexing.profiles import ProfileRules
from indexing.projection import Projector
from indexing.types import KEPT, DeleteReceipt, DeleteSelector, DocumentPatch, IndexDefinition, Kept, TextSlice
from storage import documents, idempotency, indexes, items, jobs, passages, pending, tenants
from storage.database import Database, Transaction
from storage.items import LANE_BULK, NewItem
from storage.records import (
    ChunkRecord,
    DocumentRecord,
    DocumentStatus,
    Envelope,
    IndexRecord,
    ItemState,
    JobKind,
    JobRecord,
    JobState,
    VersionRecord,
)

DIRECT_DELETES_MAX = 1_000
DOCUMENTS_PER_READ = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSpace:
    """The space that new indexes live in: the embedder's name in settings, its spec's digest, and its dimension."""

    embedder: str
    model: str
    dimension: int
    tokens_max: int


class Catalog:
    """What there is, and its removal."""

    def __init__(
        self, *, db: Database, clock: Clock, limits: Limits, projector: Projector, space: VectorSpace, rules: ProfileRules
    ) -> None:
        self._db = db
        self._clock = clock
        self._limits = limits
        self._projector = projector
        self._space = space
        self._rules = rules

    async def put_index(self, caller: Caller, name: IndexName, definition: IndexDefinition) -> tuple[IndexRecord, bool]:
        """Makes the index (True) or brings it to the definition (False). Conflict when that would need new vectors."""
        caller.require(Grant.ADMIN)
        if definition.profile is not None:
            self._rules.check(definition.profile)
        async with self._db.write(caller.tenant) as tx:
            current = await indexes.find(tx, name)
            if current is None:
                await self._make_index(tx, name, definition)
            else:
                await self._change_index(tx, current, definition)
        found = await self.index(caller, name)
        if current is not None and found.generation != current.generation:
            await self._projector.drop(current)
        return found, current is None

    async def index(self, caller: Caller, name: IndexName) -> IndexRecord:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            return await indexes.counted(tx, name)

    async def indexes(self, caller: Caller, page: PageRequest) -> Page[IndexRecord]:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            return await indexes.page(tx, page)

    async def delete_index(self, caller: Caller, name: IndexName) -> JobRecord:
        """Gone for readers at once; a job takes its rows away."""
        caller.require(Grant.ADMIN)
        now = self._clock.now()
        job_id = JobId(make_id("job", now))
        async with self._db.write(caller.tenant) as tx:
            index = await indexes.get(tx, name)
            for running in await jobs.unfinished_of_index(tx, index.id):
                await items.cancel_unfinished(tx, running)
                await jobs.move(tx, running, to=JobState.CANCELLED, among=jobs.UNFINISHED, at=now)
            await indexes.mark_deleting(tx, index.id, now)
            await jobs.add(
                tx, job_id, index=index, owner=caller.subject, kind=JobKind.DELETE_INDEX, state=JobState.QUEUED, spec={}, at=now
            )
            row = NewItem(document_id=DocumentId(name), kind="delete_index", payload={})
            await items.add(tx, job_id, [row], index_id=index.id, lane=LANE_BULK, at=now)
            return await jobs.get(tx, job_id, now)

    async def documents(
        self, caller: Caller, name: IndexName, page: PageRequest, *, prefix: str | None, status: DocumentStatus | None
    ) -> Page[DocumentRecord]:
        """Those that the caller may read, by id. A page may hold fewer than asked for, and still have a next one."""
        caller.require(Grant.READ)
        sight = caller.sees()
        async with self._db.read(caller.tenant) as tx:
            index = await indexes.get(tx, name)
            found = await documents.page(tx, index.id, page, prefix=prefix, status=status)
        visible = tuple(document for document in found.items if sight.admits(document.envelope.acl))
        return dataclasses.replace(found, items=visible)

    async def document(self, caller: Caller, name: IndexName, document_id: DocumentId) -> DocumentRecord:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            _, document = await _visible(tx, caller, name, document_id)
        return document

    async def patch_document(
        self, caller: Caller, name: IndexName, document_id: DocumentId, patch: DocumentPatch
    ) -> tuple[DocumentRecord, int]:
        """Changes the envelope of a live document; the document, and the offset from which that shows. Embeds nothing."""
        caller.require(Grant.WRITE)
        async with self._db.write(caller.tenant) as tx:
            _, document = await _visible(tx, caller, name, document_id)
            if patch.if_revision not in {None, document.revision}:
                raise revision_moved(f"document {document_id!r}", patch.if_revision or 0, document.revision)
            if document.live_version_id is None:
                raise Conflict(
                    "indexing.not_live", f"document {document_id!r} is {document.status}; it can be changed once it is live"
                )
            envelope = _patched(document.envelope, patch)
            if envelope != document.envelope:
                changed = await change_envelope(tx, document, number=None, envelope=envelope, at=self._clock.now())
                assert changed is not None, "it was read as live in this transaction"
                document = changed
            # A submit that was accepted earlier and still waits keeps its content, and gets this change too.
            await pending.amend(tx, document, _amendment(patch))
            head = await tenants.head(tx)
        self._projector.wake()
        return document, tx.offset or head

    async def delete_document(
        self, caller: Caller, name: IndexName, document_id: DocumentId, *, if_revision: int | None
    ) -> DeleteReceipt:
        """Deletes one document with its attachments; NotFound when it is not there."""
        caller.require(Grant.WRITE)
        async with self._db.write(caller.tenant) as tx:
            index = await indexes.get(tx, name)
            document = await documents.find(tx, index.id, document_id)
            if document is None or document.status is DocumentStatus.DELETED:
                raise no_such_document(document_id, name)
            if if_revision not in {None, document.revision}:
                raise revision_moved(f"document {document_id!r}", if_revision or 0, document.revision)
            gone = await retract(tx, index, [document], self._clock.now())
            head = await tenants.head(tx)
        self._projector.wake()
        return DeleteReceipt(deleted=len(gone), ids=gone, missing=(), dry_run=False, job_id=None, offset=tx.offset or head)

    async def delete_documents(
        self, caller: Caller, name: IndexName, selector: DeleteSelector, *, dry_run: bool
    ) -> DeleteReceipt:
        """Deletes what the selector names with its attachments: at once up to a thousand, above that by a job."""
        caller.require(Grant.WRITE)
        if (selector.ids is None) == (selector.condition is None):
            raise Invalid("indexing.invalid_selector", "give exactly one of ids and filter")
        async with self._db.read(caller.tenant) as tx:
            index = await indexes.get(tx, name)
            chosen = await _select(tx, index, selector)
            going = await family(tx, index, chosen)
        ids = tuple(document.id for document in chosen)
        missing = tuple(sorted(set(selector.ids or ()) - set(ids)))
        receipt = DeleteReceipt(
            deleted=len(going), ids=going[:DIRECT_DELETES_MAX], missing=missing, dry_run=dry_run, job_id=None, offset=None
        )
        if dry_run:
            return receipt
        if len(going) > DIRECT_DELETES_MAX:
            return await self._delete_by_job(caller, index, ids, receipt)
        return await self._delete_now(caller, index, ids, receipt)

    async def parse_filter(self, caller: Caller, name: IndexName, raw: object) -> Filter:
        """The filter, checked against what the index declares."""
        async with self._db.read(caller.tenant) as tx:
            index = await indexes.get(tx, name)
        return parse_filter(raw, index.profile.ranged, self._limits)

    async def chunks(self, caller: Caller, name: IndexName, document_id: DocumentId, page: PageRequest) -> Page[ChunkRecord]:
        """The live version's chunks in order."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            _, document = await _visible(tx, caller, name, document_id)
            if document.live_version_id is None:
                return Page(items=())
            return await passages.page(tx, document.live_version_id, page)

    async def versions(
        self, caller: Caller, name: IndexName, document_id: DocumentId, page: PageRequest
    ) -> Page[VersionRecord]:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            _, document = await _visible(tx, caller, name, document_id)
            return await documents.version_page(tx, document, page)

    async def text(self, caller: Caller, name: IndexName, document_id: DocumentId, *, start: int, end: int | None) -> TextSlice:
        """Code points `[start, end)` of the live version's canonical text, cut to its length."""
        caller.require(Grant.READ)
        if start < 0 or (end is not None and end < start):
            raise Invalid("indexing.invalid_span", f"span [{start}, {end}) is none; 0 <= start <= end, in code points")
        async with self._db.read(caller.tenant) as tx:
            _, document = await _visible(tx, caller, name, document_id)
            if document.live_version_id is None:
                raise no_such_document(document_id, name)
            found = await documents.text_slice(tx, document.live_version_id, start, end)
        assert found is not None, "a live version has its text"
        text, length = found
        first = min(start, length)
        return TextSlice(id=document.id, version=document.version, start=first, end=first + len(text), length=length, text=text)

    async def _make_index(self, tx: Transaction, name: IndexName, definition: IndexDefinition) -> None:
        await indexes.add(
            tx,
            name,
            description=definition.description,
            default_acl=definition.default_acl,
            profile=definition.profile or self._rules.default,
            model=self._space.model,
            dimension=self._space.dimension,
            at=self._clock.now(),
        )

    async def _change_index(self, tx: Transaction, current: IndexRecord, definition: IndexDefinition) -> None:
        profile = definition.profile or current.profile
        moved = dataclasses.replace(profile, fusion=current.profile.fusion) != current.profile
        counted = await indexes.counted(tx, current.name)
        if moved and await indexes.holds_documents(tx, current.id):
            raise needs_reindex(current.name, f"{counted.documents} live documents")
        wanted = (definition.description, definition.default_acl, profile)
        if wanted == (current.description, current.default_acl, current.profile):
            return
        await indexes.change(
            tx,
            current,
            description=definition.description,
            default_acl=definition.default_acl,
            profile=profile,
            model=self._space.model if moved else current.model,
            dimension=self._space.dimension if moved else current.dimension,
            generation=current.generation + (1 if moved else 0),
            at=self._clock.now(),
        )

    async def _delete_now(
        self, caller: Caller, index: IndexRecord, ids: tuple[DocumentId, ...], receipt: DeleteReceipt
    ) -> DeleteReceipt:
        async with self._db.write(caller.tenant) as tx:
            found = await documents.find_many(tx, index.id, ids)
            gone = await retract(
                tx, index, [one for one in found.values() if one.status is not DocumentStatus.DELETED], self._clock.now()
            )
            done = dataclasses.replace(receipt, deleted=len(gone), ids=gone)
            head = await tenants.head(tx)

            async def remember(offset: int | None) -> None:
                await idempotency.remember(tx, caller, dataclasses.replace(done, offset=offset or head))

            tx.before_commit(remember)
        self._projector.wake()
        return dataclasses.replace(done, offset=tx.offset or head)

    async def _delete_by_job(
        self, caller: Caller, index: IndexRecord, ids: tuple[DocumentId, ...], receipt: DeleteReceipt
    ) -> DeleteReceipt:
        now = self._clock.now()
        job_id = JobId(make_id("job", now))
        answer = dataclasses.replace(receipt, job_id=job_id)
        async with self._db.write(caller.tenant) as tx:
            await jobs.add(
                tx, job_id, index=index, owner=caller.subject, kind=JobKind.DELETE, state=JobState.QUEUED, spec={}, at=now
            )
            numbers = await documents.issue_many(tx, index.id, ids, now)
            rows = [
                NewItem(document_id=one, kind="delete", number=numbers[one], payload={}, state=ItemState.QUEUED) for one in ids
            ]
            await items.add(tx, job_id, rows, index_id=index.id, lane=LANE_BULK, at=now)
            await idempotency.remember(tx, caller, answer)
        return answer


async def _visible(
    tx: Transaction, caller: Caller, name: IndexName, document_id: DocumentId
) -> tuple[IndexRecord, DocumentRecord]:
    """The index and the document, if the caller may know of it."""
    index = await indexes.get(tx, name)
    document = await documents.find(tx, index.id, document_id)
    if document is None or document.status is DocumentStatus.DELETED or not caller.sees().admits(document.envelope.acl):
        raise no_such_document(document_id, name)
    return index, document


async def _select(tx: Transaction, index: IndexRecord, selector: DeleteSelector) -> list[DocumentRecord]:
    if selector.ids is not None:
        found = await documents.find_many(tx, index.id, selector.ids)
        return [document for document in found.values() if document.status is not DocumentStatus.DELETED]
    assert selector.condition is not None
    chosen: list[DocumentRecord] = []
    after = 0
    while page := await documents.live_page(tx, index.id, after, DOCUMENTS_PER_READ):
        chosen += [one for one in page if matches(selector.condition, one.fields(), index.profile.ranged)]
        after = page[-1].row_id
    return chosen


def _amendment(patch: DocumentPatch) -> dict[str, object]:
    """The patch as a change of what waiting items carry: `Wanted.payload`."""
    metadata = patch.metadata if isinstance(patch.metadata, Kept) else dict(patch.metadata)
    given = {"acl": patch.acl, "metadata": metadata, "title": patch.title}
    return {name: value for name, value in given.items() if not isinstance(value, Kept)}


def _patched(envelope: Envelope, patch: DocumentPatch) -> Envelope:
    if patch.acl is not KEPT:
        envelope = dataclasses.replace(envelope, acl=None if patch.acl is None else tuple(patch.acl))
    if patch.metadata is not KEPT:
        envelope = dataclasses.replace(envelope, metadata=patch.metadata)
    if patch.title is not KEPT:
        envelope = dataclasses.replace(envelope, title=patch.title)
    return envelope
