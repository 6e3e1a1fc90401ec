"""Vectors by the exact text that was embedded, in float16. Content-addressed: a text is embedded once per vector space."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, select

from storage.cache_tables import cache_entries
from storage.database import Transaction
from storage.memory_tables import memory_rows
from storage.statements import ROWS_PER_STATEMENT, upsert
from storage.tables import chunks, vectors


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


async def known(tx: Transaction, model: str, digests: Sequence[bytes]) -> frozenset[bytes]:
    """Which of the texts have a vector."""
    found: set[bytes] = set()
    for start in range(0, len(digests), ROWS_PER_STATEMENT):
        statement = select(vectors.c.text_sha256).where(
            vectors.c.tenant == tx.tenant,
            vectors.c.model == model,
            vectors.c.text_sha256.in_(digests[start : start + ROWS_PER_STATEMENT]),
        )
        found.update((await tx.execute(statement)).scalars())
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


async def collect(tx: Transaction, before: datetime, *, limit: int) -> int:
    """Removes vectors made before that time which nothing refers to, at most `limit`. How many went."""
    return await _drop(tx, _unused(tx).where(vectors.c.created_at < before).limit(limit))


async def drop_unused(tx: Transaction, digests: Sequence[bytes]) -> int:
    """Removes those of these vectors that nothing refers to, whatever their age. How many went."""
    gone = 0
    for start in range(0, len(digests), ROWS_PER_STATEMENT):
        some = vectors.c.text_sha256.in_(digests[start : start + ROWS_PER_STATEMENT])
        gone += await _drop(tx, _unused(tx).where(some))
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


async def _drop(tx: Transaction, unused: Select[Any, Any]) -> int:
    gone = 0
    for row in (await tx.execute(unused)).all():
        one = (vectors.c.tenant == tx.tenant, vectors.c.model == row.model, vectors.c.text_sha256 == row.text_sha256)
        gone += (await tx.execute(delete(vectors).where(*one))).rowcount
    return gone
