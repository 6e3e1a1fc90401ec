"""Messages of a session, by their number. What they mean, and what of them is searchable, is written by the memory room."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from core.ids import Principal, row_number
from core.metadata import Metadata
from core.paging import Page, PageRequest
from storage.database import Transaction
from storage.documents import thaw
from storage.memory_records import MessageRecord, Role, SessionRecord, TimeKind
from storage.memory_tables import messages
from storage.statements import ROWS_PER_STATEMENT, unindexed

# A row takes some 25 µs to become a record, during which nothing else runs.
MESSAGES_PER_READ = 500

# Made once, as in storage/passages.py: building a statement costs more than running it.
_LATEST = (
    select(messages)
    .where(messages.c.tenant == bindparam("tenant"), messages.c.session_id == bindparam("session"))
    .order_by(messages.c.seq.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message about to be stored; `rows` is how many searchable rows go with it."""

    seq: int
    client_id: str | None
    role: Role
    speaker: str | None
    content: str
    digest: bytes
    occurred_at: datetime | None
    occurred_kind: TimeKind
    source: str | None
    trust: int
    flags: tuple[str, ...]
    tokens: int
    metadata: Metadata
    rows: int


async def add(tx: Transaction, session: SessionRecord, new: Sequence[NewMessage], at: datetime) -> tuple[MessageRecord, ...]:
    """Stores them; the records in the order given."""
    added: list[MessageRecord] = []
    for start in range(0, len(new), ROWS_PER_STATEMENT):
        values = [_values(tx, session, one, at) for one in new[start : start + ROWS_PER_STATEMENT]]
        statement = insert(messages).returning(*messages.c, sort_by_parameter_order=True)
        added += [message_record(row) for row in (await tx.execute(statement, values)).mappings()]
    return tuple(added)


async def by_client_ids(tx: Transaction, session_id: int, ids: Sequence[str]) -> dict[str, MessageRecord]:
    """Those of the session that are there already."""
    if not ids:
        return {}
    statement = select(messages).where(*_of(tx, session_id), messages.c.client_id.in_(ids))
    return {str(row["client_id"]): message_record(row) for row in (await tx.execute(statement)).mappings()}


async def find(tx: Transaction, session_id: int, message: str) -> MessageRecord | None:
    """By public id: the client's where it gave one, else ours."""
    number = row_number("msg", message)
    named = messages.c.client_id == message
    if number is not None:
        named |= (messages.c.id == number) & messages.c.client_id.is_(None)
    row = (await tx.execute(select(messages).where(*_of(tx, session_id), named))).mappings().first()
    return None if row is None else message_record(row)


async def by_rows(tx: Transaction, row_ids: Sequence[int]) -> dict[int, MessageRecord]:
    """Those that are there, of any session of the tenant."""
    found: dict[int, MessageRecord] = {}
    for start in range(0, len(row_ids), ROWS_PER_STATEMENT):
        wanted = row_ids[start : start + ROWS_PER_STATEMENT]
        statement = select(messages).where(unindexed(messages.c.tenant) == tx.tenant, messages.c.id.in_(wanted))
        found |= {row["id"]: message_record(row) for row in (await tx.execute(statement)).mappings()}
    return found


async def of_owner(tx: Transaction, owner: Principal, *, after: int, limit: int) -> tuple[MessageRecord, ...]:
    """The next `limit` messages of an owner by row, of all sessions."""
    mine = (messages.c.tenant == tx.tenant, messages.c.owner == owner, messages.c.id > after)
    rows = await tx.execute(select(messages).where(*mine).order_by(messages.c.id).limit(limit))
    return tuple(message_record(row) for row in rows.mappings())


async def flag(tx: Transaction, message: MessageRecord, flags: Sequence[str]) -> None:
    mine = (messages.c.tenant == tx.tenant, messages.c.id == message.row_id)
    await tx.execute(update(messages).where(*mine).values(flags=list(flags)))


async def trust(tx: Transaction, message: MessageRecord, *, trust: int, flags: Sequence[str]) -> None:
    """Another weight for its word, with the flags that say why."""
    mine = (messages.c.tenant == tx.tenant, messages.c.id == message.row_id)
    await tx.execute(update(messages).where(*mine).values(trust=trust, flags=list(flags)))


async def between(tx: Transaction, session_id: int, first: int, last: int) -> tuple[MessageRecord, ...]:
    """The messages numbered `first` to `last`, both included, in order; numbers of deleted ones are missing."""
    return tuple([one async for part in parts(tx, session_id, first, last) for one in part])


async def parts(tx: Transaction, session_id: int, first: int, last: int) -> AsyncGenerator[Sequence[MessageRecord]]:
    """The same, so many at a time that whatever else runs gets its turn."""
    after = first - 1
    while after < last:
        limit = min(MESSAGES_PER_READ, last - after)
        part = await following(tx, session_id, after=after, limit=limit)
        yield [one for one in part if one.seq <= last]
        after = part[-1].seq if len(part) == limit else last


