"""Memory: conversations are written down word for word and can be found at once. What is learned from them on the way is the
learners' (facts, dates, entities); compression, recall and forgetting have services of their own."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from core.caller import Caller, Grant
from core.clock import Clock
from core.ids import Principal, SessionId, TenantId, make_id
from core.limits import Limits
from core.metadata import Metadata, Value, check_metadata
from core.paging import Page, PageRequest
from inference.port import Embedder, Purpose, Scanner, TokenCounter
from memory import errors
from memory.sessions.appending import Draft, Plan, check, expired, plan, screened, sessions_equal
from memory.sessions.windows import Turn, Window, windows_of
from memory.types import Appended, Heard, Learner, Lesson, Progress, Said, SessionRequest, Wait
from storage import changes, idempotency, memory_rows, messages, sessions, tombstones, vectors
from storage.database import Database, Transaction
from storage.memory_records import MessageRecord, SessionRecord
from storage.memory_rows import NewRow, Subject
from storage.messages import NewMessage
from storage.records import IndexRecord
from storage.sessions import NewSession

TTL_S_MAX = 10 * 365 * 24 * 3600
# Other processes may append to the same session; in this one a lock keeps the order.
ATTEMPTS_MAX = 8

Vectors = Mapping[bytes, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """An append that only needs its transaction: windows for each draft, their vectors, and what was learned."""

    plan: Plan
    windows: tuple[tuple[Window, ...], ...]
    tokens: tuple[int, ...]
    vectors: Vectors
    lessons: tuple[Lesson, ...]


class Memory:
    """Sessions and their messages."""

    def __init__(
        self,
        *,
        db: Database,
        embedder: Embedder,
        counter: TokenCounter,
        progress: Progress,
        limits: Limits,
        clock: Clock,
        learners: Sequence[Learner] = (),
        scanner: Scanner | None = None,
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._counter = counter
        self._progress = progress
        self._limits = limits
        self._clock = clock
        self._learners = learners
        self._scanner = scanner  # None: nothing is looked for
        self._locks: WeakValueDictionary[tuple[TenantId, Principal, SessionId], asyncio.Lock] = WeakValueDictionary()

    async def create(self, caller: Caller, request: SessionRequest) -> tuple[SessionRecord, bool]:
        """The session, and whether it was made now. Conflict when one of that id is there and differs."""
        caller.require(Grant.WRITE)
        metadata = check_metadata(request.metadata, self._limits)
        if request.ttl_s is not None and not 1 <= request.ttl_s <= TTL_S_MAX:
            raise errors.invalid_ttl(request.ttl_s, TTL_S_MAX)
        now = self._clock.now()
        chosen = request.id or SessionId(make_id("ses", now))
        new = NewSession(id=chosen, agent=request.agent, metadata=metadata, ttl_s=request.ttl_s)
        async with self._db.write(caller.tenant) as tx:
            made = await sessions.add(tx, caller.subject, new, now)
            session = made or await sessions.find(tx, caller.subject, chosen)
            assert session is not None, "there, or made"
            if made is None and not sessions_equal(session, agent=new.agent, metadata=metadata, ttl_s=new.ttl_s):
                raise errors.session_exists(chosen)
            await idempotency.remember(tx, caller, (session, made is not None))
        return session, made is not None

    async def get(self, caller: Caller, session: SessionId) -> SessionRecord:
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            return await self._session(tx, caller, session)

    async def page(self, caller: Caller, request: PageRequest, *, agent: str | None) -> Page[SessionRecord]:
        """The user's sessions by id, those whose time is over left out."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await sessions.page(tx, caller.subject, request, agent=agent)
        now = self._clock.now()
        return Page(items=tuple(one for one in found.items if not expired(one, now)), after=found.after)

    async def close(self, caller: Caller, session: SessionId) -> SessionRecord:
        """Takes no more messages from now on. Closing twice is no error."""
        caller.require(Grant.WRITE)
        async with self._db.write(caller.tenant) as tx:
            found = await self._session(tx, caller, session)
            await sessions.close(tx, found, self._clock.now())
            closed = await self._session(tx, caller, session)
            await idempotency.remember(tx, caller, closed)
        return closed

    async def messages(self, caller: Caller, session: SessionId, request: PageRequest) -> Page[MessageRecord]:
        """What was said, in the session's order."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await self._session(tx, caller, session)
            return await messages.page(tx, found.row_id, request)

    async def latest(
        self,
        caller: Caller,
        session: SessionId,
        *,
        limit: int,
        occurred_by: datetime | None = None,
        recorded_by: datetime | None = None,
    ) -> tuple[MessageRecord, ...]:
        """The last that was said, in the session's order: of that which was not said after `occurred_by` nor known after
        `recorded_by`."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await self._session(tx, caller, session)
            return await messages.latest_known(tx, found.row_id, limit=limit, occurred_by=occurred_by, recorded_by=recorded_by)

    async def append(self, caller: Caller, session: SessionId, said: Sequence[Said], *, wait: Wait) -> Appended:
        """Writes messages down, all or none, once each: what has an id that is there already is not written again."""
        caller.require(Grant.WRITE)
        metadata = check(said, self._limits)
        lock = self._locks.setdefault((caller.tenant, caller.subject, session), asyncio.Lock())
        async with lock:
            appended = await self._append(caller, session, said, metadata)
        self._progress.wake()
        if wait is Wait.INDEXED:
            await self._progress.wait(caller.tenant, appended.offset, caller.deadline)
        return appended

    async def _append(self, caller: Caller, session: SessionId, said: Sequence[Said], metadata: Sequence[Metadata]) -> Appended:
        for _ in range(ATTEMPTS_MAX):
            work = await self._prepare(caller, session, said, metadata)
            appended = await self._write(caller, work)
            if appended is not None:
                return appended
        raise errors.session_busy(session, ATTEMPTS_MAX)

    async def _prepare(self, caller: Caller, session: SessionId, said: Sequence[Said], metadata: Sequence[Metadata]) -> _Work:
        """Everything that takes time, outside of any transaction."""
        async with self._db.read(caller.tenant) as tx:
            found = await self._session(tx, caller, session)
            stored = await messages.by_client_ids(tx, found.row_id, [one.id for one in said if one.id is not None])
            buried = await _buried(tx, found, [one for one in said if one.id not in stored])
        planned = plan(found, said, stored, metadata=metadata, buried=buried, now=self._clock.now())
        planned, windows, tokens = await asyncio.to_thread(self._looked_through, planned)
        embedded = await self._embed(caller, {window.body for its in windows for window in its})
        heard = [self._heard(draft) for draft in planned.drafts if not draft.quarantined]
        lessons = [await learner.read(caller, found, heard) for learner in self._learners if heard]
        return _Work(plan=planned, windows=windows, tokens=tokens, vectors=embedded, lessons=tuple(lessons))

    def _looked_through(self, planned: Plan) -> tuple[Plan, tuple[tuple[Window, ...], ...], tuple[int, ...]]:
        return (kept := self._screened(planned)), *self._cut(kept)

    def _screened(self, planned: Plan) -> Plan:
        scan = None if self._scanner is None else self._scanner.scan
        return screened(planned, [() if scan is None else scan(draft.content) for draft in planned.drafts])

    def _cut(self, planned: Plan) -> tuple[tuple[tuple[Window, ...], ...], tuple[int, ...]]:
        return (
            tuple(() if draft.forgotten else windows_of(turn_of(draft), self._counter) for draft in planned.drafts),
            tuple(self._counter.count(draft.content) for draft in planned.drafts),
        )

    async def _embed(self, caller: Caller, bodies: set[str]) -> Vectors:
        digests = {text_digest(body): body for body in sorted(bodies)}
        known = await vectors.known(self._db.glance(caller.tenant), self._embedder.spec.digest, list(digests))
        missing = [digest for digest in digests if digest not in known]
        made = await caller.deadline.wait(
            self._embedder.embed([digests[digest] for digest in missing], Purpose.PASSAGE), "embedding the messages"
        )
        return dict(zip(missing, made, strict=True))

    async def _write(self, caller: Caller, work: _Work) -> Appended | None:
        """One transaction; None when another writer was faster or a vector was collected meanwhile, and all is to do again."""
        now, planned, answers = self._clock.now(), work.plan, list[Appended]()
        async with self._db.write(caller.tenant) as tx:
            session = await sessions.lock(tx, planned.session.row_id)
            if session is None or session.head_seq != planned.session.head_seq or session.state is not planned.session.state:
                return None
            added: tuple[MessageRecord, ...] = ()
            if planned.drafts:
                index = await self._collection(tx)
                if await _buried(tx, session, planned.drafts) or not await self._keep_vectors(tx, index, work):
                    return None
                added = await messages.add(tx, session, _new(work), now)
                await self._publish(tx, index, session, zip(added, work.windows, strict=True))
                for lesson in work.lessons:
                    await lesson.write(tx, index, added)
                tokens = sum(work.tokens)
                await sessions.advance(tx, session, messages=len(added), tokens=tokens, occurred_at=planned.latest, at=now)

            async def answer(offset: int | None) -> None:
                # What was there already is searchable at the head, at the latest.
                at = await changes.head(tx) if offset is None else offset
                answers.append(_appended(planned, added, at))
                await idempotency.remember(tx, caller, answers[0])

            tx.before_commit(answer)
        return answers[0]

    async def _publish(
        self,
        tx: Transaction,
        index: IndexRecord,
        session: SessionRecord,
        rows: Iterable[tuple[MessageRecord, Sequence[Window]]],
    ) -> None:
        for record, windows in ((record, windows) for record, windows in rows if windows):
            await memory_rows.publish(
                tx,
                index,
                (Subject.MESSAGE, record.row_id),
                owner=session.owner,
                session_id=session.row_id,
                rows=[row_of(session, record, window) for window in windows],
            )

    async def _collection(self, tx: Transaction) -> IndexRecord:
        spec = self._embedder.spec
        index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=self._clock.now())
        if index.model != spec.digest:
            raise errors.model_not_served(index.model, spec.digest)
        return index

    async def _keep_vectors(self, tx: Transaction, index: IndexRecord, work: _Work) -> bool:
        needed = {text_digest(window.body) for its in work.windows for window in its}
        held = [digest for digest in needed if digest not in work.vectors]
        if len(await vectors.known(tx, index.model, held)) < len(held):
            return False
        await vectors.put(tx, index.model, work.vectors, self._clock.now())
        return True

    async def _session(self, tx: Transaction, caller: Caller, session: SessionId) -> SessionRecord:
        found = await sessions.find(tx, caller.subject, session)
        if found is None or expired(found, self._clock.now()):
            raise errors.no_such_session(session)
        return found

    def _heard(self, draft: Draft) -> Heard:
        return Heard(
            seq=draft.seq,
            role=draft.role,
            speaker=draft.speaker,
            content=draft.content,
            occurred_at=None if draft.occurred_at is None else draft.occurred_at.astimezone(draft.zone or UTC),
            recorded_at=self._clock.now(),
            trust=draft.trust,
            learned=draft.forgotten or (draft.restored is not None and draft.restored.learned),
        )


