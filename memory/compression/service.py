"""A session said in as many tokens as there is room for, every sentence with the words that it stands on. The tree is kept in
the store and grows by what is new; a summary at any budget is chosen from it, or from the messages where the tree holds too
little. When trees are built unasked is compressor.py's; that a model rewrites is rewriting.py's."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from core.caller import Caller, Grant
from core.clock import Clock
from core.ids import SessionId, SummaryId, TenantId, row_name
from inference.port import Embedder, Purpose, TextModel
from memory import errors
from memory.compression import tree
from memory.compression.citing import Sentence, Utterance, named, sentences
from memory.compression.faithfulness import Cited, as_said
from memory.compression.growing import Grown, Growth, Place, Range, grow, new_summary, node_of, plan, utterance
from memory.compression.rewriting import rewrite
from memory.compression.rows import Passage, passages, row_of
from memory.compression.selection import select
from memory.compression.tree import Node, Words
from memory.compression.types import Mode, Source, Summary, SummarySentence
from memory.sessions.appending import expired
from memory.sessions.service import Vectors, text_digest
from memory.types import Progress
from storage import idempotency, memory_rows, messages, sessions, summaries, vectors
from storage.database import Database, Transaction
from storage.memory_records import MessageRecord, SessionRecord
from storage.memory_rows import Subject
from storage.records import IndexRecord
from storage.summaries import State, SummaryRecord

TOKENS_MAX = 100_000
# What is built on was removed or rebuilt meanwhile: so often it is begun anew.
ATTEMPTS_MAX = 5
# Trees that are cut and chosen from at once: each takes a core.
GROWING_MAX = 2

_SERVING = frozenset({State.ACTIVE})
_KEPT = frozenset({State.ACTIVE, State.BUILDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """A session as it was at one moment: its stored nodes, and the messages that those which are missing need."""

    session: SessionRecord
    stored: tuple[SummaryRecord, ...]
    usable: frozenset[State]
    growth: Growth
    said: Mapping[Range, tuple[Utterance, ...]]
    tail: tuple[Utterance, ...]


class Compression:
    """Summaries of one owner's sessions."""

    def __init__(
        self,
        *,
        db: Database,
        embedder: Embedder,
        words: Words,
        progress: Progress,
        clock: Clock,
        model: TextModel | None = None,
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._words = words
        self._progress = progress
        self._clock = clock
        self._model = model
        self._locks: WeakValueDictionary[tuple[TenantId, int], asyncio.Lock] = WeakValueDictionary()
        self._growing = asyncio.Semaphore(GROWING_MAX)

    async def summary(self, caller: Caller, session: SessionId, tokens_max: int) -> Summary:
        """Of all that was said until now, within the budget. Writes nothing and asks no model."""
        caller.require(Grant.READ)
        found, top, chosen = await self._chosen(caller, session, tokens_max)
        return await self._answer(caller, found, top, [as_said(one) for one in chosen], mode=Mode.EXTRACTIVE)

    async def standing(self, caller: Caller, session: SessionId, tokens_max: int) -> Summary | None:
        """What the session's tree says of it as it stands: the same, word for word, until the tree is brought up to date. None
        where no tree serves, or not a sentence of it has room."""
        caller.require(Grant.READ)
        async with self._db.read(caller.tenant) as tx:
            found = await self._known(tx, caller, session)
            top, level = await _standing(tx, found.row_id, tokens_max)
        if top is None:
            return None
        chosen = await asyncio.to_thread(
            lambda: select([one for node in map(node_of, level) for one in node.sentences], tokens_max)
        )
        if not chosen:
            return None
        return await self._answer(caller, found, top, [as_said(one) for one in chosen], mode=Mode.EXTRACTIVE)

    async def compress(self, caller: Caller, session: SessionId, tokens_max: int, mode: Mode) -> Summary:
        """The same, after the session's tree was brought up to date and serves. ABSTRACTIVE lets the text model say it; where
        that is not possible the extractive summary comes, and `fallback` says why."""
        caller.require(Grant.WRITE)
        found = await self._session(caller, session)
        errors.check_tokens_max(tokens_max, TOKENS_MAX)
        await caller.deadline.wait(self.settle(caller.tenant, found.row_id, State.ACTIVE), "compressing the session")
        found, top, chosen = await self._chosen(caller, session, tokens_max)
        shown: Sequence[Cited] = [as_said(one) for one in chosen]
        fallback = None
        if mode is Mode.ABSTRACTIVE and chosen:
            within_s = caller.deadline.remaining_s()
            rewriting = await rewrite(self._model, chosen, tokens_max, words=self._words, within_s=within_s)
            shown, fallback = rewriting.sentences or shown, rewriting.fallback
        said = Mode.ABSTRACTIVE if any(one.rewritten for one in shown) else Mode.EXTRACTIVE
        summary = await self._answer(caller, found, top, shown, mode=said, fallback=fallback)
        async with self._db.write(caller.tenant) as tx:
            await idempotency.remember(tx, caller, summary)
        return summary

    async def settle(self, tenant: TenantId, row_id: int, state: State) -> None:
        """Brings a session's tree up to date, in one transaction: its nodes then serve (ACTIVE), or are kept ready (BUILDING).
        Unavailable when the session changed again and again meanwhile; whatever fails, the tree is as it was."""
        lock = self._locks.setdefault((tenant, row_id), asyncio.Lock())
        async with lock:
            attempts = 0
            while view := await self._view(tenant, row_id, _KEPT):
                if await self._keep(tenant, view, await self._grown(view), state):
                    return
                attempts += 1
                if attempts == ATTEMPTS_MAX:
                    raise errors.session_busy(view.session.id, ATTEMPTS_MAX)

    async def _chosen(
        self, caller: Caller, session: SessionId, tokens_max: int
    ) -> tuple[SessionRecord, int | None, tuple[Sentence, ...]]:
        """The session, the topmost node of its tree where that is stored, and the sentences."""
        errors.check_tokens_max(tokens_max, TOKENS_MAX)
        row_id = (await self._session(caller, session)).row_id
        view = await self._view(caller.tenant, row_id, _SERVING)
        if view is None:
            raise errors.no_such_session(session)
        what = "choosing the summary's sentences"
        grown = await caller.deadline.wait(self._grown(view), what)
        chosen = await caller.deadline.wait(asyncio.to_thread(tree.answer, grown.nodes, tokens_max, tuple), what)
        if not chosen:
            async with self._db.read(caller.tenant) as tx:
                said = await _utterances(tx, row_id, 1, view.session.head_seq)
            chosen = await caller.deadline.wait(asyncio.to_thread(self._from_source, said, tokens_max), what)
        return view.session, grown.levels[-1][0].row_id if grown.levels else None, chosen

    def _from_source(self, said: Sequence[Utterance], tokens_max: int) -> tuple[Sentence, ...]:
        return tree.answer((), tokens_max, lambda: sentences(said, count=self._words.count, terms=self._words.terms))

    async def _answer(
        self,
        caller: Caller,
        session: SessionRecord,
        top: int | None,
        shown: Sequence[Cited],
        *,
        mode: Mode,
        fallback: str | None = None,
    ) -> Summary:
        """With the sources as they are now: a sentence one of whose sources is gone, or says something else, is not shown."""
        cited = sorted({source.message for one in shown for source in one.sources})
        async with self._db.read(caller.tenant) as tx:
            living = await messages.by_rows(tx, cited)
        lines = tuple(self._line(one, living) for one in shown if all(_stands(source, living) for source in one.sources))
        return Summary(
            id=None if top is None else SummaryId(row_name("sum", top)),
            tokens_before=session.tokens,
            tokens_after=sum(line.tokens for line in lines),
            mode=mode,
            sentences=lines,
            fallback=fallback,
        )

    def _line(self, one: Cited, living: Mapping[int, MessageRecord]) -> SummarySentence:
        tokens = max(1, self._words.count(one.text)) if one.rewritten else one.sources[0].tokens
        sources = tuple(
            Source(message_id=living[source.message].id, seq=source.seq, start=source.start, end=source.end)
            for source in one.sources
        )
        return SummarySentence(text=one.text, tokens=tokens, sources=sources, rewritten=one.rewritten)

    async def _view(self, tenant: TenantId, row_id: int, usable: frozenset[State]) -> _View | None:
        async with self._db.read(tenant) as tx:
            session = (await sessions.by_rows(tx, (row_id,))).get(row_id)
            if session is None:
                return None
            stored = await summaries.of_session(tx, row_id)
            growth = plan(stored, session.head_seq, usable)
            said = {span: await _utterances(tx, row_id, *span) for span in growth.renewed}
            first = growth.tail_from
            tail = () if first is None else await _utterances(tx, row_id, first, session.head_seq)
        return _View(session=session, stored=stored, usable=usable, growth=growth, said=said, tail=tail)

    async def _grown(self, view: _View) -> Grown:
        async with self._growing:
            return await asyncio.to_thread(
                grow, view.growth, view.stored, view.said, view.tail, usable=view.usable, words=self._words
            )

    async def _keep(self, tenant: TenantId, view: _View, grown: Grown, state: State) -> bool:
        """Writes what is new and takes out what is not in the tree any more; False when what it was built on has changed."""
        waiting = {one.row_id for one in view.stored if one.state is State.BUILDING} if state is State.ACTIVE else set[int]()
        if not grown.fresh and not grown.gone and not waiting:
            return True
        leaves = [
            place.node
            for place in _leaves(grown)
            if state is State.ACTIVE and (place.row_id is None or place.row_id in waiting)
        ]
        rows = await asyncio.to_thread(self._passages, leaves)
        new = await asyncio.to_thread(list, map(new_summary, grown.fresh))
        embedded = await self._embed(tenant, {one.body for found in rows.values() for one in found})
        async with self._db.write(tenant) as tx:
            session = await sessions.lock(tx, view.session.row_id)
            if session is None:
                return True
            if not await _unchanged(tx, view, grown):
                return False
            index = await self._collection(tx)
            if not await self._keep_vectors(tx, index, rows, embedded):
                return False
            await retract(tx, index, grown.gone)
            added = iter(await summaries.add(tx, session, new, state=state, at=self._clock.now()))
            await summaries.activate(tx, sorted(waiting - set(grown.gone)))
            ids = [[next(added) if place.row_id is None else place.row_id for place in level] for level in grown.levels]
            for place, row_id in zip(_leaves(grown), ids[0] if ids else (), strict=True):
                found = rows.get((place.node.seq_from, place.node.seq_to), ())
                await self._publish(tx, index, session, row_id=row_id, found=found)
        self._progress.wake()
        return True

    def _passages(self, leaves: Sequence[Node]) -> Mapping[Range, tuple[Passage, ...]]:
        return {(leaf.seq_from, leaf.seq_to): passages(leaf, self._words) for leaf in leaves}

    async def _publish(
        self, tx: Transaction, index: IndexRecord, session: SessionRecord, *, row_id: int, found: Sequence[Passage]
    ) -> None:
        if found:
            rows = [row_of(session, one, text_digest(one.body)) for one in found]
            subject = (Subject.SUMMARY, row_id)
            await memory_rows.publish(tx, index, subject, owner=session.owner, session_id=session.row_id, rows=rows)

    async def _embed(self, tenant: TenantId, bodies: set[str]) -> Vectors:
        digests = {text_digest(body): body for body in sorted(bodies)}
        async with self._db.read(tenant) as tx:
            known = await vectors.known(tx, self._embedder.spec.digest, list(digests))
        missing = [digest for digest in digests if digest not in known]
        if not missing:
            return {}
        made = await self._embedder.embed([digests[digest] for digest in missing], Purpose.PASSAGE)
        return dict(zip(missing, made, strict=True))

    async def _keep_vectors(
        self, tx: Transaction, index: IndexRecord, rows: Mapping[Range, Sequence[Passage]], made: Vectors
    ) -> bool:
        needed = {text_digest(one.body) for found in rows.values() for one in found}
        held = [digest for digest in needed if digest not in made]
        if len(await vectors.known(tx, index.model, held)) < len(held):
            return False
        await vectors.put(tx, index.model, made, self._clock.now())
        return True

    async def _collection(self, tx: Transaction) -> IndexRecord:
        spec = self._embedder.spec
        index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=self._clock.now())
        if index.model != spec.digest:
            raise errors.model_not_served(index.model, spec.digest)
        return index

    async def _session(self, caller: Caller, session: SessionId) -> SessionRecord:
        async with self._db.read(caller.tenant) as tx:
            return await self._known(tx, caller, session)

    async def _known(self, tx: Transaction, caller: Caller, session: SessionId) -> SessionRecord:
        found = await sessions.find(tx, caller.subject, session)
        if found is None or expired(found, self._clock.now()):
            raise errors.no_such_session(session)
        return found


