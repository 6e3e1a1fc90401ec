"""Erasing a user: out of sight with one commit, then taken out of every place in batches, with a receipt that can be checked.

`begin` answers as soon as nothing of the user can be read any more. The rest is `run`'s, which goes on after a restart where it
was. Digests of what went stay (storage/tombstones.py), so that an old bundle does not bring it back. `verify` looks again, in
the store and in both arms of the engine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.caller import Caller, Grant, user_name
from core.clock import Clock
from core.deadline import Deadline
from core.errors import Fault, NotFound
from core.ids import Principal, TenantId, make_id
from core.limits import CHUNK_ORDINAL_BITS
from core.telemetry import log
from engines.port import Collection, SearchEngine
from memory import errors
from memory.facts.ledger import triple_mark
from memory.types import Progress
from storage import changes, erasures, idempotency, indexes, memory_rows, messages, sessions, tombstones, vectors
from storage.database import Database, Transaction
from storage.erasures import ErasureRecord, ErasureState
from storage.memory_rows import Subject
from storage.records import IndexRecord

SUBJECTS_PER_STEP = 250
BLOCKS_PER_PROBE = 1_000
# Another process may have begun an erasure, or failed at one.
POLL_S = 30.0
RETRY_S = 2.0
PROJECTION_S = 60.0

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is still found of the erased, by the name of where; `clean` when that is nothing."""

    erasure: ErasureRecord
    found: Counts
    indexed_offset: int

    @property
    def clean(self) -> bool:
        return self.erasure.state is ErasureState.DONE and not any(self.found.values())


class Substrate(Protocol):
    """Another place that holds what belongs to a user, such as a cache. It takes part by being passed in."""

    @property
    def name(self) -> str: ...

    async def erase(self, tenant: TenantId, owner: Principal) -> int:
        """Takes everything of the owner out; safe to repeat. How many went."""
        ...

    async def probe(self, tenant: TenantId, owner: Principal, *, until: datetime) -> int:
        """How much of what was the owner's at that moment is found now."""
        ...


