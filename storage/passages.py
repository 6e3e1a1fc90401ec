"""Chunks, and the one statement that turns an engine's proposals into what may be returned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select

from core.ids import DocumentId, IndexName
from core.limits import CHUNK_ORDINAL_BITS
from core.paging import Page, PageRequest
from storage.database import Reads, Transaction
from storage.documents import thaw
from storage.records import ChunkRecord, Envelope, PassageRecord, SourceRecord
from storage.statements import ROWS_PER_STATEMENT
from storage.tables import chunks, documents, indexes, tenant_heads, versions


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChunk:
    """A chunk about to be stored. `vector_sha256` is of the exact text that was embedded for it."""

    ordinal: int
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]
    text: str
    context: str
    vector_sha256: bytes


def key_of(version_id: int, ordinal: int) -> int:
    """The row key of a chunk, which is its key in the engine."""
    assert 0 <= ordinal < 1 << CHUNK_ORDINAL_BITS, ordinal
    return version_id << CHUNK_ORDINAL_BITS | ordinal


async def add(tx: Transaction, *, document_id: int, version_id: int, rows: Sequence[NewChunk]) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        await tx.execute(
            insert(chunks),
            [
                {
                    "tenant": tx.tenant,
                    "key": key_of(version_id, row.ordinal),
                    "version_id": version_id,
                    "document_id": document_id,
                    "ordinal": row.ordinal,
                    "start": row.start,
                    "end": row.end,
                    "page": row.page,
                    "heading_path": list(row.heading_path),
                    "body": row.text,
                    "context": row.context,
                    "vector_sha256": row.vector_sha256,
                }
                for row in rows[start : start + ROWS_PER_STATEMENT]
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hydrated:
    """Passages by key, and the state of the tenant's list of indexes (`indexes.listing`) at that moment; None when there is
    no passage to tell it."""

    passages: Mapping[int, PassageRecord]
    catalog: int | None


async def hydrate(tx: Reads, keys: Sequence[int]) -> Hydrated:
    """The chunks of live versions among `keys`, with their documents as they are now. One statement.

    A key missing in the answer was deleted, replaced, or belongs to another tenant. Access lists are the caller's to check.
    """
    found: dict[int, PassageRecord] = {}
    catalog: int | None = None
    for row in await tx.rows(_LIVE_PASSAGES, {"tenant": tx.tenant, "keys": list(keys)}):
        chunk = _chunk(row)
        catalog = row["catalog"]
        found[chunk.key] = PassageRecord(chunk=chunk, document=_source(row), index=IndexName(row["index_name"]))
    return Hydrated(passages=found, catalog=catalog)


async def around(tx: Reads, keys: Sequence[int], reach: int) -> Mapping[int, tuple[ChunkRecord, ...]]:
    """The chunks up to `reach` before and after each key in its document version, in order, without the chunk itself."""
    wanted = {near for key in keys for near in _near(key, reach)}
    statement = select(*_columns()).where(chunks.c.tenant == tx.tenant, chunks.c.key.in_(wanted))
    found = {row["chunk_key"]: _chunk(row) for row in await tx.rows(statement)}
    return {key: tuple(found[near] for near in _near(key, reach) if near in found and near != key) for key in keys}


async def published(tx: Reads, keys: Sequence[int]) -> Mapping[int, datetime]:
    """By chunk key, when the version that it is of was published."""
    of = {key: key >> CHUNK_ORDINAL_BITS for key in keys}
    statement = select(versions.c.id, versions.c.published_at)
    statement = statement.where(versions.c.tenant == tx.tenant, versions.c.id.in_(set(of.values())))
    at = {row["id"]: row["published_at"] for row in await tx.rows(statement)}
    return {key: at[version] for key, version in of.items() if version in at}


async def page(tx: Transaction, version_id: int, request: PageRequest) -> Page[ChunkRecord]:
    """A version's chunks in order."""
    after = request.after_number(key_of(version_id, 0) - 1)
    statement = select(*_columns()).where(chunks.c.tenant == tx.tenant, chunks.c.version_id == version_id)
    statement = statement.where(chunks.c.key > after, chunks.c.key <= key_of(version_id, (1 << CHUNK_ORDINAL_BITS) - 1))
    rows = (await tx.execute(statement.order_by(chunks.c.key).limit(request.limit + 1))).mappings().all()
    found = tuple(_chunk(row) for row in rows[: request.limit])
    return Page(items=found, after=str(found[-1].key) if len(rows) > request.limit else None)


