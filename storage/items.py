"""Job items: the unit of work that a worker claims, holds by a lease, and finishes. A lease that ran out is free to take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from core.ids import DocumentId, JobId, TenantId
from core.limits import ITEM_CLAIMS_MAX
from core.paging import Page, PageRequest
from storage.database import Transaction
from storage.records import ItemRecord, ItemState, Outcome
from storage.statements import ROWS_PER_STATEMENT, locked
from storage.tables import items

# Lower lanes are served first: what somebody waits for before what runs in bulk.
LANE_DIRECT = 0
LANE_BULK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item to be. `kind` is document, expand (yields more items) or delete; `payload` is what its handler needs."""

    document_id: DocumentId
    kind: str = "document"
    number: int | None = None
    content_sha256: bytes | None = None
    size: int = 0
    payload: Mapping[str, Any]
    state: ItemState = ItemState.QUEUED
    outcome: Outcome | None = None
    code: str | None = None
    detail: str | None = None
    version: int | None = None
    revision: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An item that this worker holds. `attempts` counts this one."""

    id: int
    tenant: TenantId
    job_id: JobId
    index_id: int
    kind: str
    document_id: DocumentId
    number: int | None
    content_sha256: bytes | None
    payload: Mapping[str, Any]
    attempts: int


async def add(tx: Transaction, job_id: JobId, rows: Sequence[NewItem], *, index_id: int, lane: int, at: datetime) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        await tx.execute(
            insert(items),
            [
                {
                    "tenant": tx.tenant,
                    "job_id": job_id,
                    "index_id": index_id,
                    "kind": row.kind,
                    "lane": lane,
                    "document_id": row.document_id,
                    "number": row.number,
                    "state": row.state,
                    "outcome": row.outcome,
                    "code": row.code,
                    "detail": row.detail,
                    "content_sha256": row.content_sha256,
                    "size": row.size,
                    "payload": dict(row.payload),
                    "version": row.version,
                    "revision": row.revision,
                    "offset": row.offset,
                    "queued_at": at,
                }
                for row in rows[start : start + ROWS_PER_STATEMENT]
            ],
        )


async def claim(tx: Transaction, owner: str, *, now: datetime, lease_until: datetime, limit: int) -> tuple[Claim, ...]:
    """Takes up to `limit` items that wait, or whose worker let its lease run out (a system write)."""
    lost = (items.c.state == ItemState.RUNNING, items.c.lease_until < now)
    await tx.execute(update(items).where(*lost).values(state=ItemState.QUEUED, owner=None, lease_until=None))
    next_up = (
        select(items.c.id)
        .where(items.c.state == ItemState.QUEUED, items.c.attempts < ITEM_CLAIMS_MAX)
        .order_by(items.c.lane, items.c.id)
        .limit(limit)
    )
    taken = (
        update(items)
        .where(items.c.id.in_(locked(tx, next_up, skip=True).scalar_subquery()))
        .values(state=ItemState.RUNNING, owner=owner, lease_until=lease_until, attempts=items.c.attempts + 1)
        .returning(items)
    )
    rows = (await tx.execute(taken)).mappings().all()
    return tuple(_claim(row) for row in sorted(rows, key=lambda row: (row["lane"], row["id"])))


async def exhausted(tx: Transaction, now: datetime, limit: int) -> tuple[Claim, ...]:
    """Items whose every attempt ended with a lost lease: whatever they hold kills workers (a system read)."""
    free = or_(items.c.state == ItemState.QUEUED, (items.c.state == ItemState.RUNNING) & (items.c.lease_until < now))
    spent = (items.c.attempts >= ITEM_CLAIMS_MAX, free)
    return tuple(_claim(row) for row in (await tx.execute(select(items).where(*spent).limit(limit))).mappings())


async def extend(tx: Transaction, owner: str, ids: Sequence[int], lease_until: datetime) -> None:
    """The heartbeat: renews `owner`'s leases on what it is really working on (a system write)."""
    mine = (items.c.state == ItemState.RUNNING, items.c.owner == owner, items.c.id.in_(ids))
    await tx.execute(update(items).where(*mine).values(lease_until=lease_until))


