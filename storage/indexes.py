"""Indexes of a tenant."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, insert, select, update

from core.errors import NotFound
from core.ids import IndexName, TenantId
from core.paging import Page, PageRequest
from core.profile import Fusion, IndexProfile
from storage.database import Reads, Transaction
from storage.records import Acl, IndexKind, IndexRecord
from storage.statements import upsert
from storage.tables import documents, indexes, tenant_heads

# No client can name an index so: it is not in the alphabet of names.
MEMORY_NAME = IndexName("~memory")

# Made once, as in storage/passages.py: building a statement costs more than running it.
_OF_MEMORY = select(indexes).where(indexes.c.tenant == bindparam("tenant"), indexes.c.kind == IndexKind.MEMORY)


async def find(tx: Transaction, name: IndexName) -> IndexRecord | None:
    """The live index of that name, without counting what is in it."""
    statement = select(indexes).where(*_listed(tx), indexes.c.name == name)
    row = (await tx.execute(statement)).mappings().first()
    return None if row is None else _record(row)


async def get(tx: Transaction, name: IndexName) -> IndexRecord:
    """The live index of that name, or NotFound."""
    found = await find(tx, name)
    if found is None:
        raise no_such_index(name)
    return found


def no_such_index(name: str) -> NotFound:
    return NotFound(
        "indexing.no_such_index", f"there is no index {name[:140]!r}; an admin makes it with PUT /v1/admin/indexes/{name[:140]}"
    )


async def counted(tx: Transaction, name: IndexName) -> IndexRecord:
    """The live index of that name with its numbers of documents and chunks, or NotFound."""
    row = (await tx.execute(_select(tx).where(indexes.c.name == name))).mappings().first()
    if row is None:
        raise no_such_index(name)
    return _record(row)


async def by_id(tx: Transaction, index_id: int) -> IndexRecord | None:
    """The index, being deleted or not; None when it is gone."""
    statement = select(indexes).where(indexes.c.tenant == tx.tenant, indexes.c.id == index_id)
    row = (await tx.execute(statement)).mappings().first()
    return None if row is None else _record(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The indexes that are not being deleted, by name, without counting what is in them, as of state `catalog` of the list.
    Every change of an index moves that number in its own transaction, so whoever reads the same number has the same list."""

    catalog: int
    indexes: tuple[IndexRecord, ...]


async def listing(tx: Transaction) -> Listing:
    # The number first: where the list moves in between (Postgres), an old number with a newer list is only looked up again.
    known = await catalog(tx)
    statement = select(indexes).where(*_listed(tx)).order_by(indexes.c.name)
    return Listing(catalog=known, indexes=tuple(_record(row) for row in await tx.rows(statement)))


async def catalog(tx: Reads) -> int:
    """The state of the tenant's list of indexes."""
    rows = await tx.rows(select(tenant_heads.c.catalog).where(tenant_heads.c.tenant == tx.tenant))
    return rows[0]["catalog"] if rows else 0


async def of_memory(reads: Reads) -> IndexRecord | None:
    """The tenant's collection of memory; None before anything was remembered."""
    found = await reads.rows(_OF_MEMORY, {"tenant": reads.tenant})
    return _record(found[0]) if found else None


async def add_memory(tx: Transaction, *, model: str, dimension: int, at: datetime) -> None:
    """Makes the tenant's collection of memory, unless somebody else just did."""
    row = {
        "tenant": tx.tenant,
        "name": MEMORY_NAME,
        "kind": IndexKind.MEMORY,
        "description": "",
        "profile": _plain(IndexProfile()),
        "model": model,
        "dimension": dimension,
        "created_at": at,
        "updated_at": at,
    }
    await tx.execute(upsert(tx, indexes).values(row).on_conflict_do_nothing())


async def all_of(tx: Transaction) -> tuple[IndexRecord, ...]:
    """Every index of the tenant that still has a row, of documents and of memory."""
    statement = select(indexes).where(indexes.c.tenant == tx.tenant).order_by(indexes.c.id)
    return tuple(_record(row) for row in (await tx.execute(statement)).mappings())


async def page(tx: Transaction, request: PageRequest) -> Page[IndexRecord]:
    statement = _select(tx).where(indexes.c.name > (request.after or "")).order_by(indexes.c.name)
    rows = (await tx.execute(statement.limit(request.limit + 1))).mappings().all()
    found = tuple(_record(row) for row in rows[: request.limit])
    return Page(items=found, after=found[-1].name if len(rows) > request.limit else None)


