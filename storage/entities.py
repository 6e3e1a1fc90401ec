"""Whom and what an owner's memory speaks of, and what else they are called. An alias is folded and names one entity."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import insert, select, tuple_

from core.ids import Principal
from storage.database import Transaction
from storage.memory_tables import entities, entity_aliases
from storage.statements import upsert


async def named(tx: Transaction, owner: Principal, aliases: Sequence[str]) -> Mapping[str, str]:
    """The entity's name behind each folded alias that is known."""
    statement = (
        select(entity_aliases.c.alias, entities.c.name)
        .join(entities, (entities.c.id == entity_aliases.c.entity_id) & (entities.c.tenant == entity_aliases.c.tenant))
        .where(entity_aliases.c.tenant == tx.tenant, entity_aliases.c.owner == owner, entity_aliases.c.alias.in_(list(aliases)))
    )
    return {row.alias: row.name for row in await tx.execute(statement)}


async def page(tx: Transaction, owner: Principal, *, after: str, limit: int) -> tuple[tuple[str, str], ...]:
    """The next aliases behind `after` in code point order, each with its entity's name."""
    statement = (
        select(entity_aliases.c.alias, entities.c.name)
        .join(entities, (entities.c.id == entity_aliases.c.entity_id) & (entities.c.tenant == entity_aliases.c.tenant))
        .where(entity_aliases.c.tenant == tx.tenant, entity_aliases.c.owner == owner, entity_aliases.c.alias > after)
        .order_by(entity_aliases.c.alias)
        .limit(limit)
    )
    return tuple((row.alias, row.name) for row in await tx.execute(statement))


async def aliases(tx: Transaction, *, after: tuple[str, str], limit: int) -> tuple[tuple[Principal, str, str], ...]:
    """Every (owner, folded alias, entity's name) of the tenant from behind an (owner, alias)."""
    places = tuple_(entity_aliases.c.owner, entity_aliases.c.alias)
    statement = (
        select(entity_aliases.c.owner, entity_aliases.c.alias, entities.c.name)
        .join(entities, (entities.c.id == entity_aliases.c.entity_id) & (entities.c.tenant == entity_aliases.c.tenant))
        .where(entity_aliases.c.tenant == tx.tenant, places > after)
        .order_by(entity_aliases.c.owner, entity_aliases.c.alias)
        .limit(limit)
    )
    return tuple((Principal(row.owner), row.alias, row.name) for row in await tx.execute(statement))


async def call(tx: Transaction, owner: Principal, *, name: str, folded: str, alias: str, kind: str, at: datetime) -> None:
    """From now on the owner's entity `name` (`folded`) is also called `alias`, folded; an alias of another stays that one's."""
    entity = await _entity(tx, owner, folded)
    if entity is None:
        values = {"tenant": tx.tenant, "owner": owner, "name": name, "kind": kind, "created_at": at}
        entity = (await tx.execute(insert(entities).values(values).returning(entities.c.id))).scalar_one()
    rows = [{"tenant": tx.tenant, "owner": owner, "alias": one, "entity_id": entity} for one in {folded, alias}]
    await tx.execute(upsert(tx, entity_aliases).on_conflict_do_nothing(), rows)


async def _entity(tx: Transaction, owner: Principal, alias: str) -> int | None:
    statement = select(entity_aliases.c.entity_id).where(
        entity_aliases.c.tenant == tx.tenant, entity_aliases.c.owner == owner, entity_aliases.c.alias == alias
    )
    return (await tx.execute(statement)).scalar_one_or_none()
