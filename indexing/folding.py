"""What a run of changes comes to, for each collection: rows to put in and keys to take out. Reads the store; touches no engine.

Folding is by state: a `publish` puts in what the store holds of that block now, and what it no longer holds is taken out, as a
`retract` does. So it does not matter how often, or how late, a change is folded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.errors import Corrupt
from core.limits import CHUNK_ORDINAL_BITS
from engines.port import Collection, Row
from indexing.rows import rows_of_memory, rows_of_version
from storage import documents, indexes, memory_rows
from storage.changes import Change
from storage.database import Transaction
from storage.records import DocumentRecord, IndexKind, IndexRecord

ROWS_PER_BATCH = 8_192
DOCUMENTS_PER_PAGE = 512


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one apply does to one collection; `last` is the change that it reaches."""

    index: IndexRecord
    collection: Collection
    upserts: dict[int, Row]
    deletes: set[int]
    last: Change
    memory: dict[int, int]  # blocks of memory to look up, with their numbers of rows


async def fold(tx: Transaction, todo: Sequence[Change], *, indexed: int, already: Mapping[int, int]) -> tuple[list[Batch], int]:
    """The batches, and the offset they reach: less than all of `todo` when that is much. `already` is how far each collection
    was when this process began. Corrupt when the offsets have a gap."""
    known = {index.id: index for index in await indexes.all_of(tx) if not index.deleting}
    live = await documents.by_rows(tx, [change.subject_id for change in todo if _kind(known, change) is IndexKind.DOCUMENTS])
    batches: dict[int, Batch] = {}
    reached, rows = indexed, 0
    for change in todo:
        if change.offset != reached + 1:
            raise _gap(tx, change, reached)
        index = known.get(change.index_id)
        if index is not None and change.offset > already.get(index.id, 0):
            batch = batches.get(index.id) or batches.setdefault(index.id, _batch(index, change))
            batch.last = change
            if index.kind is IndexKind.MEMORY:
                batch.memory[change.block] = max(change.rows, batch.memory.get(change.block, 0))
            else:
                await _fold_document(tx, batch, change, live=live)
            rows += change.rows
        reached = change.offset
        if rows >= ROWS_PER_BATCH:
            break
    for batch in batches.values():
        await _look_up_memory(tx, batch)
    return list(batches.values()), reached


async def next_rows(tx: Transaction, index: IndexRecord, after: int) -> tuple[list[Row], int | None]:
    """The rows of an index behind `after`, a page at a time, and where the next page begins; None when there is no more."""
    if index.kind is IndexKind.MEMORY:
        found = await memory_rows.page(tx, after, limit=ROWS_PER_BATCH)
        return await rows_of_memory(tx, index, found), found[-1].key if found else None
    page = await documents.live_page(tx, index.id, after, DOCUMENTS_PER_PAGE)
    rows = [row for document in page for row in await rows_of_version(tx, document, index)]
    return rows, page[-1].row_id if page else None


async def _look_up_memory(tx: Transaction, batch: Batch) -> None:
    found = await memory_rows.of_blocks(tx, batch.memory)
    batch.upserts |= {row.key: row for row in await rows_of_memory(tx, batch.index, found)}
    for block, rows in batch.memory.items():
        batch.deletes.update(key for key in _keys(block, rows) if key not in batch.upserts)


async def _fold_document(tx: Transaction, batch: Batch, change: Change, *, live: Mapping[int, DocumentRecord]) -> None:
    if change.op == "retract":
        for key in _keys(change.block, change.rows):
            batch.upserts.pop(key, None)
            batch.deletes.add(key)
        return
    document = live.get(change.subject_id)
    if document is None or document.live_version_id != change.block or change.block << CHUNK_ORDINAL_BITS in batch.upserts:
        return  # a later change of this batch or of a later one says what became of it
    for row in await rows_of_version(tx, document, batch.index):
        batch.upserts[row.key] = row


def _kind(known: Mapping[int, IndexRecord], change: Change) -> IndexKind | None:
    index = known.get(change.index_id)
    return None if index is None else index.kind


def _batch(index: IndexRecord, change: Change) -> Batch:
    return Batch(index=index, collection=Collection.of_index(index), upserts={}, deletes=set(), last=change, memory={})


def _keys(block: int, rows: int) -> Iterable[int]:
    first = block << CHUNK_ORDINAL_BITS
    return range(first, first + rows)


def _gap(tx: Transaction, change: Change, reached: int) -> Corrupt:
    return Corrupt(
        "indexing.offset_gap",
        f"tenant {tx.tenant}: change {change.offset} follows {reached}; the store lost changes. "
        "Restore a backup, or delete the engine folder to rebuild the index from the records",
    )
