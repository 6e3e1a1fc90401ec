"""A memory on its way out, page by page, each as it is when it is read: little is held, and nobody waits for a slow reader.

Summaries are left out: they are derived, and are made again of the messages wherever those come in.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from core.caller import Caller, Grant
from core.clock import Clock
from core.ids import Principal, SessionId
from core.paging import Page, PageRequest
from memory import errors
from memory.facts.sources import named
from memory.facts.types import NamedSource
from memory.sessions.appending import expired
from storage import entities, facts, messages, sessions, tenants, tombstones
from storage.database import Database, Transaction
from storage.fact_records import FactRecord, FormerState
from storage.facts import FactQuery
from storage.memory_records import MessageRecord, SessionRecord, SessionState
from storage.tombstones import Grave

SESSIONS_PER_PAGE = 50
MESSAGES_PER_PAGE = 50  # of at most 256 KiB each by default
FACTS_PER_PAGE = 50
HISTORY_MAX = 200
ROWS_PER_PAGE = 500
ORIGIN_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A message with its session's id."""

    session: SessionId
    message: MessageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The end of a session that takes no more messages."""

    session: SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A fact with what it rests on and what it was before, the latest first. `withdraws`: it says that another never was so."""

    fact: FactRecord
    session: SessionId | None
    sources: tuple[NamedSource, ...]
    former: tuple[FormerState, ...]
    withdraws: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """Of many values one, in whose place another was put. Behind both."""

    old: FactRecord
    new: FactRecord
    session: SessionId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Another name, folded, of an entity."""

    name: str
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret behind tombstones."""

    secret: bytes


Outgoing = SessionRecord | Spoken | Closed | Known | Replaced | Named | Secret | Grave
Pages = AsyncGenerator[tuple[Outgoing, ...]]


class Exporting:
    """Everything that memory holds of one owner, in an order in which it can be taken in again."""

    def __init__(self, *, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def origin(self, caller: Caller) -> str:
        """What tells the ids that this memory gives from those of another."""
        async with self._db.read(caller.tenant) as tx:
            return await origin_of(tx, self._clock)

    async def user(self, caller: Caller) -> Pages:
        """Secrets, sessions with their messages, facts, names, and last the tombstones: a rejected fact comes in before its
        tombstone keeps it out."""
        caller.require(Grant.READ)
        yield await self._secrets(caller)
        async for listed in self._sessions(caller):
            for session in listed:
                async for spoken in self._session(caller, session):
                    yield spoken
        async for known in self._facts(caller, None):
            yield known
        async for rest in self._rest(caller):
            yield rest

    async def session(self, caller: Caller, session: SessionId) -> Pages:
        """One session with its messages, the facts that are its own, and the owner's tombstones."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await sessions.find(tx, caller.subject, session)
        if found is None or expired(found, self._clock.now()):
            raise errors.no_such_session(session)
        yield await self._secrets(caller)
        async for spoken in self._session(caller, found):
            yield spoken
        async for known in self._facts(caller, found):
            yield known
        async for buried in self._graves(caller):
            yield buried

    async def _sessions(self, caller: Caller) -> AsyncGenerator[tuple[SessionRecord, ...]]:
        after: str | None = None
        while True:
            async with self._page(caller) as tx:
                page = await sessions.page(tx, caller.subject, PageRequest(after=after, limit=SESSIONS_PER_PAGE))
            now = self._clock.now()
            yield tuple(one for one in page.items if not expired(one, now))
            if page.after is None:
                return
            after = page.after

    async def _session(self, caller: Caller, session: SessionRecord) -> Pages:
        yield (session,)
        after = 0
        while True:
            async with self._page(caller) as tx:
                said = await messages.following(tx, session.row_id, after=after, limit=MESSAGES_PER_PAGE)
            # An erasure gives what it takes to somebody else: none of that goes out any more.
            mine = [one for one in said if one.owner == caller.subject]
            yield tuple(Spoken(session=session.id, message=one) for one in mine)
            if len(said) < MESSAGES_PER_PAGE:
                break
            after = said[-1].seq
        if session.state is SessionState.CLOSED:
            yield (Closed(session=session),)

    async def _facts(self, caller: Caller, session: SessionRecord | None) -> Pages:
        after: str | None = None
        while True:
            async with self._page(caller) as tx:
                page = await self._fact_page(tx, caller.subject, session, after)
                told = await _known(tx, page.items)
            yield told
            if page.after is None:
                return
            after = page.after

    async def _fact_page(
        self, tx: Transaction, owner: Principal, session: SessionRecord | None, after: str | None
    ) -> Page[FactRecord]:
        if session is not None:
            return Page(items=await facts.of_session(tx, session.row_id))
        return await facts.page(tx, owner, PageRequest(after=after, limit=FACTS_PER_PAGE), FactQuery())

    async def _rest(self, caller: Caller) -> Pages:
        after = ""
        while True:
            async with self._page(caller) as tx:
                found = await entities.page(tx, caller.subject, after=after, limit=ROWS_PER_PAGE)
            yield tuple(Named(name=name, alias=alias) for alias, name in found)
            if len(found) < ROWS_PER_PAGE:
                break
            after = found[-1][0]
        async for buried in self._graves(caller):
            yield buried

    async def _secrets(self, caller: Caller) -> tuple[Secret, ...]:
        async with self._page(caller) as tx:
            return tuple(Secret(secret=one) for one in await tombstones.secrets_of(tx, caller.subject))

    async def _graves(self, caller: Caller) -> Pages:
        after: Grave | None = None
        while True:
            async with self._page(caller) as tx:
                found = await tombstones.graves(tx, caller.subject, after=after, limit=ROWS_PER_PAGE)
            yield found
            if len(found) < ROWS_PER_PAGE:
                return
            after = found[-1]

    def _page(self, caller: Caller) -> AbstractAsyncContextManager[Transaction]:
        caller.deadline.check("the export")
        return self._db.read(caller.tenant)


async def origin_of(tx: Transaction, clock: Clock) -> str:
    """Of this store's tenant; says nothing of either."""
    store = await tenants.store_id(tx, clock.now())
    return hashlib.sha256(f"{store}\x1f{tx.tenant}".encode()).hexdigest()[:ORIGIN_DIGITS]


async def _known(tx: Transaction, found: tuple[FactRecord, ...]) -> tuple[Known | Replaced, ...]:
    sources, spoken = await named(tx, found)
    rows = [one.row_id for one in found]
    withdrawing = await facts.withdrawing(tx, rows)
    known = [
        Known(
            fact=one,
            session=_session_of(one, spoken),
            # What contradicts it is behind the facts that do, which go out as well.
            sources=tuple(source for source in sources.get(one.row_id, ()) if source.record.supports),
            former=await facts.history(tx, one, limit=HISTORY_MAX),
            withdraws=one.row_id in withdrawing,
        )
        for one in found
    ]
    pairs = await facts.replaced(tx, rows)
    return *known, *(Replaced(old=old, new=new, session=_session_of(old, spoken)) for old, new in pairs)


def _session_of(fact: FactRecord, spoken: Mapping[int, SessionId]) -> SessionId | None:
    return None if fact.scope.session_id is None else spoken.get(fact.scope.session_id)
