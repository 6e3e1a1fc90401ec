"""Retention: which rules a tenant has, what is over by them, and what went so far. Taking it out is memory/forgetting's.

Nothing pinned is ever over: neither a pinned fact, nor the messages that one rests on, nor a session that one belongs to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from core.ids import Principal
from storage.database import Transaction
from storage.memory_tables import (
    entities,
    entity_aliases,
    fact_sources,
    facts,
    messages,
    retention_policies,
    retention_runs,
    sessions,
)
from storage.sessions import ERASED
from storage.statements import upsert

TENANT = Principal("")  # owns the rules for everybody who has none of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How long what is kept, in seconds; None is for ever. `facts_by_kind` is in the place of `facts_age_s` for its kinds;
    `facts_max` counts a user's facts that are not pinned."""

    messages_age_s: int | None = None
    sessions_idle_s: int | None = None
    users_idle_s: int | None = None
    facts_age_s: int | None = None
    facts_by_kind: Mapping[str, int | None]
    facts_max: int | None = None
    facts_expire: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """`owner` TENANT: of all who have none of their own."""

    owner: Principal
    rules: Rules
    revision: int
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The last look: `finished_at` None while it goes on, or when it was cut off. `total` is of all looks."""

    started_at: datetime
    finished_at: datetime | None
    removed: Mapping[str, int]
    total: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomedFact:
    """A fact that is over, as it was when it was looked at."""

    row_id: int
    kind: str
    owner: Principal
    revision: int


# --- rules and runs


async def policies(tx: Transaction) -> tuple[PolicyRecord, ...]:
    """The tenant's own first."""
    mine = select(retention_policies).where(retention_policies.c.tenant == tx.tenant).order_by(retention_policies.c.owner)
    return tuple(_policy(row) for row in (await tx.execute(mine)).mappings())


async def policy(tx: Transaction, owner: Principal) -> PolicyRecord | None:
    row = (await tx.execute(select(retention_policies).where(*_of(tx, owner)))).mappings().first()
    return None if row is None else _policy(row)


async def set_policy(tx: Transaction, owner: Principal, rules: Rules, *, revision: int, at: datetime) -> bool:
    """Whether the policy was still at the `revision` that it has from now on one more of; 0 is none."""
    values: dict[str, object] = {"rules": _frozen(rules), "revision": revision + 1, "updated_at": at}
    if revision == 0:
        new = {"tenant": tx.tenant, "owner": owner, **values}
        made = upsert(tx, retention_policies).values(new).on_conflict_do_nothing().returning(retention_policies.c.revision)
        return (await tx.execute(made)).first() is not None
    mine = (*_of(tx, owner), retention_policies.c.revision == revision)
    return (await tx.execute(update(retention_policies).where(*mine).values(values))).rowcount == 1


async def drop_policy(tx: Transaction, owner: Principal) -> None:
    await tx.execute(delete(retention_policies).where(*_of(tx, owner)))


async def last_run(tx: Transaction) -> RunRecord | None:
    row = (await tx.execute(select(retention_runs).where(retention_runs.c.tenant == tx.tenant))).first()
    if row is None:
        return None
    return RunRecord(started_at=row.started_at, finished_at=row.finished_at, removed=row.removed, total=row.total)


async def begin_run(tx: Transaction, at: datetime) -> None:
    begun: dict[str, object] = {"started_at": at, "finished_at": None, "removed": {}}
    changed = await tx.execute(update(retention_runs).where(retention_runs.c.tenant == tx.tenant).values(begun))
    if changed.rowcount == 0:
        await tx.execute(insert(retention_runs).values(tenant=tx.tenant, total={}, **begun))


async def count_run(tx: Transaction, gone: Mapping[str, int]) -> None:
    """Adds to the run that was begun."""
    run = await last_run(tx)
    assert run is not None, "begun before"
    removed, total = (
        {**of, **{name: of.get(name, 0) + number for name, number in gone.items()}} for of in (run.removed, run.total)
    )
    await tx.execute(update(retention_runs).where(retention_runs.c.tenant == tx.tenant).values(removed=removed, total=total))


async def finish_run(tx: Transaction, at: datetime) -> None:
    await tx.execute(update(retention_runs).where(retention_runs.c.tenant == tx.tenant).values(finished_at=at))


# --- what is over


async def old_messages(
    tx: Transaction, policy: PolicyRecord, at: datetime, *, among: Sequence[int] | None = None, limit: int
) -> tuple[int, ...]:
    """Messages that have been kept for long enough, or whose session or user was idle for as long; the oldest first."""
    over = messages_over(tx, policy, at) if among is None else messages_over(tx, policy, at).where(messages.c.id.in_(among))
    return await _rows(tx, over.order_by(messages.c.id).limit(limit))


