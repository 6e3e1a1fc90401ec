"""What a recall looks at: where a candidate row stands, and what is behind it as it is now. Only rows of the one owner asked
for are ever answered, whatever an index proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from core.ids import Principal
from storage.database import Reads
from storage.memory_records import MessageRecord
from storage.memory_rows import Subject
from storage.memory_tables import memory_rows, messages, sessions
from storage.messages import message_record

MESSAGE = Subject.MESSAGE.name.lower()
_SUBJECTS = {subject.name.lower(): subject for subject in Subject}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row stands: whose part it is, where in which session, who said it, when (seconds since 1970), and
    which part of the message it is."""

    key: int
    subject: Subject
    subject_id: int
    session_id: int | None
    seq: int | None
    speaker: str | None
    role: str | None
    occurred: float | None
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """A message with its session as they are now. `expires_at` is the session's end."""

    message: MessageRecord
    session: str
    agent: str | None
    expires_at: datetime | None


async def places(reads: Reads, owner: Principal, keys: Sequence[int]) -> dict[int, Place]:
    """Of the rows among `keys` that are the owner's. One statement."""
    found = await reads.tuples(_PLACES, {"tenant": reads.tenant, "owner": owner, "keys": list(keys)})
    return {
        key: Place(
            key=key,
            subject=_SUBJECTS[kind],
            subject_id=subject_id,
            session_id=session_id,
            seq=seq,
            speaker=speaker,
            role=role,
            occurred=occurred,
            span=None if start is None or end is None else (start, end),
        )
        for key, kind, subject_id, session_id, seq, occurred, start, end, speaker, role in found
    }


async def said(reads: Reads, owner: Principal, row_ids: Sequence[int]) -> dict[int, Recollection]:
    """The owner's messages among these, each with its session. One statement; what was deleted is missing."""
    found = await reads.rows(_SAID, {"tenant": reads.tenant, "owner": owner, "ids": list(row_ids)})
    return {row["id"]: _recollection(row) for row in found}


async def around(reads: Reads, owner: Principal, spots: Sequence[tuple[int, int]], reach: int) -> tuple[Recollection, ...]:
    """The messages up to `reach` numbers away from each (session row, number), in order. One statement."""
    near = {(session, seq + step) for session, seq in spots for step in range(-reach, reach + 1)}
    wanted = {"sessions": sorted({session for session, _ in near}), "seqs": sorted({seq for _, seq in near})}
    found = await reads.rows(_AROUND, {"tenant": reads.tenant, "owner": owner, **wanted})
    return tuple(_recollection(row) for row in found if (row["session_id"], row["seq"]) in near)


def _recollection(row: Mapping[Any, Any]) -> Recollection:
    return Recollection(
        message=message_record(row), session=row["external_id"], agent=row["agent"], expires_at=row["expires_at"]
    )


def _with_sessions() -> Select[Any]:
    return (
        select(messages, sessions.c.external_id, sessions.c.agent, sessions.c.expires_at)
        .join(sessions, (sessions.c.id == messages.c.session_id) & (sessions.c.tenant == messages.c.tenant))
        .where(messages.c.tenant == bindparam("tenant"), messages.c.owner == bindparam("owner"))
    )


# Made once, as in storage/passages.py: building a statement costs more than running it. Times and JSON cost a conversion each,
# so the first statement, over hundreds of rows, asks for none.
_PLACES = (
    select(
        memory_rows.c.key,
        memory_rows.c.type,
        memory_rows.c.subject_id,
        memory_rows.c.session_id,
        memory_rows.c.seq_from,
        memory_rows.c.occurred,
        memory_rows.c.start,
        memory_rows.c.end,
        messages.c.speaker,
        messages.c.role,
    )
    .outerjoin(
        messages,
        (memory_rows.c.type == MESSAGE)
        & (messages.c.id == memory_rows.c.subject_id)
        & (messages.c.tenant == memory_rows.c.tenant),
    )
    .where(
        memory_rows.c.tenant == bindparam("tenant"),
        memory_rows.c.owner == bindparam("owner"),
        memory_rows.c.key.in_(bindparam("keys", expanding=True)),
    )
)
_SAID = _with_sessions().where(messages.c.id.in_(bindparam("ids", expanding=True)))
_AROUND = (
    _with_sessions()
    .where(
        messages.c.session_id.in_(bindparam("sessions", expanding=True)), messages.c.seq.in_(bindparam("seqs", expanding=True))
    )
    .order_by(messages.c.session_id, messages.c.seq)
)
