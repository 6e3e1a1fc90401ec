"""What the cache keeps about itself: namespaces set up, the secret, leases, labels, scores, counters."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from storage.cache_records import LabelRecord, NamespaceRecord
from storage.cache_tables import (
    cache_counters,
    cache_labels,
    cache_leases,
    cache_namespaces,
    cache_scores,
    cache_secrets,
)
from storage.database import Transaction
from storage.statements import locked, upsert

SECRET_BYTES = 32


async def secret(tx: Transaction, at: datetime) -> bytes:
    """What the tenant's lookup ids are signed with, made at the first call."""
    await tx.execute(
        upsert(tx, cache_secrets)
        .values(tenant=tx.tenant, secret=secrets.token_bytes(SECRET_BYTES), created_at=at)
        .on_conflict_do_nothing()
    )
    return (await tx.execute(select(cache_secrets.c.secret).where(cache_secrets.c.tenant == tx.tenant))).scalar_one()


async def namespace(tx: Transaction, name: str) -> NamespaceRecord | None:
    mine = (cache_namespaces.c.tenant == tx.tenant, cache_namespaces.c.name == name)
    row = (await tx.execute(select(cache_namespaces).where(*mine))).mappings().first()
    if row is None:
        return None
    return NamespaceRecord(
        name=row["name"],
        mode=row["mode"],
        threshold=row["threshold"],
        wrong_rate_max=row["wrong_rate_max"],
        ttl_s=row["ttl_s"],
        entries_max=row["entries_max"],
    )


async def set_up(tx: Transaction, record: NamespaceRecord, at: datetime) -> None:
    values = {name: getattr(record, name) for name in ("mode", "threshold", "wrong_rate_max", "ttl_s", "entries_max")}
    statement = upsert(tx, cache_namespaces).values(tenant=tx.tenant, name=record.name, created_at=at, updated_at=at, **values)
    changed = {**values, "updated_at": at}
    await tx.execute(statement.on_conflict_do_update(index_elements=["tenant", "name"], set_=changed))


async def lease(tx: Transaction, partition: bytes, normalized: bytes) -> tuple[int, datetime] | None:
    """(token, until) of the last lease on a question, locked; None when none is kept."""
    mine = (
        cache_leases.c.tenant == tx.tenant,
        cache_leases.c.partition == partition,
        cache_leases.c.normalized == normalized,
    )
    row = (await tx.execute(locked(tx, select(cache_leases).where(*mine)))).first()
    return None if row is None else (row.token, row.until)


async def put_lease(tx: Transaction, partition: bytes, normalized: bytes, *, token: int, until: datetime) -> bool:
    """Keeps a lease; False when somebody else took the same token first."""
    statement = upsert(tx, cache_leases).values(
        tenant=tx.tenant, partition=partition, normalized=normalized, token=token, until=until
    )
    statement = statement.on_conflict_do_update(
        index_elements=["tenant", "partition", "normalized"],
        set_={"token": token, "until": until},
        where=(cache_leases.c.token < token) | ((cache_leases.c.token == token) & (cache_leases.c.until > until)),
    )
    # An INSERT's rowcount is -1 on PostgreSQL.
    return (await tx.execute(statement.returning(cache_leases.c.token))).first() is not None


async def end_leases(tx: Transaction, partition: bytes, normalized: Sequence[bytes], at: datetime) -> None:
    """Nobody holds these questions' leases from now on. Their tokens stay, so that the next ones are higher."""
    mine = (
        cache_leases.c.tenant == tx.tenant,
        cache_leases.c.partition == partition,
        cache_leases.c.normalized.in_(normalized),
        cache_leases.c.until > at,
    )
    await tx.execute(update(cache_leases).where(*mine).values(until=at))


async def drop_leases(tx: Transaction, before: datetime) -> int:
    mine = (cache_leases.c.tenant == tx.tenant, cache_leases.c.until < before)
    return (await tx.execute(delete(cache_leases).where(*mine))).rowcount


