"""What was learned, as recall answers it: facts and the passages of summaries, looked up as they are now, with their
sources."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.ids import Principal, SessionId, row_name
from memory.facts.statements import Status, Trust
from memory.recall.moments import holds, timely
from memory.recall.scoring import Ranked
from memory.recall.types import Former, Memo, RecallRequest, Source
from storage import beliefs, recollections
from storage.beliefs import Belief, Gist
from storage.database import Reads
from storage.memory_rows import Subject
from storage.recollections import Recollection

Cited = Mapping[int, Recollection]


class Learned:
    """Looks up facts and summaries of one owner for one request."""

    def __init__(self, reads: Reads, *, owner: Principal, request: RecallRequest, now: datetime) -> None:
        self._reads = reads
        self._owner = owner
        self._request = request
        self._now = now

    async def memos(self, ranked: Sequence[Ranked]) -> dict[int, Memo]:
        """Those that may answer, by key; ranks are not set yet."""
        of_facts = [one for one in ranked if one.place.subject is Subject.FACT]
        of_summaries = [one for one in ranked if one.place.subject is Subject.SUMMARY]
        return {**(await self._facts(of_facts)), **(await self._summaries(of_summaries))}

    async def _facts(self, ranked: Sequence[Ranked]) -> dict[int, Memo]:
        if not ranked:
            return {}
        ids = [one.place.subject_id for one in ranked]
        believed = await beliefs.facts(self._reads, self._owner, ids, known_at=self._request.moments.as_known_at)
        kept = [one for one in ranked if (fact := believed.get(one.place.subject_id)) is not None and self._admits(fact)]
        sources = await beliefs.sources(self._reads, [one.place.subject_id for one in kept]) if kept else {}
        cited = await self._cited([int(one.id) for its in sources.values() for one in its if one.type == "message"])
        former = await self._former([believed[one.place.subject_id] for one in kept])
        memos: dict[int, Memo] = {}
        for one in kept:
            row_id = one.place.subject_id
            its = tuple(found for source in sources.get(row_id, ()) if (found := _source(source, cited)) is not None)
            if self._in_session(believed[row_id], its):
                memos[one.place.key] = _fact(one, believed[row_id], its, former.get(row_id, ()))
        return memos

    async def _former(self, facts: Sequence[Belief]) -> Mapping[int, tuple[Former, ...]]:
        """What those that hold now took the place of. Of another moment nothing is told: what holds may have been then."""
        moments = self._request.moments
        now = [fact.row_id for fact in facts if fact.status == Status.ACTIVE]
        if not now or moments.as_of is not None or moments.as_known_at is not None:
            return {}
        found = await beliefs.before(self._reads, self._owner, now)
        return {row: tuple(_former(one) for one in its if one.trust > Trust.QUARANTINED) for row, its in found.items()}

    def _in_session(self, fact: Belief, sources: Sequence[Source]) -> bool:
        """A fact of one session belongs to it (the engine was asked for that session's); any other does where it was said."""
        session = self._request.session
        return session is None or fact.session_id is not None or any(one.session == session for one in sources)

    async def _summaries(self, ranked: Sequence[Ranked]) -> dict[int, Memo]:
        if not ranked:
            return {}
        gists = await beliefs.gists(self._reads, self._owner, [one.place.key for one in ranked])
        cited = await self._cited([message for gist in gists.values() for message, _, _ in gist.sources])
        memos: dict[int, Memo] = {}
        for one in ranked:
            gist = gists.get(one.place.key)
            if gist is not None and self._admits_gist(gist, cited):
                memos[one.place.key] = _summary(one, gist, cited)
        return memos

    async def _cited(self, row_ids: Sequence[int]) -> Cited:
        return await recollections.said(self._reads, self._owner, sorted(set(row_ids))) if row_ids else {}

    def _admits(self, fact: Belief) -> bool:
        """By default what holds now; what held once where it is asked for, or where the question is of another moment."""
        moments = self._request.moments
        shown = {Status.ACTIVE}
        if self._request.superseded or moments.as_of is not None:
            shown.add(Status.SUPERSEDED)
        if self._request.quarantined:
            shown.add(Status.QUARANTINED)
        return (
            fact.status in shown
            and not fact.withdrawn
            and (fact.expires_at is None or fact.expires_at > self._now)
            and fact.trust > Trust.QUARANTINED
            and (moments.as_known_at is None or fact.recorded_at <= moments.as_known_at)
            and holds(moments, fact.valid_from, fact.valid_to)
        )

    def _admits_gist(self, gist: Gist, cited: Cited) -> bool:
        """Every message that it rests on must be there, and of the asked time."""
        request, said = self._request, [cited.get(message) for message, _, _ in gist.sources]
        return (
            bool(said)
            and (gist.expires_at is None or gist.expires_at > self._now)
            and (request.session is None or gist.session == request.session)
            and (request.moments.as_known_at is None or gist.created_at <= request.moments.as_known_at)
            and all(
                one is not None
                and one.message.trust > Trust.QUARANTINED
                and timely(request.moments, one.message.occurred_at, one.message.recorded_at)
                for one in said
            )
        )


def _former(fact: Belief) -> Former:
    return Former(id=row_name("fact", fact.row_id), text=fact.text, valid_from=fact.valid_from, valid_to=fact.valid_to)


def _fact(one: Ranked, fact: Belief, sources: tuple[Source, ...], history: tuple[Former, ...]) -> Memo:
    return Memo(
        id=row_name("fact", fact.row_id),
        type=Subject.FACT,
        text=fact.text,
        score=one.signals.score,
        rank=0,
        signals=one.signals,
        sources=sources,
        status=fact.status,
        trust=fact.trust,
        recorded_at=fact.recorded_at,
        agent=fact.agent,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        superseded_by=None if fact.superseded_by is None else row_name("fact", fact.superseded_by),
        version=fact.revision,
        history=history,
        labels=("quarantined",) if fact.status == Status.QUARANTINED else (),
    )


def _source(source: beliefs.Proof, cited: Cited) -> Source | None:
    """None for a message that is gone."""
    if source.type != "message":
        return Source(type=source.type, id=source.id)
    said = cited.get(int(source.id))
    return None if said is None else _message(said, source.start, source.end)


def _message(said: Recollection, start: int, end: int) -> Source:
    return Source(type="message", id=said.message.id, session=SessionId(said.session), span=(start, end))


def _summary(one: Ranked, gist: Gist, cited: Cited) -> Memo:
    said = [cited[message].message for message, _, _ in gist.sources]
    times = [message.occurred_at for message in said if message.occurred_at is not None]
    return Memo(
        id=row_name("sum", one.place.subject_id),
        type=Subject.SUMMARY,
        text=gist.body,
        score=one.signals.score,
        rank=0,
        signals=one.signals,
        sources=tuple(_message(cited[message], start, end) for message, start, end in gist.sources),
        status="active",
        trust=min(message.trust for message in said),
        recorded_at=gist.created_at,
        session=SessionId(gist.session),
        agent=gist.agent,
        occurred_at=max(times, default=None),
        occurred_kind="inferred" if times else "missing",
    )
