"""Facts of an owner, their former states and their sources. What becomes of a fact is decided by memory's gate, not here.

Who writes locks the owner first, so that what the gate was shown is still so when its verdict is written. Each change is
by compare-and-swap on the fact's revision.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, insert, or_, select, update

from core.ids import Principal
from core.metadata import Metadata
from core.paging import Page, PageRequest
from storage.database import Transaction
from storage.documents import thaw
from storage.fact_records import Change, FactRecord, FactScope, FormerState, SourceRecord, frozen, thawed
from storage.memory_tables import fact_history, fact_sources, facts
from storage.statements import ROWS_PER_STATEMENT, starts_with, unindexed, upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFact:
    """A fact about to be stored."""

    scope: FactScope
    entity: str
    attribute: str
    value: str
    text: str
    triple: str
    kind: str
    polarity: bool
    cardinality: str
    valid_from: datetime | None
    valid_to: datetime | None
    expires_at: datetime | None
    status: str
    superseded_by: int | None
    trust: int
    importance: float
    pinned: bool
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class FactQuery:
    """Which of an owner's facts a list shows; None is any. `entity` and `attribute` are folded, as in `facts.triple`;
    `status` is that of the moment `at`."""

    status: str | None = None
    entity: str | None = None
    attribute: str | None = None
    agent: str | None = None
    kind: str | None = None
    at: datetime | None = None


async def lock_owner(tx: Transaction, owner: Principal) -> None:
    """Until the commit nobody else writes this owner's facts. SQLite has one writer anyway."""
    if not tx.is_sqlite:
        key = func.hashtextextended(f"{tx.tenant}\x1f{owner}", 0)
        await tx.execute(select(func.pg_advisory_xact_lock(key)))


async def find(tx: Transaction, owner: Principal, row_id: int) -> FactRecord | None:
    row = (await tx.execute(select(facts).where(*_mine(tx, owner), facts.c.id == row_id))).mappings().first()
    return None if row is None else _record(row)


async def by_rows(tx: Transaction, row_ids: Sequence[int]) -> dict[int, FactRecord]:
    """Those that are there, of any owner of the tenant."""
    found: dict[int, FactRecord] = {}
    for start in range(0, len(row_ids), ROWS_PER_STATEMENT):
        wanted = row_ids[start : start + ROWS_PER_STATEMENT]
        statement = select(facts).where(unindexed(facts.c.tenant) == tx.tenant, facts.c.id.in_(wanted))
        found |= {row["id"]: _record(row) for row in (await tx.execute(statement)).mappings()}
    return found


async def exclusive(tx: Transaction, scope: FactScope, prefix: str) -> tuple[FactRecord, ...]:
    """The facts of one entity's attribute (its folded `prefix` of the triple) that has one value at a time, oldest first."""
    statement = select(facts).where(*_within(tx, scope), starts_with(facts.c.triple, prefix), facts.c.cardinality == "one")
    return await _all(tx, statement.order_by(facts.c.id))


async def same(tx: Transaction, scope: FactScope, triple: str) -> tuple[FactRecord, ...]:
    """The facts that say of an entity's attribute this value, or that it is not so; oldest first."""
    statement = select(facts).where(*_within(tx, scope), facts.c.triple == triple)
    return await _all(tx, statement.order_by(facts.c.id))


async def superseded(tx: Transaction, scope: FactScope, prefix: str, *, by: int) -> tuple[FactRecord, ...]:
    """The facts of one entity's attribute that this row ended."""
    statement = select(facts).where(*_within(tx, scope), starts_with(facts.c.triple, prefix), facts.c.superseded_by == by)
    return await _all(tx, statement.order_by(facts.c.id))


async def doubled(tx: Transaction, *, after: int, limit: int) -> tuple[FactRecord, ...]:
    """The first of each group of active facts that say the same for the same scope, by row from behind `after`."""
    group = [facts.c[name] for name in ("owner", "agent", "session_id", "triple", "polarity", "cardinality")]
    first = func.min(facts.c.id).label("first")
    mine = (facts.c.tenant == tx.tenant, facts.c.status == "active", ~facts.c.withdrawn)
    groups = select(first).where(*mine).group_by(*group).having(func.count() > 1).subquery()
    statement = select(facts).where(facts.c.id.in_(select(groups.c.first)), facts.c.id > after)
    return await _all(tx, statement.order_by(facts.c.id).limit(limit))


async def called(tx: Transaction, named: Sequence[tuple[Principal, str]]) -> tuple[FactRecord, ...]:
    """The facts about these (owner, folded name)."""
    its = [and_(facts.c.owner == owner, starts_with(facts.c.triple, f"{name}\x1f")) for owner, name in named]
    return await _all(tx, select(facts).where(facts.c.tenant == tx.tenant, or_(*its)).order_by(facts.c.id)) if its else ()


