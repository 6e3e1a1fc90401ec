"""What callers hand to the indexing room and what it answers. Wire types are made from these in api/wire.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from pathlib import Path
from types import MappingProxyType

from core.filters import Filter
from core.ids import DocumentId, JobId, Principal
from core.metadata import Metadata
from core.profile import IndexProfile
from storage.records import Acl


class Kept(Enum):
    """The value of a field that an update leaves as it is (on create: the default)."""

    KEPT = "kept"


KEPT = Kept.KEPT


class Wait(StrEnum):
    """How long a submit waits: until it is safe, or until it can be found."""

    STORED = "stored"
    INDEXED = "indexed"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDefinition:
    """`profile` None keeps what is there, or takes the default. `default_acl` None is all of the tenant."""

    description: str = ""
    default_acl: Acl = None
    profile: IndexProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One document to ingest. `content` is its bytes; `media_type` what the client says it is, if it says."""

    id: DocumentId
    content: bytes
    media_type: str | None = None
    title: str | None = None
    source_uri: str | None = None
    occurred_at: datetime | None = None
    metadata: Metadata = field(default_factory=lambda: MappingProxyType({}))
    acl: Sequence[Principal] | Kept | None = KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResult:
    """What became of one submission. `status` is accepted, created, updated, unchanged or failed; `error` (code, detail)."""

    id: DocumentId
    status: str
    version: int | None = None
    revision: int | None = None
    chunks: int | None = None
    labels: tuple[str, ...] = ()
    job_id: JobId | None = None
    error: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitAnswer:
    """Results in the order of the submissions. `offset` covers everything published so far, None while all is accepted."""

    results: tuple[SubmitResult, ...]
    offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPatch:
    """A change of the envelope. What is KEPT stays."""

    acl: Sequence[Principal] | Kept | None = KEPT
    metadata: Metadata | Kept = KEPT
    title: str | Kept | None = KEPT
    if_revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteReceipt:
    """What was (or with `dry_run` would be) deleted. Above a thousand documents a job does it and `job_id` names it."""

    deleted: int
    ids: tuple[DocumentId, ...]
    missing: tuple[DocumentId, ...]
    dry_run: bool
    job_id: JobId | None
    offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSelector:
    """Exactly one of `ids` and `condition`."""

    ids: tuple[DocumentId, ...] | None = None
    condition: Filter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSlice:
    """`[start, end)` of the canonical text of `length` code points."""

    id: DocumentId
    version: int
    start: int
    end: int
    length: int
    text: str


class SourceKind(StrEnum):
    """Where a job's documents come from."""

    UPLOAD = "upload"
    DIRECTORY = "directory"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A job as asked for. `uri` is a path under an allowed root for directory and jsonl, None for upload.

    `include` are glob patterns relative to the directory; `acl` and `metadata` go to every document.
    """

    kind: SourceKind
    uri: str | None = None
    prefix: str = ""
    include: tuple[str, ...] = ("**/*",)
    acl: Sequence[Principal] | Kept | None = KEPT
    metadata: Metadata = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that the transport has already spooled to `path`, which it deletes afterwards. `id` is the document's."""

    id: DocumentId
    path: Path
    size: int
    media_type: str | None = None