async def latest(tx: Transaction, session_id: int, *, before: int, limit: int) -> tuple[MessageRecord, ...]:
    """The last `limit` messages numbered below `before`, in order."""
    statement = select(messages).where(*_of(tx, session_id), messages.c.seq < before).order_by(messages.c.seq.desc())
    rows = (await tx.execute(statement.limit(limit))).mappings().all()
    return tuple(message_record(row) for row in reversed(rows))


async def latest_known(
    tx: Transaction, session_id: int, *, limit: int, occurred_by: datetime | None, recorded_by: datetime | None
) -> tuple[MessageRecord, ...]:
    """The last `limit` messages, in order, of those that were not said after `occurred_by` nor written down after
    `recorded_by`; what was forgotten among them is left out."""
    statement = _LATEST
    if occurred_by is not None:
        statement = statement.where(messages.c.occurred_at.is_(None) | (messages.c.occurred_at <= occurred_by))
    if recorded_by is not None:
        statement = statement.where(messages.c.recorded_at <= recorded_by)
    rows = await tx.rows(statement, {"tenant": tx.tenant, "session": session_id, "limit": limit})
    found = tuple(message_record(row) for row in reversed(rows))
    return tuple(one for one in found if not one.forgotten)


async def following(tx: Transaction, session_id: int, *, after: int, limit: int) -> tuple[MessageRecord, ...]:
    """The next `limit` messages numbered above `after`, in order."""
    statement = select(messages).where(*_of(tx, session_id), messages.c.seq > after).order_by(messages.c.seq)
    return tuple(message_record(row) for row in (await tx.execute(statement.limit(limit))).mappings())


async def tokens_since(tx: Transaction, session_id: int, seq: int) -> int:
    """How many tokens the messages numbered above `seq` have together."""
    total = select(func.coalesce(func.sum(messages.c.tokens), 0)).where(*_of(tx, session_id), messages.c.seq > seq)
    return int((await tx.execute(total)).scalar_one())


async def page(tx: Transaction, session_id: int, request: PageRequest) -> Page[MessageRecord]:
    """In the session's order."""
    after = request.after_number(0)
    found = await following(tx, session_id, after=after, limit=request.limit + 1)
    shown = found[: request.limit]
    return Page(items=shown, after=str(shown[-1].seq) if len(found) > request.limit else None)


async def rewrite(
    tx: Transaction, message: MessageRecord, *, content: str, tokens: int, rows: int, flags: Sequence[str]
) -> None:
    """Another text in the place of a message's own: a redaction."""
    values = {"content": content, "tokens": tokens, "rows": max(rows, message.rows), "flags": list(flags)}
    mine = (messages.c.tenant == tx.tenant, messages.c.id == message.row_id)
    await tx.execute(update(messages).where(*mine).values(revision=messages.c.revision + 1, **values))


async def remove(tx: Transaction, row_ids: Sequence[int]) -> None:
    """The messages. Their searchable rows are retracted by who asks."""
    for start in range(0, len(row_ids), ROWS_PER_STATEMENT):
        gone = row_ids[start : start + ROWS_PER_STATEMENT]
        await tx.execute(delete(messages).where(unindexed(messages.c.tenant) == tx.tenant, messages.c.id.in_(gone)))


def _of(tx: Transaction, session_id: int) -> tuple[Any, Any]:
    return messages.c.tenant == tx.tenant, messages.c.session_id == session_id


def _values(tx: Transaction, session: SessionRecord, new: NewMessage, at: datetime) -> dict[str, Any]:
    return {
        "tenant": tx.tenant,
        "owner": session.owner,
        "session_id": session.row_id,
        "seq": new.seq,
        "client_id": new.client_id,
        "role": new.role,
        "speaker": new.speaker,
        "content": new.content,
        "digest": new.digest,
        "occurred_at": new.occurred_at,
        "occurred_kind": new.occurred_kind,
        "recorded_at": at,
        "source": new.source,
        "trust": new.trust,
        "flags": list(new.flags),
        "tokens": new.tokens,
        "metadata": dict(new.metadata),
        "rows": new.rows,
    }


def message_record(row: Mapping[Any, Any]) -> MessageRecord:
    """From all columns of `messages`."""
    return MessageRecord(
        row_id=row["id"],
        session_id=row["session_id"],
        owner=Principal(row["owner"]),
        seq=row["seq"],
        client_id=row["client_id"],
        role=Role(row["role"]),
        speaker=row["speaker"],
        content=row["content"],
        digest=row["digest"],
        occurred_at=row["occurred_at"],
        occurred_kind=TimeKind(row["occurred_kind"]),
        recorded_at=row["recorded_at"],
        source=row["source"],
        trust=row["trust"],
        flags=tuple(row["flags"]),
        tokens=row["tokens"],
        metadata=thaw(row["metadata"]),
        rows=row["rows"],
    )
