"""The nodes of the sessions' summary trees: written, flipped, emptied, removed. What one holds is the memory room's."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, case, cast, delete, func, insert, or_, select, update

from core.ids import Principal, TenantId
from storage.database import Transaction
from storage.memory_records import SessionRecord
from storage.memory_rows import Subject, of_subject
from storage.memory_tables import sessions, summaries, summary_sources
from storage.statements import ROWS_PER_STATEMENT, unindexed


class State(StrEnum):
    """A node is kept ready (`building`), serves (`active`), or has lost a source and holds nothing any more (`stale`)."""

    BUILDING = "building"
    ACTIVE = "active"
    STALE = "stale"


# A node's sentences are some 100 kB of JSON at the most: 2 ms to write, during which nothing else runs.
NODES_PER_STATEMENT = 10
# Made once, as in storage/passages.py: building a statement costs more than running it.
_NODES = (
    select(
        *(column for column in summaries.c if column is not summaries.c.sentences),
        cast(summaries.c.sentences, Text).label("said"),
    )
    .where(summaries.c.tenant == bindparam("tenant"), summaries.c.session_id == bindparam("session"))
    .order_by(summaries.c.level, summaries.c.seq_from, summaries.c.id)
)
_LEVEL = _NODES.where(summaries.c.level == bindparam("level"), summaries.c.state == State.ACTIVE)
_TOP = (
    select(summaries.c.level)
    .where(summaries.c.tenant == bindparam("tenant"), summaries.c.session_id == bindparam("session"))
    .order_by(summaries.c.level.desc())
    .limit(1)
)
_STALE = case((summaries.c.state == State.STALE, 1), else_=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSentence:
    """A sentence with its source: `[start, end)` in code points of the message with that row id."""

    message: int
    seq: int
    start: int
    end: int
    speaker: str
    text: str
    tokens: int
    marks: tuple[str, ...]
    terms: tuple[str, ...]


_SENTENCE_FIELDS = tuple(field.name for field in fields(StoredSentence))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSummary:
    """A node about to be stored."""

    level: int
    seq_from: int
    seq_to: int
    sentences: tuple[StoredSentence, ...]
    cover: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRecord:
    """A node as it is stored. `cover` is a digest of all that it covers; a stale node has no sentences."""

    row_id: int
    session_id: int
    level: int
    seq_from: int
    seq_to: int
    sentences: tuple[StoredSentence, ...]
    cover: bytes
    state: State


async def of_session(tx: Transaction, session_id: int) -> tuple[SummaryRecord, ...]:
    """Every node, leaves first, each level in the order of the conversation. The sentences come as text and are parsed beside
    the event loop: those of a session of 10,000 messages are megabytes of JSON."""
    rows = await tx.rows(_NODES, {"tenant": tx.tenant, "session": session_id})
    return await asyncio.to_thread(lambda: tuple(map(_record, rows))) if rows else ()


async def height(tx: Transaction, session_id: int) -> int:
    """How many levels its nodes are on."""
    top = await tx.rows(_TOP, {"tenant": tx.tenant, "session": session_id})
    return top[0]["level"] + 1 if top else 0


async def serving(tx: Transaction, session_id: int, level: int) -> tuple[SummaryRecord, ...]:
    """The nodes of a level that serve, in the order of the conversation."""
    rows = await tx.rows(_LEVEL, {"tenant": tx.tenant, "session": session_id, "level": level})
    return await asyncio.to_thread(lambda: tuple(map(_record, rows))) if rows else ()


async def states(tx: Transaction, session_id: int) -> dict[int, State]:
    """The state of every node, by row."""
    statement = select(summaries.c.id, summaries.c.state).where(*_of(tx, session_id))
    return {row.id: State(row.state) for row in await tx.execute(statement)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A session's tree from afar: how many nodes are in a state, and the last message that a leaf covers (0: none)."""

    building: int
    active: int
    stale: int
    covered_to: int


async def outline(tx: Transaction, session_id: int) -> Outline:
    def count(state: State) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((summaries.c.state == state, 1), else_=0)), 0)

    covered = func.coalesce(func.max(case((summaries.c.level == 0, summaries.c.seq_to), else_=0)), 0)
    statement = select(*map(count, State), covered).where(*_of(tx, session_id))
    building, active, stale, covered_to = map(int, (await tx.execute(statement)).one())
    return Outline(building=building, active=active, stale=stale, covered_to=covered_to)


async def covering(tx: Transaction, session_id: int, seqs: Sequence[int]) -> tuple[int, ...]:
    """The nodes whose range has one of these messages, those that are stale already left out."""
    statement = select(summaries.c.id, summaries.c.seq_from, summaries.c.seq_to).where(
        *_of(tx, session_id),
        summaries.c.state != State.STALE,
        summaries.c.seq_from <= max(seqs),
        summaries.c.seq_to >= min(seqs),
    )
    rows = (await tx.execute(statement.order_by(summaries.c.id))).all()
    return tuple(row.id for row in rows if any(row.seq_from <= seq <= row.seq_to for seq in seqs))


