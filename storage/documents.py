"""Documents: numbers issued, versions flipped, envelopes changed. Every change of what is searchable is recorded here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, insert, select, update

from core.ids import DocumentId
from core.paging import Page, PageRequest
from storage.database import ChangeDraft, Transaction
from storage.records import Acl, DocumentRecord, DocumentStatus, Envelope, VersionRecord
from storage.statements import ROWS_PER_STATEMENT, locked, starts_with, unindexed, upsert
from storage.tables import documents, texts, versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A parsed content about to be published. `digest` decides whether a later submit is the same."""

    digest: str
    sha256: bytes
    media_type: str
    parsed_title: str | None
    text: str
    chunks: int
    parent: DocumentId | None = None


async def find(tx: Transaction, index_id: int, external_id: DocumentId) -> DocumentRecord | None:
    """The document, deleted ones too."""
    return (await find_many(tx, index_id, [external_id])).get(external_id)


async def find_many(tx: Transaction, index_id: int, ids: Sequence[DocumentId]) -> dict[DocumentId, DocumentRecord]:
    """Those that have a row, deleted ones too."""
    found: dict[DocumentId, DocumentRecord] = {}
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        statement = select(documents).where(
            documents.c.tenant == tx.tenant,
            documents.c.index_id == index_id,
            documents.c.external_id.in_(ids[start : start + ROWS_PER_STATEMENT]),
        )
        found |= {one.id: one for one in map(record, (await tx.execute(statement)).mappings())}
    return found


async def page(
    tx: Transaction, index_id: int, request: PageRequest, *, prefix: str | None, status: DocumentStatus | None
) -> Page[DocumentRecord]:
    """By id in code point order; without the deleted ones unless they are asked for."""
    statement = select(documents).where(
        documents.c.tenant == tx.tenant,
        documents.c.index_id == index_id,
        documents.c.status != DocumentStatus.DELETED if status is None else documents.c.status == status,
    )
    if request.after is not None:
        statement = statement.where(documents.c.external_id > request.after)
    if prefix:
        statement = statement.where(starts_with(documents.c.external_id, prefix))
    rows = (await tx.execute(statement.order_by(documents.c.external_id).limit(request.limit + 1))).mappings().all()
    found = tuple(record(row) for row in rows[: request.limit])
    return Page(items=found, after=found[-1].id if len(rows) > request.limit else None)


async def children(tx: Transaction, index_id: int, *parents: DocumentId) -> tuple[DocumentRecord, ...]:
    """The documents that came attached to these and are not deleted."""
    found: list[DocumentRecord] = []
    for start in range(0, len(parents), ROWS_PER_STATEMENT):
        statement = select(documents).where(
            documents.c.tenant == tx.tenant,
            documents.c.index_id == index_id,
            documents.c.parent.in_(parents[start : start + ROWS_PER_STATEMENT]),
            documents.c.status != DocumentStatus.DELETED,
        )
        found += [record(row) for row in (await tx.execute(statement)).mappings()]
    return tuple(found)


async def live_page(tx: Transaction, index_id: int, after: int, limit: int) -> tuple[DocumentRecord, ...]:
    """The next live documents by row id: how an index is read from end to end."""
    statement = (
        select(documents)
        .where(
            documents.c.tenant == tx.tenant,
            documents.c.index_id == index_id,
            documents.c.id > after,
            documents.c.live_version_id.is_not(None),
        )
        .order_by(documents.c.id)
        .limit(limit)
    )
    return tuple(record(row) for row in (await tx.execute(statement)).mappings())


async def by_rows(tx: Transaction, row_ids: Sequence[int]) -> dict[int, DocumentRecord]:
    statement = select(documents).where(unindexed(documents.c.tenant) == tx.tenant, documents.c.id.in_(row_ids))
    return {found.row_id: found for found in map(record, (await tx.execute(statement)).mappings())}


