"""Getting documents in: submits and jobs. The work itself is the pipeline's; what there is already, the catalog's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.caller import Caller, Grant
from core.clock import Clock
from core.errors import Conflict, Fault, TooLarge
from core.ids import DocumentId, IndexName, JobId, Principal, make_id
from core.limits import Limits
from core.paging import Page, PageRequest
from indexing.deciding import Course, Wanted, content_digest, decide
from indexing.errors import no_such_job
from indexing.family import change_envelope
from indexing.pipeline import Pipeline
from indexing.projection import Projector
from indexing.sources import SourceRules, SpecValues
from indexing.types import JobRequest, SourceKind, Submission, SubmitAnswer, SubmitResult, Upload, Wait
from storage import documents, idempotency, indexes, items, jobs, pending, tenants
from storage.blobs import Blob, Blobs
from storage.database import Database, Transaction
from storage.indexes import no_such_index
from storage.items import LANE_BULK, LANE_DIRECT, Claim, NewItem
from storage.records import DocumentRecord, IndexRecord, ItemRecord, ItemState, JobKind, JobRecord, JobState, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """One submission on its way: where it goes and what to answer now."""

    submission: Submission
    blob: Blob
    wanted: Wanted
    course: Course
    current: DocumentRecord | None


class Indexing:
    """Submits and jobs. `signature` names parser, chunker and vector space, as content_digest takes it."""

    def __init__(
        self,
        *,
        db: Database,
        blobs: Blobs,
        clock: Clock,
        limits: Limits,
        sources: SourceRules,
        pipeline: Pipeline,
        projector: Projector,
        signature: str,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._clock = clock
        self._limits = limits
        self._sources = sources
        self._pipeline = pipeline
        self._projector = projector
        self._signature = signature

    async def submit(self, caller: Caller, name: IndexName, submissions: Sequence[Submission], *, wait: Wait) -> SubmitAnswer:
        """Takes documents in, all or none. Those whose content is new are accepted under a job; the rest is done at once."""
        caller.require(Grant.WRITE)
        blobs = [await self._blobs.keep(caller.tenant, submission.content) for submission in submissions]
        async with self._db.write(caller.tenant) as tx:
            index = await indexes.get(tx, name)
            plans = await self._plan(tx, index, submissions, blobs)
            results, job_id = await self._enter(tx, index, plans, owner=caller.subject)
            head = await tenants.head(tx)
            answer = SubmitAnswer(results=results, offset=None)

            async def remember(offset: int | None) -> None:
                nonlocal answer
                # What is only accepted has no offset yet; what changed nothing is covered by everything so far.
                answer = replace(answer, offset=None if job_id is not None else offset or head)
                await idempotency.remember(tx, caller, answer)

            tx.before_commit(remember)
        self._projector.wake()
        if job_id is not None:
            self._pipeline.wake()
        if wait is Wait.INDEXED:
            return await self._wait(caller, answer, job_id)
        return answer

    async def open_job(self, caller: Caller, name: IndexName, request: JobRequest) -> JobRecord:
        """An open job for uploads, or a queued one that reads a directory or a JSONL file below an allowed root."""
        caller.require(Grant.WRITE)
        spec = await self._sources.spec_of(request)
        now = self._clock.now()
        job_id = JobId(make_id("job", now))
        upload = request.kind is SourceKind.UPLOAD
        state = JobState.OPEN if upload else JobState.QUEUED
        async with self._db.write(caller.tenant) as tx:
            index = await indexes.get(tx, name)
            await jobs.add(
                tx, job_id, index=index, owner=caller.subject, kind=JobKind(request.kind), state=state, spec=spec, at=now
            )
            if not upload:
                row = NewItem(document_id=DocumentId(""), kind="expand", payload=spec)
                await items.add(tx, job_id, [row], index_id=index.id, lane=LANE_BULK, at=now)
            job = await jobs.get(tx, job_id, now)
            await idempotency.remember(tx, caller, job)
        self._pipeline.wake()
        return job

    async def add_file(self, caller: Caller, job_id: JobId, upload: Upload) -> ItemRecord:
        """Adds a file to an open job, replacing one that was sent under the same id. Unchanged ones are done at once."""
        caller.require(Grant.WRITE)
        if upload.size > self._limits.file_bytes_max:
            raise TooLarge(
                "indexing.file_too_large",
                f"file {upload.id!r} is {upload.size} bytes; the limit is {self._limits.file_bytes_max}",
            )
        blob = await self._blobs.keep_file(caller.tenant, upload.path)
        async with self._db.write(caller.tenant) as tx:
            job = await self._open(tx, caller, job_id)
            await items.replace_held(tx, job_id, upload.id)
            await self._check_size(tx, job_id, upload)
            index = await indexes.get(tx, job.index)
            row = await self._held(tx, index, upload, spec=await jobs.spec(tx, job_id), blob=blob)
            await items.add(tx, job_id, [row], index_id=index.id, lane=LANE_BULK, at=self._clock.now())
            return await items.of_document(tx, job_id, upload.id)

    async def start(self, caller: Caller, job_id: JobId) -> JobRecord:
        """Closes an upload job to files and lets it be worked on."""
        caller.require(Grant.WRITE)
        now = self._clock.now()
        async with self._db.write(caller.tenant) as tx:
            job = await self._open(tx, caller, job_id)
            held = await items.held(tx, job_id)
            numbers = await documents.issue_many(tx, job.index_id, [document for _, document in held], now)
            index = await indexes.get(tx, job.index)
            acl = self._sources.wanted(await jobs.spec(tx, job_id)).envelope(None, index).acl
            await items.queue_held(tx, [(item, numbers[document]) for item, document in held], now)
            await pending.announce(tx, index.id, dict.fromkeys(numbers, acl))
            await jobs.move(tx, job_id, to=JobState.QUEUED, among=(JobState.OPEN,), at=now)
            await jobs.finish_if_done(tx, job_id, now)
            job = await jobs.get(tx, job_id, now)
            await idempotency.remember(tx, caller, job)
        self._pipeline.wake()
        return job

    async def submit_files(self, caller: Caller, name: IndexName, uploads: Sequence[Upload], request: JobRequest) -> JobRecord:
        """A job from files that came in one request."""
        job = await self.open_job(replace(caller, once=None), name, request)
        try:
            for upload in uploads:
                await self.add_file(caller, job.id, upload)
            return await self.start(caller, job.id)
        except Fault:  # the request is refused as a whole: nobody knows of the job, so nobody would ever end it
            await self.cancel(replace(caller, once=None), job.id)
            raise

    async def job(self, caller: Caller, job_id: JobId) -> JobRecord:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            return await self._found(tx, caller, job_id)

    async def jobs(self, caller: Caller, page: PageRequest) -> Page[JobRecord]:
        """Newest first."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            return await jobs.page(tx, page, self._clock.now(), owner=_only(caller))

    async def items(self, caller: Caller, job_id: JobId, page: PageRequest, *, state: ItemState | None) -> Page[ItemRecord]:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            await self._found(tx, caller, job_id)
            return await items.page(tx, job_id, page, state=state)

    async def cancel(self, caller: Caller, job_id: JobId) -> JobRecord:
        """Stops what waits; what is being worked on is dropped before it is published. Conflict for a job that has ended."""
        caller.require(Grant.WRITE)
        now = self._clock.now()
        async with self._db.write(caller.tenant) as tx:
            job = await self._found(tx, caller, job_id)
            if job.state.final:
                raise Conflict("indexing.job_ended", f"job {job_id} is {job.state} already; there is nothing to cancel")
            if job.kind is JobKind.DELETE_INDEX:
                raise Conflict(
                    "indexing.cannot_cancel", f"job {job_id} removes the deleted index {job.index!r}; it will end by itself"
                )
            await items.cancel_unfinished(tx, job_id)
            await pending.abandon(tx, job_id)
            await jobs.move(tx, job_id, to=JobState.CANCELLED, among=jobs.UNFINISHED, at=now)
            job = await jobs.get(tx, job_id, now)
            await idempotency.remember(tx, caller, job)
        return job

    async def retry(self, caller: Caller, job_id: JobId) -> JobRecord:
        """Queues the failed items of an ended job again."""
        caller.require(Grant.WRITE)
        now = self._clock.now()
        async with self._db.write(caller.tenant) as tx:
            job = await self._found(tx, caller, job_id)
            failed = [item for item in await items.failed_of_job(tx, job_id) if _repeatable(item)]
            if not job.state.final or not failed:
                raise Conflict(
                    "indexing.nothing_to_retry",
                    f"job {job_id} is {job.state} with {len(failed)} failed items that could be tried again; "
                    "only an ended job that has some is retried",
                )
            again = [item.document_id for item in failed if item.number is not None]
            index = await indexes.by_id(tx, job.index_id)
            if again and (index is None or index.deleting):  # another one may have taken its name
                raise no_such_index(job.index)
            numbers = await documents.issue_many(tx, job.index_id, again, now)
            for item in failed:
                await items.revive(tx, item.id, numbers.get(item.document_id), now)
            ended = (JobState.COMPLETED, JobState.COMPLETED_WITH_ERRORS, JobState.FAILED, JobState.CANCELLED)
            await jobs.move(tx, job_id, to=JobState.QUEUED, among=ended, at=now)
            job = await jobs.get(tx, job_id, now)
            await idempotency.remember(tx, caller, job)
        self._pipeline.wake()
        return job

    async def _plan(
        self, tx: Transaction, index: IndexRecord, submissions: Sequence[Submission], blobs: Sequence[Blob]
    ) -> list[_Plan]:
        known = await documents.find_many(tx, index.id, [submission.id for submission in submissions])
        plans: list[_Plan] = []
        for submission, blob in zip(submissions, blobs, strict=True):
            current = known.get(submission.id)
            wanted = _wanted(submission)
            course = self._course(current, index, wanted, blob)
            plans.append(_Plan(submission=submission, blob=blob, wanted=wanted, course=course, current=current))
        return plans

    def _course(self, current: DocumentRecord | None, index: IndexRecord, wanted: Wanted, blob: Blob) -> Course:
        digest = content_digest(
            blob.sha256, media_type=wanted.media_type, profile=index.profile, signature=f"{self._signature}/{index.model}"
        )
        return decide(current, digest=digest, envelope=wanted.envelope(current, index))

    async def _enter(
        self, tx: Transaction, index: IndexRecord, plans: Sequence[_Plan], *, owner: Principal
    ) -> tuple[tuple[SubmitResult, ...], JobId | None]:
        """Does what can be done now and makes a job of the rest."""
        now = self._clock.now()
        moving = [plan for plan in plans if plan.course is not Course.UNCHANGED]
        numbers = await documents.issue_many(tx, index.id, [plan.submission.id for plan in moving], now)
        work = [plan for plan in moving if plan.course is Course.CONTENT]
        job_id = JobId(make_id("job", now)) if work else None
        if job_id is not None:
            await self._blobs.note(tx, [plan.blob for plan in work], now)
            await jobs.add(tx, job_id, index=index, owner=owner, kind=JobKind.DOCUMENTS, state=JobState.QUEUED, spec={}, at=now)
            rows = [_item(plan, numbers[plan.submission.id]) for plan in work]
            await items.add(tx, job_id, rows, index_id=index.id, lane=LANE_DIRECT, at=now)
            acls = {plan.submission.id: plan.wanted.envelope(plan.current, index).acl for plan in work}
            await pending.announce(tx, index.id, acls)
        results: list[SubmitResult] = []
        for plan in plans:
            changed = plan.current
            if plan.course is Course.ENVELOPE:
                assert plan.current is not None
                envelope = plan.wanted.envelope(plan.current, index)
                number = numbers[plan.submission.id]
                changed = await change_envelope(tx, plan.current, number=number, envelope=envelope, at=now)
            results.append(_result(plan, changed, job_id))
        return tuple(results), job_id

    async def _wait(self, caller: Caller, answer: SubmitAnswer, job_id: JobId | None) -> SubmitAnswer:
        """Until everything of the answer is searchable or has failed."""
        if job_id is not None:
            await caller.deadline.wait(
                self._pipeline.ended(job_id, caller.tenant), f"indexing under job {job_id}, which goes on,"
            )
            async with self._db.read(caller.tenant) as tx:
                head = await tenants.head(tx)
                done = {item.document_id: item for item in await items.of_job(tx, job_id)}
            results = tuple(_final(result, done.get(result.id)) for result in answer.results)
            answer = SubmitAnswer(results=results, offset=head)
        if answer.offset is not None:
            await self._projector.wait(caller.tenant, answer.offset, caller.deadline)
        if caller.once is not None and job_id is not None:
            async with self._db.write(caller.tenant) as tx:
                await idempotency.replace(tx, caller, answer)
        return answer

    async def _open(self, tx: Transaction, caller: Caller, job_id: JobId) -> JobRecord:
        job = await self._found(tx, caller, job_id)
        if job.state is not JobState.OPEN:
            raise Conflict("indexing.job_not_open", f"job {job_id} is {job.state}; only an open upload job takes files")
        return job

    async def _found(self, tx: Transaction, caller: Caller, job_id: JobId) -> JobRecord:
        job = await jobs.find(tx, job_id, self._clock.now())
        if job is None or _only(caller) not in {None, job.owner}:
            raise no_such_job(job_id)
        return job

    async def _check_size(self, tx: Transaction, job_id: JobId, upload: Upload) -> None:
        number, size = await items.size_of_job(tx, job_id)
        if number >= self._limits.job_files_max:
            raise TooLarge("indexing.job_too_large", f"job {job_id} has {number} files, the limit; start it and open another")
        if size + upload.size > self._limits.job_bytes_max:
            raise TooLarge(
                "indexing.job_too_large",
                f"job {job_id} would hold {size + upload.size} bytes; the limit is {self._limits.job_bytes_max}",
            )

    async def _held(self, tx: Transaction, index: IndexRecord, upload: Upload, *, spec: SpecValues, blob: Blob) -> NewItem:
        """The item of an uploaded file: held for the start, or done when it is what is live already."""
        wanted = replace(self._sources.wanted(spec), media_type=upload.media_type)
        current = await documents.find(tx, index.id, upload.id)
        if self._course(current, index, wanted, blob) is Course.UNCHANGED:
            assert current is not None
            return NewItem(
                document_id=upload.id,
                size=upload.size,
                payload={},
                state=ItemState.DONE,
                outcome=Outcome.UNCHANGED,
                version=current.version,
                revision=current.revision,
            )
        await self._blobs.note(tx, [blob], self._clock.now())
        return NewItem(
            document_id=upload.id,
            content_sha256=blob.sha256,
            size=upload.size,
            payload=wanted.payload(),
            state=ItemState.HELD,
        )