async def add(
    tx: Transaction, session: SessionRecord, new: Sequence[NewSummary], *, state: State, at: datetime
) -> tuple[int, ...]:
    """Stores nodes with their sources; the rows in the order given."""
    if not new:
        return ()
    added: list[int] = []
    for start in range(0, len(new), NODES_PER_STATEMENT):
        values = [_values(tx, session, one, state=state, at=at) for one in new[start : start + NODES_PER_STATEMENT]]
        statement = insert(summaries).returning(summaries.c.id, sort_by_parameter_order=True)
        added += (await tx.execute(statement, values)).scalars()
    sources = [
        {"tenant": tx.tenant, "summary_id": row_id, "message_id": message}
        for row_id, one in zip(added, new, strict=True)
        for message in sorted({sentence.message for sentence in one.sentences})
    ]
    for start in range(0, len(sources), ROWS_PER_STATEMENT):
        await tx.execute(insert(summary_sources), sources[start : start + ROWS_PER_STATEMENT])
    return tuple(added)


async def activate(tx: Transaction, row_ids: Sequence[int]) -> None:
    """From now on they serve."""
    for part in _parts(row_ids):
        mine = (unindexed(summaries.c.tenant) == tx.tenant, summaries.c.id.in_(part))
        await tx.execute(update(summaries).where(*mine).values(state=State.ACTIVE))


async def empty(tx: Transaction, row_ids: Sequence[int]) -> None:
    """Makes nodes stale: not one of their words is kept. Their searchable rows are retracted by who asks."""
    for part in _parts(row_ids):
        mine = (unindexed(summaries.c.tenant) == tx.tenant, summaries.c.id.in_(part))
        await tx.execute(update(summaries).where(*mine).values(state=State.STALE, sentences=[], tokens=0, cover=b""))
        await _forget_sources(tx, part)


async def remove(tx: Transaction, row_ids: Sequence[int]) -> None:
    """The nodes and what they cite. Their searchable rows are retracted by who asks."""
    for part in _parts(row_ids):
        await _forget_sources(tx, part)
        await tx.execute(delete(summaries).where(unindexed(summaries.c.tenant) == tx.tenant, summaries.c.id.in_(part)))


async def of_owner(tx: Transaction, owner: Principal, row_ids: Sequence[int]) -> frozenset[int]:
    """Those of these nodes that are the owner's and hold something."""
    found: set[int] = set()
    for part in _parts(row_ids):
        mine = (summaries.c.tenant == tx.tenant, summaries.c.owner == owner, summaries.c.state != State.STALE)
        found.update((await tx.execute(select(summaries.c.id).where(*mine, summaries.c.id.in_(part)))).scalars())
    return frozenset(found)


async def rows_of(tx: Transaction, row_id: int) -> int:
    """How many searchable rows a node has."""
    statement = select(func.count()).where(*of_subject(tx, (Subject.SUMMARY, row_id)))
    return int((await tx.execute(statement)).scalar_one())


async def due(tx: Transaction, *, tokens_min: int, limit: int) -> tuple[tuple[TenantId, int], ...]:
    """Sessions of any tenant, by tenant and row, with a stale node, or so many tokens and messages that no leaf covers."""
    covered = select(summaries.c.session_id, func.max(summaries.c.seq_to).label("seq_to"), func.max(_STALE).label("stale"))
    leaves = covered.where(summaries.c.level == 0).group_by(summaries.c.session_id).subquery()
    behind = (sessions.c.tokens >= tokens_min) & (sessions.c.head_seq > func.coalesce(leaves.c.seq_to, 0))
    statement = (
        select(sessions.c.tenant, sessions.c.id)
        .outerjoin(leaves, leaves.c.session_id == sessions.c.id)
        .where(or_(behind, leaves.c.stale == 1))
        .order_by(sessions.c.id)
        .limit(limit)
    )
    return tuple((TenantId(row.tenant), row.id) for row in await tx.execute(statement))


async def _forget_sources(tx: Transaction, row_ids: Sequence[int]) -> None:
    mine = (summary_sources.c.tenant == tx.tenant, summary_sources.c.summary_id.in_(row_ids))
    await tx.execute(delete(summary_sources).where(*mine))


def _parts(row_ids: Sequence[int]) -> list[Sequence[int]]:
    return [row_ids[start : start + ROWS_PER_STATEMENT] for start in range(0, len(row_ids), ROWS_PER_STATEMENT)]


def _of(tx: Transaction, session_id: int) -> tuple[Any, Any]:
    return summaries.c.tenant == tx.tenant, summaries.c.session_id == session_id


def _values(tx: Transaction, session: SessionRecord, new: NewSummary, *, state: State, at: datetime) -> dict[str, Any]:
    return {
        "tenant": tx.tenant,
        "owner": session.owner,
        "session_id": session.row_id,
        "level": new.level,
        "seq_from": new.seq_from,
        "seq_to": new.seq_to,
        "sentences": [{name: getattr(one, name) for name in _SENTENCE_FIELDS} for one in new.sentences],
        "tokens": sum(one.tokens for one in new.sentences),
        "cover": new.cover,
        "mode": "extractive",
        "state": state,
        "created_at": at,
    }


def _record(row: Mapping[Any, Any]) -> SummaryRecord:
    return SummaryRecord(
        row_id=row["id"],
        session_id=row["session_id"],
        level=row["level"],
        seq_from=row["seq_from"],
        seq_to=row["seq_to"],
        sentences=tuple(_sentence(one) for one in json.loads(row["said"])),
        cover=row["cover"],
        state=State(row["state"]),
    )


def _sentence(said: Mapping[str, Any]) -> StoredSentence:
    lists: dict[str, Any] = {"marks": tuple(said["marks"]), "terms": tuple(said["terms"])}
    return StoredSentence(**{**said, **lists})
