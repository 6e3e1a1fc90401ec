"""Sessions and messages on their way in: what is there already, or must not be, is told; the rest is appended as ever."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import Conflict, Fault, Invalid, NotFound, TooLarge
from core.ids import check_name, row_number
from core.limits import Limits
from memory import errors
from memory.moving.items import CloseItem, Course, End, Flaw, MessageItem, Placed, SessionItem, Sort, flaw_of, id_here
from memory.sessions.appending import check
from memory.sessions.service import Memory
from memory.types import Restored, Said, SessionRequest, Wait
from storage import messages, sessions, tombstones
from storage.database import Database, Transaction
from storage.memory_records import MessageRecord, SessionRecord, TimeKind

# Somebody else may write to the same session, or delete it, between the look at it and the append.
ATTEMPTS_MAX = 3
FORGOTTEN = "it was forgotten for good and is not written again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retold:
    """A message with its place, and as it is appended."""

    placed: Placed
    item: MessageItem
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Messages by what is to become of them. `session` None: it is not there."""

    session: SessionRecord | None
    new: tuple[Retold, ...]
    known: int
    other: tuple[Retold, ...]


class Retelling:
    """Takes in what was said."""

    def __init__(self, *, db: Database, memory: Memory, limits: Limits) -> None:
        self._db = db
        self._memory = memory
        self._limits = limits

    async def open(self, course: Course, placed: Placed, item: SessionItem) -> None:
        """Makes the session. One that is there stays as it is."""
        tally = course.tally
        try:
            check_name(item.id, what="session id")
            made = await self._made(course, item)
        except Conflict as other:
            tally.note(placed, flaw_of(Sort.SESSIONS, other, id_=item.id))
            made = False
        except (Invalid, TooLarge) as wrong:
            tally.fail(placed, flaw_of(Sort.SESSIONS, wrong, id_=item.id))
            return
        tally.count(Sort.SESSIONS, End.ADDED if made else End.DUPLICATES)

    async def close(self, course: Course, item: CloseItem) -> None:
        """It takes no more messages; one that is not there cannot be closed, and need not."""
        async with self._db.read(course.caller.tenant) as tx:
            there = await sessions.find(tx, course.caller.subject, item.session) is not None
        if there and not course.dry_run:
            await self._memory.close(course.caller, item.session)

    async def take(self, course: Course, batch: Sequence[tuple[Placed, MessageItem]]) -> None:
        """Messages of one session: what is new of them in one transaction."""
        retold = [Retold(placed=placed, item=item, said=_said(course, item)) for placed, item in batch]
        sound = [one for one in retold if self._sound(course, one)]
        for attempt in range(1, ATTEMPTS_MAX + 1):
            found = await self._sort(course, sound)
            try:
                _count(course, found, await self._write(course, found))
            except (Conflict, NotFound) as refusal:
                if refusal.code != "memory.session_closed" and attempt < ATTEMPTS_MAX:
                    continue
                _count(course, found, await self._buried(course, found.new), refusal)
            return

    async def _made(self, course: Course, item: SessionItem) -> bool:
        if course.dry_run:
            async with self._db.read(course.caller.tenant) as tx:
                return await sessions.find(tx, course.caller.subject, item.id) is None
        request = SessionRequest(id=item.id, agent=item.agent, metadata=item.metadata, ttl_s=item.ttl_s)
        return (await self._memory.create(course.caller, request))[1]

    def _sound(self, course: Course, one: Retold) -> bool:
        try:
            check_name(one.item.session, what="session id")
            check([one.said], self._limits)
        except (Invalid, TooLarge) as wrong:
            course.tally.fail(one.placed, flaw_of(Sort.MESSAGES, wrong, id_=one.item.id))
            return False
        return True

    async def _write(self, course: Course, found: Sorted) -> frozenset[int]:
        """The places in `found.new` of what must not be written."""
        if not found.new:
            return frozenset()
        caller, session = course.caller, found.new[0].item.session
        if course.dry_run:
            return await self._buried(course, found.new)
        if found.session is None:
            # Looked at once more before anything is said in it: an erasure may have taken the one that was there.
            await self._memory.create(caller, SessionRequest(id=session))
            raise errors.no_such_session(session)
        appended = await self._memory.append(caller, session, [one.said for one in found.new], wait=Wait.STORED)
        return frozenset(one.place for one in appended.warnings if one.code == "message_id.forgotten")

    async def _buried(self, course: Course, new: Sequence[Retold]) -> frozenset[int]:
        marks = {
            tombstones.source_mark(one.item.session, name, one.said.content): place
            for place, one in enumerate(new)
            for name in {one.said.id or "", one.item.id}
        }
        async with self._db.read(course.caller.tenant) as tx:
            found = await tombstones.refused(tx, course.caller.subject, marks)
        return frozenset(marks[mark] for mark in found)

    async def _sort(self, course: Course, said: Sequence[Retold]) -> Sorted:
        if not said:
            return Sorted(session=None, new=(), known=0, other=())
        async with self._db.read(course.caller.tenant) as tx:
            await course.check(tx)
            session = await sessions.find(tx, course.caller.subject, said[0].item.session)
            stored = {} if session is None else await _stored(tx, course, session, said)
        new: dict[str, Retold] = {}
        other: list[Retold] = []
        for one in said:
            name = one.said.id or ""
            before = stored.get(name) or new.get(name)
            if before is None:
                new[name] = one
            elif not _same(before, one.said):
                other.append(one)
        known = len(said) - len(new) - len(other)
        return Sorted(session=session, new=tuple(new.values()), known=known, other=tuple(other))