async def release(tx: Transaction, owner: str, *, counted: bool) -> int:
    """Puts back what `owner` holds: after a stop (`counted` False: the attempt is forgotten) or its death (a system write)."""
    mine = (items.c.state == ItemState.RUNNING, items.c.owner == owner)
    attempts = items.c.attempts if counted else items.c.attempts - 1
    put_back = update(items).where(*mine).values(state=ItemState.QUEUED, owner=None, lease_until=None, attempts=attempts)
    return (await tx.execute(put_back)).rowcount


async def requeue(tx: Transaction, item_id: int, owner: str) -> None:
    """Puts one item back for another attempt."""
    mine = (items.c.id == item_id, items.c.owner == owner, items.c.state == ItemState.RUNNING)
    await tx.execute(update(items).where(*mine).values(state=ItemState.QUEUED, owner=None, lease_until=None))


async def progressed(tx: Transaction, item_id: int, owner: str) -> None:
    """An attempt that got somewhere is no sign of a document that kills its workers: it counts as the first."""
    mine = (items.c.tenant == tx.tenant, items.c.id == item_id, items.c.owner == owner)
    await tx.execute(update(items).where(*mine).values(attempts=1))


async def set_content(tx: Transaction, item_id: int, sha256: bytes, size: int) -> None:
    """What a listed file held when it was read."""
    mine = (items.c.tenant == tx.tenant, items.c.id == item_id)
    await tx.execute(update(items).where(*mine).values(content_sha256=sha256, size=size))


async def holds(tx: Transaction, item_id: int, owner: str) -> bool:
    """Whether `owner` still holds the item; the row stays locked until the commit."""
    statement = select(items.c.id).where(
        items.c.tenant == tx.tenant, items.c.id == item_id, items.c.owner == owner, items.c.state == ItemState.RUNNING
    )
    return (await tx.execute(locked(tx, statement))).first() is not None


async def finish(
    tx: Transaction,
    item_id: int,
    *,
    state: ItemState,
    outcome: Outcome | None,
    code: str | None = None,
    detail: str | None = None,
    version: int | None = None,
    revision: int | None = None,
    chunks: int | None = None,
) -> None:
    await tx.execute(
        update(items)
        .where(items.c.tenant == tx.tenant, items.c.id == item_id)
        .values(
            state=state,
            outcome=outcome,
            code=code,
            detail=detail,
            version=version,
            revision=revision,
            chunks=chunks,
            owner=None,
            lease_until=None,
        )
    )

    async def stamp(offset: int | None) -> None:
        if offset is not None:
            await tx.execute(update(items).where(items.c.tenant == tx.tenant, items.c.id == item_id).values(offset=offset))

    tx.before_commit(stamp)


async def page(tx: Transaction, job_id: JobId, request: PageRequest, *, state: ItemState | None) -> Page[ItemRecord]:
    after = request.after_number(0)
    statement = select(items).where(
        items.c.tenant == tx.tenant, items.c.job_id == job_id, items.c.id > after, items.c.kind != "expand"
    )
    if state is not None:
        statement = statement.where(items.c.state == state)
    rows = (await tx.execute(statement.order_by(items.c.id).limit(request.limit + 1))).mappings().all()
    found = tuple(_record(row) for row in rows[: request.limit])
    return Page(items=found, after=str(found[-1].id) if len(rows) > request.limit else None)


async def of_job(tx: Transaction, job_id: JobId) -> tuple[ItemRecord, ...]:
    """Every item, in order; for jobs made of one request."""
    statement = select(items).where(items.c.tenant == tx.tenant, items.c.job_id == job_id).order_by(items.c.id)
    return tuple(_record(row) for row in (await tx.execute(statement)).mappings())


async def size_of_job(tx: Transaction, job_id: JobId) -> tuple[int, int]:
    """How many items a job has, and how many bytes they were sent with."""
    statement = select(func.count().label("number"), func.coalesce(func.sum(items.c.size), 0).label("size")).where(
        items.c.tenant == tx.tenant, items.c.job_id == job_id
    )
    row = (await tx.execute(statement)).one()
    return row.number, int(row.size)


async def replace_held(tx: Transaction, job_id: JobId, document_id: DocumentId) -> None:
    """Forgets an earlier upload of the same path to the same open job."""
    await tx.execute(
        delete(items).where(items.c.tenant == tx.tenant, items.c.job_id == job_id, items.c.document_id == document_id)
    )


