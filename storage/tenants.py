"""Tenants and the identity of the store itself."""

import secrets
from datetime import datetime

from sqlalchemy import insert, select

from core.ids import TenantId
from storage.database import Transaction
from storage.statements import upsert
from storage.tables import store, tenant_heads, tenants


async def store_id(tx: Transaction, at: datetime) -> str:
    """Which store this is, made at the first call (a system write)."""
    known: str | None = (await tx.execute(select(store.c.id))).scalar_one_or_none()
    if known is not None:
        return known
    made = f"store_{secrets.token_hex(8)}"
    await tx.execute(insert(store).values(id=made, created_at=at))
    return made


async def ensure(tx: Transaction, tenant: TenantId, at: datetime) -> None:
    """Makes the tenant if it is not there (a system write)."""
    await tx.execute(upsert(tx, tenants).values(tenant=tenant, created_at=at).on_conflict_do_nothing())
    await tx.execute(upsert(tx, tenant_heads).values(tenant=tenant, head=0).on_conflict_do_nothing())


async def exists(tx: Transaction, tenant: TenantId) -> bool:
    return (await tx.execute(select(tenants.c.tenant).where(tenants.c.tenant == tenant))).first() is not None


async def head(tx: Transaction) -> int:
    """The offset of the tenant's last committed change, 0 before the first."""
    statement = select(tenant_heads.c.head).where(tenant_heads.c.tenant == tx.tenant)
    return (await tx.execute(statement)).scalar_one_or_none() or 0


async def every(tx: Transaction) -> tuple[TenantId, ...]:
    """All tenants (a system read)."""
    return tuple(TenantId(name) for name in (await tx.execute(select(tenants.c.tenant))).scalars())
