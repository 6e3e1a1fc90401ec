"""Sessions of an owner. Every write of a session's messages locks its row first, so that its messages have one order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, select, update

from core.ids import Principal, SessionId
from core.metadata import Metadata
from core.paging import Page, PageRequest
from storage.database import Reads, Transaction
from storage.documents import thaw
from storage.memory_records import SessionRecord, SessionState
from storage.memory_tables import sessions
from storage.statements import locked, unindexed, upsert

# The kind of the principal that what is being erased belongs to, one for each erasure: nobody reads or writes as one.
ERASED = "erased:"

# Made once, as in storage/passages.py: building a statement costs more than running it.
_LIVING = select(sessions).where(
    sessions.c.tenant == bindparam("tenant"),
    sessions.c.id == bindparam("row"),
    ~sessions.c.owner.startswith(ERASED, autoescape=True),
)
_NAMED = select(sessions).where(
    sessions.c.tenant == bindparam("tenant"),
    sessions.c.owner == bindparam("owner"),
    sessions.c.external_id == bindparam("session"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session about to be made."""

    id: SessionId
    agent: str | None
    metadata: Metadata
    ttl_s: int | None


async def find(reads: Reads, owner: Principal, session: SessionId) -> SessionRecord | None:
    found = await reads.rows(_NAMED, {"tenant": reads.tenant, "owner": owner, "session": session})
    return _record(found[0]) if found else None


async def lock(tx: Transaction, row_id: int) -> SessionRecord | None:
    """The session as it is now, locked until the commit; None when it is gone, or being erased."""
    found = await tx.rows(locked(tx, _LIVING), {"tenant": tx.tenant, "row": row_id})
    return _record(found[0]) if found else None


async def by_rows(tx: Transaction, row_ids: tuple[int, ...]) -> dict[int, SessionRecord]:
    statement = select(sessions).where(unindexed(sessions.c.tenant) == tx.tenant, sessions.c.id.in_(row_ids))
    return {found.row_id: found for found in map(_record, (await tx.execute(statement)).mappings())}


async def page(tx: Transaction, owner: Principal, request: PageRequest, *, agent: str | None = None) -> Page[SessionRecord]:
    """By id in code point order."""
    statement = select(sessions).where(*_mine(tx, owner), sessions.c.external_id > (request.after or ""))
    if agent is not None:
        statement = statement.where(sessions.c.agent == agent)
    rows = (await tx.execute(statement.order_by(sessions.c.external_id).limit(request.limit + 1))).mappings().all()
    found = tuple(_record(row) for row in rows[: request.limit])
    return Page(items=found, after=found[-1].id if len(rows) > request.limit else None)


async def add(tx: Transaction, owner: Principal, new: NewSession, at: datetime) -> SessionRecord | None:
    """Makes it; None when there is one of that id already."""
    values = {
        "tenant": tx.tenant,
        "owner": owner,
        "external_id": new.id,
        "agent": new.agent,
        "state": SessionState.OPEN,
        "metadata": dict(new.metadata),
        "ttl_s": new.ttl_s,
        "expires_at": expiry(new.ttl_s, at),
        "created_at": at,
        "updated_at": at,
    }
    made = upsert(tx, sessions).values(values).on_conflict_do_nothing().returning(*sessions.c)
    row = (await tx.execute(made)).mappings().first()
    return None if row is None else _record(row)


async def advance(
    tx: Transaction, session: SessionRecord, *, messages: int, tokens: int, occurred_at: datetime | None, at: datetime
) -> None:
    """Counts messages that were appended. `occurred_at` is the latest event time, the session's own included."""
    await _change(
        tx,
        session,
        head_seq=sessions.c.head_seq + messages,
        messages=sessions.c.messages + messages,
        tokens=sessions.c.tokens + tokens,
        last_occurred_at=occurred_at,
        updated_at=at,
        expires_at=expiry(session.ttl_s, at),
    )


async def shrink(tx: Transaction, session: SessionRecord, *, messages: int, tokens: int, at: datetime | None) -> None:
    """Counts messages that were removed, or tokens that were. `at` None: nobody did that, the session is as idle as before."""
    fewer = {"messages": sessions.c.messages - messages, "tokens": sessions.c.tokens - tokens}
    await _change(tx, session, **fewer, updated_at=at or session.updated_at)


async def close(tx: Transaction, session: SessionRecord, at: datetime) -> None:
    await _change(tx, session, state=SessionState.CLOSED, closed_at=at, updated_at=at)


async def remove(tx: Transaction, session: SessionRecord) -> None:
    """Its row alone: what belongs to it goes before."""
    await tx.execute(delete(sessions).where(sessions.c.tenant == tx.tenant, sessions.c.id == session.row_id))


def expiry(ttl_s: int | None, at: datetime) -> datetime | None:
    """When a session ends by itself: so long after the last that happened in it."""
    return None if ttl_s is None else at + timedelta(seconds=ttl_s)


def _mine(tx: Transaction, owner: Principal) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return sessions.c.tenant == tx.tenant, sessions.c.owner == owner


async def _change(tx: Transaction, session: SessionRecord, **values: object) -> None:
    mine = (sessions.c.tenant == tx.tenant, sessions.c.id == session.row_id)
    await tx.execute(update(sessions).where(*mine).values(**values))


def _record(row: Mapping[Any, Any]) -> SessionRecord:
    return SessionRecord(
        row_id=row["id"],
        owner=Principal(row["owner"]),
        id=SessionId(row["external_id"]),
        agent=row["agent"],
        state=SessionState(row["state"]),
        metadata=thaw(row["metadata"]),
        ttl_s=row["ttl_s"],
        expires_at=row["expires_at"],
        head_seq=row["head_seq"],
        messages=row["messages"],
        tokens=row["tokens"],
        last_occurred_at=row["last_occurred_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        closed_at=row["closed_at"],
    )
