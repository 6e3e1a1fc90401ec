"""Credentials. Found across tenants by id, since the key is what names the tenant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from core.caller import Grant
from core.ids import KeyId, Principal, TenantId
from core.paging import Page, PageRequest
from storage.database import Transaction
from storage.records import KeyRecord
from storage.tables import keys


async def find(tx: Transaction, key_id: KeyId) -> KeyRecord | None:
    """The key of any tenant, revoked and expired ones too (a system read)."""
    row = (await tx.execute(select(keys).where(keys.c.id == key_id))).mappings().first()
    return None if row is None else _record(row)


async def add(tx: Transaction, key: KeyRecord) -> None:
    await tx.execute(
        insert(keys).values(
            id=key.id,
            tenant=key.tenant,
            name=key.name,
            secret_sha256=key.secret_sha256,
            subject=key.subject,
            principals=list(key.principals),
            grants=list(key.grants),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
        )
    )


async def page(tx: Transaction, request: PageRequest) -> Page[KeyRecord]:
    """The tenant's keys by id, which sorts by time of making."""
    statement = select(keys).where(keys.c.tenant == tx.tenant, keys.c.id > (request.after or "")).order_by(keys.c.id)
    rows = (await tx.execute(statement.limit(request.limit + 1))).mappings().all()
    found = tuple(_record(row) for row in rows[: request.limit])
    return Page(items=found, after=found[-1].id if len(rows) > request.limit else None)


async def revoke(tx: Transaction, key_id: KeyId, at: datetime) -> bool:
    """Whether the tenant had the key, not yet revoked."""
    mine = (keys.c.tenant == tx.tenant, keys.c.id == key_id, keys.c.revoked_at.is_(None))
    return (await tx.execute(update(keys).where(*mine).values(revoked_at=at))).rowcount > 0


def _record(row: Mapping[Any, Any]) -> KeyRecord:
    return KeyRecord(
        id=KeyId(row["id"]),
        tenant=TenantId(row["tenant"]),
        name=row["name"],
        secret_sha256=row["secret_sha256"],
        subject=Principal(row["subject"]),
        principals=tuple(row["principals"]),
        grants=tuple(Grant(grant) for grant in row["grants"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
