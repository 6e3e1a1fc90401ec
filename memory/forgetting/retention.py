"""Retention at work: behind the requests, what is over by the rules of a tenant or a user is taken out as if it had been
forgotten, and so is a session whose own time to live is over. It may be written again: no tombstone is made.

Small transactions, each with its count: cut off at any moment, the next look goes on. A fact that goes was true and is only
kept no more: what it had ended stays ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import groupby

from core.clock import Clock
from core.errors import Fault
from core.ids import TenantId
from core.telemetry import log
from memory.facts import ledger
from memory.facts.rows import hide, text_digest
from memory.facts.slots import changed
from memory.facts.statements import Status
from memory.forgetting.erasure import take_out
from memory.types import Dependent, Loss, Progress
from storage import facts, indexes, messages, retention, sessions, tenants, vectors
from storage.database import Database, Transaction
from storage.fact_records import Change
from storage.memory_records import MessageRecord, SessionRecord
from storage.memory_rows import Subject
from storage.records import IndexRecord
from storage.retention import DoomedFact, PolicyRecord

LOOK_S = 600.0
BATCH = 200
FACTS_PER_LOOK = 1_000
ACTOR = "retention"

_Part = Callable[[TenantId, PolicyRecord, datetime], Awaitable[int]]


class Retention:
    """`run` looks over every tenant again and again; `look` does it once. `wake` after a change of the rules."""

    def __init__(self, *, db: Database, progress: Progress, clock: Clock, dependents: Sequence[Dependent]) -> None:
        self._db = db
        self._progress = progress
        self._clock = clock
        self._dependents = dependents
        self._awake = asyncio.Event()

    def wake(self) -> None:
        self._awake.set()

    async def run(self) -> None:
        while True:
            self._awake.clear()
            try:
                await self.look()
            except Fault as fault:
                log.warning("retention put off", code=fault.code, again_in_s=LOOK_S)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._awake.wait()
            except TimeoutError:
                continue

    async def look(self) -> int:
        """How many messages, sessions and facts went."""
        async with self._db.system_read("retention looks over every tenant") as tx:
            found = await tenants.every(tx)
        return sum([await self._tend(tenant) for tenant in found])

    async def _tend(self, tenant: TenantId) -> int:
        at = self._clock.now()
        async with self._db.read(tenant) as tx:
            policies = await retention.policies(tx)
            ended = await retention.ended_sessions(tx, at, limit=1)
        if not policies and not ended:
            return 0
        async with self._db.write(tenant) as tx:
            await retention.begin_run(tx, at)
        gone = await self._ended(tenant, at)
        parts: tuple[_Part, ...] = (self._messages, self._sessions, self._facts)
        for policy in policies:
            gone += sum([await self._to_the_end(part, tenant, policy, at) for part in parts])
        async with self._db.write(tenant) as tx:
            for policy in policies:
                await retention.drop_names(tx, policy, at)
            await retention.finish_run(tx, self._clock.now())
        return gone

    async def _to_the_end(self, part: _Part, tenant: TenantId, policy: PolicyRecord, at: datetime) -> int:
        gone = 0
        while count := await part(tenant, policy, at):
            gone += count
            self._progress.wake()
        return gone

    async def _messages(self, tenant: TenantId, policy: PolicyRecord, at: datetime) -> int:
        async with self._db.read(tenant) as tx:  # the writers need not wait for the search
            found = await retention.old_messages(tx, policy, at, limit=BATCH)
        if not found:
            return 0
        async with self._db.write(tenant) as tx:
            locked = await _locked(tx, found) if await _stands(tx, policy) else ()
            still = await retention.old_messages(tx, policy, at, among=found, limit=BATCH)
            return await self._take_messages(tx, [one for one in locked if one.row_id in set(still)])

    async def _sessions(self, tenant: TenantId, policy: PolicyRecord, at: datetime) -> int:
        async with self._db.read(tenant) as tx:
            found = await retention.idle_sessions(tx, policy, at, limit=BATCH)
        if not found:
            return 0
        async with self._db.write(tenant) as tx:
            rows = found if await _stands(tx, policy) else ()
            held = [one for row in rows if (one := await sessions.lock(tx, row)) is not None]
            still = await retention.idle_sessions(tx, policy, at, among=found, limit=BATCH)
            return await self._take_sessions(tx, [one for one in held if one.row_id in set(still)])

    async def _facts(self, tenant: TenantId, policy: PolicyRecord, at: datetime) -> int:
        async with self._db.read(tenant) as tx:
            found = await retention.old_facts(tx, policy, at, limit=FACTS_PER_LOOK)
        gone = 0
        for start in range(0, len(found), BATCH):
            async with self._db.write(tenant) as tx:
                if not await _stands(tx, policy):
                    return gone
                gone += await self._take_facts(tx, found[start : start + BATCH], expire=policy.rules.facts_expire)
        return gone

    async def _ended(self, tenant: TenantId, at: datetime) -> int:
        """Sessions whose own time is over: what was said in them in batches, then they themselves."""
        gone = 0
        while True:
            async with self._db.read(tenant) as tx:
                found = await retention.ended_sessions(tx, at, limit=1)
            if not found:
                return gone
            async with self._db.write(tenant) as tx:
                held = await sessions.lock(tx, found[0])
                if held is None or held.expires_at is None or held.expires_at > at:
                    return gone  # somebody wrote to it; the next look sees it as it is then
                said = await _locked(tx, await retention.messages_of(tx, held.row_id, limit=BATCH))
                gone += await self._take_messages(tx, said)
                if not await retention.holds_pinned(tx, held.row_id):
                    gone += await self._take_sessions(tx, [held])

    # --- taking out, in the caller's transaction

    async def _take_messages(self, tx: Transaction, doomed: Sequence[MessageRecord]) -> int:
        index = await indexes.of_memory(tx)
        for _, its in groupby(sorted(doomed, key=lambda one: (one.session_id, one.seq)), key=lambda one: one.session_id):
            await self._take_said(tx, index, tuple(its))
        await retention.count_run(tx, {"messages": len(doomed)})
        return len(doomed)

    async def _take_said(self, tx: Transaction, index: IndexRecord | None, gone: Sequence[MessageRecord]) -> None:
        """Messages of one session."""
        for dependent in self._dependents:
            await dependent.lose(tx, index, [Loss(message=one) for one in gone])
        await take_out(tx, index, {(Subject.MESSAGE, one.row_id): one.rows for one in gone}, told=gone[0].owner)
        await messages.remove(tx, [one.row_id for one in gone])
        session = (await sessions.by_rows(tx, (gone[0].session_id,)))[gone[0].session_id]
        await sessions.shrink(tx, session, messages=len(gone), tokens=sum(one.tokens for one in gone), at=None)

    async def _take_sessions(self, tx: Transaction, doomed: Sequence[SessionRecord]) -> int:
        index = await indexes.of_memory(tx)
        for session in doomed:
            for dependent in self._dependents:
                await dependent.lose_session(tx, index, session)
            await sessions.remove(tx, session)
        await retention.count_run(tx, {"sessions": len(doomed)})
        return len(doomed)

    async def _take_facts(self, tx: Transaction, doomed: Sequence[DoomedFact], *, expire: bool) -> int:
        """Those that are as they were when they were looked at."""
        for owner in sorted({one.owner for one in doomed}):
            await facts.lock_owner(tx, owner)
        index = await indexes.of_memory(tx)
        change = Change(op="retention", actor=ACTOR, at=self._clock.now())
        gone, digests = 0, list[bytes]()
        for one in doomed:
            now = (await facts.by_rows(tx, [one.row_id])).get(one.row_id)
            if now is None or now.revision != one.revision or now.pinned:
                continue
            if expire:
                await hide(tx, index, await changed(tx, now, change, status=Status.EXPIRED))
            else:
                await ledger.discard(tx, index, now, change, reopens=False)
                digests.append(text_digest(now.text))
            gone += 1
        await vectors.drop_unused(tx, digests)  # of all at once: it reads every vector's key, 13 ms among 190,000
        await retention.count_run(tx, {"facts": gone})
        return gone


async def _stands(tx: Transaction, policy: PolicyRecord) -> bool:
    """Whether the rules are still those: who takes them back stops what they do."""
    now = await retention.policy(tx, policy.owner)
    return now is not None and now.revision == policy.revision


async def _locked(tx: Transaction, rows: Sequence[int]) -> tuple[MessageRecord, ...]:
    """The messages that are there, with their sessions and their owners' facts locked."""
    near = {one.session_id for one in (await messages.by_rows(tx, rows)).values()}
    held = {row: found for row in sorted(near) if (found := await sessions.lock(tx, row)) is not None}
    for owner in sorted({one.owner for one in held.values()}):
        await facts.lock_owner(tx, owner)
    return tuple(one for one in (await messages.by_rows(tx, rows)).values() if one.session_id in held)