async def add_label(
    tx: Transaction,
    namespace: str,
    *,
    mark: bytes,
    entry: int,
    features: Sequence[float] | None,
    wrong: bool,
    kind: str,
    at: datetime,
) -> int | None:
    """The label's id; None when this was judged before."""
    statement = upsert(tx, cache_labels).values(
        tenant=tx.tenant,
        namespace=namespace,
        mark=mark,
        entry_id=entry,
        features=None if features is None else list(features),
        wrong=wrong,
        kind=kind,
        at=at,
    )
    found = await tx.execute(statement.on_conflict_do_nothing().returning(cache_labels.c.id))
    return found.scalar_one_or_none()


async def labels(tx: Transaction, namespace: str, *, after: int, limit: int) -> tuple[LabelRecord, ...]:
    """The last labels behind an id, oldest first."""
    mine = (cache_labels.c.tenant == tx.tenant, cache_labels.c.namespace == namespace, cache_labels.c.id > after)
    rows = (
        (await tx.execute(select(cache_labels).where(*mine).order_by(cache_labels.c.id.desc()).limit(limit))).mappings().all()
    )
    return tuple(
        LabelRecord(
            id=row["id"],
            features=None if row["features"] is None else tuple(row["features"]),
            wrong=row["wrong"],
            kind=row["kind"],
        )
        for row in reversed(rows)
    )


async def add_scores(tx: Transaction, namespace: str, weights: str, scores: Sequence[tuple[float, float]]) -> None:
    rows = [
        {"tenant": tx.tenant, "namespace": namespace, "weights": weights, "score": score, "similarity": similarity}
        for score, similarity in scores
    ]
    if rows:
        await tx.execute(insert(cache_scores), rows)


async def scores(tx: Transaction, namespace: str, weights: str, *, limit: int) -> list[tuple[float, float]]:
    """(score, cosine) of the last lookups under these weights, oldest first."""
    mine = (
        cache_scores.c.tenant == tx.tenant,
        cache_scores.c.namespace == namespace,
        cache_scores.c.weights == weights,
    )
    statement = select(cache_scores.c.score, cache_scores.c.similarity).where(*mine).order_by(cache_scores.c.id.desc())
    return [(row.score, row.similarity) for row in reversed((await tx.execute(statement.limit(limit))).all())]


async def learned(tx: Transaction) -> tuple[str, ...]:
    """The namespaces that have labels or scores."""
    names: set[str] = set()
    for table in (cache_labels, cache_scores):
        names |= set((await tx.execute(select(table.c.namespace).where(table.c.tenant == tx.tenant).distinct())).scalars())
    return tuple(sorted(names))


async def trim(tx: Transaction, namespace: str, *, labels_kept: int, scores_kept: int) -> None:
    """Keeps the last labels and scores of a namespace."""
    for table, kept in ((cache_labels, labels_kept), (cache_scores, scores_kept)):
        mine = (table.c.tenant == tx.tenant, table.c.namespace == namespace)
        edge = select(table.c.id).where(*mine).order_by(table.c.id.desc()).offset(kept).limit(1)
        oldest = (await tx.execute(edge)).scalar_one_or_none()
        if oldest is not None:
            await tx.execute(delete(table).where(*mine, table.c.id <= oldest))


async def count(tx: Transaction, counts: Mapping[tuple[str, str], float]) -> None:
    """Adds to counters, by (namespace, name)."""
    for (namespace, name), value in sorted(counts.items()):
        statement = upsert(tx, cache_counters).values(tenant=tx.tenant, namespace=namespace, name=name, value=value)
        added = {"value": cache_counters.c.value + value}
        await tx.execute(statement.on_conflict_do_update(index_elements=["tenant", "namespace", "name"], set_=added))


async def counters(tx: Transaction, namespace: str) -> dict[str, float]:
    mine = (cache_counters.c.tenant == tx.tenant, cache_counters.c.namespace == namespace)
    return {row.name: row.value for row in await tx.execute(select(cache_counters).where(*mine))}
