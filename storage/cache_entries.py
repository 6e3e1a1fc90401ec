"""Cached answers of a tenant: found by question or by id, added, joined into groups, made stale, removed. The tenant comes
first in every key; whether an answer may still be given is cache/coherence.py's to say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Text, bindparam, case, delete, func, insert, or_, select, update

from core.ids import Principal
from storage.cache_records import EntryRecord, EntryState, FoundSource
from storage.cache_tables import cache_entries, cache_sources, cache_tags
from storage.database import Reads, Transaction
from storage.statements import ROWS_PER_STATEMENT, unindexed
from storage.tables import vectors

# Answers to one question from several people, looked through until one may be given.
SAME_MAX = 8

_LIGHT = tuple(column for column in cache_entries.c if column.name != "response")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An answer about to be stored."""

    namespace: str
    partition: bytes
    scope: str
    scope_id: str
    owner: Principal
    exact: bytes
    normalized: bytes
    text_digest: bytes
    query: str
    response: object
    size: int
    model: str
    vector_sha256: bytes | None
    group: int | None
    placed: bool
    sources: tuple[FoundSource, ...]
    tags: tuple[str, ...]
    evidence: tuple[tuple[str, str, int], ...] | None
    eyes: bytes
    offset: int
    tokens: int
    usd: float | None
    latency_ms: float
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What an entry takes and what it saves."""

    id: int
    partition: bytes
    hits: int
    size: int
    usd: float | None
    tokens: int
    latency_ms: float
    used_at: datetime


_STAKE = ("id", "partition", "hits", "size", "usd", "tokens", "latency_ms", "used_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which entries are meant: all conditions that are not None together."""

    namespace: str | None = None
    tag: str | None = None
    text_digest: bytes | None = None
    source: tuple[str, int] | None = None
    owner: Principal | None = None


async def by_question(
    reads: Reads, partition: bytes, normalized: bytes, at: datetime
) -> tuple[tuple[EntryRecord, object], ...]:
    """The living answers to a question in either exact tier, with their responses, newest first."""
    statement = (
        select(cache_entries)
        .where(
            cache_entries.c.tenant == reads.tenant,
            cache_entries.c.partition == partition,
            cache_entries.c.normalized == normalized,
            cache_entries.c.state == EntryState.ACTIVE,
            cache_entries.c.expires_at > at,
        )
        .order_by(cache_entries.c.id.desc())
        .limit(SAME_MAX)
    )
    return tuple((_record(row), row["response"]) for row in await reads.rows(statement))


async def by_ids(reads: Reads, ids: Sequence[int]) -> dict[int, EntryRecord]:
    """Those that are there, whatever their state."""
    statement = select(*_LIGHT).where(unindexed(cache_entries.c.tenant) == reads.tenant, cache_entries.c.id.in_(ids))
    return {row["id"]: _record(row) for row in await reads.rows(statement)}


async def response(reads: Reads, entry: int) -> object:
    """The response of an entry, None when it is gone."""
    statement = select(cache_entries.c.response).where(cache_entries.c.tenant == reads.tenant, cache_entries.c.id == entry)
    rows = await reads.rows(statement)
    return rows[0]["response"] if rows else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What a partition's copy in memory is made of."""

    id: int
    query: str
    vector: NDArray[np.float32]
    group: int
    placed: bool


async def of_partition(reads: Reads, partition: bytes, model: str, *, after: int, limit: int) -> tuple[Placed, ...]:
    """The entries behind an id that similarity may find, by id."""
    statement = (
        select(cache_entries.c.id, cache_entries.c.query, cache_entries.c.group_id, cache_entries.c.placed, vectors.c.body)
        .join(
            vectors,
            (vectors.c.tenant == cache_entries.c.tenant)
            & (vectors.c.model == cache_entries.c.model)
            & (vectors.c.text_sha256 == cache_entries.c.vector_sha256),
        )
        .where(
            cache_entries.c.tenant == reads.tenant,
            cache_entries.c.partition == partition,
            cache_entries.c.model == model,
            cache_entries.c.state != EntryState.STALE,
            cache_entries.c.id > after,
        )
        .order_by(cache_entries.c.id)
        .limit(limit)
    )
    return tuple(
        Placed(
            id=row["id"],
            query=row["query"],
            vector=np.frombuffer(row["body"], np.float16).astype(np.float32),
            group=row["group_id"] or row["id"],
            placed=row["placed"],
        )
        for row in await reads.rows(statement)
    )