async def cancel_unfinished(tx: Transaction, job_id: JobId) -> None:
    """Ends every item that has not: a worker that holds one finds out when it asks whether it still `holds` it."""
    pending = [ItemState.HELD, ItemState.QUEUED, ItemState.RUNNING]
    mine = (items.c.tenant == tx.tenant, items.c.job_id == job_id, items.c.state.in_(pending))
    await tx.execute(update(items).where(*mine).values(state=ItemState.CANCELLED, owner=None, lease_until=None))


async def held(tx: Transaction, job_id: JobId) -> tuple[tuple[int, DocumentId], ...]:
    """Row and document ids of the files of an open job."""
    mine = (items.c.tenant == tx.tenant, items.c.job_id == job_id, items.c.state == ItemState.HELD)
    rows = await tx.execute(select(items.c.id, items.c.document_id).where(*mine).order_by(items.c.id))
    return tuple((row.id, DocumentId(row.document_id)) for row in rows)


async def queue_held(tx: Transaction, numbered: Sequence[tuple[int, int]], at: datetime) -> None:
    """Lets held items, given as (row id, document number), be claimed."""
    if not numbered:
        return
    statement = (
        update(items)
        .where(items.c.tenant == tx.tenant, items.c.id == bindparam("row"))
        .values(state=ItemState.QUEUED, number=bindparam("issued"), queued_at=at)
    )
    await tx.execute(statement, [{"row": row, "issued": number} for row, number in numbered])


async def of_document(tx: Transaction, job_id: JobId, document_id: DocumentId) -> ItemRecord:
    """The item of that document, which the job has."""
    mine = (items.c.tenant == tx.tenant, items.c.job_id == job_id, items.c.document_id == document_id)
    return _record((await tx.execute(select(items).where(*mine))).mappings().one())


async def failed_of_job(tx: Transaction, job_id: JobId) -> tuple[Claim, ...]:
    mine = (items.c.tenant == tx.tenant, items.c.job_id == job_id, items.c.state == ItemState.FAILED)
    return tuple(_claim(row) for row in (await tx.execute(select(items).where(*mine))).mappings())


async def revive(tx: Transaction, item_id: int, number: int | None, at: datetime) -> None:
    """Queues a failed item again under a new number, as if it had never been tried."""
    values = {
        "state": ItemState.QUEUED,
        "outcome": None,
        "code": None,
        "detail": None,
        "attempts": 0,
        "number": number,
        "queued_at": at,
    }
    await tx.execute(update(items).where(items.c.tenant == tx.tenant, items.c.id == item_id).values(**values))


async def set_payload(tx: Transaction, item_id: int, payload: Mapping[str, Any]) -> None:
    """Remembers how far an expanding item has come."""
    await tx.execute(update(items).where(items.c.tenant == tx.tenant, items.c.id == item_id).values(payload=dict(payload)))


async def waiting(tx: Transaction) -> tuple[int, datetime | None]:
    """How many items wait, over all tenants, and since when the oldest does (a system read)."""
    statement = select(func.count().label("number"), func.min(items.c.queued_at).label("oldest")).where(
        items.c.state == ItemState.QUEUED
    )
    row = (await tx.execute(statement)).one()
    return row.number, row.oldest


def _claim(row: Mapping[Any, Any]) -> Claim:
    return Claim(
        id=row["id"],
        tenant=TenantId(row["tenant"]),
        job_id=JobId(row["job_id"]),
        index_id=row["index_id"],
        kind=row["kind"],
        document_id=DocumentId(row["document_id"]),
        number=row["number"],
        content_sha256=row["content_sha256"],
        payload=row["payload"],
        attempts=row["attempts"],
    )


def _record(row: Mapping[Any, Any]) -> ItemRecord:
    return ItemRecord(
        id=row["id"],
        job_id=JobId(row["job_id"]),
        document_id=DocumentId(row["document_id"]),
        state=ItemState(row["state"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        code=row["code"],
        detail=row["detail"],
        attempts=row["attempts"],
        version=row["version"],
        revision=row["revision"],
        chunks=row["chunks"],
        offset=row["offset"],
    )
