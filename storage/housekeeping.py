"""Removing what nothing needs any more: rows of superseded versions, of deleted indexes, of jobs that ended long ago. Bounded
steps, safe to repeat."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select

from core.ids import JobId, make_id
from core.limits import CHUNK_ORDINAL_BITS
from storage.database import Transaction
from storage.records import JobState
from storage.tables import changes, chunks, documents, items, jobs, texts, versions, watermarks


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


async def drop_ended_jobs(tx: Transaction, before: datetime, *, limit: int) -> int:
    """Items of jobs that ended before that moment, then the jobs. How many rows went."""
    ended = select(jobs.c.id).where(*_begun(tx, before), jobs.c.finished_at < before).order_by(jobs.c.id).limit(limit)
    went = 0
    for job_id in list((await tx.execute(ended)).scalars()):
        mine = (items.c.tenant == tx.tenant, items.c.job_id == job_id)
        some = select(items.c.id).where(*mine).limit(limit - went).scalar_subquery()
        went += (await tx.execute(delete(items).where(items.c.id.in_(some)))).rowcount
        if went >= limit:
            break
        went += (await tx.execute(delete(jobs).where(jobs.c.tenant == tx.tenant, jobs.c.id == job_id))).rowcount
    return went


async def forgotten_jobs(tx: Transaction, before: datetime, *, limit: int) -> tuple[JobId, ...]:
    """Upload jobs opened before that moment and never started."""
    still_open = select(jobs.c.id).where(*_begun(tx, before), jobs.c.state == JobState.OPEN).limit(limit)
    return tuple(JobId(job_id) for job_id in (await tx.execute(still_open)).scalars())


def _begun(tx: Transaction, before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Ids of jobs grow with the time, so that this is a range of the primary key and not every job."""
    return jobs.c.tenant == tx.tenant, jobs.c.id < make_id("job", before)


async def _drop_content(tx: Transaction, version_id: int) -> None:
    await tx.execute(delete(chunks).where(chunks.c.tenant == tx.tenant, *_of_version(version_id)))
    await tx.execute(delete(texts).where(texts.c.tenant == tx.tenant, texts.c.version_id == version_id))


def _of_version(version_id: int) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The key range of a version's chunks: the primary key finds them without another index."""
    first = version_id << CHUNK_ORDINAL_BITS
    return chunks.c.key >= first, chunks.c.key < first + (1 << CHUNK_ORDINAL_BITS)