class Erasing:
    """Erases users of a tenant."""

    def __init__(
        self,
        *,
        db: Database,
        engine: SearchEngine,
        progress: Progress,
        clock: Clock,
        substrates: Sequence[Substrate] = (),
    ) -> None:
        self._db = db
        self._engine = engine
        self._progress = progress
        self._clock = clock
        self._substrates = substrates
        self._awake = asyncio.Event()

    async def begin(self, caller: Caller) -> ErasureRecord:
        """Erases whom the caller acts for. What is written from now on is not part of it."""
        caller.require(Grant.WRITE)
        now = self._clock.now()
        erasure = ErasureRecord(
            id=make_id("era", now),
            owner=caller.subject,
            state=ErasureState.RUNNING,
            receipt={},
            requested_by=caller.key_id,
            created_at=now,
            finished_at=None,
        )
        # Once more at the end: what is stored elsewhere meanwhile may rest on what was read before.
        elsewhere = {one.name: await one.erase(caller.tenant, caller.subject) for one in self._substrates}
        async with self._db.write(caller.tenant) as tx:
            await erasures.begin(tx, erasure)
            gone = await idempotency.forget(tx, caller.subject, now)
            await erasures.count(tx, erasure, {**elsewhere, "idempotency": gone})
            await idempotency.remember(tx, caller, erasure)
        self._awake.set()
        return erasure

    async def get(self, caller: Caller, erasure_id: str) -> ErasureRecord:
        """NotFound when it is of a user that this caller may not act for."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await erasures.find(tx, erasure_id)
        if found is None or not _may_act_for(caller, found.owner):
            raise errors.no_such_erasure(erasure_id)
        return found

    async def verify(self, caller: Caller, erasure_id: str) -> Verification:
        """Looks for the erased again, everywhere."""
        erasure = await self.get(caller, erasure_id)
        async with self._db.read(caller.tenant) as tx:
            head = await changes.head(tx)
        await self._progress.wait(caller.tenant, head, caller.deadline)
        indexed = self._progress.indexed(caller.tenant)
        found = await caller.deadline.wait(self._probe(caller.tenant, erasure), "looking for what was erased")
        return Verification(erasure=erasure, found=found, indexed_offset=indexed)

    # --- the work

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            self._awake.clear()
            try:
                await self.work()
            except Fault as fault:  # the store or the engine: what is done is done, the rest comes next time
                log.error("erasure_failed", code=fault.code, detail=fault.message)
                await asyncio.sleep(RETRY_S)
                continue
            try:
                async with asyncio.timeout(POLL_S):
                    await self._awake.wait()
            except TimeoutError:
                continue

    async def work(self) -> None:
        """Every erasure of every tenant that is under way, to its end."""
        async with self._db.system_read("erasures go on for every tenant") as tx:
            under_way = await erasures.running(tx)
        for tenant, erasure_id in under_way:
            while await self._step(tenant, erasure_id):
                self._progress.wake()
            await self._finish(tenant, erasure_id)

    async def _step(self, tenant: TenantId, erasure_id: str) -> bool:
        """One batch, in a transaction of its own; whether there was one."""
        async with self._db.write(tenant) as tx:
            erasure = await erasures.lock(tx, erasure_id)
            if erasure is None or erasure.state is ErasureState.DONE:
                return False
            index = await indexes.of_memory(tx)
            for part in _PARTS:
                gone = await part(tx, erasure, index, self._clock)
                if gone is not None:
                    await erasures.count(tx, erasure, gone)
                    return True
        return False

    async def _finish(self, tenant: TenantId, erasure_id: str) -> None:
        async with self._db.read(tenant) as tx:
            erasure = await erasures.find(tx, erasure_id)
            head = await changes.head(tx)
        if erasure is None or erasure.state is ErasureState.DONE:
            return
        await self._progress.wait(tenant, head, Deadline.after(self._clock, PROJECTION_S))
        async with self._db.write(tenant) as tx:
            late = await idempotency.forget(tx, erasure.owner, erasure.created_at)
        elsewhere = {"idempotency": late} | {one.name: await one.erase(tenant, erasure.owner) for one in self._substrates}
        left = await self._probe(tenant, erasure)
        if any(left.values()):
            raise errors.erasure_incomplete(erasure_id, left)
        async with self._db.write(tenant) as tx:
            locked = await erasures.lock(tx, erasure_id)
            if locked is None or locked.state is ErasureState.DONE:
                return
            await erasures.count(tx, locked, elsewhere)
            await erasures.finish(tx, locked, self._clock.now())

    # --- looking again

    async def _probe(self, tenant: TenantId, erasure: ErasureRecord) -> dict[str, int]:
        found: dict[str, int] = dict.fromkeys(("messages", "facts", "summaries", "rows", "dense_index", "keyword_index"), 0)
        async with self._db.read(tenant) as tx:
            left = await erasures.left(tx, erasure)
            index = await indexes.of_memory(tx)
            found["idempotency"] = await idempotency.count_of(tx, erasure.owner, erasure.created_at)
        found["sessions"] = left["sessions"]
        found["entities"] = left["entities"] + left["entity_aliases"]
        found["messages"] = left["messages"]
        found["facts"] = left["facts"] + left["fact_history"]
        found["summaries"] = left["summaries"]
        found["rows"] = left["memory_rows"]
        after = 0
        while True:
            async with self._db.read(tenant) as tx:
                blocks = await erasures.blocks_of(tx, erasure, after=after, limit=BLOCKS_PER_PROBE)
                if not blocks:
                    break
                await _probe_store(tx, blocks, found)
            after = max(blocks)
            if index is not None:
                held = await self._engine.held(Collection.of_index(index), _keys(blocks))
                found["dense_index"] += len(held.dense)
                found["keyword_index"] += len(held.keyword)
        for one in self._substrates:
            found[one.name] = await one.probe(tenant, erasure.owner, until=erasure.created_at)
        return found


async def _facts(tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, clock: Clock) -> Counts | None:
    doomed = await erasures.facts_of(tx, erasure.ghost, limit=SUBJECTS_PER_STEP)
    if not doomed:
        return None
    marks = [triple_mark(one.triple, holds=one.polarity) for one in doomed]
    buried = await tombstones.bury(tx, erasure.owner, marks, clock.now())
    ids = [one.row_id for one in doomed]
    gone = await _retract(tx, erasure, index, {(Subject.FACT, each): 0 for each in ids})
    await erasures.remove_facts(tx, ids)
    return {**gone, "facts": len(ids), "tombstones": buried}


async def _summaries(tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, clock: Clock) -> Counts | None:
    del clock
    ids = await erasures.summaries_of(tx, erasure.ghost, limit=SUBJECTS_PER_STEP)
    return await _drop_summaries(tx, erasure, index, ids) if ids else None


async def _messages(tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, clock: Clock) -> Counts | None:
    doomed = await messages.of_owner(tx, erasure.ghost, after=0, limit=SUBJECTS_PER_STEP)
    if not doomed:
        return None
    spoken = await sessions.by_rows(tx, tuple({one.session_id for one in doomed}))
    marks = [tombstones.source_mark(spoken[one.session_id].id, one.id, one.content) for one in doomed]
    buried = await tombstones.bury(tx, erasure.owner, marks, clock.now())
    gone = await _retract(tx, erasure, index, {(Subject.MESSAGE, one.row_id): one.rows for one in doomed})
    await messages.remove(tx, [one.row_id for one in doomed])
    return {**gone, "messages": len(doomed), "tombstones": buried}


async def _loose(tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, clock: Clock) -> Counts | None:
    """Searchable rows whose record is gone: what another writer was about to do when the erasure began."""
    del clock
    subjects = await erasures.loose_rows_of(tx, erasure.ghost, limit=SUBJECTS_PER_STEP)
    return await _retract(tx, erasure, index, dict.fromkeys(subjects, 0)) if subjects else None


async def _sessions(tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, clock: Clock) -> Counts | None:
    del clock
    ids = tuple(await erasures.sessions_of(tx, erasure.ghost, limit=SUBJECTS_PER_STEP))
    if not ids:
        return None
    late = await erasures.summaries_of_sessions(tx, ids)
    gone = await _drop_summaries(tx, erasure, index, late)
    await erasures.remove_sessions(tx, ids)
    return {**gone, "sessions": len(ids)}


async def _entities(tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, clock: Clock) -> Counts | None:
    del index, clock
    gone = await erasures.remove_entities(tx, erasure.ghost)
    return {"entities": gone} if gone else None


_Part = Callable[[Transaction, ErasureRecord, IndexRecord | None, Clock], Awaitable[Counts | None]]
# Sessions go after what was said in them: a session's row is what its writers lock.
_PARTS: tuple[_Part, ...] = (_facts, _summaries, _messages, _loose, _sessions, _entities)


async def _drop_summaries(
    tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, ids: Sequence[int]
) -> dict[str, int]:
    gone = await _retract(tx, erasure, index, {(Subject.SUMMARY, each): 0 for each in ids})
    await erasures.remove_summaries(tx, ids)
    return {**gone, "summaries": len(ids)}


async def _retract(
    tx: Transaction, erasure: ErasureRecord, index: IndexRecord | None, subjects: Mapping[tuple[Subject, int], int]
) -> dict[str, int]:
    """Takes the rows of `subjects` out of what is searchable, with the vectors that only they had. The values are how many rows
    a subject ever had, where that is known to be more than it has."""
    gone = await take_out(tx, index, subjects, told=erasure.owner)
    await erasures.note_blocks(tx, erasure, gone.blocks)
    return {"rows": gone.rows, "vectors": gone.vectors, "dense_index": gone.rows, "keyword_index": gone.rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOut:
    """How many rows and vectors went, and how many rows each block had at most."""

    rows: int
    vectors: int
    blocks: Mapping[int, int]


async def take_out(
    tx: Transaction, index: IndexRecord | None, subjects: Mapping[tuple[Subject, int], int], *, told: Principal
) -> TakenOut:
    """Rows with their vectors; the records are who asks' matter. `told` may follow that they went."""
    digests: set[bytes] = set()
    blocks: dict[int, int] = {}
    rows = 0
    for subject, ever in subjects.items():
        held = await memory_rows.held(tx, subject)
        digests.update(held.values())
        rows += len(held)
        first = memory_rows.key_of(*subject, 0)
        blocks[erasures.block(subject)] = max([ever, *(key - first + 1 for key in held)])
        if index is not None:
            await memory_rows.retract(tx, index, subject, rows=blocks[erasures.block(subject)], told=told)
    return TakenOut(rows=rows, vectors=await vectors.drop_unused(tx, sorted(digests)), blocks=blocks)


async def _probe_store(tx: Transaction, blocks: Mapping[int, int], found: dict[str, int]) -> None:
    alive = await erasures.alive(tx, list(blocks))
    for subject, name in ((Subject.MESSAGE, "messages"), (Subject.FACT, "facts"), (Subject.SUMMARY, "summaries")):
        found[name] += alive[subject]
    found["rows"] += len(await memory_rows.of_blocks(tx, blocks))


def _keys(blocks: Mapping[int, int]) -> list[int]:
    return [block << CHUNK_ORDINAL_BITS | ordinal for block, rows in blocks.items() for ordinal in range(rows)]


def _may_act_for(caller: Caller, owner: Principal) -> bool:
    if caller.subject == owner and not caller.narrowed:
        return True
    try:
        return caller.acting_for(user_name(owner)).subject == owner
    except NotFound:
        return False
