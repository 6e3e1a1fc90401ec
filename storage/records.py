"""What the store holds, as frozen values. Repositories answer these; no SQLAlchemy row leaves the room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from core.caller import Grant
from core.ids import DocumentId, IndexName, JobId, KeyId, Principal, TenantId
from core.metadata import Metadata, Value
from core.profile import IndexProfile

Acl = tuple[Principal, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A credential. The secret itself is nowhere, only its SHA-256."""

    id: KeyId
    tenant: TenantId
    name: str
    secret_sha256: bytes
    subject: Principal
    principals: tuple[Principal, ...]
    grants: tuple[Grant, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class IndexKind(StrEnum):
    """What an index holds: documents, or the memory of the whole tenant, of which there is one."""

    DOCUMENTS = "documents"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRecord:
    """An index. `id` is never reused; `model` is the digest of the vector space its rows live in."""

    id: int
    tenant: TenantId
    name: IndexName
    kind: IndexKind
    description: str
    default_acl: Acl
    profile: IndexProfile
    model: str
    dimension: int
    generation: int
    deleting: bool
    documents: int
    chunks: int
    created_at: datetime
    updated_at: datetime


class DocumentStatus(StrEnum):
    """`pending` has never been published, `failed` neither, for the reason that its job item tells."""

    PENDING = "pending"
    LIVE = "live"
    FAILED = "failed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What surrounds a document's content. A change here embeds nothing. `title` None leaves the title to the parser."""

    title: str | None = None
    source_uri: str | None = None
    occurred_at: datetime | None = None
    acl: Acl = None
    metadata: Metadata = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """A document as the catalog knows it. `number` is the last one issued to a submit or a delete, `live_number` that of the
    last flip or delete; `version` counts contents, `revision` every change.
    """

    row_id: int
    index_id: int
    id: DocumentId
    status: DocumentStatus
    number: int
    live_number: int
    live_version_id: int | None
    version: int
    revision: int
    envelope: Envelope
    parsed_title: str | None
    media_type: str
    labels: tuple[str, ...]
    content_digest: str
    chunks: int
    created_at: datetime
    updated_at: datetime

    @property
    def title(self) -> str | None:
        """What is shown: the title given, else the one found in the content."""
        return self.envelope.title or self.parsed_title

    def fields(self) -> Mapping[str, Value]:
        """What filters may ask for: the metadata and the reserved fields that have a value."""
        return filterable(self.id, self.envelope, media_type=self.media_type, labels=self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """What a passage tells of its document, and what is checked before it may: a document without its history."""

    index_id: int
    id: DocumentId
    version: int
    envelope: Envelope
    parsed_title: str | None
    media_type: str
    labels: tuple[str, ...]

    @property
    def title(self) -> str | None:
        """What is shown: the title given, else the one found in the content."""
        return self.envelope.title or self.parsed_title

    def fields(self) -> Mapping[str, Value]:
        """What filters may ask for."""
        return filterable(self.id, self.envelope, media_type=self.media_type, labels=self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """One published content of a document."""

    version: int
    number: int
    state: str
    content_sha256: str
    media_type: str
    chunks: int
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """A cited piece: `text` is exactly `[start, end)` of the canonical text; `context` is indexed with it, not returned."""

    key: int
    ordinal: int
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]
    text: str
    context: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageRecord:
    """A chunk of a live version together with its document: what a search may return after looking once more."""

    chunk: ChunkRecord
    document: SourceRecord
    index: IndexName


class JobKind(StrEnum):
    """Where a job's items come from, or what they remove."""

    DOCUMENTS = "documents"
    UPLOAD = "upload"
    DIRECTORY = "directory"
    JSONL = "jsonl"
    DELETE = "delete"
    DELETE_INDEX = "delete_index"


class JobState(StrEnum):
    """API.md's states. `interrupted` is a running job whose process is gone; it goes on when a worker claims its items."""

    OPEN = "open"
    QUEUED = "queued"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"

    @property
    def final(self) -> bool:
        return self in {
            JobState.CANCELLED,
            JobState.FAILED,
            JobState.COMPLETED,
            JobState.COMPLETED_WITH_ERRORS,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """Items by outcome; `found` is all of them."""

    found: int = 0
    unchanged: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A batch of work on one index, seen by the subject that asked for it and by admins. `pending` items are waiting or
    running; `error` is (code, detail) of the job itself."""

    id: JobId
    tenant: TenantId
    index: IndexName
    index_id: int
    owner: Principal
    kind: JobKind
    state: JobState
    counts: JobCounts
    pending: int
    offset: int | None
    error: tuple[str, str] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ItemState(StrEnum):
    """`held` items wait for an upload job to be started."""

    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What became of a document."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """One document's way through a job."""

    id: int
    job_id: JobId
    document_id: DocumentId
    state: ItemState
    outcome: Outcome | None
    code: str | None
    detail: str | None
    attempts: int
    version: int | None
    revision: int | None
    chunks: int | None
    offset: int | None


def filterable(id_: DocumentId, envelope: Envelope, *, media_type: str, labels: tuple[str, ...]) -> Mapping[str, Value]:
    """The metadata and the reserved fields that have a value."""
    reserved: dict[str, Value | None] = {
        "doc.id": id_,
        "doc.media_type": media_type or None,
        "doc.source_uri": envelope.source_uri,
        "doc.occurred_at": None if envelope.occurred_at is None else timestamp(envelope.occurred_at),
        "doc.labels": labels or None,
    }
    return {**envelope.metadata, **{name: value for name, value in reserved.items() if value is not None}}


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with a Z, whole seconds unless there is more."""
    return moment.isoformat().replace("+00:00", "Z")