async def add(
    tx: Transaction,
    name: IndexName,
    *,
    description: str,
    default_acl: Acl,
    profile: IndexProfile,
    model: str,
    dimension: int,
    at: datetime,
) -> None:
    await tx.execute(
        insert(indexes).values(
            tenant=tx.tenant,
            name=name,
            description=description,
            default_acl=None if default_acl is None else list(default_acl),
            profile=_plain(profile),
            model=model,
            dimension=dimension,
            created_at=at,
            updated_at=at,
        )
    )
    _moves_catalog(tx)


async def change(
    tx: Transaction,
    index: IndexRecord,
    *,
    description: str,
    default_acl: Acl,
    profile: IndexProfile,
    model: str,
    dimension: int,
    generation: int,
    at: datetime,
) -> None:
    await tx.execute(
        update(indexes)
        .where(indexes.c.tenant == tx.tenant, indexes.c.id == index.id)
        .values(
            description=description,
            default_acl=None if default_acl is None else list(default_acl),
            profile=_plain(profile),
            model=model,
            dimension=dimension,
            generation=generation,
            updated_at=at,
        )
    )
    _moves_catalog(tx)


async def holds_documents(tx: Transaction, index_id: int) -> bool:
    """Whether any is live, on its way or failed; deleted ones do not count."""
    statement = (
        select(documents.c.id)
        .where(documents.c.tenant == tx.tenant, documents.c.index_id == index_id, documents.c.status != "deleted")
        .limit(1)
    )
    return (await tx.execute(statement)).first() is not None


async def mark_deleting(tx: Transaction, index_id: int, at: datetime) -> None:
    mine = (indexes.c.tenant == tx.tenant, indexes.c.id == index_id)
    await tx.execute(update(indexes).where(*mine).values(deleting=True, updated_at=at))
    _moves_catalog(tx)


async def remove(tx: Transaction, index_id: int) -> None:
    """The last row of a deleted index. Its changes stay in their order; a projector passes over them."""
    await tx.execute(delete(indexes).where(indexes.c.tenant == tx.tenant, indexes.c.id == index_id))


def _moves_catalog(tx: Transaction) -> None:
    """Last before the commit, where offsets are taken: both lock the tenant's head row, and nothing is waited for after it."""

    async def step(offset: int | None) -> None:
        del offset
        mine = tenant_heads.c.tenant == tx.tenant
        await tx.execute(update(tenant_heads).where(mine).values(catalog=tenant_heads.c.catalog + 1))

    tx.before_commit(step)


def _counts() -> tuple[Any, ...]:
    mine = (documents.c.tenant == indexes.c.tenant) & (documents.c.index_id == indexes.c.id) & (documents.c.status == "live")
    return (
        select(func.count()).where(mine).correlate(indexes).scalar_subquery().label("documents"),
        select(func.coalesce(func.sum(documents.c.chunks), 0)).where(mine).correlate(indexes).scalar_subquery().label("chunks"),
    )


def _select(tx: Transaction) -> Select[Any]:
    return select(indexes, *_counts()).where(*_listed(tx))


def _listed(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    """What clients call an index: those of documents. The collection of memory is none."""
    return (indexes.c.tenant == tx.tenant, ~indexes.c.deleting, indexes.c.kind == IndexKind.DOCUMENTS)


def _plain(profile: IndexProfile) -> dict[str, Any]:
    return {
        "embedder": profile.embedder,
        "chunk_tokens": profile.chunk_tokens,
        "chunk_overlap": profile.chunk_overlap,
        "language": profile.language,
        "range_fields": dict(profile.range_fields),
        "fusion": dataclasses.asdict(profile.fusion),
    }


def _record(row: Mapping[Any, Any]) -> IndexRecord:
    profile: dict[str, Any] = {**row["profile"], "fusion": Fusion(**row["profile"]["fusion"])}
    acl = row["default_acl"]
    return IndexRecord(
        id=row["id"],
        tenant=TenantId(row["tenant"]),
        name=IndexName(row["name"]),
        kind=IndexKind(row["kind"]),
        description=row["description"],
        default_acl=None if acl is None else tuple(acl),
        profile=IndexProfile(**profile),
        model=row["model"],
        dimension=row["dimension"],
        generation=row["generation"],
        deleting=row["deleting"],
        documents=row.get("documents", 0),
        chunks=row.get("chunks", 0),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
