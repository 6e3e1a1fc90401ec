"""Removing what nothing needs any more: rows of superseded versions and of deleted indexes. Bounded steps, safe to repeat."""

from typing import Any

from sqlalchemy import ColumnElement, delete, func, select

from core.limits import CHUNK_ORDINAL_BITS
from storage.database import Transaction
from storage.tables import changes, chunks, documents, texts, versions, watermarks


async def drop_superseded(tx: Transaction, *, limit: int) -> int:
    """Chunks and texts of superseded versions that every engine has durably retracted. The versions stay, as history."""
    lowest = select(func.min(watermarks.c.offset)).where(watermarks.c.tenant == tx.tenant).scalar_subquery()
    pending = select(changes.c.block).where(changes.c.tenant == tx.tenant, changes.c.offset > lowest)
    done = (
        select(versions.c.id)
        .where(
            versions.c.tenant == tx.tenant,
            versions.c.state == "superseded",
            lowest.is_not(None),
            versions.c.id.not_in(pending),
        )
        .limit(limit)
    )
    ids = list((await tx.execute(done)).scalars())
    for version_id in ids:
        await _drop_content(tx, version_id)
        await tx.execute(versions.update().where(versions.c.id == version_id).values(state="dropped"))
    return len(ids)


async def drop_index_rows(tx: Transaction, index_id: int, *, limit: int) -> int:
    """A batch of a deleted index's documents with all that hangs on them. How many went; 0 when it is empty."""
    mine = (documents.c.tenant == tx.tenant, documents.c.index_id == index_id)
    ids = list((await tx.execute(select(documents.c.id).where(*mine).limit(limit))).scalars())
    for document_id in ids:
        its = (versions.c.tenant == tx.tenant, versions.c.document_id == document_id)
        for version_id in (await tx.execute(select(versions.c.id).where(*its))).scalars():
            await _drop_content(tx, version_id)
        await tx.execute(delete(versions).where(*its))
        await tx.execute(delete(documents).where(documents.c.id == document_id))
    return len(ids)


async def _drop_content(tx: Transaction, version_id: int) -> None:
    await tx.execute(delete(chunks).where(chunks.c.tenant == tx.tenant, *_of_version(version_id)))
    await tx.execute(delete(texts).where(texts.c.tenant == tx.tenant, texts.c.version_id == version_id))


def _of_version(version_id: int) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The key range of a version's chunks: the primary key finds them without another index."""
    first = version_id << CHUNK_ORDINAL_BITS
    return chunks.c.key >= first, chunks.c.key < first + (1 << CHUNK_ORDINAL_BITS)
