"""Answers kept under an Idempotency-Key, written in the transaction of the write they answer."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update

from core.caller import Caller
from core.errors import Conflict
from core.ids import KeyId, Principal
from core.limits import IDEMPOTENCY_KEPT_S
from storage.database import Transaction
from storage.statements import upsert
from storage.tables import idempotency


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """SHA-256 of the request's body, and the answer as it went out; of an old one without its status."""

    digest: bytes
    body: bytes
    status: int | None


async def find(tx: Transaction, key_id: KeyId, route: str, key: str) -> StoredAnswer | None:
    """The answer given before, unless it is older than the time that answers are kept."""
    statement = select(idempotency.c.digest, idempotency.c.body, idempotency.c.status).where(
        idempotency.c.tenant == tx.tenant,
        idempotency.c.key_id == key_id,
        idempotency.c.route == route,
        idempotency.c.key == key,
        idempotency.c.created_at > _oldest(),
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else StoredAnswer(digest=row.digest, body=row.body, status=row.status)


async def remember(tx: Transaction, caller: Caller, answer: object) -> None:
    """Keeps the answer, in the caller's own write, when it came with a key. Conflict when another request was faster."""
    once = caller.once
    if once is None:
        return
    await tx.execute(delete(idempotency).where(idempotency.c.created_at <= _oldest()))
    kept = await tx.execute(
        upsert(tx, idempotency)
        .values(
            tenant=tx.tenant,
            key_id=caller.key_id,
            route=once.route,
            key=once.key,
            digest=once.digest,
            body=once.encode(answer),
            status=once.status(answer),
            created_at=datetime.now(UTC),
            owner=caller.subject,
        )
        .on_conflict_do_nothing()
        .returning(idempotency.c.key)
    )
    if kept.first() is None:
        raise Conflict(
            "idempotency.in_progress",
            f"a request with the Idempotency-Key {once.key[:80]!r} is being answered; repeat it in a moment for its answer",
        )


async def replace(tx: Transaction, caller: Caller, answer: object) -> None:
    """The final answer in place of the first, once there is one."""
    once = caller.once
    if once is None:
        return
    await tx.execute(
        update(idempotency)
        .where(
            idempotency.c.tenant == tx.tenant,
            idempotency.c.key_id == caller.key_id,
            idempotency.c.route == once.route,
            idempotency.c.key == once.key,
        )
        .values(body=once.encode(answer), status=once.status(answer))
    )


async def forget(tx: Transaction, owner: Principal, until: datetime) -> int:
    """Drops the answers that were given to or for `owner` up to a moment. How many went."""
    mine = (idempotency.c.tenant == tx.tenant, idempotency.c.owner == owner, idempotency.c.created_at <= until)
    return (await tx.execute(delete(idempotency).where(*mine))).rowcount


async def count_of(tx: Transaction, owner: Principal, until: datetime) -> int:
    """How many answers to or for `owner` from before a moment are kept."""
    mine = (idempotency.c.tenant == tx.tenant, idempotency.c.owner == owner, idempotency.c.created_at <= until)
    return (await tx.execute(select(func.count()).select_from(idempotency).where(*mine))).scalar_one()


async def expire(tx: Transaction) -> None:
    """Forgets the tenant's answers that are older than the time that answers are kept."""
    await tx.execute(delete(idempotency).where(idempotency.c.tenant == tx.tenant, idempotency.c.created_at <= _oldest()))


def _oldest() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=IDEMPOTENCY_KEPT_S)