async def add(tx: Transaction, new: NewEntry) -> int:
    """Stores an answer with its sources and tags, in the place of its owner's former one to the very same question."""
    return (await add_all(tx, [new]))[0]


async def add_all(tx: Transaction, news: Sequence[NewEntry]) -> list[int]:
    """Stores answers to different questions, their ids in order: some statements for all of them."""
    await remove(tx, await _former(tx, news))
    statement = insert(cache_entries).returning(cache_entries.c.id, sort_by_parameter_order=True)
    ids = list((await tx.execute(statement, [_values(tx, one) for one in news])).scalars())
    added = list(zip(ids, news, strict=True))
    sources = [_source(tx, entry, place, one) for entry, new in added for place, one in enumerate(new.sources)]
    if sources:
        await tx.execute(insert(cache_sources), sources)
    tags = [{"tenant": tx.tenant, "tag": tag, "entry_id": entry} for entry, new in added for tag in new.tags]
    if tags:
        await tx.execute(insert(cache_tags), tags)
    return ids


async def join(tx: Transaction, partition: bytes, groups: Mapping[int, int]) -> None:
    """Entries of the groups named, put into the group that each turned out to be."""
    for old, new in groups.items():
        its = (cache_entries.c.group_id == old) | ((cache_entries.c.id == old) & cache_entries.c.group_id.is_(None))
        statement = update(cache_entries).where(*_of(tx), cache_entries.c.partition == partition, its)
        await tx.execute(statement.values(group_id=new))


async def place(tx: Transaction, ids: Sequence[int]) -> None:
    """Their answers were compared with others."""
    await tx.execute(update(cache_entries).where(*_among(tx, ids)).values(placed=True))


async def gather(tx: Transaction, ids: Sequence[int]) -> None:
    """Entries of one answer, put into one group and placed."""
    statement = update(cache_entries).where(*_among(tx, ids))
    await tx.execute(statement.values(group_id=min(ids), placed=True))


async def note_false(tx: Transaction, entry: int, quarantine_after: int) -> bool:
    """One more false answer by this entry; whether that put it into quarantine."""
    statement = (
        update(cache_entries)
        .where(*_of(tx), cache_entries.c.id == entry)
        .values(false_hits=cache_entries.c.false_hits + 1)
        .returning(cache_entries.c.false_hits)
    )
    count = (await tx.execute(statement)).scalar_one_or_none() or 0
    if count < quarantine_after:
        return False
    active = (*_of(tx), cache_entries.c.id == entry, cache_entries.c.state == EntryState.ACTIVE)
    return (await tx.execute(update(cache_entries).where(*active).values(state=EntryState.QUARANTINED))).rowcount > 0


async def spoil(tx: Transaction, causes: Mapping[int, str]) -> None:
    """These answers are stale from now on."""
    values = {"state": EntryState.STALE, "cause": bindparam("why", type_=Text())}
    await _each(tx, values, [{"entry": entry, "why": cause} for entry, cause in sorted(causes.items())])


async def move(tx: Transaction, offsets: Mapping[int, int]) -> None:
    """The questions of these answers retrieved the same at these offsets."""
    now = bindparam("at", type_=BigInteger())
    later = case((cache_entries.c.offset < now, now), else_=cache_entries.c.offset)
    await _each(tx, {"offset": later}, [{"entry": entry, "at": offset} for entry, offset in sorted(offsets.items())])


async def note_hits(tx: Transaction, hits: Mapping[int, int], at: datetime) -> None:
    """So many more hits of each."""
    values = {"hits": cache_entries.c.hits + bindparam("more"), "used_at": at}
    await _each(tx, values, [{"entry": entry, "more": count} for entry, count in sorted(hits.items())])


