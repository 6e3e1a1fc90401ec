"""A fact's slot: every fact about the same attribute of the same entity, or where there may be many values, about the same
value. When one of them went, came back or weighs otherwise, the others are placed anew, and what speaks against each of them is
told by the sources of those that contradict it. The owner is locked (storage.facts.lock_owner)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from memory import errors
from memory.facts.conflicts import NEW, Known, Revision, contradictions, rearranged
from memory.facts.rows import show
from memory.facts.statements import Cardinality, Status, triple_of
from storage import facts
from storage.database import Transaction
from storage.fact_records import Change, FactRecord
from storage.records import IndexRecord


async def slot_of(tx: Transaction, fact: FactRecord) -> Sequence[FactRecord]:
    """Every fact about the same attribute of the same entity; where there may be many values, about the same value."""
    if fact.cardinality == Cardinality.ONE:
        return await facts.exclusive(tx, fact.scope, triple_of(fact.entity, fact.attribute, ""))
    return [one for one in await facts.same(tx, fact.scope, fact.triple) if one.cardinality == fact.cardinality]


async def settle(tx: Transaction, index: IndexRecord | None, fact: FactRecord, change: Change) -> None:
    """Places the facts of `fact`'s slot anew, after it went, came back or weighs otherwise."""
    if index is None:
        return
    slot = {one.row_id: one for one in await slot_of(tx, fact)}
    mine = slot.get(fact.row_id)
    if mine is not None and mine.status != Status.REJECTED:
        await arrange_slot(tx, index, slot, gone=None, change=change)
        return
    for one in [one for one in slot.values() if one.withdrawn and one.superseded_by == fact.row_id and not equal(one, fact)]:
        slot[one.row_id] = await changed(tx, one, change, withdrawn=False)
    await arrange_slot(tx, index, slot, gone=fact.row_id, change=change)
    prefix = triple_of(fact.entity, fact.attribute, "")
    for one in await facts.superseded(tx, fact.scope, prefix, by=fact.row_id):  # other values, where there may be many
        await arrange_slot(tx, index, {each.row_id: each for each in await slot_of(tx, one)}, gone=fact.row_id, change=change)


async def arrange_slot(
    tx: Transaction, index: IndexRecord, slot: Mapping[int, FactRecord], *, gone: int | None, change: Change
) -> None:
    """Places the facts of a slot by what they say; `gone` ends none of them any more."""
    known = [as_known(one) for one in slot.values()]
    held = [replace(one, superseded_by=None) if one.superseded_by == gone else one for one in known]
    revisions = rearranged(held, outside=True)
    await revise(tx, index, slot, (revisions, None), change=change)
    if slot:
        await oppose(tx, await slot_of(tx, next(iter(slot.values()))))


async def revise(
    tx: Transaction,
    index: IndexRecord,
    held: Mapping[int, FactRecord],
    revised: tuple[Sequence[Revision], int | None],
    *,
    change: Change,
) -> None:
    """Writes revisions of the facts in `held`; NEW in them stands for the row given."""
    revisions, made = revised
    for revision in revisions:
        fact = held[revision.id]
        ended_by = made if revision.superseded_by == NEW else revision.superseded_by
        status = fact.status if fact.status == Status.EXPIRED else revision.status
        values = (status, revision.valid_to, ended_by, revision.withdrawn or fact.withdrawn)
        if values == (fact.status, fact.valid_to, fact.superseded_by, fact.withdrawn):
            continue
        now = await changed(
            tx, fact, change, status=values[0], valid_to=values[1], superseded_by=values[2], withdrawn=values[3]
        )
        await show(tx, index, now)


async def oppose(tx: Transaction, slot: Sequence[FactRecord]) -> None:
    """Writes what contradicts each fact of a whole slot: the sources of the facts that speak against it, and no others."""
    against = contradictions([as_known(one) for one in slot])
    held = await facts.sources_of(tx, [one.row_id for one in slot])
    for fact in slot:
        mine = held.get(fact.row_id, ())
        theirs = {
            source.place: replace(source, stance="contradicts")
            for other in against.get(fact.row_id, ())
            for source in held.get(other, ())
            if source.supports
        }
        wanted = {place: one for place, one in theirs.items() if place not in {one.place for one in mine if one.supports}}
        had = {one.place: one for one in mine if not one.supports}
        for place in had.keys() - wanted.keys():
            await facts.drop_source(tx, fact.row_id, had[place])
        await facts.add_sources(tx, fact.row_id, [one for place, one in wanted.items() if had.get(place) != one])


async def changed(tx: Transaction, fact: FactRecord, change: Change, **values: object) -> FactRecord:
    """The fact with other values; Conflict when somebody else changed it meanwhile."""
    now = await facts.change(tx, fact, change, **values)
    if now is None:
        raise errors.fact_moved(fact.id)
    return now


def as_known(fact: FactRecord) -> Known:
    """A fact as the gate sees it. One whose time is over keeps its place: what it had ended does not come back for that."""
    status = Status(fact.status)
    if status is Status.EXPIRED:
        status = Status.ACTIVE if fact.valid_to is None else Status.SUPERSEDED
    return Known(
        id=fact.row_id,
        entity=fact.entity,
        attribute=fact.attribute,
        value=fact.value,
        text=fact.text,
        polarity=fact.polarity,
        cardinality=Cardinality(fact.cardinality),
        status=status,
        trust=fact.trust,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        seen_at=fact.seen_at,
        superseded_by=fact.superseded_by,
        withdrawn=fact.withdrawn,
    )


async def went_into(tx: Transaction, one: FactRecord, fact: FactRecord) -> bool:
    """Whether a fact was united with another, at once or by way of those between."""
    seen: set[int] = set()
    while one.withdrawn and one.superseded_by is not None and one.row_id not in seen and equal(one, fact):
        if one.superseded_by == fact.row_id:
            return True
        seen.add(one.row_id)
        found = await facts.find(tx, one.scope.owner, one.superseded_by)
        if found is None:
            return False
        one = found
    return False


def equal(one: FactRecord, other: FactRecord) -> bool:
    return (one.triple, one.polarity) == (other.triple, other.polarity)
