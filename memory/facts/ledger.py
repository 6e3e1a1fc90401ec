"""The one way in for facts: whoever learned something, the gate judges it here and its verdict is written down, in the caller's
transaction. And the way back: when a fact or a proof of it goes, what it had ended or kept down stands again.

The owner is locked first (storage.facts.lock_owner), so nothing changes between what the gate was shown and what is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.ids import Principal
from core.metadata import Metadata, Value
from memory import errors
from memory.facts.conflicts import Outcome, Proof, Verdict, begun, in_slot, judge
from memory.facts.equals import Tidied, Union
from memory.facts.rows import hide, show, text_digest
from memory.facts.slots import as_known, changed, oppose, revise, settle, slot_of, went_into
from memory.facts.statements import Cardinality, Statement, Status, comparable, fold, triple_of
from memory.facts.timeline import UNDATED
from memory.facts.types import OnConflict, Written
from storage import entities, facts, tombstones, vectors
from storage.database import Transaction
from storage.fact_records import Change, FactRecord, FactScope, SourceRecord
from storage.facts import NewFact
from storage.records import IndexRecord
from storage.tombstones import Mark, value_mark

NEAR_CANDIDATES_MAX = 256
IMPORTANCE = 0.5

Vectors = Mapping[bytes, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A statement about to be judged, with its sources (of its trust and date). `said` is the sentence that it was read from;
    `proves` False: a repetition by this voice is no evidence. `verbatim`: its entity keeps the name that is given. `replaces`
    is the row whose value it is put in the place of.
    """

    statement: Statement
    scope: FactScope
    sources: tuple[SourceRecord, ...]
    actor: str
    at: datetime
    expires_at: datetime | None = None
    pinned: bool = False
    importance: float | None = None
    metadata: Metadata = field(default_factory=dict[str, Value])
    said: str | None = None
    proves: bool = True
    verbatim: bool = False
    on_conflict: OnConflict = OnConflict.AUTO
    replaces: int | None = None
    quarantined: bool = False


async def enter(tx: Transaction, index: IndexRecord, entry: Entry, embedded: Vectors) -> Written:
    """What became of a statement. `embedded` has the vector of its text. Conflict under OnConflict.REJECT."""
    await facts.lock_owner(tx, entry.scope.owner)
    if not entry.verbatim:
        entry = replace(entry, statement=await _named(tx, entry.scope.owner, entry.statement))
    new = entry.statement
    buried = await tombstones.refused(tx, entry.scope.owner, marks(new.entity, new.attribute, new.value, holds=new.polarity))
    if entry.quarantined and not buried:
        return await _set_apart(tx, index, entry, embedded)
    known = await _known(tx, entry.scope, new)
    entry = _begun(entry, known)
    new = entry.statement
    similarity = {} if entry.replaces else await _similarity(tx, index, new, known=known, embedded=embedded)
    verdict = judge(new, [as_known(fact) for fact in known], buried=bool(buried), similarity=similarity)
    if entry.on_conflict is OnConflict.REJECT and (verdict.outcome in {Outcome.SUPERSEDED, Outcome.CHALLENGED}):
        raise errors.fact_conflicts(new.text, verdict.related)
    held = {fact.row_id: fact for fact in known}
    if verdict.outcome is Outcome.REFUSED:
        return Written(outcome=verdict.outcome, fact=None)
    if verdict.proof is not None:
        written = await _replaced(tx, index, entry, await _prove(tx, index, entry, (verdict, held)))
        return await _opposed(tx, written, verdict, known=known)
    made = await _add(tx, index, entry, verdict=verdict, embedded=embedded)
    await revise(tx, index, held, (verdict.revisions, made.row_id), change=Change(op="write", actor=entry.actor, at=entry.at))
    written = await _replaced(tx, index, entry, Written(outcome=verdict.outcome, fact=made, related=verdict.related))
    return await _opposed(tx, written, verdict, known=known)


async def _opposed(tx: Transaction, written: Written, verdict: Verdict, *, known: Sequence[FactRecord]) -> Written:
    """Notes what speaks against what, where a slot has anything that can: a denial, or a voice that is not believed."""
    fact = written.fact
    assert fact is not None, "not refused"
    mine = [as_known(fact), *(one for one in map(as_known, known) if in_slot(one, as_known(fact)))]
    challenged = any(one.status is Status.CHALLENGED for one in (*mine, *verdict.revisions))
    if challenged or not all(one.polarity for one in mine):
        await oppose(tx, await slot_of(tx, fact))
    return written