async def retract(tx: Transaction, index: IndexRecord, gone: Sequence[int]) -> None:
    """Takes nodes out of the records and of what is searchable."""
    for row_id in gone:
        rows = await summaries.rows_of(tx, row_id)
        if rows:
            await memory_rows.retract(tx, index, (Subject.SUMMARY, row_id), rows=rows)
    await summaries.remove(tx, gone)


async def _standing(tx: Transaction, session_row: int, tokens_max: int) -> tuple[int | None, Sequence[SummaryRecord]]:
    """The topmost node that serves, and the highest level that holds enough to choose from, else the lowest: read from the top,
    since the leaves of 10,000 messages take 0.2 s of CPU."""
    top: int | None = None
    level: Sequence[SummaryRecord] = ()
    for height in range(await summaries.height(tx, session_row) - 1, -1, -1):
        level = await summaries.serving(tx, session_row, height) or level
        top = level[0].row_id if top is None and level else top
        if tree.enough(sum(one.tokens for node in level for one in node.sentences), tokens_max):
            break
    return top, level


async def _unchanged(tx: Transaction, view: _View, grown: Grown) -> bool:
    """Whether the stored nodes are those of the view, and the messages say what the new leaves were made of."""
    if await summaries.states(tx, view.session.row_id) != {one.row_id: one.state for one in view.stored}:
        return False
    for place in _leaves(grown):
        if place.row_id is None and tree.cover(await _covered(tx, view, place.node)) != place.node.cover:
            return False
    return True


async def _covered(tx: Transaction, view: _View, leaf: Node) -> tuple[Utterance, ...]:
    return await _utterances(tx, view.session.row_id, leaf.seq_from, leaf.seq_to)


async def _utterances(tx: Transaction, session_row: int, first: int, last: int) -> tuple[Utterance, ...]:
    parts = messages.parts(tx, session_row, first, last)
    return tuple([utterance(one) async for part in parts for one in part if not one.forgotten and not one.quarantined])


def _leaves(grown: Grown) -> tuple[Place, ...]:
    return grown.levels[0] if grown.levels else ()


def _stands(source: Sentence, living: Mapping[int, MessageRecord]) -> bool:
    """Whether the message is there and says at that place what the sentence says."""
    message = living.get(source.message)
    if message is None:
        return False
    said = message.content[source.start : source.end]
    return source.text in {said, named(said, source.speaker)}
