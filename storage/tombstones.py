"""What must not be learned again, of one owner: digests under a secret of the owner's, no content. They outlive erasure,
rebuilds and re-extraction, and travel in bundles with their secrets. Who writes memory asks `refused` first, as it writes.

The digest is HMAC-SHA256 over scope and folded text, so a guess is worth nothing without the store or a bundle of that owner.
"""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select, tuple_

from core.ids import Principal
from storage.database import Transaction
from storage.memory_tables import tombstone_keys, tombstones
from storage.statements import ROWS_PER_STATEMENT, upsert

SECRET_BYTES = 32


class Scope(StrEnum):
    """What a tombstone keeps out: a value wherever it stands, one fact, or one message."""

    VALUE = "value"
    TRIPLE = "triple"
    SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that may be buried. Made by the three functions below, so that both sides fold it alike."""

    scope: Scope
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grave:
    """A stored tombstone."""

    scope: Scope
    digest: bytes
    created_at: datetime


def value_mark(value: str) -> Mark:
    """A value, or the whole text of a fact, wherever it is said. Case, width, spacing and closing punctuation do not count."""
    return Mark(scope=Scope.VALUE, text=_folded(value))


def triple_mark(triple: str) -> Mark:
    """One fact, by the folded triple that `facts.triple` holds."""
    return Mark(scope=Scope.TRIPLE, text=_folded(triple))


def source_mark(session: str, message: str, content: str) -> Mark:
    """One message: its session's id, its own public id and exactly its text."""
    return Mark(scope=Scope.SOURCE, text=f"{session}\x1f{message}\x1f{content}")


async def bury(tx: Transaction, owner: Principal, marks: Iterable[Mark], at: datetime) -> int:
    """Keeps these out from now on. How many were not buried before under the owner's own secret."""
    found = sorted(set(marks), key=lambda mark: (mark.scope, mark.text))
    if not found:
        return 0
    secret = await _own_secret(tx, owner, at)
    return await keep(tx, owner, [Grave(scope=one.scope, digest=digest(secret, one), created_at=at) for one in found])


async def refused(tx: Transaction, owner: Principal, marks: Iterable[Mark]) -> frozenset[Mark]:
    """Those of `marks` that are buried."""
    asked = set(marks)
    keys = await secrets_of(tx, owner) if asked else ()
    if not keys:
        return frozenset()
    wanted = {(mark.scope, digest(key, mark)): mark for mark in asked for key in keys}
    digests = [each for _, each in wanted]
    found: set[Mark] = set()
    for start in range(0, len(digests), ROWS_PER_STATEMENT):
        statement = select(tombstones.c.scope, tombstones.c.digest).where(
            tombstones.c.tenant == tx.tenant,
            tombstones.c.owner == owner,
            tombstones.c.digest.in_(digests[start : start + ROWS_PER_STATEMENT]),
        )
        found.update(wanted[Scope(row.scope), row.digest] for row in await tx.execute(statement))
    return frozenset(found)


async def lift(tx: Transaction, owner: Principal, marks: Iterable[Mark]) -> int:
    """Lets these in again: what `:restore` of a rejected fact does. How many tombstones went."""
    keys = await secrets_of(tx, owner)
    gone = 0
    for mark in set(marks):
        digests = [digest(key, mark) for key in keys]
        mine = (tombstones.c.tenant == tx.tenant, tombstones.c.owner == owner, tombstones.c.scope == mark.scope)
        gone += (await tx.execute(delete(tombstones).where(*mine, tombstones.c.digest.in_(digests)))).rowcount
    return gone


async def graves(tx: Transaction, owner: Principal, *, after: Grave | None, limit: int) -> tuple[Grave, ...]:
    """The next of the owner's, in an order that does not depend on when they were made: for a bundle."""
    mine = (tombstones.c.tenant == tx.tenant, tombstones.c.owner == owner)
    statement = select(tombstones).where(*mine).order_by(tombstones.c.scope, tombstones.c.digest).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(tombstones.c.scope, tombstones.c.digest) > (after.scope, after.digest))
    rows = await tx.execute(statement)
    return tuple(Grave(scope=Scope(row.scope), digest=row.digest, created_at=row.created_at) for row in rows)


async def secrets_of(tx: Transaction, owner: Principal) -> tuple[bytes, ...]:
    """The owner's own secret first, then those that came with bundles."""
    statement = select(tombstone_keys.c.secret).where(tombstone_keys.c.tenant == tx.tenant, tombstone_keys.c.owner == owner)
    return tuple((await tx.execute(statement.order_by(tombstone_keys.c.created_at, tombstone_keys.c.secret))).scalars())


async def add_secret(tx: Transaction, owner: Principal, secret: bytes, at: datetime) -> None:
    """A secret under which some of the owner's tombstones were made elsewhere, or its first."""
    row = {"tenant": tx.tenant, "owner": owner, "secret": secret, "created_at": at}
    await tx.execute(upsert(tx, tombstone_keys).values(row).on_conflict_do_nothing())


async def keep(tx: Transaction, owner: Principal, new: Sequence[Grave]) -> int:
    """Stores tombstones as they are. How many were new."""
    kept = 0
    for start in range(0, len(new), ROWS_PER_STATEMENT):
        rows = [
            {"tenant": tx.tenant, "owner": owner, "scope": one.scope, "digest": one.digest, "created_at": one.created_at}
            for one in new[start : start + ROWS_PER_STATEMENT]
        ]
        statement = upsert(tx, tombstones).values(rows).on_conflict_do_nothing().returning(tombstones.c.digest)
        kept += len((await tx.execute(statement)).all())
    return kept


def digest(secret: bytes, mark: Mark) -> bytes:
    return hmac.new(secret, f"{mark.scope}\x1e{mark.text}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


async def _own_secret(tx: Transaction, owner: Principal, at: datetime) -> bytes:
    known = await secrets_of(tx, owner)
    if not known:
        await add_secret(tx, owner, secrets.token_bytes(SECRET_BYTES), at)
        known = await secrets_of(tx, owner)
    return known[0]


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .!?;,")