def _begun(entry: Entry, known: Sequence[FactRecord]) -> Entry:
    old, new = entry.statement, begun(entry.statement, [as_known(fact) for fact in known])
    if new == old:
        return entry
    moved = tuple(replace(one, at=new.valid_from) if one.at == old.valid_from else one for one in entry.sources)
    return replace(entry, statement=new, sources=moved)


async def _set_apart(tx: Transaction, index: IndexRecord, entry: Entry, embedded: Vectors) -> Written:
    """Kept beside all that is known, ending and proving nothing, until its owner restores it; once, however often said."""
    new = entry.statement
    same = await facts.same(tx, entry.scope, triple_of(new.entity, new.attribute, new.value))
    there = next((fact for fact in same if fact.status == Status.QUARANTINED and fact.polarity == new.polarity), None)
    if there is not None:
        return Written(outcome=Outcome.NOOP, fact=there)
    verdict = Verdict(outcome=Outcome.ADDED, status=Status.QUARANTINED)
    return Written(outcome=Outcome.ADDED, fact=await _add(tx, index, entry, verdict=verdict, embedded=embedded))


async def lose(
    tx: Transaction,
    index: IndexRecord | None,
    lost: Iterable[tuple[int, SourceRecord]],
    change: Change,
    *,
    reopens: bool = True,
) -> None:
    """Takes sources away from facts (by row): a fact that no other supports goes, one that others do rests on those. Not
    `reopens`: the sources were true and are only kept no more, so nothing else changes."""
    touched: set[int] = set()
    for row_id, source in lost:
        await facts.drop_source(tx, row_id, source)
        if source.supports:
            touched.add(row_id)
    found = await facts.by_rows(tx, sorted(touched))
    left = await facts.proofs_of(tx, sorted(found))
    for row_id in found:
        now = (await facts.by_rows(tx, [row_id]))[row_id]  # the one before may have changed it
        if row_id not in left:
            await discard(tx, index, now, change, reopens=reopens)
        elif reopens:
            await _rest_on(tx, index, now, sources=left[row_id], change=change)
        else:
            await facts.weigh(tx, now, proofs=sum(one.trust >= now.trust for one in left[row_id]))


async def move(tx: Transaction, row_id: int, old: SourceRecord, new: SourceRecord) -> None:
    """Puts a source of a fact elsewhere: the fact's words stand there now. The owner is locked."""
    await facts.drop_source(tx, row_id, old)
    await facts.add_sources(tx, row_id, [new])
    fact = (await facts.by_rows(tx, [row_id]))[row_id]
    left = (await facts.proofs_of(tx, [row_id]))[row_id]
    await facts.weigh(tx, fact, proofs=sum(one.trust >= fact.trust for one in left))


async def discard(
    tx: Transaction, index: IndexRecord | None, fact: FactRecord, change: Change, *, reopens: bool = True
) -> None:
    """Takes a fact out for good, and lets stand again what it had ended, unless it was true and is only kept no more."""
    doomed = [fact, *[one for one in await slot_of(tx, fact) if await went_into(tx, one, fact)]]
    await facts.remove(tx, [one.row_id for one in doomed])
    for one in doomed:
        await hide(tx, index, one)
    if reopens:
        await settle(tx, index, fact, change)


async def reject(tx: Transaction, index: IndexRecord, fact: FactRecord, change: Change) -> FactRecord:
    """It was never so: kept from being learned again, and what it had ended stands again."""
    await bury(tx, fact, change.at)
    gone = await changed(tx, fact, change, status=Status.REJECTED, valid_to=None, superseded_by=None)
    await show(tx, index, gone)
    await settle(tx, index, gone, change)
    return gone


async def unite(tx: Transaction, index: IndexRecord, slot: Mapping[int, FactRecord], tidied: Tidied, *, change: Change) -> None:
    """Makes one of facts that are equal: one stays, with the proofs of all, the others lead to it and are kept with theirs."""
    held = dict(slot)
    for union in tidied.unions:
        kept, gone = slot[union.kept.id], [slot[row] for row in union.gone]
        its = await facts.proofs_of(tx, [one.row_id for one in (kept, *gone)])
        sources = {(one.type, one.id, one.start): one for row in its.values() for one in row}
        await facts.add_sources(tx, kept.row_id, tuple(sources.values()))
        proofs = sum(one.trust >= union.kept.trust for one in sources.values())
        now = await facts.weigh(tx, kept, proofs=proofs, seen_at=union.kept.seen_at)
        held[kept.row_id] = await _with_all(tx, now, gone, union=union, change=change)
        await show(tx, index, held[kept.row_id])
        for one in gone:
            retired = {"status": Status.SUPERSEDED, "superseded_by": kept.row_id, "withdrawn": True, "pinned": False}
            held[one.row_id] = await changed(tx, one, change, **retired)
            await show(tx, index, held[one.row_id])
    if not tidied.changes_beliefs:
        await revise(tx, index, held, (tidied.revisions, None), change=change)
    if slot:
        await oppose(tx, await slot_of(tx, next(iter(held.values()))))


async def _with_all(
    tx: Transaction, kept: FactRecord, gone: Sequence[FactRecord], *, union: Union, change: Change
) -> FactRecord:
    """The one that stays, as much worth as any of them."""
    every = (kept, *gone)
    ends = [one.expires_at for one in every if one.expires_at is not None]
    values: dict[str, object] = {
        "trust": union.kept.trust,
        "valid_from": union.kept.valid_from,
        "importance": max(one.importance for one in every),
        "pinned": any(one.pinned for one in every),
        "expires_at": max(ends) if len(ends) == len(every) else None,
    }
    return await changed(tx, kept, change, **{name: value for name, value in values.items() if value != getattr(kept, name)})


def marks(entity: str, attribute: str, value: str, *, holds: bool) -> tuple[Mark, ...]:
    """What would keep a statement out: its value anywhere, or this fact. That it is not so is another fact."""
    triple = triple_of(entity, attribute, value)
    return value_mark(value), triple_mark(triple, holds=holds)


def triple_mark(triple: str, *, holds: bool) -> Mark:
    """What keeps a fact out, by its folded triple; that it does not hold is another fact."""
    return tombstones.triple_mark(triple if holds else f"not\x1f{triple}")


def fact_marks(fact: FactRecord) -> tuple[Mark, Mark]:
    """What keeps this one fact out: its triple, and its text, which nobody may write as a note instead."""
    return triple_mark(fact.triple, holds=fact.polarity), value_mark(fact.text)


async def bury(tx: Transaction, fact: FactRecord, at: datetime) -> int:
    """Keeps the fact out from now on; 1, or 0 where it was kept out before."""
    triple, text = fact_marks(fact)
    await tombstones.bury(tx, fact.scope.owner, [text], at)
    return await tombstones.bury(tx, fact.scope.owner, [triple], at)


async def _named(tx: Transaction, owner: Principal, new: Statement) -> Statement:
    """The statement about the entity behind the name that was used."""
    known = await entities.named(tx, owner, [fold(new.entity)])
    return replace(new, entity=known.get(fold(new.entity), new.entity))


async def _known(tx: Transaction, scope: FactScope, new: Statement) -> Sequence[FactRecord]:
    prefix = triple_of(new.entity, new.attribute, "")
    triple = triple_of(new.entity, new.attribute, new.value)
    one = new.cardinality is Cardinality.ONE
    slot = await facts.exclusive(tx, scope, prefix) if one else await facts.same(tx, scope, triple)
    near = await facts.latest_active(tx, scope, prefix, limit=NEAR_CANDIDATES_MAX)
    return tuple({fact.row_id: fact for fact in (*slot, *near)}.values())


async def _similarity(
    tx: Transaction, index: IndexRecord, new: Statement, *, known: Sequence[FactRecord], embedded: Vectors
) -> dict[int, float]:
    """Cosines to those facts alone that the gate could merge with."""
    mine = embedded[text_digest(new.text)]
    close = {
        fact.row_id: text_digest(fact.text)
        for fact in known
        if fact.polarity == new.polarity and fact.status == Status.ACTIVE and comparable(fact.text, new.text)
    }
    if not close:
        return {}
    stored = await vectors.get(tx, index.model, sorted(set(close.values())))
    return {row: float(stored[key].astype(np.float32) @ mine) for row, key in close.items() if key in stored}