def text_digest(text: str) -> bytes:
    """What a vector is stored under: SHA-256 of the exact text that was embedded."""
    return hashlib.sha256(text.encode()).digest()


def row_of(session: SessionRecord, message: MessageRecord, window: Window) -> NewRow:
    """A window of a message as a searchable row."""
    return NewRow(
        level=window.level,
        body=window.body,
        vector_sha256=text_digest(window.body),
        fields=_fields(session, message, window),
        occurred=None if message.occurred_at is None else message.occurred_at.timestamp(),
        seq_from=window.seq_from,
        seq_to=window.seq_to,
        start=window.start,
        end=window.end,
    )


def _fields(session: SessionRecord, message: MessageRecord, window: Window) -> Mapping[str, Value]:
    fields: dict[str, Value] = {
        **message.metadata,
        "mem.type": "message",
        "mem.level": window.level,
        "mem.session": session.id,
        "mem.role": message.role.value,
        "mem.trust": message.trust,
    }
    if session.agent is not None:
        fields["mem.agent"] = session.agent
    if message.speaker is not None:
        fields["mem.speaker"] = message.speaker
    return fields


def turn_of(said: Draft | MessageRecord, *, content: str | None = None) -> Turn:
    """A message as its rows are made from it; `content` in the place of its own."""
    own = said.content if content is None else content
    return Turn(seq=said.seq, role=said.role, speaker=said.speaker, content=own, occurred_at=said.occurred_at)


