"""The way out of quarantine: a message that its owner vouches for is recalled, summarised and learned from like any other."""

from collections.abc import Sequence
from dataclasses import replace

from core.caller import Caller, Grant
from core.clock import Clock
from core.ids import SessionId
from inference.port import Embedder, TokenCounter
from memory import errors
from memory.sessions.appending import TRUST
from memory.sessions.appending import expired as session_over
from memory.sessions.rewriting import Rewritten, message_in, rewritten, tell
from memory.sessions.service import turn_of
from memory.types import Dependent, Heard, Learner, Lesson, Loss, Progress
from storage import changes, messages, sessions
from storage.database import Database, Transaction
from storage.memory_records import QUARANTINED, RELEASED, MessageRecord, SessionRecord
from storage.records import IndexRecord


class Quarantine:
    """Lets messages out, within one owner's sessions."""

    def __init__(
        self,
        *,
        db: Database,
        embedder: Embedder,
        counter: TokenCounter,
        progress: Progress,
        clock: Clock,
        learners: Sequence[Learner] = (),
        dependents: Sequence[Dependent] = (),
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._counter = counter
        self._progress = progress
        self._clock = clock
        self._learners = learners
        self._dependents = dependents

    async def release(self, caller: Caller, session: SessionId, message: str) -> tuple[MessageRecord, int]:
        """The message as it is then, and the offset at which a search finds it. Releasing twice is no error."""
        caller.require(Grant.WRITE)
        async with self._db.read(caller.tenant) as tx:
            found = await self._session(tx, caller, session)
            before = await message_in(tx, found, message)
            head = await changes.head(tx)
        if not before.quarantined:
            return before, head
        anew = await rewritten(caller, turn_of(before), embedder=self._embedder, counter=self._counter)
        lessons = [await learner.read(caller, found, [self._heard(before)]) for learner in self._learners]
        answers: list[tuple[MessageRecord, int]] = []
        async with self._db.write(caller.tenant) as tx:
            now = await sessions.lock(tx, found.row_id)
            if now is None:
                raise errors.no_such_session(session)
            record = await message_in(tx, now, message)
            if record != before:
                raise errors.message_moved(message)
            index = await anew.store(tx, self._clock.now())
            tell(tx, caller, await self._let_out(tx, index, now, record=record, anew=anew, lessons=lessons), answers)
        self._progress.wake()
        return answers[0]

    async def _let_out(
        self,
        tx: Transaction,
        index: IndexRecord,
        session: SessionRecord,
        *,
        record: MessageRecord,
        anew: Rewritten,
        lessons: Sequence[Lesson],
    ) -> MessageRecord:
        flags = tuple(sorted({*record.flags, RELEASED} - {QUARANTINED}))
        released = replace(record, flags=flags, trust=TRUST[record.role])
        await messages.trust(tx, record, trust=released.trust, flags=flags)
        if not record.forgotten:
            await anew.publish(tx, index, session, released)
            # Summaries of its stretch were made without it: they are made anew.
            for dependent in self._dependents:
                await dependent.lose(tx, index, [Loss(message=record)])
            for lesson in lessons:
                await lesson.write(tx, index, [released])
        return released

    def _heard(self, message: MessageRecord) -> Heard:
        return Heard(
            seq=message.seq,
            role=message.role,
            speaker=message.speaker,
            content=message.content,
            occurred_at=message.occurred_at,
            recorded_at=self._clock.now(),
            trust=TRUST[message.role],
        )

    async def _session(self, tx: Transaction, caller: Caller, session: SessionId) -> SessionRecord:
        found = await sessions.find(tx, caller.subject, session)
        if found is None or session_over(found, self._clock.now()):
            raise errors.no_such_session(session)
        return found