async def latest_active(tx: Transaction, scope: FactScope, prefix: str, *, limit: int) -> tuple[FactRecord, ...]:
    """The last recorded active facts of one entity's attribute."""
    statement = select(facts).where(*_within(tx, scope), starts_with(facts.c.triple, prefix), facts.c.status == "active")
    return await _all(tx, statement.order_by(facts.c.id.desc()).limit(limit))


async def page(tx: Transaction, owner: Principal, request: PageRequest, query: FactQuery) -> Page[FactRecord]:
    """In the order in which they were first recorded."""
    wanted: list[ColumnElement[bool]] = [*_mine(tx, owner), facts.c.id > request.after_number(0)]
    if query.entity is not None:
        wanted.append(starts_with(facts.c.triple, f"{query.entity}\x1f"))
    if query.attribute is not None:
        wanted.append(facts.c.triple.contains(f"\x1f{query.attribute}\x1f", autoescape=True))
    wanted += _standing(query)
    for name in ("agent", "kind"):
        value = getattr(query, name)
        if value is not None:
            wanted.append(facts.c[name] == value)
    found = await _all(tx, select(facts).where(*wanted).order_by(facts.c.id).limit(request.limit + 1))
    shown = found[: request.limit]
    return Page(items=shown, after=str(shown[-1].row_id) if len(found) > request.limit else None)


def _standing(query: FactQuery) -> list[ColumnElement[bool]]:
    """Of one status at `at`: what has run out by then is expired, whoever has still to write that down."""
    if query.status is None:
        return []
    mine = facts.c.status == query.status
    if query.at is None or query.status == "rejected":
        return [mine]
    if query.status == "expired":
        return [or_(mine, and_(facts.c.expires_at <= query.at, facts.c.status != "rejected"))]
    return [mine, or_(facts.c.expires_at.is_(None), facts.c.expires_at > query.at)]


async def pinned(tx: Transaction, owner: Principal, *, limit: int) -> tuple[FactRecord, ...]:
    """The owner's active facts that are pinned, oldest first."""
    found = await tx.rows(_PINNED, {"tenant": tx.tenant, "owner": owner, "limit": limit})
    return tuple(map(_record, found))


async def expired(tx: Transaction, at: datetime, *, limit: int) -> tuple[FactRecord, ...]:
    """Facts of the tenant whose time was over then and that are still kept as if it were not."""
    over = (facts.c.tenant == tx.tenant, facts.c.expires_at <= at, facts.c.status.not_in(["expired", "rejected"]))
    statement = select(facts).where(*over)
    return await _all(tx, statement.order_by(facts.c.expires_at, facts.c.id).limit(limit))


async def known(tx: Transaction, owner: Principal, at: datetime, *, limit: int) -> tuple[FactRecord, ...]:
    """Each of the owner's facts in the state that was known at a time; those learned later are missing."""
    now = select(facts).where(*_mine(tx, owner), facts.c.known_from <= at).order_by(facts.c.id.desc()).limit(limit)
    former = (
        select(fact_history.c.state)
        .where(
            fact_history.c.tenant == tx.tenant,
            fact_history.c.owner == owner,
            fact_history.c.known_to > at,
            fact_history.c.known_from <= at,
        )
        .limit(limit)
    )
    found = {one.row_id: one for one in await _all(tx, now)}
    for state in (await tx.execute(former)).scalars():
        one = thawed(state, owner)
        found.setdefault(one.row_id, one)
    return tuple(found[row_id] for row_id in sorted(found))


async def add(tx: Transaction, new: NewFact, at: datetime) -> FactRecord:
    """Stores it, with no proof yet."""
    values = {name: getattr(new, name) for name in NewFact.__dataclass_fields__ if name not in {"scope", "metadata"}}
    values |= {
        "tenant": tx.tenant,
        "owner": new.scope.owner,
        "agent": new.scope.agent,
        "session_id": new.scope.session_id,
        "metadata": dict(new.metadata),
        "seen_at": new.valid_from,
        "withdrawn": False,
        "recorded_at": at,
        "known_from": at,
        "proofs": 0,
        "revision": 1,
    }
    row = (await tx.execute(insert(facts).values(values).returning(*facts.c))).mappings().one()
    return _record(row)


