"""Jobs: batches of work on one index. Their counts are derived from their items, never kept beside them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, func, insert, literal, select, update
from sqlalchemy import cast as sql_cast

from core.ids import IndexName, JobId, Principal, TenantId
from core.paging import Page, PageRequest
from storage.database import Transaction
from storage.records import IndexRecord, ItemState, JobCounts, JobKind, JobRecord, JobState, Outcome
from storage.tables import items, jobs

UNFINISHED = (JobState.OPEN, JobState.QUEUED, JobState.RUNNING)
_PENDING = (ItemState.HELD, ItemState.QUEUED, ItemState.RUNNING)


async def add(
    tx: Transaction,
    job_id: JobId,
    *,
    index: IndexRecord,
    owner: Principal,
    kind: JobKind,
    state: JobState,
    spec: Mapping[str, Any],
    at: datetime,
) -> None:
    await tx.execute(
        insert(jobs).values(
            tenant=tx.tenant,
            id=job_id,
            index_id=index.id,
            index_name=index.name,
            owner=owner,
            kind=kind,
            state=state,
            spec=dict(spec),
            created_at=at,
            started_at=None,
        )
    )


async def find(tx: Transaction, job_id: JobId, now: datetime) -> JobRecord | None:
    """The job with its counts; one that runs without any worker holding it is `interrupted`."""
    row = (await tx.execute(select(jobs).where(jobs.c.tenant == tx.tenant, jobs.c.id == job_id))).mappings().first()
    return None if row is None else await _record(tx, row, now)


async def get(tx: Transaction, job_id: JobId, now: datetime) -> JobRecord:
    """The job, which this transaction or an earlier one has made."""
    found = await find(tx, job_id, now)
    assert found is not None, job_id
    return found


async def page(tx: Transaction, request: PageRequest, now: datetime, *, owner: Principal | None) -> Page[JobRecord]:
    """Newest first; those of one owner, or everybody's for None."""
    statement = select(jobs).where(jobs.c.tenant == tx.tenant).order_by(jobs.c.id.desc()).limit(request.limit + 1)
    if request.after is not None:
        statement = statement.where(jobs.c.id < request.after)
    if owner is not None:
        statement = statement.where(jobs.c.owner == owner)
    rows = (await tx.execute(statement)).mappings().all()
    found = tuple([await _record(tx, row, now) for row in rows[: request.limit]])
    return Page(items=found, after=found[-1].id if len(rows) > request.limit else None)


async def spec(tx: Transaction, job_id: JobId) -> Mapping[str, Any]:
    """What the job was asked to do, as it was stored."""
    statement = select(jobs.c.spec).where(jobs.c.tenant == tx.tenant, jobs.c.id == job_id)
    return (await tx.execute(statement)).scalar_one()


async def move(
    tx: Transaction,
    job_id: JobId,
    *,
    to: JobState,
    among: tuple[JobState, ...],
    at: datetime,
    error: tuple[str, str] | None = None,
) -> bool:
    """Puts the job into another state if it is in one of `among`; whether it was."""
    values: dict[str, Any] = {"state": to}
    if to is JobState.QUEUED:
        values |= {"finished_at": None, "error": None}
    if to.final:
        values["finished_at"] = at
        values["error"] = None if error is None else list(error)
    mine = (jobs.c.tenant == tx.tenant, jobs.c.id == job_id, jobs.c.state.in_(among))
    return (await tx.execute(update(jobs).where(*mine).values(**values))).rowcount > 0


async def run(tx: Transaction, tenant: TenantId, job_id: JobId, at: datetime) -> None:
    """A worker has begun with a job of whichever tenant (a system write)."""
    mine = (jobs.c.tenant == tenant, jobs.c.id == job_id, jobs.c.state == JobState.QUEUED)
    started = func.coalesce(jobs.c.started_at, at)
    await tx.execute(update(jobs).where(*mine).values(state=JobState.RUNNING, started_at=started))


async def finish_if_done(tx: Transaction, job_id: JobId, at: datetime) -> bool:
    """Ends a queued or running job none of whose items is pending; whether it did."""
    mine = (items.c.tenant == tx.tenant, items.c.job_id == job_id)
    if (await tx.execute(select(items.c.id).where(*mine, items.c.state.in_(_PENDING)).limit(1))).first() is not None:
        return False
    failed = select(items.c.kind, items.c.code, items.c.detail).where(*mine, items.c.state == ItemState.FAILED)
    # The one that lists the source comes first: without it the rest was never seen, and the job as a whole has failed.
    worst = (await tx.execute(failed.order_by(items.c.kind != "expand", items.c.id).limit(1))).first()
    state = JobState.COMPLETED
    error: tuple[str, str] | None = None
    if worst is not None:
        whole = worst.kind == "expand"
        state = JobState.FAILED if whole else JobState.COMPLETED_WITH_ERRORS
        error = (worst.code, worst.detail) if whole else None
    return await move(tx, job_id, to=state, among=(JobState.QUEUED, JobState.RUNNING), at=at, error=error)


async def unfinished_of_index(tx: Transaction, index_id: int) -> tuple[JobId, ...]:
    statement = select(jobs.c.id).where(jobs.c.tenant == tx.tenant, jobs.c.index_id == index_id, jobs.c.state.in_(UNFINISHED))
    return tuple(JobId(job_id) for job_id in (await tx.execute(statement)).scalars())


async def _record(tx: Transaction, row: Mapping[Any, Any], now: datetime) -> JobRecord:
    counted = (
        select(
            items.c.state,
            items.c.outcome,
            func.count().label("number"),
            func.max(items.c.offset).label("offset"),
            func.max(sql_cast(items.c.lease_until > literal(now, type_=items.c.lease_until.type), Integer)).label("held"),
        )
        .where(items.c.tenant == tx.tenant, items.c.job_id == row["id"], items.c.kind != "expand")
        .group_by(items.c.state, items.c.outcome)
    )
    groups = (await tx.execute(counted)).all()
    pending = sum(group.number for group in groups if group.state in _PENDING)
    held = any(group.held for group in groups if group.state == ItemState.RUNNING)
    running = any(group.state == ItemState.RUNNING for group in groups)
    state = JobState(row["state"])
    if state is JobState.RUNNING and running and not held:
        state = JobState.INTERRUPTED
    error = row["error"]
    return JobRecord(
        id=JobId(row["id"]),
        tenant=TenantId(row["tenant"]),
        index=IndexName(row["index_name"]),
        index_id=row["index_id"],
        owner=Principal(row["owner"]),
        kind=JobKind(row["kind"]),
        state=state,
        counts=_counts(groups),
        pending=pending,
        offset=max((group.offset for group in groups if group.offset is not None), default=None),
        error=None if error is None else (error[0], error[1]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _counts(groups: Any) -> JobCounts:  # noqa: ANN401 -- rows of the counting statement
    def of(outcome: Outcome) -> int:
        return sum(group.number for group in groups if group.outcome == outcome)

    return JobCounts(
        found=sum(group.number for group in groups),
        unchanged=of(Outcome.UNCHANGED),
        created=of(Outcome.CREATED),
        updated=of(Outcome.UPDATED),
        deleted=of(Outcome.DELETED),
        failed=sum(group.number for group in groups if group.state == ItemState.FAILED),
        skipped=of(Outcome.SKIPPED) + sum(group.number for group in groups if group.state == ItemState.CANCELLED),
    )
