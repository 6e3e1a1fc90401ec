"""Vectors by the exact text that was embedded, in float16. Content-addressed: a text is embedded once per vector space."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, select, tuple_

from storage.cache_tables import cache_entries
from storage.database import Reads, Transaction
from storage.memory_tables import memory_rows
from storage.statements import ROWS_PER_STATEMENT, upsert
from storage.tables import chunks, vectors

VectorKey = tuple[str, bytes]  # its space, and the SHA-256 of its text


async def get(tx: Transaction, model: str, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float16]]:
    """Those that are there, float16 [dimension] each, by SHA-256 of their text."""
    found: dict[bytes, NDArray[np.float16]] = {}
    for start in range(0, len(digests), ROWS_PER_STATEMENT):
        statement = select(vectors.c.text_sha256, vectors.c.body).where(
            vectors.c.tenant == tx.tenant,
            vectors.c.model == model,
            vectors.c.text_sha256.in_(digests[start : start + ROWS_PER_STATEMENT]),
        )
        for row in await tx.execute(statement):
            found[row.text_sha256] = np.frombuffer(row.body, dtype=np.float16)
    return found


async def known(reads: Reads, model: str, digests: Sequence[bytes]) -> frozenset[bytes]:
    """Which of the texts have a vector."""
    found: set[bytes] = set()
    for start in range(0, len(digests), ROWS_PER_STATEMENT):
        statement = select(vectors.c.text_sha256).where(
            vectors.c.tenant == reads.tenant,
            vectors.c.model == model,
            vectors.c.text_sha256.in_(digests[start : start + ROWS_PER_STATEMENT]),
        )
        found.update(row[0] for row in await reads.tuples(statement))
    return frozenset(found)


async def put(tx: Transaction, model: str, rows: Mapping[bytes, NDArray[np.float32]], at: datetime) -> None:
    """Keeps vectors, float32 [dimension] each, under the SHA-256 of their text; those that are there already stay."""
    if not rows:
        return
    await tx.execute(
        upsert(tx, vectors).on_conflict_do_nothing(),
        [
            {
                "tenant": tx.tenant,
                "model": model,
                "text_sha256": digest,
                "body": vector.astype(np.float16).tobytes(),
                "created_at": at,
            }
            for digest, vector in rows.items()
        ],
    )


async def unused(
    tx: Transaction, before: datetime, *, after: VectorKey | None, limit: int
) -> tuple[list[bytes], VectorKey | None]:
    """A step of a walk over all vectors, in the order of their keys: those of the `limit` behind `after` that were made before
    that time and which nothing refers to; and where the next step begins, None at the end."""
    key = tuple_(vectors.c.model, vectors.c.text_sha256)
    behind = () if after is None else (key > tuple_(*after),)
    page = select(vectors.c.model, vectors.c.text_sha256).where(vectors.c.tenant == tx.tenant, *behind)
    seen = (await tx.execute(page.order_by(vectors.c.model, vectors.c.text_sha256).limit(limit))).all()
    if not seen:
        return [], None
    last: VectorKey = (seen[-1].model, seen[-1].text_sha256)
    here = _unused(tx).where(*behind, key <= tuple_(*last), vectors.c.created_at < before)
    found = [row.text_sha256 for row in await tx.execute(here)]
    return found, last if len(seen) == limit else None


async def drop_unused(tx: Transaction, digests: Sequence[bytes]) -> int:
    """Removes those of these vectors that nothing refers to, whatever their age. How many went."""
    gone = 0
    for start in range(0, len(digests), ROWS_PER_STATEMENT):
        some = vectors.c.text_sha256.in_(digests[start : start + ROWS_PER_STATEMENT])
        for row in (await tx.execute(_unused(tx).where(some))).all():
            one = (vectors.c.tenant == tx.tenant, vectors.c.model == row.model, vectors.c.text_sha256 == row.text_sha256)
            gone += (await tx.execute(delete(vectors).where(*one))).rowcount
    return gone


def _unused(tx: Transaction) -> Select[Any, Any]:
    used = select(chunks.c.key).where(chunks.c.tenant == vectors.c.tenant, chunks.c.vector_sha256 == vectors.c.text_sha256)
    remembered = select(memory_rows.c.key).where(
        memory_rows.c.tenant == vectors.c.tenant, memory_rows.c.vector_sha256 == vectors.c.text_sha256
    )
    cached = select(cache_entries.c.id).where(
        cache_entries.c.tenant == vectors.c.tenant, cache_entries.c.vector_sha256 == vectors.c.text_sha256
    )
    return (
        select(vectors.c.model, vectors.c.text_sha256)
        .where(vectors.c.tenant == tx.tenant)
        .where(~used.exists(), ~remembered.exists(), ~cached.exists())
    )
