"""What cached answers rest on: the sources that a client names, and those of stored answers as they are now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select

from core.ids import DocumentId, IndexName, Principal, row_number
from storage import documents, indexes
from storage.cache_records import FoundSource, SourceName, SourceStanding
from storage.cache_tables import cache_sources
from storage.database import Reads, Transaction
from storage.memory_tables import facts, messages, summaries
from storage.records import DocumentRecord
from storage.tables import changes
from storage.tables import documents as document_table
from storage.tables import indexes as index_table

_PREFIX = {"message": "msg", "fact": "fact", "summary": "sum"}


async def find(tx: Transaction, source: SourceName, owner: Principal) -> FoundSource | None:
    """The source as it is now; None when nothing living has this name. A message may have its client's id, of that owner."""
    return await _document(tx, source) if source.type == "document" else await _memory(tx, source, owner)


async def standing(reads: Reads, entries: Sequence[int], at: datetime) -> tuple[SourceStanding, ...]:
    """Every source of these entries as it is now. One statement."""
    rows = await reads.rows(_STANDING, {"tenant": reads.tenant, "entries": list(entries), "at": at})
    return tuple(_standing(row) for row in rows)


async def moved(reads: Reads, names: Sequence[str]) -> int:
    """The last offset at which one of these indexes changed, 0 before the first."""
    statement = (
        select(func.max(changes.c.offset).label("moved"))
        .join(index_table, index_table.c.id == changes.c.index_id)
        .where(changes.c.tenant == reads.tenant, index_table.c.name.in_(names), ~index_table.c.deleting)
    )
    rows = await reads.rows(statement)
    return rows[0]["moved"] or 0


async def subject(tx: Transaction, source: SourceName, owner: Principal) -> int | None:
    """The row behind a source, also of one that was deleted; None when there never was one, or none is left."""
    if source.type != "document":
        number = row_number(_PREFIX[source.type], source.id)
        found = None if number is not None else await _memory(tx, source, owner)
        return number if found is None else found.subject_id
    placed = await _placed(tx, source)
    return None if placed is None else placed[1].row_id


async def changed_since(reads: Reads, named: Sequence[tuple[str, str, int]], offset: int) -> bool:
    """Whether one of these (index, document, version) changed behind an offset."""
    its = or_(*((index_table.c.name == index) & (document_table.c.external_id == document) for index, document, _ in named))
    statement = (
        select(changes.c.offset)
        .join(document_table, (document_table.c.tenant == changes.c.tenant) & (document_table.c.id == changes.c.subject_id))
        .join(index_table, (index_table.c.id == changes.c.index_id) & (index_table.c.id == document_table.c.index_id))
        .where(changes.c.tenant == reads.tenant, changes.c.offset > offset, its)
        .limit(1)
    )
    return bool(await reads.rows(statement))


async def _document(tx: Transaction, source: SourceName) -> FoundSource | None:
    placed = await _placed(tx, source)
    if placed is None or placed[1].live_version_id is None:
        return None
    index, found = placed
    return FoundSource(
        type=source.type,
        id=found.id,
        index=index,
        subject_id=found.row_id,
        version=found.version,
        owner=None,
        acl=found.envelope.acl,
    )


async def _placed(tx: Transaction, source: SourceName) -> tuple[str, DocumentRecord] | None:
    """The document that a source names, with its index: `index` and `id`, `index/document` as the id, or the document's id
    alone where only one index has it."""
    name, _, document = (source.index, "", source.id) if source.index is not None else source.id.partition("/")
    index = await indexes.find(tx, IndexName(name))
    found = None if index is None else await documents.find(tx, index.id, DocumentId(document))
    if found is not None or source.index is not None:
        return None if found is None else (name, found)
    its = (document_table.c.tenant == index_table.c.tenant) & (document_table.c.index_id == index_table.c.id)
    holding = (
        select(index_table.c.name, index_table.c.id)
        .join(document_table, its & (document_table.c.external_id == source.id) & document_table.c.live_version_id.is_not(None))
        .where(index_table.c.tenant == tx.tenant, ~index_table.c.deleting)
        .limit(2)
    )
    rows = (await tx.execute(holding)).mappings().all()
    if len(rows) != 1:
        return None  # an id that two indexes use says nothing
    found = await documents.find(tx, rows[0]["id"], DocumentId(source.id))
    return None if found is None else (rows[0]["name"], found)