async def count(tx: Transaction, namespace: str) -> int:
    statement = select(func.count()).select_from(cache_entries).where(*_of(tx), cache_entries.c.namespace == namespace)
    return (await tx.execute(statement)).scalar_one()


async def page(
    tx: Transaction, *, namespace: str | None, after: int, limit: int, at: datetime, scopes: Sequence[tuple[str, str]] | None
) -> tuple[EntryRecord, ...]:
    """Living entries by id; of those scopes alone unless None."""
    statement = select(*_LIGHT).where(*_of(tx), cache_entries.c.id > after, cache_entries.c.expires_at > at)
    if namespace is not None:
        statement = statement.where(cache_entries.c.namespace == namespace)
    if scopes is not None:
        statement = statement.where(_in_scopes(scopes))
    rows = (await tx.execute(statement.order_by(cache_entries.c.id).limit(limit))).mappings()
    return tuple(_record(row) for row in rows)


async def stakes(reads: Reads, namespace: str, *, after: int, limit: int) -> tuple[Stake, ...]:
    """What eviction weighs, of entries by id."""
    columns = [cache_entries.c[name] for name in _STAKE]
    mine = (cache_entries.c.tenant == reads.tenant, cache_entries.c.namespace == namespace, cache_entries.c.id > after)
    rows = await reads.rows(select(*columns).where(*mine).order_by(cache_entries.c.id).limit(limit))
    return tuple(Stake(**row) for row in rows)


async def find_ids(tx: Transaction, cut: Cut, scopes: Sequence[tuple[str, str]] | None) -> tuple[int, ...]:
    """The entries that a cut means, of those scopes alone unless None."""
    statement = select(cache_entries.c.id).where(*_of(tx))
    if scopes is not None:
        statement = statement.where(_in_scopes(scopes))
    for column in ("namespace", "text_digest", "owner"):
        if (value := getattr(cut, column)) is not None:
            statement = statement.where(cache_entries.c[column] == value)
    if cut.tag is not None:
        tagged = select(cache_tags.c.entry_id).where(cache_tags.c.tenant == tx.tenant, cache_tags.c.tag == cut.tag)
        statement = statement.where(cache_entries.c.id.in_(tagged))
    if cut.source is not None:
        kind, subject = cut.source
        resting = select(cache_sources.c.entry_id).where(
            cache_sources.c.tenant == tx.tenant, cache_sources.c.type == kind, cache_sources.c.subject_id == subject
        )
        statement = statement.where(cache_entries.c.id.in_(resting))
    return tuple((await tx.execute(statement.order_by(cache_entries.c.id))).scalars())


async def of_owner(tx: Transaction, owner: Principal, *, until: datetime | None = None) -> tuple[int, ...]:
    """The entries that a user stored, that are the user's own, or that rest on the user's memory; those stored up to a moment
    where one is given."""
    resting = select(cache_sources.c.entry_id).where(cache_sources.c.tenant == tx.tenant, cache_sources.c.owner == owner)
    private = (cache_entries.c.scope == "private") & (cache_entries.c.scope_id == owner)
    its = or_(cache_entries.c.owner == owner, private, cache_entries.c.id.in_(resting))
    found = select(cache_entries.c.id).where(*_of(tx), its)
    if until is not None:
        found = found.where(cache_entries.c.created_at <= until)
    return tuple((await tx.execute(found)).scalars())


async def remove(tx: Transaction, ids: Sequence[int]) -> None:
    """Entries with their sources and tags."""
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        gone = ids[start : start + ROWS_PER_STATEMENT]
        for table in (cache_sources, cache_tags):
            await tx.execute(delete(table).where(table.c.tenant == tx.tenant, table.c.entry_id.in_(gone)))
        await tx.execute(delete(cache_entries).where(*_among(tx, gone)))