def _only(caller: Caller) -> Principal | None:
    """Whose jobs the caller may look at, None for everybody's: items name documents that others may not know of."""
    return None if caller.sees().principals is None else caller.subject


def _wanted(submission: Submission) -> Wanted:
    return Wanted(
        title=submission.title,
        source_uri=submission.source_uri,
        occurred_at=submission.occurred_at,
        metadata=submission.metadata,
        acl=submission.acl,
        media_type=submission.media_type,
    )


def _item(plan: _Plan, number: int) -> NewItem:
    return NewItem(
        document_id=plan.submission.id,
        number=number,
        content_sha256=plan.blob.sha256,
        size=plan.blob.size,
        payload=plan.wanted.payload(),
    )


def _result(plan: _Plan, document: DocumentRecord | None, job_id: JobId | None) -> SubmitResult:
    if plan.course is Course.CONTENT:
        return SubmitResult(id=plan.submission.id, status="accepted", job_id=job_id)
    assert document is not None, "only a live document can be unchanged, or change its envelope"
    return SubmitResult(
        id=plan.submission.id,
        status="unchanged" if plan.course is Course.UNCHANGED else "updated",
        version=document.version,
        revision=document.revision,
        chunks=document.chunks,
        labels=document.labels,
    )


def _repeatable(item: Claim) -> bool:
    """Whether there is anything to try again: a line that was no document has none."""
    return item.kind != "document" or item.content_sha256 is not None or "path" in item.payload


def _final(result: SubmitResult, item: ItemRecord | None) -> SubmitResult:
    """An accepted result once its item has ended."""
    if item is None or result.status != "accepted":
        return result
    if item.state is ItemState.DONE and item.outcome is not None:
        return replace(result, status=_status(item.outcome), version=item.version, revision=item.revision, chunks=item.chunks)
    error = (item.code or f"indexing.{item.state}", item.detail or f"the item was {item.state}")
    return replace(result, status="failed", error=error)


def _status(outcome: Outcome) -> str:
    # A submit overtaken by a later one of the same document is no failure: the later one is what is live.
    return "unchanged" if outcome is Outcome.SKIPPED else str(outcome)
