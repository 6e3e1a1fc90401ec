"""Jobs on the wire: how one is asked for, how far it is, and what became of each item."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.wire.documents import AclField, Problem, acl_of, metadata_of, problem
from api.wire.schema import METADATA_SCHEMA, NO_NUL, Wire
from core.errors import FieldError, Invalid
from core.limits import Limits
from core.paging import Page
from indexing.types import KEPT, JobRequest, SourceKind
from storage.records import ItemRecord, JobRecord, JobState

State = Literal["open", "queued", "running", "interrupted", "cancelled", "failed", "completed", "completed_with_errors"]
_STAGES: Mapping[JobState, str] = {
    JobState.OPEN: "receiving",
    JobState.QUEUED: "waiting",
    JobState.RUNNING: "indexing",
    JobState.INTERRUPTED: "waiting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIn(Wire):
    """Where the documents come from. `uri` is a path below an allowed root, for `directory` and `jsonl`."""

    kind: Literal["upload", "directory", "jsonl", "uri"]
    uri: Annotated[str, Field(max_length=4_096), NO_NUL] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIn(Wire):
    """A job. `acl` and `metadata` go to every document, `prefix` before every id."""

    source: SourceIn
    mode: Literal["upsert", "sync"] = "upsert"
    include: Annotated[tuple[Annotated[str, NO_NUL], ...], Field(min_length=1, max_length=64)] = ("**/*",)
    prefix: Annotated[str, Field(max_length=512), NO_NUL] = ""
    acl: AclField = field(default_factory=lambda: KEPT)
    metadata: Annotated[dict[str, object], METADATA_SCHEMA] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts(Wire):
    """Items by outcome; `found` is all of them."""

    found: int
    unchanged: int
    created: int
    updated: int
    deleted: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Wire):
    """A job. `offset` covers all it published, once it is finished; `eta_s` is a guess from its own pace."""

    id: str
    index: str
    kind: str
    state: State
    counts: Counts
    pending: int
    stage: str | None
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    eta_s: int | None
    offset: int | None
    error: Problem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobList(Wire):
    """A page of jobs, newest first."""

    items: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Wire):
    """One document's way through a job. `code` and `detail` say why it failed."""

    document_id: str
    state: Literal["held", "queued", "running", "done", "failed", "cancelled"]
    outcome: Literal["created", "updated", "unchanged", "deleted", "skipped", "failed"] | None
    code: str | None
    detail: str | None
    attempts: int
    version: int | None
    revision: int | None
    chunks: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemList(Wire):
    """A page of items."""

    items: tuple[Item, ...]
    next_cursor: str | None


def job_request(body: JobIn, limits: Limits) -> JobRequest:
    """What the indexing room takes, or Invalid for what a later version will do."""
    refuse_sync(body.mode)
    _check_source(body.source)
    acl = acl_of(body.acl, limits)
    return JobRequest(
        kind=SourceKind(body.source.kind),
        uri=body.source.uri,
        prefix=body.prefix,
        include=body.include,
        acl=acl,
        metadata=metadata_of(body.metadata, limits),
    )


def refuse_sync(mode: str) -> None:
    if mode != "upsert":
        raise _unsupported("/mode", f"the mode {mode!r} does not exist in this version; use 'upsert'")


def job_out(record: JobRecord, now: datetime) -> Job:
    return Job(
        id=record.id,
        index=record.index,
        kind=record.kind.value,
        state=record.state.value,
        counts=Counts(**asdict(record.counts)),
        pending=record.pending,
        stage=_STAGES.get(record.state),
        created_at=record.created_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        eta_s=eta_s(record, now),
        offset=record.offset,
        error=problem(record.error),
    )


def job_list(page: Page[JobRecord], now: datetime) -> JobList:
    return JobList(items=tuple(job_out(one, now) for one in page.items), next_cursor=page.next_cursor)


def item_out(record: ItemRecord) -> Item:
    return Item(
        document_id=record.document_id,
        state=record.state.value,
        outcome=None if record.outcome is None else record.outcome.value,
        code=record.code,
        detail=record.detail,
        attempts=record.attempts,
        version=record.version,
        revision=record.revision,
        chunks=record.chunks,
    )


def item_list(page: Page[ItemRecord]) -> ItemList:
    return ItemList(items=tuple(item_out(one) for one in page.items), next_cursor=page.next_cursor)


def eta_s(record: JobRecord, now: datetime) -> int | None:
    """Seconds that the pending items take at the pace of the finished ones; None before the first, and at the end."""
    done = record.counts.found - record.pending
    if record.started_at is None or record.state is not JobState.RUNNING or done <= 0:
        return None
    return round((now - record.started_at).total_seconds() / done * record.pending)


def _check_source(source: SourceIn) -> None:
    if source.kind == "uri":
        raise _unsupported(
            "/source/kind", "sources of the kind 'uri' do not exist in this version; use upload, directory or jsonl"
        )
    if (source.uri is None) != (source.kind == "upload"):
        needs = "takes no uri" if source.kind == "upload" else "needs a uri: a path below a directory of MNEMIC_INGEST_ROOTS"
        raise _unsupported("/source/uri", f"a source of the kind {source.kind!r} {needs}", code="request.invalid_source")


def _unsupported(at: str, detail: str, *, code: str = "request.unsupported") -> Invalid:
    return Invalid(code, detail, errors=(FieldError(pointer=at, detail=detail),))