async def vectors_of(tx: Transaction, version_id: int, first: int, limit: int) -> tuple[tuple[ChunkRecord, bytes], ...]:
    """Chunks of a version from ordinal `first` on, with the digests of their embedded texts: what a projector needs."""
    statement = (
        select(*_columns(), chunks.c.vector_sha256)
        .where(
            chunks.c.tenant == tx.tenant,
            chunks.c.key >= key_of(version_id, first),
            chunks.c.key <= key_of(version_id, (1 << CHUNK_ORDINAL_BITS) - 1),
        )
        .order_by(chunks.c.key)
        .limit(limit)
    )
    return tuple((_chunk(row), row["vector_sha256"]) for row in (await tx.execute(statement)).mappings())


def _columns() -> tuple[Any, ...]:
    """A chunk's columns under names that no other table of a join has."""
    return (
        chunks.c.key.label("chunk_key"),
        chunks.c.ordinal,
        chunks.c.start,
        chunks.c.end,
        chunks.c.page,
        chunks.c.heading_path,
        chunks.c.body,
        chunks.c.context,
    )


def _chunk(row: Mapping[Any, Any]) -> ChunkRecord:
    return ChunkRecord(
        key=row["chunk_key"],
        ordinal=row["ordinal"],
        start=row["start"],
        end=row["end"],
        page=row["page"],
        heading_path=tuple(row["heading_path"]),
        text=row["body"],
        context=row["context"],
    )


def _source(row: Mapping[Any, Any]) -> SourceRecord:
    acl = row["acl"]
    return SourceRecord(
        index_id=row["index_id"],
        id=DocumentId(row["external_id"]),
        version=row["version"],
        envelope=Envelope(
            title=row["title"],
            source_uri=row["source_uri"],
            occurred_at=row["occurred_at"],
            acl=None if acl is None else tuple(acl),
            metadata=thaw(row["metadata"]),
        ),
        parsed_title=row["parsed_title"],
        media_type=row["media_type"],
        labels=tuple(row["labels"]),
    )


def _source_columns() -> tuple[Any, ...]:
    names = ("index_id", "external_id", "version", "title", "parsed_title", "source_uri", "occurred_at", "acl", "metadata")
    return tuple(documents.c[name] for name in (*names, "labels", "media_type"))


def _near(key: int, reach: int) -> range:
    """Keys around one, within its version: the ordinal bits never carry over."""
    first = key >> CHUNK_ORDINAL_BITS << CHUNK_ORDINAL_BITS
    last = first | ((1 << CHUNK_ORDINAL_BITS) - 1)
    return range(max(first, key - reach), min(last, key + reach) + 1)


# Made once: building this statement and its cache key cost a search 0.8 ms. It asks for what an answer holds and no more: every
# JSON or time column costs 15 conversions.
_LIVE_PASSAGES = (
    select(
        *_columns(),
        *_source_columns(),
        indexes.c.name.label("index_name"),
        select(tenant_heads.c.catalog).where(tenant_heads.c.tenant == bindparam("tenant")).scalar_subquery().label("catalog"),
    )
    .join(
        documents,
        (documents.c.id == chunks.c.document_id)
        & (documents.c.tenant == chunks.c.tenant)
        & (documents.c.live_version_id == chunks.c.version_id),
    )
    .join(indexes, (indexes.c.id == documents.c.index_id) & ~indexes.c.deleting)
    .where(chunks.c.tenant == bindparam("tenant"), chunks.c.key.in_(bindparam("keys", expanding=True)))
)
