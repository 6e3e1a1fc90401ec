"""Compression that nobody asks for: hears of what is appended and of what is taken out, and brings trees up to date behind the
requests. What it misses, in another process or through a crash, a look over all sessions finds."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.caller import Caller
from core.errors import Fault
from core.ids import TenantId
from core.telemetry import log
from memory.compression.segments import TOKENS_MAX
from memory.compression.service import Compression, retract
from memory.compression.types import Triggers
from memory.types import Heard, Lesson, Loss
from storage import memory_rows, messages, sessions, summaries
from storage.database import Database, Transaction
from storage.memory_records import MessageRecord, SessionRecord
from storage.memory_rows import Subject
from storage.records import IndexRecord
from storage.summaries import State

LOOK_S = 60.0
# More than this are left for the next look.
NOTICED_MAX = 10_000

_Session = tuple[TenantId, int]


@dataclass(frozen=True, slots=True)
class _Heeded:
    """What an append teaches: that there is more."""

    compressor: "Compressor"
    session: SessionRecord

    async def write(self, tx: Transaction, index: IndexRecord, messages: Sequence[MessageRecord]) -> None:
        del index
        self.compressor.heed(tx.tenant, self.session, sum(one.tokens for one in messages))


class Compressor:
    """A learner, which only listens, and a dependent of messages. `run` does the work."""

    def __init__(self, *, db: Database, compression: Compression, triggers: Triggers) -> None:
        self._db = db
        self._compression = compression
        self._triggers = triggers
        self._noticed: dict[_Session, None] = {}
        self._awake = asyncio.Event()

    async def read(self, caller: Caller, session: SessionRecord, said: Sequence[Heard]) -> Lesson:
        del caller, said
        return _Heeded(self, session)

    def heed(self, tenant: TenantId, session: SessionRecord, tokens: int) -> None:
        """So many tokens are being added; sessions below the soft trigger cost nothing."""
        if session.tokens + tokens >= self._triggers.soft_tokens:
            self._notice(tenant, session.row_id)

    async def lose(self, tx: Transaction, index: IndexRecord | None, lost: Sequence[Loss]) -> None:
        """Empties exactly the nodes that cover a lost message: not one of their words is served or found any more."""
        by_session: dict[int, list[int]] = defaultdict(list)
        for one in lost:
            by_session[one.message.session_id].append(one.message.seq)
        for session_id, seqs in by_session.items():
            gone = await summaries.covering(tx, session_id, seqs)
            for row_id in gone:
                rows = await summaries.rows_of(tx, row_id)
                if rows and index is not None:
                    await memory_rows.retract(tx, index, (Subject.SUMMARY, row_id), rows=rows)
            await summaries.empty(tx, gone)
            if gone:
                self._notice(tx.tenant, session_id)

    async def lose_session(self, tx: Transaction, index: IndexRecord | None, session: SessionRecord) -> None:
        nodes = sorted(await summaries.states(tx, session.row_id))
        if index is None:
            await summaries.remove(tx, nodes)
        else:
            await retract(tx, index, nodes)

    async def run(self) -> None:
        """Works until cancelled. A session that fails is left as it was, and tried again at the next look."""
        await self.look()
        while True:
            self._awake.clear()
            await self.work()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._awake.wait()
            except TimeoutError:
                await self.look()

    async def work(self) -> None:
        """Serves whatever was noticed until now."""
        while self._noticed:
            session = next(iter(self._noticed))
            del self._noticed[session]
            await self._serve(*session)

    async def look(self) -> None:
        """Notices every session that needs it."""
        async with self._db.system_read("which sessions of any tenant are to be compressed") as tx:
            for session in await summaries.due(tx, tokens_min=self._triggers.soft_tokens, limit=NOTICED_MAX):
                self._notice(*session)

    def _notice(self, tenant: TenantId, session_row: int) -> None:
        if len(self._noticed) < NOTICED_MAX:
            self._noticed[tenant, session_row] = None
            self._awake.set()

    async def _serve(self, tenant: TenantId, session_row: int) -> None:
        try:
            state = await self._due(tenant, session_row)
            if state is not None:
                await self._compression.settle(tenant, session_row, state)
        except Fault as fault:
            log.error("compression_failed", tenant=tenant, session_row=session_row, code=fault.code, detail=fault.message)

    async def _due(self, tenant: TenantId, session_row: int) -> State | None:
        """In which state the tree is wanted, None when it is good as it is. Behind the session's lock, so that whoever was
        heard of has committed."""
        async with self._db.write(tenant) as tx:
            session = await sessions.lock(tx, session_row)
            if session is None:
                return None
            outline = await summaries.outline(tx, session_row)
            if outline.stale:
                return State.ACTIVE
            if session.tokens < self._triggers.soft_tokens:
                return None
            serves = outline.active or session.tokens >= self._triggers.hard_tokens
            state = State.ACTIVE if serves else State.BUILDING
            if state is State.ACTIVE and outline.building:
                return state
            behind = await messages.tokens_since(tx, session_row, outline.covered_to)
            return state if behind and (not outline.covered_to or behind >= TOKENS_MAX) else None