async def _stored(tx: Transaction, course: Course, session: SessionRecord, said: Sequence[Retold]) -> dict[str, MessageRecord]:
    """Those that are there, by the id that they would come in with."""
    found = await messages.by_client_ids(tx, session.row_id, [one.said.id or "" for one in said])
    if course.origin != course.here:
        return found
    # They may never have left: then they have the numbers that were given here.
    numbers = {number: one for one in said if (number := row_number("msg", one.item.id)) is not None}
    for number, record in (await messages.by_rows(tx, [each for each in numbers if each < 1 << 62])).items():
        if record.session_id == session.row_id and record.client_id is None:
            found[numbers[number].said.id or ""] = record
    return found


def _same(before: MessageRecord | Retold, now: Said) -> bool:
    """Whether the words are the same. When they are said to have been said does not count: what is there stays as it is."""
    then = before.said if isinstance(before, Retold) else before
    return (then.role, then.speaker, then.content) == (now.role, now.speaker, now.content)


def _said(course: Course, item: MessageItem) -> Said:
    given = item.occurred_kind is TimeKind.GIVEN
    return Said(
        role=item.role,
        content=item.content,
        id=id_here(item.id, course.origin),
        speaker=item.speaker,
        occurred_at=item.occurred_at if given else None,
        source=item.source,
        metadata=item.metadata,
        restored=Restored(
            flags=item.flags,
            inferred_at=None if given else item.occurred_at,
            formerly=item.id,
            learned=course.learned,
        ),
    )


def _count(course: Course, found: Sorted, refused: frozenset[int], refusal: Fault | None = None) -> None:
    """`refusal`: why nothing of what is new was written."""
    tally = course.tally
    tally.count(Sort.MESSAGES, End.DUPLICATES, found.known)
    for one in found.other:
        conflict = errors.message_conflict(one.item.id)
        tally.fail(one.placed, flaw_of(Sort.MESSAGES, conflict, id_=one.item.id))
    for place, one in enumerate(found.new):
        if place in refused:
            tally.count(Sort.MESSAGES, End.REFUSED)
            tally.note(one.placed, Flaw(sort=Sort.MESSAGES, code="memory.forgotten", detail=FORGOTTEN, id=one.item.id))
        elif refusal is not None:
            tally.fail(one.placed, flaw_of(Sort.MESSAGES, refusal, id_=one.item.id))
        else:
            tally.count(Sort.MESSAGES, End.ADDED)
