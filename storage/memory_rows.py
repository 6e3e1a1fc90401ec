"""What is searchable of memory: rows that the projector copies to the engine, and the tenant's one collection that they lie in.

A room that remembers something calls `publish` in the transaction that writes it; that is all it takes to be found. Rows whose
subject goes are taken out with `retract`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select

from core.filters import acl_tokens, tokens_of
from core.ids import Principal
from core.limits import CHUNK_ORDINAL_BITS
from core.metadata import Value
from storage import indexes
from storage.database import ChangeDraft, Transaction
from storage.memory_tables import memory_rows
from storage.records import IndexRecord
from storage.statements import ROWS_PER_STATEMENT, unindexed


class Subject(IntEnum):
    """Whose rows these are: the lowest two bits of their block."""

    MESSAGE = 0
    FACT = 1
    SUMMARY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """A row about to be searchable. `body` is embedded and indexed by keyword, both exactly so; `vector_sha256` is of `body`.

    `fields` are what filters may ask for; `occurred` is seconds since 1970. Spans are code points of the message.
    """

    level: str
    body: str
    vector_sha256: bytes
    fields: Mapping[str, Value]
    occurred: float | None = None
    seq_from: int | None = None
    seq_to: int | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """A searchable row as it is stored, for projection and for the check of what an engine proposes."""

    key: int
    owner: Principal
    session_id: int | None
    subject: Subject
    subject_id: int
    level: str
    seq_from: int | None
    seq_to: int | None
    start: int | None
    end: int | None
    body: str
    tokens: tuple[str, ...]
    occurred: float | None
    vector_sha256: bytes


def block_of(subject: Subject, subject_id: int) -> int:
    return subject_id * 4 + subject


def key_of(subject: Subject, subject_id: int, ordinal: int) -> int:
    """The row's key in the engine."""
    assert 0 <= ordinal < 1 << CHUNK_ORDINAL_BITS, ordinal
    return block_of(subject, subject_id) << CHUNK_ORDINAL_BITS | ordinal


def subject_of(key: int) -> tuple[Subject, int]:
    """Which subject a key's row belongs to."""
    block = key >> CHUNK_ORDINAL_BITS
    return Subject(block & 3), block >> 2


async def collection(tx: Transaction, *, model: str, dimension: int, at: datetime) -> IndexRecord:
    """The tenant's collection of memory, made when it is first needed."""
    found = await indexes.of_memory(tx)
    if found is None:
        await indexes.add_memory(tx, model=model, dimension=dimension, at=at)
        found = await indexes.of_memory(tx)
    assert found is not None, "just made, by this transaction or by one that was faster"
    return found


async def publish(
    tx: Transaction,
    index: IndexRecord,
    subject: tuple[Subject, int],
    *,
    owner: Principal,
    session_id: int | None,
    rows: Sequence[NewRow],
    replaced: int = 0,
) -> None:
    """Makes exactly `rows` what is searchable of the subject. `replaced` is how many rows it had before, at most."""
    if replaced:
        await _drop(tx, subject)
    values = [_values(tx, subject, ordinal, owner=owner, session_id=session_id, row=row) for ordinal, row in enumerate(rows)]
    for start in range(0, len(values), ROWS_PER_STATEMENT):
        await tx.execute(insert(memory_rows), values[start : start + ROWS_PER_STATEMENT])
    tx.record(
        ChangeDraft(
            index_id=index.id,
            op="publish" if rows else "retract",
            subject_id=subject[1],
            block=block_of(*subject),
            rows=max(len(rows), replaced),
            fresh=not replaced,
            owner=owner,
        )
    )


async def retract(
    tx: Transaction, index: IndexRecord, subject: tuple[Subject, int], *, rows: int, told: Principal | None = None
) -> None:
    """Takes the subject out of what is searchable; `rows` is how many rows it has or ever had. `told` may follow that it went,
    the rows' own owner without it."""
    first = select(memory_rows.c.owner).where(*of_subject(tx, subject)).limit(1)
    owner = told or (await tx.execute(first)).scalar_one_or_none()
    await _drop(tx, subject)
    if rows:
        tx.record(
            ChangeDraft(
                index_id=index.id,
                op="retract",
                subject_id=subject[1],
                block=block_of(*subject),
                rows=rows,
                owner=None if owner is None else Principal(owner),
            )
        )