async def idle_sessions(
    tx: Transaction, policy: PolicyRecord, at: datetime, *, among: Sequence[int] | None = None, limit: int
) -> tuple[int, ...]:
    """Idle sessions in which nothing is kept any more."""
    over = sessions_over(tx, policy, at).where(~_has_messages())
    over = over if among is None else over.where(sessions.c.id.in_(among))
    return await _rows(tx, over.order_by(sessions.c.id).limit(limit))


async def ended_sessions(tx: Transaction, at: datetime, *, limit: int) -> tuple[int, ...]:
    """Sessions whose own time to live is over, whatever the rules are, unless only what is pinned is left of them."""
    something = exists().where(*_its_messages(), ~_cited())
    nothing = and_(~_has_messages(), ~_has_pinned_facts())
    over = (sessions.c.expires_at <= at, ~sessions.c.owner.startswith(ERASED, autoescape=True), or_(something, nothing))
    return await _rows(tx, select(sessions.c.id).where(*_mine(sessions, tx), *over).order_by(sessions.c.id).limit(limit))


async def messages_of(tx: Transaction, session_id: int, *, limit: int) -> tuple[int, ...]:
    """A session's messages that no pinned fact rests on."""
    its = select(messages.c.id).where(*_mine(messages, tx), messages.c.session_id == session_id, ~_cited())
    return await _rows(tx, its.order_by(messages.c.seq).limit(limit))


async def holds_pinned(tx: Transaction, session_id: int) -> bool:
    """Whether something of the session must stay."""
    statement = select(sessions.c.id).where(*_mine(sessions, tx), sessions.c.id == session_id)
    return bool(await _rows(tx, statement.where(or_(_has_messages(), _has_pinned_facts()))))


async def old_facts(tx: Transaction, policy: PolicyRecord, at: datetime, *, limit: int) -> tuple[DoomedFact, ...]:
    rows = await tx.execute(facts_over(tx, policy, at).limit(limit))
    return tuple(DoomedFact(row_id=row.id, kind=row.kind, owner=row.owner, revision=row.revision) for row in rows)


async def drop_names(tx: Transaction, policy: PolicyRecord, at: datetime) -> int:
    """The names that idle users used, once nothing else of them is kept. How many entities went."""
    if policy.rules.users_idle_s is None:
        return 0
    busy = [select(one.c.owner).where(one.c.tenant == tx.tenant) for one in (sessions, facts)]
    for owned in (entity_aliases, entities):
        left = [owned.c.owner.not_in(each) for each in busy]
        old = owned.c.owner.in_(
            select(entities.c.owner).where(
                entities.c.tenant == tx.tenant, entities.c.created_at <= _before(at, policy.rules.users_idle_s)
            )
        )
        gone = await tx.execute(delete(owned).where(*_mine(owned, tx), _reached(tx, owned.c.owner, policy), old, *left))
    return gone.rowcount


async def names_of(tx: Transaction, over: Select[Any], *, limit: int) -> tuple[str, ...]:
    """The public ids of sessions that are over."""
    ids = select(sessions.c.external_id).where(*_mine(sessions, tx), sessions.c.id.in_(over))
    return tuple((await tx.execute(ids.order_by(sessions.c.id).limit(limit))).scalars())


async def count(tx: Transaction, over: Select[Any]) -> int:
    return (await tx.execute(select(func.count()).select_from(over.subquery()))).scalar_one()


async def count_kinds(tx: Transaction, over: Select[Any]) -> dict[str, int]:
    """Of facts that are over, by their kind."""
    found = over.order_by(None).subquery()
    statement = select(found.c.kind, func.count().label("number")).group_by(found.c.kind).order_by(found.c.kind)
    return {row.kind: row.number for row in await tx.execute(statement)}


def messages_over(tx: Transaction, policy: PolicyRecord, at: datetime) -> Select[Any]:
    rules = policy.rules
    old = false() if rules.messages_age_s is None else messages.c.recorded_at <= _before(at, rules.messages_age_s)
    idle = select(sessions.c.id).where(*_mine(sessions, tx), _idle(tx, policy, at))
    over = or_(old, messages.c.session_id.in_(idle))
    return select(messages.c.id).where(*_mine(messages, tx), _reached(tx, messages.c.owner, policy), over, ~_cited())


def sessions_over(tx: Transaction, policy: PolicyRecord, at: datetime) -> Select[Any]:
    reached = _reached(tx, sessions.c.owner, policy)
    pinned = or_(_has_pinned_facts(), exists().where(*_its_messages(), _cited()))
    return select(sessions.c.id).where(*_mine(sessions, tx), reached, _idle(tx, policy, at), ~pinned)


