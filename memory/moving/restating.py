"""Facts on their way in: each is stated once for each of its proofs, through the one gate, which finds the same timeline again.

The gate's verdict does not depend on the order in which statements arrive, but for ties, which go by the order of the bundle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from core.caller import user_name
from core.clock import Clock
from core.errors import Invalid, NotFound, TooLarge
from core.ids import DocumentId, IndexName, SessionId
from core.limits import Limits
from core.metadata import Metadata, check_metadata
from inference.port import Embedder, Purpose
from memory import errors
from memory.facts import ledger, stating
from memory.facts.conflicts import Outcome
from memory.facts.ledger import Entry, Vectors, enter
from memory.facts.rows import show, text_digest
from memory.facts.slots import changed, oppose, slot_of
from memory.facts.sources import document_seen
from memory.facts.statements import Cardinality, Kind, Statement, Status, triple_of
from memory.facts.timeline import UNDATED
from memory.facts.types import DocumentSource, FactRequest
from memory.moving.items import (
    Course,
    End,
    FactItem,
    Flaw,
    Placed,
    ReplacedItem,
    Sort,
    SourceItem,
    flaw_of,
    id_here,
)
from storage import facts, memory_rows, messages, sessions, tombstones
from storage.database import Database, Transaction
from storage.fact_records import Change, FactRecord, FactScope, SourceRecord
from storage.records import IndexRecord

REFUSED = "it was rejected or erased here and is not written again"
# What the gate cannot find out by itself: somebody said so.
_SAID = frozenset({Status.EXPIRED, Status.REJECTED, Status.QUARANTINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """A fact with its place, what it states first, and its metadata as they are kept."""

    placed: Placed
    item: FactItem
    statement: Statement
    metadata: Metadata


class Restating:
    """Takes in facts."""

    def __init__(self, *, db: Database, embedder: Embedder, limits: Limits, clock: Clock) -> None:
        self._db = db
        self._embedder = embedder
        self._limits = limits
        self._clock = clock

    async def take(self, course: Course, batch: Sequence[tuple[Placed, FactItem]]) -> None:
        """All of them in one transaction. What is there already, with these proofs, is not embedded again."""
        sound = [one for placed, item in batch if (one := self._read(course, placed, item)) is not None]
        async with self._db.read(course.caller.tenant) as tx:
            await course.check(tx)
            ends = [await self._foreseen(tx, course, one) for one in sound]
        if course.dry_run:
            for one, end in zip(sound, ends, strict=True):
                _tell(course, one, end)
            return
        texts = sorted({one.statement.text for one, end in zip(sound, ends, strict=True) if end is not End.DUPLICATES})
        embedded: Vectors = {}
        if texts:
            made = await course.caller.deadline.wait(self._embedder.embed(texts, Purpose.PASSAGE), "embedding the facts")
            embedded = dict(zip(map(text_digest, texts), made, strict=True))
        async with self._db.write(course.caller.tenant) as tx:
            await facts.lock_owner(tx, course.caller.subject)
            await course.check(tx)
            index = await self._index(tx)
            done = [await self._enter(tx, index, course, (one, embedded)) for one in sound]
        for one, end in zip(sound, done, strict=True):
            _tell(course, one, end)

    async def replace(self, course: Course, batch: Sequence[ReplacedItem]) -> None:
        """Ends what another value was put in the place of, where both are here."""
        if course.dry_run:
            return
        change = Change(op="import", actor=course.caller.subject, at=self._clock.now())
        async with self._db.write(course.caller.tenant) as tx:
            await facts.lock_owner(tx, course.caller.subject)
            await course.check(tx)
            index = await self._index(tx)
            for one in batch:
                await _end(tx, index, course, (one, change))

    def _read(self, course: Course, placed: Placed, item: FactItem) -> Restated | None:
        """None when it can be no fact, which is told."""
        try:
            stating.check(FactRequest(text=item.text))
            if item.entity is not None:
                stating.check(FactRequest(entity=item.entity, attribute=item.attribute, value=item.value))
            if wrong := stating.check_importance(item.importance):
                raise wrong
            metadata = check_metadata(item.metadata, self._limits)
        except (Invalid, TooLarge) as wrong:
            course.tally.fail(placed, flaw_of(Sort.FACTS, wrong, id_=item.id))
            return None
        first = _statement(course, item, min(item.sources, key=_weight))
        return Restated(placed=placed, item=item, statement=first, metadata=metadata)

    async def _foreseen(self, tx: Transaction, course: Course, one: Restated) -> End:
        """What will become of it, as far as that can be told without the gate."""
        try:
            scope = await _scope(tx, course, one.item)
        except NotFound:
            return End.FAILED if not course.dry_run else End.ADDED  # its session may be in this very bundle
        if await _is_here(tx, scope, one.statement, await _sources(tx, course, one.item.sources)):
            return End.DUPLICATES
        new = one.statement
        marks = ledger.marks(new.entity, new.attribute, new.value, holds=new.polarity)
        return End.REFUSED if await tombstones.refused(tx, course.caller.subject, marks) else End.ADDED

    async def _enter(
        self, tx: Transaction, index: IndexRecord, course: Course, given: tuple[Restated, Vectors]
    ) -> End | NotFound:
        one, embedded = given
        item = one.item
        try:
            scope = await _scope(tx, course, item)
        except NotFound as missing:
            return missing
        sources = await _sources(tx, course, item.sources)
        if await _is_here(tx, scope, one.statement, sources):
            return End.DUPLICATES
        if text_digest(one.statement.text) not in embedded:
            raise errors.fact_moved(item.id)  # its like went between the two looks
        entry = Entry(
            statement=one.statement,
            scope=scope,
            sources=(),
            actor=course.caller.subject,
            at=self._clock.now(),
            expires_at=item.expires_at,
            pinned=item.pinned,
            importance=item.importance,
            metadata=one.metadata,
            verbatim=course.learned,
        )
        end, made = await _proven(tx, index, entry, (_groups(sources), embedded))
        if end is End.ADDED and made is not None and item.status in _SAID and made.status != item.status:
            await _stand(tx, index, made, (item.status, Change(op="import", actor=entry.actor, at=entry.at)))
        return end

    async def _index(self, tx: Transaction) -> IndexRecord:
        spec = self._embedder.spec
        index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=self._clock.now())
        if index.model != spec.digest:
            raise errors.model_not_served(index.model, spec.digest)
        return index


async def _proven(
    tx: Transaction,
    index: IndexRecord,
    entry: Entry,
    given: tuple[Sequence[tuple[SourceRecord, ...]], Vectors],
) -> tuple[End, FactRecord | None]:
    """States it once for each moment and weight of its proofs; what became of the first."""
    groups, embedded = given
    end, made = End.DUPLICATES, None
    for place, group in enumerate(groups):
        statement = replace(entry.statement, trust=group[0].trust, valid_from=group[0].at)
        written = await enter(tx, index, replace(entry, statement=statement, sources=group), embedded)
        if written.outcome is Outcome.REFUSED:
            return (End.REFUSED, None) if place == 0 else (end, made)
        if place == 0:
            known = written.outcome in {Outcome.NOOP, Outcome.MERGED}
            end, made = (End.DUPLICATES if known else End.ADDED), written.fact
    return end, made


async def _stand(tx: Transaction, index: IndexRecord, made: FactRecord, said: tuple[Status, Change]) -> None:
    """The fact as somebody had put it."""
    status, change = said
    now = (await facts.by_rows(tx, [made.row_id]))[made.row_id]
    if status is Status.REJECTED:
        await ledger.reject(tx, index, now, change)
    else:
        now = await changed(tx, now, change, status=status)
        await show(tx, index, now)
        await oppose(tx, await slot_of(tx, now))


async def _end(tx: Transaction, index: IndexRecord, course: Course, given: tuple[ReplacedItem, Change]) -> None:
    one, change = given
    try:
        scope = await _scope(tx, course, one)
    except NotFound:
        return
    old, new = [
        [fact for fact in await facts.same(tx, scope, triple_of(one.entity, one.attribute, value)) if fact.polarity]
        for value in (one.value, one.by)
    ]
    standing = [fact for fact in old if fact.status == Status.ACTIVE and fact.cardinality == Cardinality.MANY]
    if standing and new:
        ended = {"status": Status.SUPERSEDED, "valid_to": one.at, "superseded_by": new[-1].row_id}
        await show(tx, index, await changed(tx, standing[-1], change, **ended))


async def _is_here(tx: Transaction, scope: FactScope, new: Statement, sources: Sequence[SourceRecord]) -> bool:
    """Whether a fact says this and has all these proofs."""
    same = await facts.same(tx, scope, triple_of(new.entity, new.attribute, new.value))
    held = await facts.proofs_of(tx, [one.row_id for one in same if one.polarity == new.polarity])
    wanted = {one.place for one in sources}
    return any(wanted <= {one.place for one in its} for its in held.values())


async def _scope(tx: Transaction, course: Course, item: FactItem | ReplacedItem) -> FactScope:
    owner = course.caller.subject
    if item.session is None:
        return FactScope(owner=owner, agent=item.agent)
    found = await sessions.find(tx, owner, item.session)
    if found is None:
        raise errors.no_such_session(item.session)
    return FactScope(owner=owner, agent=item.agent, session_id=found.row_id)


async def _sources(tx: Transaction, course: Course, given: Sequence[SourceItem]) -> tuple[SourceRecord, ...]:
    return tuple([await _source(tx, course, one) for one in given])


async def _source(tx: Transaction, course: Course, one: SourceItem) -> SourceRecord:
    """The source here; what is not here, or not to be seen, is kept by its name alone, as a write's."""
    name = one.id
    if one.type == "message":
        found = await _cited(tx, course, one)
        if found is not None:
            return found
        name = f"{course.origin}:{one.session}/{one.id}"
    elif one.type == "document":
        index, _, rest = one.id.partition("/")
        span = (one.start, one.end) if one.end else None
        wanted = DocumentSource(index=IndexName(index), document=DocumentId(rest.rpartition("@")[0]), span=span)
        try:
            seen = await document_seen(tx, course.eyes, wanted)
        except Invalid:
            seen = None  # another document of that name: it has no such span
        if seen is not None and seen.id == one.id:
            return replace(seen, trust=one.trust, at=one.at)
    return SourceRecord(type="caller", id=name, start=one.start, end=one.end, trust=one.trust, at=one.at)