def _new(work: _Work) -> list[NewMessage]:
    return [
        NewMessage(
            seq=draft.seq,
            client_id=draft.client_id,
            role=draft.role,
            speaker=draft.speaker,
            content=draft.content,
            digest=draft.digest,
            occurred_at=draft.occurred_at,
            occurred_kind=draft.occurred_kind,
            source=draft.source,
            trust=draft.trust,
            flags=draft.flags,
            tokens=tokens,
            metadata=draft.metadata,
            rows=len(windows),
        )
        for draft, windows, tokens in zip(work.plan.drafts, work.windows, work.tokens, strict=True)
    ]


async def _buried(tx: Transaction, session: SessionRecord, said: Sequence[Said | Draft]) -> frozenset[str]:
    """The ids of those that were forgotten for good."""
    marks = {mark: name for one in said if (name := _name(one)) is not None for mark in _marks(session, one, name)}
    return frozenset(marks[mark] for mark in await tombstones.refused(tx, session.owner, marks))


def _name(one: Said | Draft) -> str | None:
    return one.client_id if isinstance(one, Draft) else one.id


def _marks(session: SessionRecord, one: Said | Draft, name: str) -> list[tombstones.Mark]:
    """Under its id, and under the one that it had before it was restored."""
    formerly = None if one.restored is None else one.restored.formerly
    return [tombstones.source_mark(session.id, each, one.content) for each in (name, formerly) if each is not None]


def _appended(planned: Plan, added: Sequence[MessageRecord], offset: int) -> Appended:
    """`ids` in the order of the call: what was stored now, what was there, and what must not be."""
    ids = {draft.place: record.id for draft, record in zip(planned.drafts, added, strict=True)}
    ids |= {**planned.known, **planned.refused}
    return Appended(
        accepted=len(added),
        duplicates=len(planned.known),
        refused=len(planned.refused),
        ids=tuple(ids[place] for place in sorted(ids)),
        offset=offset,
        warnings=planned.warnings,
    )