async def of_blocks(tx: Transaction, blocks: Mapping[int, int]) -> tuple[MemoryRow, ...]:
    """The stored rows of blocks, given as block → number of rows; what was dropped is missing."""
    keys = [block << CHUNK_ORDINAL_BITS | ordinal for block, rows in blocks.items() for ordinal in range(rows)]
    return tuple((await by_keys(tx, keys)).values())


async def by_keys(tx: Transaction, keys: Sequence[int]) -> dict[int, MemoryRow]:
    """The rows among `keys` that are there."""
    found: dict[int, MemoryRow] = {}
    for start in range(0, len(keys), ROWS_PER_STATEMENT):
        wanted = keys[start : start + ROWS_PER_STATEMENT]
        statement = select(memory_rows).where(unindexed(memory_rows.c.tenant) == tx.tenant, memory_rows.c.key.in_(wanted))
        for row in (await tx.execute(statement)).mappings():
            found[row["key"]] = _row(row)
    return found


async def held(tx: Transaction, subject: tuple[Subject, int]) -> dict[int, bytes]:
    """What is searchable of the subject: the digest of each row's text, by the row's key."""
    statement = select(memory_rows.c.key, memory_rows.c.vector_sha256).where(*of_subject(tx, subject))
    return {row.key: row.vector_sha256 for row in await tx.execute(statement)}


async def page(tx: Transaction, after: int, *, limit: int) -> tuple[MemoryRow, ...]:
    """The tenant's rows in the order of their keys, from behind `after`: for a rebuild."""
    statement = select(memory_rows).where(unindexed(memory_rows.c.tenant) == tx.tenant, memory_rows.c.key > after)
    rows = await tx.execute(statement.order_by(memory_rows.c.key).limit(limit))
    return tuple(_row(row) for row in rows.mappings())


async def of_owner(tx: Transaction, owner: Principal, *, after: int, limit: int) -> tuple[MemoryRow, ...]:
    """As `page`, of one owner."""
    mine = (memory_rows.c.tenant == tx.tenant, memory_rows.c.owner == owner, memory_rows.c.key > after)
    rows = await tx.execute(select(memory_rows).where(*mine).order_by(memory_rows.c.key).limit(limit))
    return tuple(_row(row) for row in rows.mappings())


async def covering(tx: Transaction, session_id: int, seq: int) -> tuple[MemoryRow, ...]:
    """The rows of a session whose text includes the message `seq`, its own among them."""
    statement = select(memory_rows).where(
        memory_rows.c.tenant == tx.tenant,
        memory_rows.c.session_id == session_id,
        memory_rows.c.seq_from <= seq,
        memory_rows.c.seq_to >= seq,
    )
    return tuple(_row(row) for row in (await tx.execute(statement)).mappings())


async def _drop(tx: Transaction, subject: tuple[Subject, int]) -> None:
    await tx.execute(delete(memory_rows).where(*of_subject(tx, subject)))


def of_subject(tx: Transaction, subject: tuple[Subject, int]) -> tuple[ColumnElement[bool], ...]:
    """What selects the rows of a subject: a range of keys."""
    first = key_of(*subject, 0)
    mine = unindexed(memory_rows.c.tenant) == tx.tenant
    return mine, memory_rows.c.key >= first, memory_rows.c.key < first + (1 << CHUNK_ORDINAL_BITS)


def _values(
    tx: Transaction, subject: tuple[Subject, int], ordinal: int, *, owner: Principal, session_id: int | None, row: NewRow
) -> dict[str, Any]:
    return {
        "tenant": tx.tenant,
        "key": key_of(*subject, ordinal),
        "owner": owner,
        "session_id": session_id,
        "type": subject[0].name.lower(),
        "subject_id": subject[1],
        "level": row.level,
        "seq_from": row.seq_from,
        "seq_to": row.seq_to,
        "start": row.start,
        "end": row.end,
        "body": row.body,
        "tokens": [*tokens_of(row.fields), *acl_tokens((owner,))],
        "occurred": row.occurred,
        "vector_sha256": row.vector_sha256,
    }


def _row(row: Mapping[Any, Any]) -> MemoryRow:
    return MemoryRow(
        key=row["key"],
        owner=Principal(row["owner"]),
        session_id=row["session_id"],
        subject=Subject[row["type"].upper()],
        subject_id=row["subject_id"],
        level=row["level"],
        seq_from=row["seq_from"],
        seq_to=row["seq_to"],
        start=row["start"],
        end=row["end"],
        body=row["body"],
        tokens=tuple(row["tokens"]),
        occurred=row["occurred"],
        vector_sha256=row["vector_sha256"],
    )