async def _cited(tx: Transaction, course: Course, one: SourceItem) -> SourceRecord | None:
    session = await sessions.find(tx, course.caller.subject, one.session or SessionId(""))
    if session is None:
        return None
    stays = (one.id,) if course.origin == course.here else ()
    for name in dict.fromkeys((*stays, id_here(one.id, course.origin))):
        record = await messages.find(tx, session.row_id, name)
        if record is not None:
            whole = 0 <= one.start < one.end <= len(record.content)
            start, end = (one.start, one.end) if whole else (0, len(record.content))
            row = str(record.row_id)
            return SourceRecord(type="message", id=row, start=start, end=end, trust=one.trust, at=one.at)
    return None


def _weight(one: SourceItem | SourceRecord) -> tuple[int, datetime]:
    """The most trusted first, as those that follow can then only add to it; of those the earliest."""
    return -one.trust, one.at or UNDATED


def _groups(sources: Sequence[SourceRecord]) -> list[tuple[SourceRecord, ...]]:
    return [tuple(its) for _, its in groupby(sorted(sources, key=_weight), _weight)]


def _statement(course: Course, item: FactItem, first: SourceItem) -> Statement:
    user = user_name(course.caller.subject)
    if item.entity is None or item.attribute is None or item.value is None:
        return stating.stated(FactRequest(text=item.text, kind=item.kind), user=user, trust=first.trust, valid_from=first.at)
    return Statement(
        entity=item.entity,
        attribute=item.attribute,
        value=item.value,
        text=item.text,
        kind=item.kind or Kind.NOTE,
        cardinality=item.cardinality or Cardinality.MANY,
        trust=first.trust,
        polarity=item.polarity,
        withdraws=item.withdraws,
        valid_from=first.at,
    )


def _tell(course: Course, one: Restated, end: End | NotFound) -> None:
    if isinstance(end, NotFound):
        course.tally.fail(one.placed, flaw_of(Sort.FACTS, end, id_=one.item.id))
        return
    course.tally.count(Sort.FACTS, end)
    if end is End.REFUSED:
        refused = Flaw(sort=Sort.FACTS, code="memory.forgotten", detail=REFUSED, id=one.item.id)
        course.tally.note(one.placed, refused)
