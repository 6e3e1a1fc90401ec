"""Erasures of a user: the mark that takes everything out of sight at once, what is left to take out, and what was taken.

What is being erased is given to a principal of its own, `erased:<erasure>`, that nobody reads or writes as: out of sight
with one commit, and the name of the user is free again at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, update

from core.ids import Principal, SessionId, TenantId
from storage.database import Transaction
from storage.memory_rows import Subject, block_of, subject_of
from storage.memory_tables import (
    entities,
    entity_aliases,
    erased_blocks,
    erasures,
    fact_history,
    fact_sources,
    facts,
    memory_rows,
    messages,
    sessions,
    summaries,
    summary_sources,
)
from storage.sessions import ERASED
from storage.statements import ROWS_PER_STATEMENT, locked, unindexed, upsert

_OWNED: tuple[Table, ...] = (
    sessions,
    messages,
    memory_rows,
    facts,
    fact_history,
    summaries,
    entities,
    entity_aliases,
)


class ErasureState(StrEnum):
    """`running` goes on after a restart, too."""

    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecord:
    """An erasure; `receipt` counts what went, by the name of where it was."""

    id: str
    owner: Principal
    state: ErasureState
    receipt: Mapping[str, int]
    requested_by: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def ghost(self) -> Principal:
        """Whose everything is that this erasure has yet to take out."""
        return Principal(f"{ERASED}{self.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomedFact:
    """As much of a fact as its erasure needs."""

    row_id: int
    triple: str
    polarity: bool


async def begin(tx: Transaction, erasure: ErasureRecord) -> None:
    """Takes all that the owner has out of sight, and writes the erasure down."""
    await tx.execute(
        insert(erasures).values(
            id=erasure.id,
            tenant=tx.tenant,
            owner=erasure.owner,
            state=erasure.state,
            receipt=dict(erasure.receipt),
            requested_by=erasure.requested_by,
            created_at=erasure.created_at,
        )
    )
    for owned in _OWNED:
        mine = (owned.c.tenant == tx.tenant, owned.c.owner == erasure.owner)
        await tx.execute(update(owned).where(*mine).values(owner=erasure.ghost))


async def find(tx: Transaction, erasure_id: str) -> ErasureRecord | None:
    statement = select(erasures).where(erasures.c.tenant == tx.tenant, erasures.c.id == erasure_id)
    row = (await tx.execute(statement)).mappings().first()
    return None if row is None else _record(row)


async def count_of(tx: Transaction, owner: Principal) -> int:
    """How many were begun of this owner, ever."""
    mine = (erasures.c.tenant == tx.tenant, erasures.c.owner == owner)
    return (await tx.execute(select(func.count()).select_from(erasures).where(*mine))).scalar_one()


async def lock(tx: Transaction, erasure_id: str) -> ErasureRecord | None:
    """As `find`, locked until the commit: one process works at an erasure at a time."""
    statement = select(erasures).where(erasures.c.tenant == tx.tenant, erasures.c.id == erasure_id)
    row = (await tx.execute(locked(tx, statement))).mappings().first()
    return None if row is None else _record(row)


async def running(tx: Transaction) -> tuple[tuple[TenantId, str], ...]:
    """Those of every tenant that are not done (a system read), the oldest first."""
    statement = select(erasures.c.tenant, erasures.c.id).where(erasures.c.state == ErasureState.RUNNING)
    return tuple((TenantId(row.tenant), row.id) for row in await tx.execute(statement.order_by(erasures.c.id)))


async def count(tx: Transaction, erasure: ErasureRecord, gone: Mapping[str, int]) -> None:
    """Adds to the receipt."""
    receipt = {**erasure.receipt, **{name: erasure.receipt.get(name, 0) + number for name, number in gone.items()}}
    await _change(tx, erasure, receipt=receipt)


async def finish(tx: Transaction, erasure: ErasureRecord, at: datetime) -> None:
    await _change(tx, erasure, state=ErasureState.DONE, finished_at=at)


async def note_blocks(tx: Transaction, erasure: ErasureRecord, blocks: Mapping[int, int]) -> None:
    """Remembers which blocks of rows went, with how many rows."""
    rows = [
        {"tenant": tx.tenant, "erasure_id": erasure.id, "block": block, "rows": count}
        for block, count in blocks.items()
        if count
    ]
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        await tx.execute(upsert(tx, erased_blocks).on_conflict_do_nothing(), rows[start : start + ROWS_PER_STATEMENT])


async def blocks_of(tx: Transaction, erasure: ErasureRecord, *, after: int, limit: int) -> dict[int, int]:
    """The next blocks that went, block → rows."""
    mine = (erased_blocks.c.tenant == tx.tenant, erased_blocks.c.erasure_id == erasure.id, erased_blocks.c.block > after)
    statement = select(erased_blocks.c.block, erased_blocks.c.rows).where(*mine).order_by(erased_blocks.c.block).limit(limit)
    return {row.block: row.rows for row in await tx.execute(statement)}


# --- what is left of a ghost


async def facts_of(tx: Transaction, ghost: Principal, *, limit: int) -> tuple[DoomedFact, ...]:
    statement = (
        select(facts.c.id, facts.c.triple, facts.c.polarity).where(*_mine(tx, facts, ghost)).order_by(facts.c.id).limit(limit)
    )
    return tuple(DoomedFact(row_id=row.id, triple=row.triple, polarity=row.polarity) for row in await tx.execute(statement))


async def remove_facts(tx: Transaction, row_ids: Sequence[int]) -> None:
    """Facts with their history and proofs. Their searchable rows are retracted by who asks."""
    for owned, column in ((fact_history, "fact_id"), (fact_sources, "fact_id"), (facts, "id")):
        await tx.execute(delete(owned).where(owned.c.tenant == tx.tenant, owned.c[column].in_(row_ids)))


async def summaries_of(tx: Transaction, ghost: Principal, *, limit: int) -> tuple[int, ...]:
    statement = select(summaries.c.id).where(*_mine(tx, summaries, ghost)).order_by(summaries.c.id).limit(limit)
    return tuple((await tx.execute(statement)).scalars())


async def summaries_of_sessions(tx: Transaction, session_ids: Sequence[int]) -> tuple[int, ...]:
    """Whoever they are said to belong to: a compression may have ended after the erasure began."""
    its = (summaries.c.tenant == tx.tenant, summaries.c.session_id.in_(session_ids))
    return tuple((await tx.execute(select(summaries.c.id).where(*its))).scalars())


async def remove_summaries(tx: Transaction, row_ids: Sequence[int]) -> None:
    cited = (summary_sources.c.tenant == tx.tenant, summary_sources.c.summary_id.in_(row_ids))
    await tx.execute(delete(summary_sources).where(*cited))
    await tx.execute(delete(summaries).where(unindexed(summaries.c.tenant) == tx.tenant, summaries.c.id.in_(row_ids)))


async def loose_rows_of(tx: Transaction, ghost: Principal, *, limit: int) -> tuple[tuple[Subject, int], ...]:
    """Subjects that still have searchable rows; asked once their records are gone."""
    statement = select(memory_rows.c.key).where(*_mine(tx, memory_rows, ghost)).order_by(memory_rows.c.key).limit(limit)
    return tuple(sorted({subject_of(key) for key in (await tx.execute(statement)).scalars()}))


async def sessions_of(tx: Transaction, ghost: Principal, *, limit: int) -> dict[int, SessionId]:
    """Public ids by row."""
    statement = select(sessions.c.id, sessions.c.external_id).where(*_mine(tx, sessions, ghost))
    rows = await tx.execute(statement.order_by(sessions.c.id).limit(limit))
    return {row.id: SessionId(row.external_id) for row in rows}


async def remove_sessions(tx: Transaction, row_ids: Sequence[int]) -> None:
    await tx.execute(delete(sessions).where(unindexed(sessions.c.tenant) == tx.tenant, sessions.c.id.in_(row_ids)))


async def remove_entities(tx: Transaction, ghost: Principal) -> int:
    """Entities with their names, and what else has an owner and no batches. How many entities went."""
    for owned in (entity_aliases, fact_history):
        await tx.execute(delete(owned).where(*_mine(tx, owned, ghost)))
    return (await tx.execute(delete(entities).where(*_mine(tx, entities, ghost)))).rowcount


async def left(tx: Transaction, erasure: ErasureRecord) -> dict[str, int]:
    """How much of the erased is still in the store, by table: what the ghost has, and rows of the blocks that went."""
    found: dict[str, int] = {}
    for owned in _OWNED:
        statement = select(func.count()).select_from(owned).where(*_mine(tx, owned, erasure.ghost))
        found[owned.name] = (await tx.execute(statement)).scalar_one()
    return found


async def alive(tx: Transaction, blocks: Sequence[int]) -> dict[Subject, int]:
    """How many of the subjects of these blocks have a record."""
    wanted = {subject: [block >> 2 for block in blocks if block & 3 == subject] for subject in Subject}
    tables = {Subject.MESSAGE: messages, Subject.FACT: facts, Subject.SUMMARY: summaries}
    found: dict[Subject, int] = {}
    for subject, ids in wanted.items():
        owned = tables[subject]
        statement = select(func.count()).select_from(owned).where(unindexed(owned.c.tenant) == tx.tenant, owned.c.id.in_(ids))
        found[subject] = (await tx.execute(statement)).scalar_one() if ids else 0
    return found


def block(subject: tuple[Subject, int]) -> int:
    return block_of(*subject)


def _mine(tx: Transaction, owned: Table, owner: Principal) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return owned.c.tenant == tx.tenant, owned.c.owner == owner


async def _change(tx: Transaction, erasure: ErasureRecord, **values: object) -> None:
    mine = (erasures.c.tenant == tx.tenant, erasures.c.id == erasure.id)
    await tx.execute(update(erasures).where(*mine).values(**values))


def _record(row: Mapping[Any, Any]) -> ErasureRecord:
    return ErasureRecord(
        id=row["id"],
        owner=Principal(row["owner"]),
        state=ErasureState(row["state"]),
        receipt=row["receipt"],
        requested_by=row["requested_by"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )
