"""What the memory room gives to a context: its services as the sources that retrieval/context_types.py asks for. The two
rooms do not know each other; nothing is decided here."""

from core.caller import Caller
from memory.service import Memory
from retrieval.context_types import Asked, Gathered
from retrieval.pieces import Kind, Piece, Section
from storage.memory_records import MessageRecord

# Turns offered to a context at most: at 25 tokens each more than most budgets give them.
RECENT_MAX = 100


class RecentTurns:
    """The turns of a session said last, newest first."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def gather(self, caller: Caller, asked: Asked) -> Gathered:
        if asked.session is None:
            return Gathered()
        found = await self._memory.latest(
            caller, asked.session, limit=RECENT_MAX, occurred_by=asked.as_of, recorded_by=asked.as_known_at
        )
        return Gathered(pieces=tuple(_turn(one, asked.session) for one in reversed(found)))


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
    )
