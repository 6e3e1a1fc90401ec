"""The store disposes: ranked memories are looked up as they are now, and what is gone, over, or not of the asked time is
dropped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.ids import Principal, SessionId, row_name
from memory.facts.statements import Trust
from memory.recall.learned import Learned
from memory.recall.moments import timely
from memory.recall.scoring import Ranked
from memory.recall.types import Beside, Memo, RecallRequest, Source
from memory.screening import labels_of
from storage import recollections
from storage.database import Reads
from storage.memory_records import MessageRecord
from storage.memory_rows import Subject
from storage.recollections import Recollection

# One message back and two forward: what answers a question often comes after it (MEMORY.md, evidence 7).
BEFORE = 1
AFTER = 2
BESIDE_CHARACTERS_MAX = 2_000


Sides = tuple[tuple[Beside, ...], tuple[Beside, ...]]
_ALONE: Sides = ((), ())


class Checks:
    """Looks up and checks the memories of one owner for one request."""

    def __init__(self, reads: Reads, *, owner: Principal, request: RecallRequest, now: datetime) -> None:
        self._reads = reads
        self._owner = owner
        self._request = request
        self._now = now
        self._learned = Learned(reads, owner=owner, request=request, now=now)

    async def memos(self, ranked: Sequence[Ranked]) -> list[Memo]:
        """Those that may answer, in the order given; ranks are not set yet."""
        said = await self._said(ranked)
        memos = await self._learned.memos(ranked)
        for one in ranked:
            found = said.get(one.place.subject_id) if one.place.subject is Subject.MESSAGE else None
            if found is not None and self._admits(found):
                memos[one.place.key] = _message(one, found)
        return [memos[one.place.key] for one in ranked if one.place.key in memos]

    async def finish(self, memos: Sequence[Memo]) -> tuple[Memo, ...]:
        """With ranks, and with neighbours where they were asked for."""
        beside: Mapping[str, Sides] = await self._beside(memos) if self._request.neighbors else {}
        return tuple(
            replace(memo, rank=rank, before=before, after=after)
            for rank, memo in enumerate(memos, 1)
            for before, after in [beside.get(memo.id, _ALONE)]
        )

    async def _said(self, ranked: Iterable[Ranked]) -> Mapping[int, Recollection]:
        wanted = [one.place.subject_id for one in ranked if one.place.subject is Subject.MESSAGE]
        return await recollections.said(self._reads, self._owner, wanted) if wanted else {}

    def _admits(self, found: Recollection) -> bool:
        message, request = found.message, self._request
        return (
            (found.expires_at is None or found.expires_at > self._now)
            and (request.session is None or found.session == request.session)
            and (request.quarantined or message.trust > Trust.QUARANTINED)
            and not message.forgotten
            and timely(request.moments, message.occurred_at, message.recorded_at)
        )

    async def _beside(self, memos: Sequence[Memo]) -> Mapping[str, Sides]:
        spots = {memo.id: memo.spot for memo in memos if memo.spot is not None}
        near = await recollections.around(self._reads, self._owner, list(spots.values()), max(BEFORE, AFTER)) if spots else ()
        known = {(one.message.session_id, one.message.seq): one.message for one in near if self._admits(one)}
        return {
            name: (
                tuple(_beside(known[session, at]) for at in range(seq - BEFORE, seq) if (session, at) in known),
                tuple(_beside(known[session, at]) for at in range(seq + 1, seq + AFTER + 1) if (session, at) in known),
            )
            for name, (session, seq) in spots.items()
        }


def _message(one: Ranked, found: Recollection) -> Memo:
    message, session = found.message, SessionId(found.session)
    start, end = one.place.span or (0, len(message.content))
    return Memo(
        id=row_name("msg", message.row_id),
        type=Subject.MESSAGE,
        text=message.content[start:end],
        score=one.signals.score,
        rank=0,
        signals=one.signals,
        sources=(Source(type="message", id=message.id, session=session, span=(start, end)),),
        status="active",
        trust=message.trust,
        recorded_at=message.recorded_at,
        session=session,
        agent=found.agent,
        message_id=message.id,
        role=message.role.value,
        speaker=message.speaker,
        span=(start, end),
        occurred_at=message.occurred_at,
        occurred_kind=message.occurred_kind.value,
        labels=labels_of(message.flags),
        spot=(message.session_id, message.seq),
    )


def _beside(message: MessageRecord) -> Beside:
    text = message.content[:BESIDE_CHARACTERS_MAX]
    return Beside(
        message_id=message.id,
        role=message.role.value,
        speaker=message.speaker,
        text=text,
        span=(0, len(text)),
        occurred_at=message.occurred_at,
    )
