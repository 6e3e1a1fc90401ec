"""Forgetting what a user names: by id, by what a question finds, or by a filter; tried out first, where that is asked for.

`expire` takes a message or a fact out of recall, and keeps it in lists and history; `reject` also keeps it from being
written again; `purge` takes it out altogether, with its vectors, and keeps it from being written again. A summary is derived:
it goes in every mode, and what its session still says is summarised anew. Erasing a whole user is erasure.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.caller import Caller, Grant
from core.clock import Clock
from core.filters import OCCURRED_AT, Filter, admits, parse_filter
from core.ids import Principal, row_name, row_number
from core.limits import Limits
from memory import errors
from memory.facts import ledger
from memory.facts.rows import hide, text_digest
from memory.facts.slots import changed, settle
from memory.facts.statements import Status
from memory.forgetting.erasure import take_out
from memory.forgetting.relevance import meant
from memory.recall.service import Recall
from memory.recall.types import RecallRequest
from memory.types import Dependent, Loss, Progress
from storage import changes, facts, idempotency, indexes, memory_rows, messages, sessions, summaries, tombstones, vectors
from storage.database import Database, Transaction
from storage.fact_records import Change, FactRecord
from storage.memory_records import EXPIRED, REJECTED, MessageRecord, SessionRecord
from storage.memory_rows import Subject
from storage.records import IndexRecord

IDS_MAX = 1_000
LIMIT_MAX = 1_000
# What a query without a limit takes: as many as a search shows by default, so that a dry run shows all that would go.
QUERY_LIMIT = 10
ROWS_PER_PAGE = 1_000
_PREFIXES = {Subject.MESSAGE: "msg", Subject.FACT: "fact", Subject.SUMMARY: "sum"}


class Mode(StrEnum):
    """How far what is forgotten goes."""

    EXPIRE = "expire"
    REJECT = "reject"
    PURGE = "purge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Exactly one of the first three. `limit` belongs to the last two: how many of those that the query means, at most (10
    where absent), or how many the filter may match at most (LIMIT_MAX)."""

    ids: tuple[str, ...] | None = None
    query: str | None = None
    filter: object | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was, or with `dry_run` would be, forgotten; a search at `offset` finds none of it. `tombstones` counts what
    cannot be written again from now on."""

    ids: tuple[str, ...]
    mode: Mode
    dry_run: bool
    tombstones: int
    offset: int


_Key = tuple[Subject, int]


class Forgetting:
    """Forgets within one user's memory."""

    def __init__(
        self,
        *,
        db: Database,
        recall: Recall,
        progress: Progress,
        clock: Clock,
        limits: Limits,
        dependents: Sequence[Dependent] = (),
    ) -> None:
        self._db = db
        self._recall = recall
        self._progress = progress
        self._clock = clock
        self._limits = limits
        self._dependents = dependents

    async def forget(self, caller: Caller, selector: Selector, *, mode: Mode, dry_run: bool) -> Forgotten:
        """All that the selector means, or nothing: NotFound for an id that is not there, Conflict for a filter that matches
        more than it may."""
        caller.require(Grant.WRITE)
        _check(selector, self._limits)
        keys = await self._select(caller, selector)
        answers: list[Forgotten] = []
        async with self._db.write(caller.tenant) as tx:
            found = await _found(tx, caller.subject, keys, strict=selector.ids is not None)
            buried = 0 if dry_run else await self._take(tx, caller.subject, found, mode)
            ids = tuple(_name(key) for key in found.keys)

            async def answer(offset: int | None) -> None:
                at = await changes.head(tx) if offset is None else offset
                answers.append(Forgotten(ids=ids, mode=mode, dry_run=dry_run, tombstones=buried, offset=at))
                await idempotency.remember(tx, caller, answers[0])

            tx.before_commit(answer)
        self._progress.wake()
        return answers[0]

    async def _select(self, caller: Caller, selector: Selector) -> tuple[_Key, ...]:
        if selector.ids is not None:
            return tuple(dict.fromkeys(_key(one) for one in selector.ids))
        if selector.query is not None:
            request = RecallRequest(query=selector.query, k=selector.limit or QUERY_LIMIT, superseded=True)
            return tuple(_key(memo.id) for memo in meant((await self._recall.search(caller, request)).results))
        return await self._filtered(caller, selector.filter, selector.limit or LIMIT_MAX)

    async def _filtered(self, caller: Caller, raw: object, limit: int) -> tuple[_Key, ...]:
        async with self._db.read(caller.tenant) as tx:
            index = await indexes.of_memory(tx)
        condition = parse_filter(raw, {} if index is None else index.profile.ranged, self._limits)
        found: dict[_Key, None] = {}
        after = 0
        while True:
            caller.deadline.check("looking through the memory")
            async with self._db.read(caller.tenant) as tx:
                rows = await memory_rows.of_owner(tx, caller.subject, after=after, limit=ROWS_PER_PAGE)
            if not rows:
                return tuple(found)
            after = rows[-1].key
            found |= {(row.subject, row.subject_id): None for row in rows if _is(row, condition)}
            if len(found) > limit:
                raise errors.selector_too_wide(limit)

    async def _take(self, tx: Transaction, owner: Principal, found: "_Found", mode: Mode) -> int:
        index = await indexes.of_memory(tx)
        change = Change(op=f"forget:{mode}", actor=owner, at=self._clock.now())
        buried = 0
        for one in found.facts:  # before the messages that they may rest on
            buried += await _take_fact(tx, index, one, mode=mode, change=change)
        if mode is not Mode.EXPIRE:
            marks = [tombstones.source_mark(found.sessions[one.session_id].id, one.id, one.content) for one in found.messages]
            buried += await tombstones.bury(tx, owner, marks, self._clock.now())
        for dependent in self._dependents:
            await dependent.lose(tx, index, [Loss(message=one) for one in found.messages])
        gone = {(Subject.MESSAGE, one.row_id): one.rows for one in found.messages}
        await take_out(tx, index, gone, told=owner)
        if mode is Mode.PURGE:
            await self._remove(tx, found)
        else:
            flag = EXPIRED if mode is Mode.EXPIRE else REJECTED
            for one in found.messages:
                await messages.flag(tx, one, sorted({*one.flags, flag}))
        await _empty_summaries(tx, owner, index, found.summaries)
        return buried

    async def _remove(self, tx: Transaction, found: "_Found") -> None:
        await messages.remove(tx, [one.row_id for one in found.messages])
        for session in found.sessions.values():
            its = [one for one in found.messages if one.session_id == session.row_id]
            tokens = sum(one.tokens for one in its)
            await sessions.shrink(tx, session, messages=len(its), tokens=tokens, at=self._clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is there and the owner's, with the sessions of the messages, which are locked."""

    messages: tuple[MessageRecord, ...]
    sessions: dict[int, SessionRecord]
    facts: tuple[FactRecord, ...]
    summaries: tuple[int, ...]

    @property
    def keys(self) -> tuple[_Key, ...]:
        return (
            *((Subject.MESSAGE, one.row_id) for one in self.messages),
            *((Subject.FACT, one.row_id) for one in self.facts),
            *((Subject.SUMMARY, one) for one in self.summaries),
        )


async def _found(tx: Transaction, owner: Principal, keys: Sequence[_Key], *, strict: bool) -> _Found:
    """`strict`: NotFound for what is not there; else it was forgotten since it was looked for, which is as well."""
    wanted = [row_id for subject, row_id in keys if subject is Subject.MESSAGE]
    near = {one.session_id for one in (await messages.by_rows(tx, wanted)).values() if one.owner == owner}
    locked = {row_id: found for row_id in sorted(near) if (found := await sessions.lock(tx, row_id)) is not None}
    said = {row_id: one for row_id, one in (await messages.by_rows(tx, wanted)).items() if one.session_id in locked}
    nodes = await summaries.of_owner(tx, owner, [row_id for subject, row_id in keys if subject is Subject.SUMMARY])
    await facts.lock_owner(tx, owner)
    known = await facts.by_rows(tx, [row_id for subject, row_id in keys if subject is Subject.FACT])
    found = _Found(
        messages=tuple(said.values()),
        sessions=locked,
        facts=tuple(one for one in known.values() if one.scope.owner == owner),
        summaries=tuple(sorted(nodes)),
    )
    missing = [key for key in keys if key not in set(found.keys)]
    if strict and missing:
        raise errors.no_such_memory(_name(missing[0]))
    return found


async def _take_fact(tx: Transaction, index: IndexRecord | None, fact: FactRecord, *, mode: Mode, change: Change) -> int:
    """How many tombstones were made."""
    now = await facts.find(tx, fact.scope.owner, fact.row_id)  # another one of this call may have had to do with it
    if now is None:
        return 0
    if mode is Mode.EXPIRE:
        if now.status not in {Status.EXPIRED, Status.REJECTED}:
            await changed(tx, now, change, status=Status.EXPIRED)
            await hide(tx, index, now)
        return 0
    buried = await ledger.bury(tx, now, change.at)
    if mode is Mode.PURGE:
        await ledger.discard(tx, index, now, change)
        await vectors.drop_unused(tx, [text_digest(now.text)])
    elif now.status != Status.REJECTED:
        now = await changed(tx, now, change, status=Status.REJECTED, valid_to=None, superseded_by=None)
        await hide(tx, index, now)
        await settle(tx, index, now, change)
    return buried


async def _empty_summaries(tx: Transaction, owner: Principal, index: IndexRecord | None, nodes: Sequence[int]) -> None:
    """They hold nothing any more; compression makes new ones of what their sessions say."""
    await take_out(tx, index, {(Subject.SUMMARY, one): 0 for one in nodes}, told=owner)
    await summaries.empty(tx, nodes)


def _check(selector: Selector, limits: Limits) -> None:
    given = [name for name in ("ids", "query", "filter") if getattr(selector, name) is not None]
    if len(given) != 1:
        named = " and ".join(given) or "nothing"
        raise errors.invalid_selector(f"names {named}; give exactly one of ids, query and filter")
    if selector.ids is not None:
        if not 1 <= len(selector.ids) <= IDS_MAX:
            raise errors.invalid_selector(f"has {len(selector.ids)} ids; give 1 to {IDS_MAX}")
        if selector.limit is not None:
            raise errors.invalid_selector("has a limit beside ids, which are their own; leave it out")
        return
    most = limits.k_max if selector.query is not None else LIMIT_MAX
    if selector.limit is not None and not 1 <= selector.limit <= most:
        raise errors.invalid_selector(f"has the limit {selector.limit}; with {given[0]} give 1 to {most}, so that no more goes")


def _key(memory: str) -> _Key:
    for subject, prefix in _PREFIXES.items():
        number = row_number(prefix, memory)
        if number is not None and number < 1 << 62:
            return subject, number
    raise errors.no_such_memory(memory)


def _name(key: _Key) -> str:
    return row_name(_PREFIXES[key[0]], key[1])


def _is(row: memory_rows.MemoryRow, condition: Filter) -> bool:
    numbers = {} if row.occurred is None else {OCCURRED_AT: (row.occurred,)}
    return admits(condition, frozenset(row.tokens), numbers)