async def _prove(
    tx: Transaction, index: IndexRecord, entry: Entry, judged: tuple[Verdict, Mapping[int, FactRecord]]
) -> Written:
    verdict, held = judged
    proof = verdict.proof
    assert proof is not None, "asked first"
    fact = held[proof.id]
    if not entry.proves or (entry.said is not None and fold(entry.said) == fold(fact.text)):
        return Written(outcome=verdict.outcome, fact=fact)  # an echo
    await facts.add_sources(tx, fact.row_id, entry.sources)
    change = Change(op=verdict.outcome.value, actor=entry.actor, at=entry.at)
    proven = await _weighed(tx, index, fact, proven=(proof, entry), change=change)
    await revise(tx, index, {**held, fact.row_id: proven}, (verdict.revisions, None), change=change)
    now = await facts.find(tx, fact.scope.owner, fact.row_id)
    return Written(outcome=verdict.outcome, fact=now, related=verdict.related)


async def _replaced(tx: Transaction, index: IndexRecord, entry: Entry, written: Written) -> Written:
    """Ends the one of many values that another was put in the place of. Where there is one at a time, the gate has done it."""
    old = None if entry.replaces is None else await facts.find(tx, entry.scope.owner, entry.replaces)
    new = written.fact
    if old is None or new is None or old.cardinality != Cardinality.MANY or new.row_id == old.row_id:
        return written
    change = Change(op="write", actor=entry.actor, at=entry.at)
    ended = {"status": Status.SUPERSEDED, "valid_to": entry.statement.valid_from, "superseded_by": new.row_id}
    await show(tx, index, await changed(tx, old, change, **ended))
    return Written(outcome=Outcome.SUPERSEDED, fact=new, related=(old.row_id,))


async def _weighed(
    tx: Transaction, index: IndexRecord, fact: FactRecord, *, proven: tuple[Proof, Entry], change: Change
) -> FactRecord:
    """With one more proof, and with what an explicit write asks for besides."""
    proof, entry = proven
    sources = (await facts.proofs_of(tx, [fact.row_id])).get(fact.row_id, ())
    now = await facts.weigh(tx, fact, proofs=sum(one.trust >= proof.trust for one in sources), seen_at=proof.seen_at)
    values: dict[str, object] = {}
    if (proof.trust, proof.valid_from) != (fact.trust, fact.valid_from):
        values |= {"trust": proof.trust, "valid_from": proof.valid_from}
    if entry.pinned and not fact.pinned:
        values["pinned"] = True
    over = fact.expires_at is not None and fact.expires_at <= entry.at
    if entry.expires_at != fact.expires_at and (over or entry.expires_at is not None):
        values["expires_at"] = entry.expires_at
    if fact.status == Status.EXPIRED:
        values["status"] = Status.ACTIVE if fact.valid_to is None else Status.SUPERSEDED
    if not values:
        return now
    now = await changed(tx, now, change, **values)
    await show(tx, index, now)
    return now


async def _add(tx: Transaction, index: IndexRecord, entry: Entry, *, verdict: Verdict, embedded: Vectors) -> FactRecord:
    new = entry.statement
    made = await facts.add(
        tx,
        NewFact(
            scope=entry.scope,
            entity=new.entity,
            attribute=new.attribute,
            value=new.value,
            text=new.text,
            triple=triple_of(new.entity, new.attribute, new.value),
            kind=new.kind,
            polarity=new.polarity,
            cardinality=new.cardinality,
            valid_from=new.valid_from,
            valid_to=verdict.valid_to,
            expires_at=entry.expires_at,
            status=verdict.status,
            superseded_by=verdict.superseded_by,
            trust=new.trust,
            importance=IMPORTANCE if entry.importance is None else entry.importance,
            pinned=entry.pinned,
            metadata=entry.metadata,
        ),
        entry.at,
    )
    await facts.add_sources(tx, made.row_id, entry.sources)
    made = await facts.weigh(tx, made, proofs=len(entry.sources))
    digest = text_digest(new.text)
    await vectors.put(tx, index.model, {digest: embedded[digest]}, entry.at)
    await show(tx, index, made, fresh=True)
    return made


async def _rest_on(
    tx: Transaction, index: IndexRecord | None, fact: FactRecord, *, sources: Sequence[SourceRecord], change: Change
) -> None:
    """What a fact is with these sources alone: the gate's rule for proofs, applied to what is left."""
    trust = max(one.trust for one in sources)
    counted = [one.at or UNDATED for one in sources if one.trust == trust]
    start, seen = (None if at == UNDATED else at for at in (min(counted), max(counted)))
    now = await facts.weigh(tx, fact, proofs=len(counted), seen_at=seen)
    if (trust, start) != (fact.trust, fact.valid_from):
        now = await changed(tx, now, change, trust=trust, valid_from=start)
        if index is not None:
            await show(tx, index, now)
    await settle(tx, index, now, change)
