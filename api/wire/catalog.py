"""Documents on the wire as they are read back: the catalog's entry, its chunks, its versions, its text."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime

from api.wire.schema import METADATA_SCHEMA, Wire
from core.ids import chunk_id
from core.paging import Page
from indexing.types import TextSlice
from storage.records import ChunkRecord, DocumentRecord, VersionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Wire):
    """A document as the catalog knows it. `version` counts contents, `revision` every change."""

    id: str
    index: str
    status: Literal["pending", "live", "failed", "deleted"]
    title: str | None
    source_uri: str | None
    media_type: str | None
    occurred_at: AwareDatetime | None
    metadata: Annotated[dict[str, object], METADATA_SCHEMA]
    acl: tuple[str, ...] | None
    labels: tuple[str, ...]
    version: int
    revision: int
    chunks: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentList(Wire):
    """A page of documents."""

    items: tuple[Document, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk(Wire):
    """A cited piece of the live version. `span` is `[start, end)` in code points of the canonical text."""

    chunk_id: str
    ordinal: int
    span: tuple[int, int]
    page: int | None
    heading_path: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkList(Wire):
    """A page of chunks."""

    items: tuple[Chunk, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Wire):
    """One published content of a document."""

    version: int
    state: str
    content_sha256: str
    media_type: str
    chunks: int
    published_at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionList(Wire):
    """A page of versions."""

    items: tuple[Version, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Wire):
    """`[start, end)` of the canonical text, which has `length` code points."""

    id: str
    version: int
    start: int
    end: int
    length: int
    text: str


def document_out(record: DocumentRecord, index: str, offset: int | None = None) -> Document:
    envelope = record.envelope
    return Document(
        id=record.id,
        index=index,
        status=record.status.value,
        title=envelope.title,
        source_uri=envelope.source_uri,
        media_type=record.media_type or None,
        occurred_at=envelope.occurred_at,
        metadata=dict(envelope.metadata),
        acl=envelope.acl,
        labels=record.labels,
        version=record.version,
        revision=record.revision,
        chunks=record.chunks,
        created_at=record.created_at,
        updated_at=record.updated_at,
        offset=offset,
    )


def document_list(page: Page[DocumentRecord], index: str) -> DocumentList:
    return DocumentList(items=tuple(document_out(one, index) for one in page.items), next_cursor=page.next_cursor)


def chunk_list(page: Page[ChunkRecord]) -> ChunkList:
    return ChunkList(items=tuple(_chunk(one) for one in page.items), next_cursor=page.next_cursor)


def version_list(page: Page[VersionRecord]) -> VersionList:
    return VersionList(items=tuple(_version(one) for one in page.items), next_cursor=page.next_cursor)


def text_out(part: TextSlice) -> Text:
    return Text(id=part.id, version=part.version, start=part.start, end=part.end, length=part.length, text=part.text)


def _chunk(one: ChunkRecord) -> Chunk:
    return Chunk(
        chunk_id=chunk_id(one.key),
        ordinal=one.ordinal,
        span=(one.start, one.end),
        page=one.page,
        heading_path=one.heading_path,
        text=one.text,
    )


def _version(one: VersionRecord) -> Version:
    return Version(
        version=one.version,
        state=one.state,
        content_sha256=one.content_sha256,
        media_type=one.media_type,
        chunks=one.chunks,
        published_at=one.published_at,
    )