async def _memory(tx: Transaction, source: SourceName, owner: Principal) -> FoundSource | None:
    number = row_number(_PREFIX[source.type], source.id)
    table = {"message": messages, "fact": facts, "summary": summaries}[source.type]
    version: Any = table.c.id * 0 + 1 if source.type == "summary" else table.c.revision
    statement = select(table.c.id, table.c.owner, version.label("version")).where(table.c.tenant == tx.tenant)
    if source.type == "fact":
        statement = statement.where(facts.c.status == "active")
    if source.type == "summary":
        statement = statement.where(summaries.c.state == "active")
    if number is not None:
        statement = statement.where(table.c.id == number)
    elif source.type == "message":
        statement = statement.where(messages.c.client_id == source.id, messages.c.owner == owner)
    else:
        return None
    rows = (await tx.execute(statement.limit(2))).mappings().all()
    if len(rows) != 1:
        return None  # an id that two of the user's sessions use says nothing
    holder = Principal(rows[0]["owner"])
    return FoundSource(
        type=source.type,
        id=source.id,
        index=None,
        subject_id=rows[0]["id"],
        version=rows[0]["version"],
        owner=holder,
        acl=(holder,),
    )


def _standing(row: Mapping[Any, Any]) -> SourceStanding:
    document = row["type"] == "document"
    acl = row["acl"]
    return SourceStanding(
        entry_id=row["entry_id"],
        type=row["type"],
        id=row["name"],
        index=row["index_name"],
        version=row["version"],
        current=row["current"],
        acl=(None if acl is None else tuple(acl)) if document else (row["owner"],),
        moved=row["moved"] or 0,
    )


_live = and_(document_table.c.live_version_id.is_not(None), index_table.c.id.is_not(None))
_known = and_(facts.c.status == "active", facts.c.expires_at.is_(None) | (facts.c.expires_at > bindparam("at")))
# Made once: building it costs more than running it.
_STANDING = (
    select(
        cache_sources,
        document_table.c.acl,
        case(
            (_live, document_table.c.version),
            (messages.c.id.is_not(None), messages.c.revision),
            (_known, facts.c.revision),
            (summaries.c.state == "active", 1),
        ).label("current"),
        select(func.max(changes.c.offset))
        .where(changes.c.tenant == document_table.c.tenant, changes.c.index_id == document_table.c.index_id)
        .correlate(document_table)
        .scalar_subquery()
        .label("moved"),
    )
    .outerjoin(
        document_table,
        (cache_sources.c.type == "document")
        & (document_table.c.id == cache_sources.c.subject_id)
        & (document_table.c.tenant == cache_sources.c.tenant),
    )
    .outerjoin(index_table, (index_table.c.id == document_table.c.index_id) & ~index_table.c.deleting)
    .outerjoin(
        messages,
        (cache_sources.c.type == "message")
        & (messages.c.id == cache_sources.c.subject_id)
        & (messages.c.tenant == cache_sources.c.tenant),
    )
    .outerjoin(
        facts,
        (cache_sources.c.type == "fact")
        & (facts.c.id == cache_sources.c.subject_id)
        & (facts.c.tenant == cache_sources.c.tenant),
    )
    .outerjoin(
        summaries,
        (cache_sources.c.type == "summary")
        & (summaries.c.id == cache_sources.c.subject_id)
        & (summaries.c.tenant == cache_sources.c.tenant),
    )
    .where(cache_sources.c.tenant == bindparam("tenant"), cache_sources.c.entry_id.in_(bindparam("entries", expanding=True)))
    .order_by(cache_sources.c.entry_id, cache_sources.c.ordinal)
)