async def vectors_of(tx: Transaction, ids: Sequence[int]) -> tuple[bytes, ...]:
    """The digests of the vectors of these entries."""
    found: set[bytes] = set()
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        some = _among(tx, ids[start : start + ROWS_PER_STATEMENT])
        statement = select(cache_entries.c.vector_sha256).where(*some, cache_entries.c.vector_sha256.is_not(None))
        found |= set((await tx.execute(statement)).scalars())
    return tuple(sorted(found))


async def finished(tx: Transaction, at: datetime, *, limit: int) -> tuple[int, ...]:
    """Entries of the tenant whose time is over, or that are stale."""
    over = (cache_entries.c.expires_at <= at) | (cache_entries.c.state == EntryState.STALE)
    return tuple((await tx.execute(select(cache_entries.c.id).where(*_of(tx), over).limit(limit))).scalars())


_PLAIN = (
    *("namespace", "partition", "scope", "scope_id", "owner", "exact", "normalized", "text_digest", "query", "response"),
    *("size", "model", "vector_sha256", "placed", "eyes", "offset", "tokens", "usd", "latency_ms", "created_at", "expires_at"),
)


async def _each(tx: Transaction, values: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """One statement for all rows: on SQLite one crossing, where each by itself would hold the only writer."""
    if rows:
        mine = (*_of(tx), cache_entries.c.id == bindparam("entry"))
        await tx.execute(update(cache_entries).where(*mine).values(values), rows)


async def _former(tx: Transaction, news: Sequence[NewEntry]) -> list[int]:
    """The entries of the same owners to the very same questions."""
    found: list[int] = []
    for (partition, owner), its in groupby(sorted(news, key=_shelf), key=_shelf):
        exact = cache_entries.c.exact.in_([one.exact for one in its])
        mine = (*_of(tx), cache_entries.c.partition == partition, cache_entries.c.owner == owner, exact)
        found += (await tx.execute(select(cache_entries.c.id).where(*mine))).scalars()
    return found


def _shelf(new: NewEntry) -> tuple[bytes, str]:
    return new.partition, new.owner


def _values(tx: Transaction, new: NewEntry) -> dict[str, Any]:
    return {
        "tenant": tx.tenant,
        "group_id": new.group,
        "sources": len(new.sources),
        "evidence": None if new.evidence is None else [list(one) for one in new.evidence],
        "state": EntryState.ACTIVE,
        "used_at": new.created_at,
        **{name: getattr(new, name) for name in _PLAIN},
    }


def _of(tx: Transaction) -> tuple[ColumnElement[bool]]:
    return (cache_entries.c.tenant == tx.tenant,)


def _among(tx: Transaction, ids: Sequence[int]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return unindexed(cache_entries.c.tenant) == tx.tenant, cache_entries.c.id.in_(ids)


def _in_scopes(scopes: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    return or_(*((cache_entries.c.scope == scope) & (cache_entries.c.scope_id == name) for scope, name in scopes))


def _source(tx: Transaction, entry: int, place: int, source: FoundSource) -> dict[str, Any]:
    return {
        "tenant": tx.tenant,
        "entry_id": entry,
        "ordinal": place,
        "type": source.type,
        "subject_id": source.subject_id,
        "version": source.version,
        "owner": source.owner,
        "index_name": source.index,
        "name": source.id,
    }


def _record(row: Mapping[Any, Any]) -> EntryRecord:
    evidence: list[list[Any]] | None = row["evidence"]
    return EntryRecord(
        id=row["id"],
        namespace=row["namespace"],
        partition=row["partition"],
        scope=row["scope"],
        scope_id=row["scope_id"],
        owner=Principal(row["owner"]),
        exact=row["exact"],
        query=row["query"],
        size=row["size"],
        group=row["group_id"] or row["id"],
        placed=row["placed"],
        state=EntryState(row["state"]),
        cause=row["cause"],
        false_hits=row["false_hits"],
        sources=row["sources"],
        evidence=None if evidence is None else tuple((str(one[0]), str(one[1]), int(one[2])) for one in evidence),
        eyes=row["eyes"],
        offset=row["offset"],
        tokens=row["tokens"],
        usd=row["usd"],
        latency_ms=row["latency_ms"],
        hits=row["hits"],
        used_at=row["used_at"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
