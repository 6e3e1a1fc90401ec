"""The outbox: one gap-free sequence of offsets per tenant over everything searchable, in commit order."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select, update

from core.ids import Principal, TenantId
from storage.database import Transaction
from storage.tables import changes, tenant_heads, watermarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A committed change. `token` is random: two histories that share an offset differ in it. The rest is as in ChangeDraft."""

    offset: int
    token: str
    index_id: int
    op: Literal["publish", "retract"]
    subject_id: int
    block: int
    rows: int
    fresh: bool
    owner: Principal | None
    at: datetime


async def append(tx: Transaction) -> int | None:
    """Gives the transaction's drafts their offsets; the last one, or None when there are none.

    Called last before the commit: from here on the tenant's head row is locked, so offset order is commit order, and nobody
    waits for longer than the insert below takes.
    """
    if not tx.drafts:
        return None
    taken = (
        update(tenant_heads)
        .where(tenant_heads.c.tenant == tx.tenant)
        .values(head=tenant_heads.c.head + len(tx.drafts))
        .returning(tenant_heads.c.head)
    )
    head: int = (await tx.execute(taken)).scalar_one()
    first = head - len(tx.drafts) + 1
    now = datetime.now(UTC)
    await tx.execute(
        insert(changes),
        [
            {
                "tenant": tx.tenant,
                "offset": first + place,
                "token": secrets.token_hex(8),
                "index_id": draft.index_id,
                "op": draft.op,
                "subject_id": draft.subject_id,
                "block": draft.block,
                "rows": draft.rows,
                "fresh": draft.fresh,
                "owner": draft.owner,
                "at": now,
            }
            for place, draft in enumerate(tx.drafts)
        ],
    )
    return head


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmable:
    """Changes below an offset that nothing needs. `kept` is the last one of each index, if it is below too: its token proves
    which history that index's snapshot belongs to."""

    below: int
    kept: frozenset[int]


async def after(tx: Transaction, offset: int, *, limit: int) -> tuple[Change, ...]:
    """The next changes of the tenant in order, at most `limit`."""
    statement = (
        select(changes).where(changes.c.tenant == tx.tenant, changes.c.offset > offset).order_by(changes.c.offset).limit(limit)
    )
    return tuple(_change(row) for row in await tx.execute(statement))


async def count_after(tx: Transaction, offset: int) -> int:
    """How many changes behind `offset` are there; fewer than the head says when some were trimmed."""
    behind = (changes.c.tenant == tx.tenant, changes.c.offset > offset)
    return (await tx.execute(select(func.count()).select_from(changes).where(*behind))).scalar_one()


async def token_at(tx: Transaction, offset: int) -> str | None:
    """The token of the change at `offset`, None when it was trimmed or never was."""
    statement = select(changes.c.token).where(changes.c.tenant == tx.tenant, changes.c.offset == offset)
    return (await tx.execute(statement)).scalar_one_or_none()


async def last_of_index(tx: Transaction, index_id: int) -> Change | None:
    """The latest change of one index, None when it never had any."""
    statement = (
        select(changes)
        .where(changes.c.tenant == tx.tenant, changes.c.index_id == index_id)
        .order_by(changes.c.offset.desc())
        .limit(1)
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else _change(row)


async def head(tx: Transaction) -> int:
    """The tenant's last committed offset, as this transaction sees it."""
    statement = select(tenant_heads.c.head).where(tenant_heads.c.tenant == tx.tenant)
    return (await tx.execute(statement)).scalar_one_or_none() or 0


async def heads(tx: Transaction) -> dict[TenantId, int]:
    """The last committed offset of every tenant (a system read)."""
    return {TenantId(row.tenant): row.head for row in await tx.execute(select(tenant_heads))}


async def note_watermark(tx: Transaction, engine: str, offset: int, at: datetime) -> None:
    """Remembers how far this engine has durably come with the tenant."""
    mine = (watermarks.c.tenant == tx.tenant, watermarks.c.engine == engine)
    changed = await tx.execute(update(watermarks).where(*mine).values(offset=offset, at=at))
    if changed.rowcount == 0:
        await tx.execute(insert(watermarks).values(tenant=tx.tenant, engine=engine, offset=offset, at=at))


async def forget_gone_engines(tx: Transaction, before: datetime) -> None:
    """Drops what engines said last before that moment, where another one of the tenant spoke since. One that comes back after
    all finds its change trimmed, and rebuilds."""
    mine = watermarks.c.tenant == tx.tenant
    newest = (await tx.execute(select(func.max(watermarks.c.at)).where(mine))).scalar_one()
    if newest is not None and newest >= before:
        await tx.execute(delete(watermarks).where(mine, watermarks.c.at < before))


async def trimmable(tx: Transaction, *, keep: int) -> Trimmable | None:
    """The changes below every watermark but the last `keep`; None while no engine has said how far it is, or few are there."""
    lowest = select(func.min(watermarks.c.offset)).where(watermarks.c.tenant == tx.tenant)
    edge: int | None = (await tx.execute(lowest)).scalar_one()
    if edge is None or edge <= keep:
        return None
    last = select(func.max(changes.c.offset)).where(changes.c.tenant == tx.tenant).group_by(changes.c.index_id)
    kept = frozenset((await tx.execute(last)).scalars())
    return Trimmable(below=edge - keep, kept=frozenset(offset for offset in kept if offset < edge - keep))


async def trim(tx: Transaction, what: Trimmable, *, limit: int) -> int:
    """Drops the oldest `limit` of them at most. How many went."""
    old = (changes.c.tenant == tx.tenant, changes.c.offset < what.below, changes.c.offset.not_in(what.kept))
    some = select(changes.c.offset).where(*old).order_by(changes.c.offset).limit(limit)
    offsets = list((await tx.execute(some)).scalars())
    if not offsets:
        return 0
    return (await tx.execute(delete(changes).where(*old, changes.c.offset <= offsets[-1]))).rowcount


def _change(row: Any) -> Change:  # noqa: ANN401 -- a row of `changes`
    return Change(
        offset=row.offset,
        token=row.token,
        index_id=row.index_id,
        op=row.op,
        subject_id=row.subject_id,
        block=row.block,
        rows=row.rows,
        fresh=row.fresh,
        owner=None if row.owner is None else Principal(row.owner),
        at=row.at,
    )