async def change(tx: Transaction, fact: FactRecord, change: Change, **values: object) -> FactRecord | None:
    """The fact with other values, its state until now kept; None when somebody else changed it meanwhile."""
    mine = (facts.c.tenant == tx.tenant, facts.c.id == fact.row_id, facts.c.revision == fact.revision)
    made = update(facts).where(*mine).values(known_from=change.at, revision=fact.revision + 1, **values).returning(*facts.c)
    row = (await tx.execute(made)).mappings().first()
    if row is None:
        return None
    await tx.execute(
        insert(fact_history).values(
            tenant=tx.tenant,
            fact_id=fact.row_id,
            revision=fact.revision,
            owner=fact.scope.owner,
            known_from=fact.known_from,
            known_to=change.at,
            state=frozen(fact),
            op=change.op,
            actor=change.actor,
            reason=change.reason,
        )
    )
    return _record(row)


async def weigh(tx: Transaction, fact: FactRecord, **values: object) -> FactRecord:
    """Notes what does not change what is known: how many proofs there are, and when it was last said."""
    mine = (facts.c.tenant == tx.tenant, facts.c.id == fact.row_id)
    row = (await tx.execute(update(facts).where(*mine).values(**values).returning(*facts.c))).mappings().one()
    return _record(row)


async def remove(tx: Transaction, row_ids: Sequence[int]) -> None:
    """The facts with their former states and sources. Their searchable rows are retracted by who asks."""
    for start in range(0, len(row_ids), ROWS_PER_STATEMENT):
        gone = row_ids[start : start + ROWS_PER_STATEMENT]
        for table in (fact_sources, fact_history):
            await tx.execute(delete(table).where(table.c.tenant == tx.tenant, table.c.fact_id.in_(gone)))
        await tx.execute(delete(facts).where(unindexed(facts.c.tenant) == tx.tenant, facts.c.id.in_(gone)))


async def of_session(tx: Transaction, session_id: int) -> tuple[FactRecord, ...]:
    """The facts that belong to one session alone."""
    return await _all(tx, select(facts).where(facts.c.tenant == tx.tenant, facts.c.session_id == session_id))


async def replaced(tx: Transaction, row_ids: Sequence[int]) -> tuple[tuple[FactRecord, FactRecord], ...]:
    """Each of many values in whose place another was put, with that other: those whose later recorded is one of these."""
    other = facts.alias("other")
    statement = (
        select(facts, other.c.id.label("other_id"))
        .join(other, (other.c.id == facts.c.superseded_by) & (other.c.tenant == facts.c.tenant))
        .where(facts.c.tenant == tx.tenant, facts.c.cardinality == "many", facts.c.triple != other.c.triple)
        .where(or_(facts.c.id.in_(row_ids), other.c.id.in_(row_ids)))
        .order_by(facts.c.id)
    )
    rows = (await tx.execute(statement)).mappings().all()
    others = await by_rows(tx, [row["other_id"] for row in rows])
    wanted = set(row_ids)
    pairs = ((_record(row), others[row["other_id"]]) for row in rows)
    return tuple((old, new) for old, new in pairs if max(old.row_id, new.row_id) in wanted)


async def withdrawing(tx: Transaction, row_ids: Sequence[int]) -> frozenset[int]:
    """Those that say of another fact that it never was so."""
    void = (facts.c.tenant == tx.tenant, facts.c.withdrawn, facts.c.superseded_by.in_(row_ids))
    return frozenset((await tx.execute(select(facts.c.superseded_by).where(*void))).scalars())


async def history(tx: Transaction, fact: FactRecord, *, limit: int) -> tuple[FormerState, ...]:
    """Its former states, the latest first."""
    statement = (
        select(fact_history)
        .where(fact_history.c.tenant == tx.tenant, fact_history.c.fact_id == fact.row_id)
        .order_by(fact_history.c.revision.desc())
        .limit(limit)
    )
    return tuple(
        FormerState(
            fact=thawed(row.state, fact.scope.owner), known_to=row.known_to, op=row.op, actor=row.actor, reason=row.reason
        )
        for row in await tx.execute(statement)
    )


async def add_sources(tx: Transaction, fact_row: int, sources: Sequence[SourceRecord]) -> None:
    """Those that are there already stay, but what contradicted it and now supports it does that."""
    if not sources:
        return
    rows = [
        {
            "tenant": tx.tenant,
            "fact_id": fact_row,
            "source_type": one.type,
            "source_id": one.id,
            "start": one.start,
            "end": one.end,
            "stance": one.stance,
            "trust": one.trust,
            "at": one.at,
            "quote": one.quote,
        }
        for one in sources
    ]
    made = upsert(tx, fact_sources)
    own = {name: made.excluded[name] for name in ("end", "stance", "trust", "at", "quote")}
    keys = list(fact_sources.primary_key.columns)
    await tx.execute(
        made.on_conflict_do_update(index_elements=keys, set_=own, where=fact_sources.c.stance == "contradicts"), rows
    )