def facts_over(tx: Transaction, policy: PolicyRecord, at: datetime) -> Select[Any]:
    """Those past their age or their user's, and those behind the `facts_max` of their user that matter most: what holds before
    what is history, then the more important, then the later."""
    rules = policy.rules
    counted = [*_mine(facts, tx), ~facts.c.pinned, _reached(tx, facts.c.owner, policy)]
    if rules.facts_expire:
        counted.append(facts.c.status.not_in(["expired", "rejected"]))
    best = (facts.c.status == "active", facts.c.importance, facts.c.recorded_at, facts.c.id)
    place = func.row_number().over(partition_by=facts.c.owner, order_by=[column.desc() for column in best])
    columns = (facts.c.id, facts.c.kind, facts.c.owner, facts.c.revision)
    ranked = select(*columns, place.label("place"), _aged(rules, at).label("aged")).where(*counted).subquery()
    behind = false() if rules.facts_max is None else ranked.c.place > rules.facts_max
    over = or_(behind, ranked.c.aged, ranked.c.owner.in_(_idle_users(tx, rules, at)))
    return select(*(ranked.c[column.name] for column in columns)).where(over).order_by(ranked.c.id)


def _aged(rules: Rules, at: datetime) -> ColumnElement[bool]:
    """By the later of when it was recorded and when it was last said."""

    def old(age_s: int | None) -> ColumnElement[bool]:
        if age_s is None:
            return false()
        edge = _before(at, age_s)
        return and_(facts.c.recorded_at <= edge, or_(facts.c.seen_at.is_(None), facts.c.seen_at <= edge))

    named = [and_(facts.c.kind == kind, old(age_s)) for kind, age_s in rules.facts_by_kind.items()]
    return or_(and_(facts.c.kind.not_in(list(rules.facts_by_kind)), old(rules.facts_age_s)), *named)


def _idle(tx: Transaction, policy: PolicyRecord, at: datetime) -> ColumnElement[bool]:
    rules = policy.rules
    alone = false() if rules.sessions_idle_s is None else sessions.c.updated_at <= _before(at, rules.sessions_idle_s)
    return or_(alone, sessions.c.owner.in_(_idle_users(tx, rules, at)))


def _idle_users(tx: Transaction, rules: Rules, at: datetime) -> Select[Any]:
    """Users for whom nothing was written since: no message, no fact, no change of either."""
    if rules.users_idle_s is None:
        return select(sessions.c.owner).where(false())
    edge = _before(at, rules.users_idle_s)
    told, kept = sessions.alias(), facts.alias()
    late = (
        select(told.c.owner).where(told.c.tenant == tx.tenant, told.c.updated_at > edge),
        select(kept.c.owner).where(
            kept.c.tenant == tx.tenant,
            or_(kept.c.recorded_at > edge, kept.c.known_from > edge, and_(kept.c.seen_at > edge, kept.c.seen_at <= at)),
        ),
    )
    everybody = (
        select(told.c.owner).where(told.c.tenant == tx.tenant),
        select(kept.c.owner).where(kept.c.tenant == tx.tenant),
    )
    owners = everybody[0].union(everybody[1]).subquery()
    return select(owners.c.owner).where(*(owners.c.owner.not_in(each) for each in late))


def _cited() -> ColumnElement[bool]:
    """Whether a pinned fact rests on the message."""
    return exists().where(
        fact_sources.c.tenant == messages.c.tenant,
        fact_sources.c.source_type == "message",
        fact_sources.c.source_id == cast(messages.c.id, Text),
        fact_sources.c.stance == "supports",
        facts.c.tenant == fact_sources.c.tenant,
        facts.c.id == fact_sources.c.fact_id,
        facts.c.pinned,
    )


def _has_pinned_facts() -> ColumnElement[bool]:
    return exists().where(facts.c.tenant == sessions.c.tenant, facts.c.session_id == sessions.c.id, facts.c.pinned)


def _has_messages() -> ColumnElement[bool]:
    return exists().where(*_its_messages())


def _its_messages() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return messages.c.tenant == sessions.c.tenant, messages.c.session_id == sessions.c.id


def _reached(tx: Transaction, owner: ColumnElement[str], policy: PolicyRecord) -> ColumnElement[bool]:
    """Whose memory a policy is for."""
    if policy.owner != TENANT:
        return owner == policy.owner
    own = select(retention_policies.c.owner).where(retention_policies.c.tenant == tx.tenant)
    return and_(owner.not_in(own), ~owner.startswith(ERASED, autoescape=True))


def _mine(owned: Table, tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    return (owned.c.tenant == tx.tenant,)


def _before(at: datetime, age_s: int) -> datetime:
    return at - timedelta(seconds=age_s)


def _of(tx: Transaction, owner: Principal) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return retention_policies.c.tenant == tx.tenant, retention_policies.c.owner == owner


async def _rows(tx: Transaction, statement: Select[Any]) -> tuple[int, ...]:
    return tuple((await tx.execute(statement)).scalars())


def _frozen(rules: Rules) -> dict[str, Any]:
    values = {name: getattr(rules, name) for name in Rules.__dataclass_fields__}
    return {**values, "facts_by_kind": dict(rules.facts_by_kind)}


def _policy(row: Mapping[Any, Any]) -> PolicyRecord:
    rules = Rules(**row["rules"])
    return PolicyRecord(owner=Principal(row["owner"]), rules=rules, revision=row["revision"], updated_at=row["updated_at"])
