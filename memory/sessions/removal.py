"""Taking messages out again: one, a whole session, or words of one. What is derived from them goes or is built anew."""

from collections.abc import Sequence

from core.caller import Caller, Grant
from core.clock import Clock
from core.ids import SessionId
from inference.port import Embedder, TokenCounter
from memory import errors
from memory.sessions.rewriting import Rewritten, message_in, rewritten, tell
from memory.sessions.service import turn_of
from memory.types import Dependent, Loss, Progress, Removed
from storage import changes, idempotency, indexes, memory_rows, messages, sessions
from storage.database import Database, Transaction
from storage.memory_records import MessageRecord, SessionRecord
from storage.memory_rows import Subject
from storage.records import IndexRecord

MESSAGES_PER_STEP = 1_000
REDACTED = "\u2588"  # one for each code point taken out, so that every other span stays exact
SPANS_MAX = 1_000


class Removal:
    """Deletes and redacts within one owner's sessions."""

    def __init__(
        self,
        *,
        db: Database,
        embedder: Embedder,
        counter: TokenCounter,
        progress: Progress,
        clock: Clock,
        dependents: Sequence[Dependent] = (),
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._counter = counter
        self._progress = progress
        self._clock = clock
        self._dependents = dependents

    async def delete_session(self, caller: Caller, session: SessionId) -> Removed:
        """The session with all that was said in it. One transaction: it is there whole, or it is gone."""
        caller.require(Grant.WRITE)
        answers: list[Removed] = []
        async with self._db.write(caller.tenant) as tx:
            found = await self._locked(tx, caller, session)
            index = await indexes.of_memory(tx)
            gone = 0
            while batch := await messages.following(tx, found.row_id, after=0, limit=MESSAGES_PER_STEP):
                await remove_messages(tx, index, batch, dependents=self._dependents)
                gone += len(batch)
            for dependent in self._dependents:
                await dependent.lose_session(tx, index, found)
            await sessions.remove(tx, found)
            self._answer(tx, caller, gone, answers)
        self._progress.wake()
        return answers[0]

    async def delete_message(self, caller: Caller, session: SessionId, message: str) -> Removed:
        """One message; the others keep their numbers."""
        caller.require(Grant.WRITE)
        answers: list[Removed] = []
        async with self._db.write(caller.tenant) as tx:
            found = await self._locked(tx, caller, session)
            record = await message_in(tx, found, message)
            await remove_messages(tx, await indexes.of_memory(tx), [record], dependents=self._dependents)
            await sessions.shrink(tx, found, messages=1, tokens=record.tokens, at=self._clock.now())
            self._answer(tx, caller, 1, answers)
        self._progress.wake()
        return answers[0]

    async def redact(
        self, caller: Caller, session: SessionId, message: str, spans: Sequence[tuple[int, int]]
    ) -> tuple[MessageRecord, int]:
        """The message with every code point of `spans` blacked out, and the offset. Its other words keep their places."""
        caller.require(Grant.WRITE)
        async with self._db.read(caller.tenant) as tx:
            before = await message_in(tx, await self._session(tx, caller, session), message)
        content = blacked_out(before.content, spans)
        anew = await rewritten(caller, turn_of(before, content=content), embedder=self._embedder, counter=self._counter)
        answers: list[tuple[MessageRecord, int]] = []
        async with self._db.write(caller.tenant) as tx:
            found = await self._locked(tx, caller, session)
            record = await message_in(tx, found, message)
            if record.content != before.content:
                raise errors.message_moved(message)
            index = await anew.store(tx, self._clock.now())
            lost = Loss(message=record, spans=tuple((start, end) for start, end in spans))
            for dependent in self._dependents:
                await dependent.lose(tx, index, [lost])
            await self._rewrite(tx, index, found, record=record, content=content, anew=anew)
            tell(tx, caller, (await messages.by_rows(tx, [record.row_id]))[record.row_id], answers)
        self._progress.wake()
        return answers[0]

    async def _rewrite(
        self,
        tx: Transaction,
        index: IndexRecord,
        session: SessionRecord,
        *,
        record: MessageRecord,
        content: str,
        anew: Rewritten,
    ) -> None:
        tokens = self._counter.count(content)
        flags = sorted({*record.flags, "redacted"})
        await messages.rewrite(tx, record, content=content, tokens=tokens, rows=len(anew.windows), flags=flags)
        await anew.publish(tx, index, session, record)
        await sessions.shrink(tx, session, messages=0, tokens=record.tokens - tokens, at=self._clock.now())

    def _answer(self, tx: Transaction, caller: Caller, gone: int, answers: list[Removed]) -> None:
        async def answer(offset: int | None) -> None:
            answers.append(Removed(messages=gone, offset=await changes.head(tx) if offset is None else offset))
            await idempotency.remember(tx, caller, answers[0])

        tx.before_commit(answer)

    async def _session(self, tx: Transaction, caller: Caller, session: SessionId) -> SessionRecord:
        found = await sessions.find(tx, caller.subject, session)
        if found is None:
            raise errors.no_such_session(session)
        return found

    async def _locked(self, tx: Transaction, caller: Caller, session: SessionId) -> SessionRecord:
        found = await sessions.lock(tx, (await self._session(tx, caller, session)).row_id)
        if found is None:
            raise errors.no_such_session(session)
        return found


async def remove_messages(
    tx: Transaction, index: IndexRecord | None, gone: Sequence[MessageRecord], *, dependents: Sequence[Dependent]
) -> None:
    """Takes messages out of the records and of what is searchable, and with them what `dependents` derived from them alone.
    `index` None: nothing of them ever was searchable.
    """
    for dependent in dependents:
        await dependent.lose(tx, index, [Loss(message=record) for record in gone])
    if index is not None:
        for record in gone:
            await memory_rows.retract(tx, index, (Subject.MESSAGE, record.row_id), rows=record.rows)
    await messages.remove(tx, [record.row_id for record in gone])


def blacked_out(content: str, spans: Sequence[tuple[int, int]]) -> str:
    """`content` with each `[start, end)` of `spans` replaced, code point by code point; Invalid for what lies outside."""
    if not 1 <= len(spans) <= SPANS_MAX:
        raise errors.invalid_spans(f"has {len(spans)} items; send 1 to {SPANS_MAX}")
    characters = list(content)
    for start, end in spans:
        if not 0 <= start < end <= len(characters):
            raise errors.invalid_spans(f"holds [{start}, {end}), which is not within the {len(characters)} code points")
        characters[start:end] = REDACTED * (end - start)
    return "".join(characters)