async def sources_of(tx: Transaction, row_ids: Sequence[int]) -> Mapping[int, tuple[SourceRecord, ...]]:
    """The sources of each fact, those that contradict it too."""
    found: defaultdict[int, list[SourceRecord]] = defaultdict(list)
    for start in range(0, len(row_ids), ROWS_PER_STATEMENT):
        wanted = row_ids[start : start + ROWS_PER_STATEMENT]
        statement = select(fact_sources).where(fact_sources.c.tenant == tx.tenant, fact_sources.c.fact_id.in_(wanted))
        key = (fact_sources.c.fact_id, fact_sources.c.source_type, fact_sources.c.source_id, fact_sources.c.start)
        ordered = statement.order_by(*key)
        for row in (await tx.execute(ordered)).mappings():
            found[row["fact_id"]].append(_source(row))
    return {row_id: tuple(its) for row_id, its in found.items()}


async def proofs_of(tx: Transaction, row_ids: Sequence[int]) -> Mapping[int, tuple[SourceRecord, ...]]:
    """The sources that support each fact."""
    found = await sources_of(tx, row_ids)
    proofs = {row_id: tuple(one for one in its if one.supports) for row_id, its in found.items()}
    return {row_id: its for row_id, its in proofs.items() if its}


async def citing(tx: Transaction, kind: str, ids: Sequence[str]) -> tuple[tuple[int, SourceRecord], ...]:
    """Each fact's row with its source, among those that one of `ids` supports or contradicts."""
    found: list[tuple[int, SourceRecord]] = []
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        statement = select(fact_sources).where(
            fact_sources.c.tenant == tx.tenant,
            fact_sources.c.source_type == kind,
            fact_sources.c.source_id.in_(ids[start : start + ROWS_PER_STATEMENT]),
        )
        found += [(row["fact_id"], _source(row)) for row in (await tx.execute(statement)).mappings()]
    return tuple(found)


async def citing_documents(tx: Transaction) -> tuple[tuple[int, SourceRecord], ...]:
    """Each fact's row with each document that it rests on, of every owner of the tenant."""
    statement = select(fact_sources).where(fact_sources.c.tenant == tx.tenant, fact_sources.c.source_type == "document")
    return tuple((row["fact_id"], _source(row)) for row in (await tx.execute(statement)).mappings())


async def drop_source(tx: Transaction, fact_row: int, source: SourceRecord) -> None:
    await tx.execute(
        delete(fact_sources).where(
            fact_sources.c.tenant == tx.tenant,
            fact_sources.c.fact_id == fact_row,
            fact_sources.c.source_type == source.type,
            fact_sources.c.source_id == source.id,
            fact_sources.c.start == source.start,
        )
    )


async def _all(tx: Transaction, statement: Select[Any]) -> tuple[FactRecord, ...]:
    return tuple(_record(row) for row in (await tx.execute(statement)).mappings())


def _mine(tx: Transaction, owner: Principal) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return facts.c.tenant == tx.tenant, facts.c.owner == owner


def _within(tx: Transaction, scope: FactScope) -> tuple[ColumnElement[bool], ...]:
    agent = facts.c.agent.is_(None) if scope.agent is None else facts.c.agent == scope.agent
    session = facts.c.session_id.is_(None) if scope.session_id is None else facts.c.session_id == scope.session_id
    return *_mine(tx, scope.owner), agent, session


def _source(row: Mapping[Any, Any]) -> SourceRecord:
    return SourceRecord(
        type=row["source_type"],
        id=row["source_id"],
        start=row["start"],
        end=row["end"],
        trust=row["trust"],
        at=row["at"],
        stance=row["stance"],
        quote=row["quote"],
    )


def _record(row: Mapping[Any, Any]) -> FactRecord:
    own = {name: row[name] for name in FactRecord.__dataclass_fields__ if name not in {"row_id", "scope", "metadata"}}
    scope = FactScope(owner=Principal(row["owner"]), agent=row["agent"], session_id=row["session_id"])
    return FactRecord(row_id=row["id"], scope=scope, metadata=thaw(row["metadata"]), **own)


# Made once, as in storage/passages.py: building a statement costs more than running it.
_PINNED = (
    select(facts)
    .where(
        facts.c.tenant == bindparam("tenant"),
        facts.c.owner == bindparam("owner"),
        facts.c.pinned.is_(True),
        facts.c.status == "active",
    )
    .order_by(facts.c.id)
    .limit(bindparam("limit"))
)
