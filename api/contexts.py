"""What the memory room gives to a context: its services as the sources that retrieval/context_types.py asks for. The two
rooms do not know each other; nothing is decided here."""

from api.services import Remembering
from core.caller import Caller
from core.ids import row_name
from memory.compression.service import Compression
from memory.facts.service import Facts
from memory.recall.service import Recall
from memory.recall.types import Memo, Moments, RecallRequest
from memory.sessions.service import Memory
from retrieval.context_types import Asked, Gathered, Sources
from retrieval.pieces import Kind, Piece, Section
from storage.fact_records import FactRecord, fact_id
from storage.memory_records import MessageRecord
from storage.memory_rows import Subject


def sources_of(remembering: Remembering) -> Sources:
    return Sources(
        recent=RecentTurns(remembering.memory),
        memories=Recollections(remembering.recall),
        stable=Standing(remembering.compression, remembering.facts),
    )


class RecentTurns:
    """The turns of a session said last, newest first."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def gather(self, caller: Caller, asked: Asked) -> Gathered:
        if asked.session is None:
            return Gathered()
        found = await self._memory.latest(
            caller, asked.session, limit=asked.limit(Section.RECENT), occurred_by=asked.as_of, recorded_by=asked.as_known_at
        )
        return Gathered(pieces=tuple(_turn(one, asked.session) for one in reversed(found)))


class Recollections:
    """What is recalled for the question: messages of every session, and facts with what was so before."""

    def __init__(self, recall: Recall) -> None:
        self._recall = recall

    async def gather(self, caller: Caller, asked: Asked) -> Gathered:
        request = RecallRequest(
            query=asked.query,
            k=asked.limit(Section.MEMORIES),
            types=(Subject.MESSAGE, Subject.FACT),
            moments=Moments(as_of=asked.as_of, as_known_at=asked.as_known_at),
            superseded=True,
            quarantined=asked.labelled,
        )
        found = await self._recall.search(caller, request, vector=asked.vector)
        before = {one.superseded_by: one.text for one in reversed(found.results) if one.superseded_by is not None}
        # Of another moment recall answers what held then: what replaced it since does not count.
        then = asked.as_of is not None
        pieces = tuple(_memory(one, before.get(one.id), None if then else one.superseded_by) for one in found.results)
        return Gathered(pieces=pieces, degraded=found.degraded, answerable=found.answerable)


class Standing:
    """What belongs to the stable prefix: the session's summary as its tree stands, and the facts that are pinned. Where a
    moment is named there is no summary: the tree is of now."""

    def __init__(self, compression: Compression, facts: Facts) -> None:
        self._compression = compression
        self._facts = facts

    async def gather(self, caller: Caller, asked: Asked) -> Gathered:
        pinned = await self._facts.pinned(caller, as_of=asked.as_of, as_known_at=asked.as_known_at)
        summary = await self._summary(caller, asked)
        return Gathered(pieces=(*summary.pieces, *(_pinned(one) for one in pinned)), degraded=summary.degraded)

    async def _summary(self, caller: Caller, asked: Asked) -> Gathered:
        if asked.session is None or asked.summary_tokens < 1:
            return Gathered()
        found = await self._compression.standing(caller, asked.session, asked.summary_tokens)
        if found is None or found.id is None:
            return Gathered()
        if asked.as_of is not None or asked.as_known_at is not None:
            return Gathered(degraded=("summary_history",))
        text = " ".join(one.text for one in found.sentences)
        piece = Piece(id=found.id, kind=Kind.SUMMARY, section=Section.SUMMARY, text=text, score=1.0, owner=asked.session)
        return Gathered(pieces=(piece,))


def _pinned(one: FactRecord) -> Piece:
    id_ = fact_id(one.row_id)
    return Piece(
        id=id_,
        kind=Kind.FACT,
        section=Section.MEMORIES,
        text=one.text,
        score=1.0,
        when=one.valid_from,
        version=one.revision,
        trust=one.trust,
        chunk=id_,
    )


def _memory(one: Memo, before: str | None, superseded_by: str | None) -> Piece:
    of_message = one.type is Subject.MESSAGE
    return Piece(
        id=one.message_id or one.id,
        kind=Kind.MESSAGE if of_message else Kind.FACT,
        section=Section.MEMORIES,
        text=one.text,
        score=one.score,
        when=one.occurred_at if of_message else one.valid_from,
        owner=one.session or "",
        speaker=one.speaker,
        role=one.role,
        position=0 if one.spot is None else one.spot[1],
        version=one.version,
        span=one.span,
        trust=one.trust,
        labels=one.labels,
        superseded_by=superseded_by,
        before=before,
        chunk=one.id,
    )


def _turn(one: MessageRecord, session: str) -> Piece:
    return Piece(
        id=one.id,
        kind=Kind.MESSAGE,
        section=Section.RECENT,
        text=one.content,
        score=1.0,
        when=one.occurred_at,
        owner=session,
        speaker=one.speaker,
        role=one.role.value,
        position=one.seq,
        span=(0, len(one.content)),
        trust=one.trust,
        labels=one.flags,
        chunk=row_name("msg", one.row_id),
    )