async def issue(tx: Transaction, index_id: int, ids: Sequence[DocumentId], at: datetime) -> dict[DocumentId, int]:
    """The next number for each document, making the row of those that never were."""
    statement = upsert(tx, documents)
    bumped = statement.on_conflict_do_update(
        index_elements=["tenant", "index_id", "external_id"],
        set_={
            "number": documents.c.number + 1,
            # A document that is not live is on its way (again).
            "status": _case_pending(),
        },
    ).returning(documents.c.external_id, documents.c.number)
    rows: list[dict[str, object]] = [
        {
            "tenant": tx.tenant,
            "index_id": index_id,
            "external_id": external_id,
            "status": DocumentStatus.PENDING,
            "number": 1,
            "metadata": dict[str, object](),
            "labels": list[str](),
            "created_at": at,
            "updated_at": at,
        }
        for external_id in sorted(ids)  # one order for everybody, so that two submits cannot lock each other out
    ]
    return {row.external_id: row.number for row in await tx.execute(bumped.values(rows))}


async def issue_many(tx: Transaction, index_id: int, ids: Sequence[DocumentId], at: datetime) -> dict[DocumentId, int]:
    """`issue` for any number of documents."""
    numbers: dict[DocumentId, int] = {}
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        numbers |= await issue(tx, index_id, ids[start : start + ROWS_PER_STATEMENT], at)
    return numbers


async def publish(
    tx: Transaction, document: DocumentRecord, *, number: int, envelope: Envelope, content: Content, at: datetime
) -> tuple[DocumentRecord, int] | None:
    """Flips the document to a new version; the document and the version's row id, or None when a higher number was faster.

    Chunks are then added under the version's row id, in the same transaction.
    """
    current = await _lock(tx, document.row_id)
    if current.live_number >= number:
        return None
    version = current.version + 1
    made = insert(versions).values(
        tenant=tx.tenant,
        document_id=document.row_id,
        number=number,
        version=version,
        state="live",
        content_sha256=content.sha256,
        media_type=content.media_type,
        chunks=content.chunks,
        published_at=at,
    )
    version_id: int = (await tx.execute(made.returning(versions.c.id))).scalar_one()
    await tx.execute(insert(texts).values(tenant=tx.tenant, version_id=version_id, length=len(content.text), body=content.text))
    await _retire(tx, current)
    flipped = await _change(
        tx,
        current,
        **_envelope(envelope),
        status=DocumentStatus.LIVE,
        live_number=number,
        live_version_id=version_id,
        version=version,
        parsed_title=content.parsed_title,
        parent=content.parent,
        media_type=content.media_type,
        content_digest=content.digest,
        chunks=content.chunks,
        updated_at=at,
    )
    _record_publish(tx, flipped, fresh=current.live_version_id is None)
    return flipped, version_id


async def change_envelope(
    tx: Transaction, document: DocumentRecord, *, number: int | None, envelope: Envelope, at: datetime
) -> DocumentRecord | None:
    """Publishes the live version again under another envelope; None when a higher number was faster.

    `number` None changes what is live without overtaking the submits that wait behind it.
    """
    current = await _lock(tx, document.row_id)
    if current.live_version_id is None or (number is not None and current.live_number >= number):
        return None
    live_number = current.live_number if number is None else number
    changed = await _change(tx, current, **_envelope(envelope), live_number=live_number, updated_at=at)
    _record_publish(tx, changed, fresh=False)
    return changed


async def settle(tx: Transaction, document: DocumentRecord, *, number: int) -> None:
    """A submit that changed nothing had its turn: nothing of the document waits up to `number`."""
    mine = (documents.c.tenant == tx.tenant, documents.c.id == document.row_id, documents.c.live_number < number)
    await tx.execute(update(documents).where(*mine).values(live_number=number))


async def retract(tx: Transaction, document: DocumentRecord, *, number: int, at: datetime) -> DocumentRecord | None:
    """Deletes the document; None when a higher number was faster. Its row stays and keeps counting."""
    current = await _lock(tx, document.row_id)
    if current.live_number >= number:
        return None
    await _retire(tx, current)
    return await _change(
        tx,
        current,
        status=DocumentStatus.DELETED,
        live_number=number,
        live_version_id=None,
        title=None,
        parsed_title=None,
        source_uri=None,
        metadata={},
        content_digest="",
        chunks=0,
        updated_at=at,
    )


async def mark_failed(tx: Transaction, document: DocumentRecord) -> None:
    """Says so of a document that never came to live. One that is live stays live."""
    mine = (documents.c.tenant == tx.tenant, documents.c.id == document.row_id)
    await tx.execute(
        update(documents).where(*mine, documents.c.status == DocumentStatus.PENDING).values(status=DocumentStatus.FAILED)
    )


