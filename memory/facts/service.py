"""Facts: written, listed, changed and taken out by those whose memory it is. Every write passes the one gate (ledger.py)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.caller import Caller, Grant, user_name
from core.clock import Clock
from core.ids import FactId, make_id, row_number
from core.limits import Limits
from core.metadata import check_metadata
from core.paging import Page, PageRequest
from inference.port import Embedder, Finding, Purpose, Scanner
from memory import errors
from memory.facts import ledger, stating
from memory.facts.conflicts import Outcome
from memory.facts.ledger import Entry, Vectors, discard, enter, fact_marks
from memory.facts.profile import holding
from memory.facts.rows import show, text_digest
from memory.facts.slots import changed, settle
from memory.facts.sources import cited, named
from memory.facts.statements import Cardinality, Kind, Statement, Status, Trust, fold
from memory.facts.types import Fact, FactAt, FactGone, FactHistory, FactPatch, FactRequest, Profile, WrittenAt
from memory.screening import cautions, screen
from memory.sessions.appending import expired as session_over
from memory.types import Progress
from storage import changes, entities, facts, idempotency, indexes, memory_rows, sessions, tombstones, vectors
from storage.database import Database, Transaction
from storage.fact_records import Change, FactRecord, FactScope, SourceRecord, fact_id
from storage.facts import FactQuery
from storage.records import IndexRecord

HISTORY_MAX = 200
PROFILE_FACTS_MAX = 5_000
PINNED_MAX = 200


class Facts:
    """The facts of one owner at a time: the caller's subject."""

    def __init__(
        self,
        *,
        db: Database,
        embedder: Embedder,
        progress: Progress,
        limits: Limits,
        clock: Clock,
        scanner: Scanner | None = None,
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._progress = progress
        self._limits = limits
        self._clock = clock
        self._scanner = scanner  # None: nothing is looked for

    async def write(self, caller: Caller, request: FactRequest, *, eyes: Caller) -> WrittenAt:
        """Judges and keeps a fact. `eyes` is who may see the documents that it cites."""
        caller.require(Grant.WRITE)
        now = self._clock.now()
        stating.check(request)
        stating.check_times(request, now)
        if flaw := stating.check_importance(request.importance):
            raise flaw
        metadata = check_metadata(request.metadata, self._limits)
        async with self._db.read(caller.tenant) as tx:
            found = await cited(tx, caller, request.sources, eyes=eyes)
            scope = await self._scope(tx, caller, request)
        statement = stating.stated(
            request,
            user=user_name(caller.subject),
            trust=min([Trust.EXPLICIT, *(one.trust for one in found)]),
            valid_from=max((one.at for one in found if one.at is not None), default=now),
        )
        entry = Entry(
            statement=statement,
            scope=scope,
            sources=_sources(found, statement, now),
            actor=caller.subject,
            at=now,
            expires_at=request.expires_at,
            pinned=request.pinned,
            importance=request.importance,
            metadata=metadata,
            on_conflict=request.on_conflict,
        )
        return await self._enter(caller, entry)

    async def get(self, caller: Caller, fact: FactId) -> Fact:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            return (await self._named(tx, [await self._find(tx, caller, fact)]))[0]

    async def page(self, caller: Caller, request: PageRequest, query: FactQuery) -> Page[Fact]:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await facts.page(
                tx, caller.subject, request, await _folded(tx, caller, replace(query, at=self._clock.now()))
            )
            return Page(items=await self._named(tx, found.items), after=found.after)

    async def history(self, caller: Caller, fact: FactId) -> FactHistory:
        """The last HISTORY_MAX states."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await self._find(tx, caller, fact)
            former = await facts.history(tx, found, limit=HISTORY_MAX)
            return FactHistory(fact=(await self._named(tx, [found]))[0], former=former)

    async def profile(
        self, caller: Caller, *, as_of: datetime | None, as_known_at: datetime | None, agent: str | None
    ) -> Profile:
        """What holds for everybody who serves this owner, and for one agent where it is named."""
        caller.require(Grant.READ)
        now = self._clock.now()
        known_at = as_known_at or now
        async with self._db.read(caller.tenant) as tx:
            found = await facts.known(tx, caller.subject, known_at, limit=PROFILE_FACTS_MAX)
        at = as_of or known_at
        mine = holding(_of_everybody(found, agent), at)
        return Profile(as_of=at, as_known_at=known_at, facts=mine, complete=len(found) < PROFILE_FACTS_MAX)

    async def pinned(
        self, caller: Caller, *, as_of: datetime | None = None, as_known_at: datetime | None = None
    ) -> tuple[FactRecord, ...]:
        """The pinned facts that hold, for everybody who serves this owner; PINNED_MAX of them at most."""
        if as_of is not None or as_known_at is not None:
            then = await self.profile(caller, as_of=as_of, as_known_at=as_known_at, agent=None)
            return tuple(one for one in then.facts if one.pinned)[:PINNED_MAX]
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await facts.pinned(tx, caller.subject, limit=PINNED_MAX)
        return holding(_of_everybody(found, None), self._clock.now())

    async def patch(self, caller: Caller, fact: FactId, patch: FactPatch) -> FactAt:
        caller.require(Grant.WRITE)
        now = self._clock.now()
        if patch.expires_at is not None and patch.expires_at <= now:
            raise errors.invalid_fact("/expires_at", f"is {patch.expires_at.isoformat()}, which has passed")
        if flaw := stating.check_importance(patch.importance):
            raise flaw
        metadata = None if patch.metadata is None else check_metadata(patch.metadata, self._limits)
        values: dict[str, object] = {
            name: value
            for name, value in (
                ("pinned", patch.pinned),
                ("kind", patch.kind),
                ("importance", patch.importance),
                ("expires_at", patch.expires_at),
                ("metadata", None if metadata is None else dict(metadata)),
            )
            if value is not None
        }
        if patch.unexpire:
            values["expires_at"] = None
        return await self._alter(caller, fact, self._change(caller, "patch"), values, revision=patch.revision)

    async def pin(self, caller: Caller, fact: FactId) -> FactAt:
        """Keeps it from expiring by policy, and first in a profile. Pinning twice is no error."""
        caller.require(Grant.WRITE)
        return await self._alter(caller, fact, self._change(caller, "pin"), {"pinned": True})

    async def delete(self, caller: Caller, fact: FactId, *, revision: int | None = None) -> FactGone:
        """Takes it out for good, former states and sources too. What it had ended stands again."""
        caller.require(Grant.WRITE)
        answers: list[FactGone] = []
        async with self._db.write(caller.tenant) as tx:
            found = await self._locked(tx, caller, fact, revision=revision)
            await discard(tx, await indexes.of_memory(tx), found, self._change(caller, "delete"))

            async def answer(offset: int | None) -> None:
                answers.append(FactGone(offset=await changes.head(tx) if offset is None else offset))

            tx.before_commit(answer)
        self._progress.wake()
        return answers[0]

    async def supersede(self, caller: Caller, fact: FactId, value: str, *, valid_from: datetime | None) -> WrittenAt:
        """Another value in the place of this one from `valid_from` (None: now) on."""
        caller.require(Grant.WRITE)
        now = self._clock.now()
        async with self._db.read(caller.tenant) as tx:
            old = await self._find(tx, caller, fact)
        at = valid_from or now
        _supersedable(old, at)
        stating.check(FactRequest(entity=old.entity, attribute=old.attribute, value=value))
        if fold(value) == fold(old.value):
            raise errors.invalid_fact("/value", f"is the value that the fact has: {old.value!r}")
        new = _revalued(old, value.strip(), at)
        entry = Entry(
            statement=new,
            scope=old.scope,
            sources=_sources((), new, now),
            actor=caller.subject,
            at=now,
            pinned=old.pinned,
            replaces=old.row_id,
        )
        return await self._enter(caller, entry, old=old)

    async def reject(self, caller: Caller, fact: FactId, *, reason: str | None = None) -> FactAt:
        """It was never so: out of every answer, and kept from being learned again. What it had ended stands again."""
        caller.require(Grant.WRITE)
        change = self._change(caller, "reject", reason)
        answers: list[FactAt] = []
        async with self._db.write(caller.tenant) as tx:
            found = await self._locked(tx, caller, fact)
            if found.status != Status.REJECTED:
                found = await ledger.reject(tx, await self._index(tx), found, change)
            self._tell(tx, caller, found, answers)
        self._progress.wake()
        return answers[0]

    async def restore(self, caller: Caller, fact: FactId, *, reason: str | None = None) -> FactAt:
        """A rejected, expired or quarantined fact is known and takes its place among the others; its tombstone is lifted."""
        caller.require(Grant.WRITE)
        change = self._change(caller, "restore", reason)
        async with self._db.read(caller.tenant) as tx:
            text = (await self._find(tx, caller, fact)).text
        embedded = await self._embed(caller, [text])
        answers: list[FactAt] = []
        async with self._db.write(caller.tenant) as tx:
            found = await self._locked(tx, caller, fact)
            if self._status(found) not in {Status.REJECTED, Status.EXPIRED, Status.QUARANTINED}:
                raise errors.fact_not_restorable(found.id, found.status)
            await tombstones.lift(tx, caller.subject, fact_marks(found))
            over = found.expires_at is not None and found.expires_at <= change.at
            expires_at = None if over else found.expires_at
            status = Status.ACTIVE if found.valid_to is None else Status.SUPERSEDED
            found = await changed(tx, found, change, status=status, expires_at=expires_at)
            index = await self._index(tx)
            await vectors.put(tx, index.model, embedded, change.at)
            await show(tx, index, found)
            await settle(tx, index, found, change)
            self._tell(tx, caller, found, answers)
        self._progress.wake()
        return answers[0]

    async def _enter(self, caller: Caller, entry: Entry, *, old: FactRecord | None = None) -> WrittenAt:
        """`old` is what it replaces, which must still be as it was."""
        findings = self._findings(entry.statement)
        entry = replace(entry, quarantined=screen(findings).quarantined)
        embedded = await self._embed(caller, [entry.statement.text])
        answers: list[WrittenAt] = []
        async with self._db.write(caller.tenant) as tx:
            await facts.lock_owner(tx, caller.subject)
            if old is not None:
                now = await facts.find(tx, caller.subject, old.row_id)
                if now is None or now.revision != old.revision:
                    raise errors.fact_moved(old.id)
            written = await enter(tx, await self._index(tx), entry, embedded)
            if old is not None and written.outcome is Outcome.ADDED and not entry.quarantined:
                written = replace(written, outcome=Outcome.SUPERSEDED, related=(old.row_id,))

            async def answer(offset: int | None) -> None:
                at = await changes.head(tx) if offset is None else offset
                answers.append(WrittenAt(written=written, offset=at, warnings=cautions(0, findings)))
                await idempotency.remember(tx, caller, answers[0])

            tx.before_commit(answer)
        self._progress.wake()
        return answers[0]

    async def _alter(
        self, caller: Caller, fact: FactId, change: Change, values: dict[str, object], *, revision: int | None = None
    ) -> FactAt:
        answers: list[FactAt] = []
        async with self._db.write(caller.tenant) as tx:
            found = await self._locked(tx, caller, fact, revision=revision)
            if any(getattr(found, name) != value for name, value in values.items()):
                found = await changed(tx, found, change, **values)
                await show(tx, await self._index(tx), found)
            self._tell(tx, caller, found, answers)
        self._progress.wake()
        return answers[0]

    def _tell(self, tx: Transaction, caller: Caller, fact: FactRecord, answers: list[FactAt]) -> None:
        """Answers with the fact as it is at the end of this transaction."""

        async def answer(offset: int | None) -> None:
            now = await facts.find(tx, caller.subject, fact.row_id)
            assert now is not None, "locked"
            told = (await self._named(tx, [now]))[0]
            answers.append(FactAt(fact=told, offset=await changes.head(tx) if offset is None else offset))
            await idempotency.remember(tx, caller, answers[0])

        tx.before_commit(answer)

    async def _find(self, tx: Transaction, caller: Caller, fact: FactId) -> FactRecord:
        number = row_number("fact", fact)
        found = None if number is None or number >= 1 << 62 else await facts.find(tx, caller.subject, number)
        if found is None:
            raise errors.no_such_fact(fact)
        return found

    async def _locked(self, tx: Transaction, caller: Caller, fact: FactId, *, revision: int | None = None) -> FactRecord:
        await facts.lock_owner(tx, caller.subject)
        found = await self._find(tx, caller, fact)
        if revision is not None and found.revision != revision:
            raise errors.fact_moved(fact)
        return found

    async def _index(self, tx: Transaction) -> IndexRecord:
        spec = self._embedder.spec
        index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=self._clock.now())
        if index.model != spec.digest:
            raise errors.model_not_served(index.model, spec.digest)
        return index

    async def _embed(self, caller: Caller, texts: Sequence[str]) -> Vectors:
        made = await caller.deadline.wait(self._embedder.embed(list(texts), Purpose.PASSAGE), "embedding the fact")
        return dict(zip(map(text_digest, texts), made, strict=True))

    def _findings(self, statement: Statement) -> Sequence[Finding]:
        """In its text, or where that does not repeat the value, in the value."""
        if self._scanner is None:
            return ()
        return self._scanner.scan(statement.text) or self._scanner.scan(statement.value)

    async def _scope(self, tx: Transaction, caller: Caller, request: FactRequest) -> FactScope:
        if request.session is None:
            return FactScope(owner=caller.subject, agent=request.agent)
        found = await sessions.find(tx, caller.subject, request.session)
        if found is None or session_over(found, self._clock.now()):
            raise errors.no_such_session(request.session)
        return FactScope(owner=caller.subject, agent=request.agent, session_id=found.row_id)

    async def _named(self, tx: Transaction, found: Sequence[FactRecord]) -> tuple[Fact, ...]:
        sources, spoken = await named(tx, found)
        return tuple(
            Fact(
                record=one,
                status=self._status(one),
                session=None if one.scope.session_id is None else spoken.get(one.scope.session_id),
                sources=sources.get(one.row_id, ()),
            )
            for one in found
        )

    def _status(self, fact: FactRecord) -> Status:
        over = fact.expires_at is not None and fact.expires_at <= self._clock.now()
        return Status.EXPIRED if over and fact.status != Status.REJECTED else Status(fact.status)

    def _change(self, caller: Caller, op: str, reason: str | None = None) -> Change:
        return Change(op=op, actor=caller.subject, at=self._clock.now(), reason=reason)


async def _folded(tx: Transaction, caller: Caller, query: FactQuery) -> FactQuery:
    """Names as facts are filed under: case does not count, and another name of somebody leads to the same."""
    attribute = None if query.attribute is None else fold(query.attribute)
    if query.entity is None:
        return replace(query, attribute=attribute)
    folded = fold(query.entity)
    known = await entities.named(tx, caller.subject, [folded])
    return replace(query, attribute=attribute, entity=fold(known.get(folded, folded)))


def _sources(found: Sequence[SourceRecord], statement: Statement, now: datetime) -> tuple[SourceRecord, ...]:
    """What was cited, or this write itself."""
    if not found:
        own = make_id("wr", now)
        return (SourceRecord(type="caller", id=own, start=0, end=0, trust=statement.trust, at=statement.valid_from),)
    return tuple(replace(one, trust=statement.trust, at=statement.valid_from) for one in found)


def _of_everybody(found: Sequence[FactRecord], agent: str | None) -> list[FactRecord]:
    """Without what is of one session, or of another agent."""
    return [one for one in found if one.scope.session_id is None and one.scope.agent in {None, agent}]


def _supersedable(old: FactRecord, at: datetime) -> None:
    if old.status not in {Status.ACTIVE, Status.CHALLENGED} or not old.polarity:
        ended_by = None if old.superseded_by is None else fact_id(old.superseded_by)
        raise errors.fact_not_active(old.id, old.status if old.polarity else "a denial", ended_by)
    since = max(filter(None, (old.valid_from, old.seen_at)), default=None)
    if since is not None and at < since:
        raise errors.invalid_fact(
            "/valid_from",
            f"is {at.isoformat()}, before {since.isoformat()}, when the fact was last said; if it never held, reject it",
        )


def _revalued(old: FactRecord, value: str, at: datetime) -> Statement:
    """The fact with another value, in the words that it was put in where the value stands in them."""
    text = old.text.replace(old.value, value) if old.value in old.text else f"{old.entity}'s {old.attribute} is {value}."
    return Statement(
        entity=old.entity,
        attribute=old.attribute,
        value=value,
        text=text,
        kind=Kind(old.kind),
        cardinality=Cardinality(old.cardinality),
        trust=max(Trust.EXPLICIT, old.trust),
        valid_from=at,
    )