async def version_page(tx: Transaction, document: DocumentRecord, request: PageRequest) -> Page[VersionRecord]:
    """The published versions, oldest first."""
    after = request.after_number(0)
    statement = (
        select(versions)
        .where(versions.c.tenant == tx.tenant, versions.c.document_id == document.row_id, versions.c.version > after)
        .order_by(versions.c.version)
        .limit(request.limit + 1)
    )
    rows = (await tx.execute(statement)).mappings().all()
    found = tuple(
        VersionRecord(
            version=row["version"],
            number=row["number"],
            state=row["state"],
            content_sha256=row["content_sha256"].hex(),
            media_type=row["media_type"],
            chunks=row["chunks"],
            published_at=row["published_at"],
        )
        for row in rows[: request.limit]
    )
    return Page(items=found, after=str(found[-1].version) if len(rows) > request.limit else None)


async def text_slice(tx: Transaction, version_id: int, start: int, end: int | None) -> tuple[str, int] | None:
    """Code points `[start, end)` of a version's canonical text, and the text's length."""
    statement = select(texts.c.body, texts.c.length).where(texts.c.tenant == tx.tenant, texts.c.version_id == version_id)
    row = (await tx.execute(statement)).first()
    return None if row is None else (row.body[start:end], row.length)


def record(row: Mapping[Any, Any]) -> DocumentRecord:
    """The record behind a row of `documents`, whatever else the row holds."""
    acl = row["acl"]
    return DocumentRecord(
        row_id=row["id"],
        index_id=row["index_id"],
        id=DocumentId(row["external_id"]),
        status=DocumentStatus(row["status"]),
        number=row["number"],
        live_number=row["live_number"],
        live_version_id=row["live_version_id"],
        version=row["version"],
        revision=row["revision"],
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
        content_digest=row["content_digest"],
        chunks=row["chunks"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def thaw(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as it was given: JSON arrays are tuples again."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()}  # type: ignore[arg-type]  # JSON array of scalars


def plain_acl(acl: Acl) -> list[str] | None:
    return None if acl is None else list(acl)


def _envelope(envelope: Envelope) -> dict[str, Any]:
    return {
        "title": envelope.title,
        "source_uri": envelope.source_uri,
        "occurred_at": envelope.occurred_at,
        "acl": plain_acl(envelope.acl),
        "metadata": {key: list(value) if isinstance(value, tuple) else value for key, value in envelope.metadata.items()},
    }


def _case_pending() -> Any:  # noqa: ANN401 -- a SQL expression
    return case((documents.c.live_version_id.is_(None), DocumentStatus.PENDING), else_=documents.c.status)


async def _lock(tx: Transaction, row_id: int) -> DocumentRecord:
    statement = locked(tx, select(documents).where(documents.c.tenant == tx.tenant, documents.c.id == row_id))
    return record((await tx.execute(statement)).mappings().one())


async def _change(tx: Transaction, current: DocumentRecord, **values: object) -> DocumentRecord:
    mine = (documents.c.tenant == tx.tenant, documents.c.id == current.row_id)
    statement = update(documents).where(*mine).values(revision=documents.c.revision + 1, **values).returning(documents)
    return record((await tx.execute(statement)).mappings().one())


async def _retire(tx: Transaction, current: DocumentRecord) -> None:
    """The live version, if any, is superseded and leaves the index; housekeeping removes its rows once that is durable."""
    if current.live_version_id is None:
        return
    mine = (versions.c.tenant == tx.tenant, versions.c.id == current.live_version_id)
    await tx.execute(update(versions).where(*mine).values(state="superseded"))
    tx.record(
        ChangeDraft(
            index_id=current.index_id,
            op="retract",
            subject_id=current.row_id,
            block=current.live_version_id,
            rows=current.chunks,
        )
    )


def _record_publish(tx: Transaction, document: DocumentRecord, *, fresh: bool) -> None:
    assert document.live_version_id is not None
    tx.record(
        ChangeDraft(
            index_id=document.index_id,
            op="publish",
            subject_id=document.row_id,
            block=document.live_version_id,
            rows=document.chunks,
            fresh=fresh,
        )
    )
