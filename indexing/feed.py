"""The changes as clients follow them: what of that which they may see was added, changed or removed, in order. It tells ids,
never text. It follows what is searchable, so what it tells can be found at once; the engine's reader is indexing/projection.py.

Access is that of now: a document that was taken out of a caller's sight is not told of any more, not even that it went.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.caller import Caller, Visibility
from core.deadline import Deadline
from core.errors import Gone, Invalid
from core.ids import TenantId
from indexing.differences import Step, net, steps
from storage import changes, subjects, tenants
from storage.changes import Change
from storage.database import Database, Transaction
from storage.subjects import SubjectType

BATCH = 512
# After so many changes that were not the follower's to see it is told how far it is; ten times as many are kept at least.
SILENT_MAX = 1_000
DIFF_OFFSETS_MAX = 10_000


class Progress(Protocol):
    """How far searches are; the projector."""

    def indexed(self, tenant: TenantId) -> int: ...

    async def moved(self, tenant: TenantId, beyond: int) -> int: ...

    async def wait(self, tenant: TenantId, offset: int, deadline: Deadline) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Nothing more to tell up to this offset."""

    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs at `upto` from `since`, once for each subject, in the order of its last change."""

    since: int
    upto: int
    steps: tuple[Step, ...]


class Feed:
    """Reads the outbox for callers."""

    def __init__(self, *, db: Database, progress: Progress) -> None:
        self._db = db
        self._progress = progress

    async def follow(
        self, caller: Caller, *, after: int | None, kind: SubjectType | None = None
    ) -> AsyncGenerator[Step | Reached]:
        """What happens behind `after`, for ever; from now on without it. Gone, before anything is told, when the changes behind
        `after` are no longer all kept, or were never there."""
        start = self._progress.indexed(caller.tenant) if after is None else after
        async with self._db.read(caller.tenant) as tx:
            await _check_kept(tx, start)
        return self._tell(caller.sees(), start, kind)

    async def difference(self, caller: Caller, *, since: int, upto: int | None, kind: SubjectType | None = None) -> Difference:
        """What came, changed and went between two offsets. Gone as above; Invalid for a range that is none, or too wide."""
        end = self._progress.indexed(caller.tenant) if upto is None else upto
        _check_range(since, end)
        async with self._db.read(caller.tenant) as tx:
            await _check_kept(tx, since)
            _check_given(end, await tenants.head(tx))
        await self._progress.wait(caller.tenant, end, caller.deadline)
        async with self._db.read(caller.tenant) as tx:
            found = await changes.after(tx, since, limit=end - since) if end > since else ()
            _check_whole(found, since)
            told = net(found, await subjects.of_changes(tx, found))
        return Difference(since=since, upto=end, steps=tuple(step for step in told if _told(step, caller.sees(), kind)))

    async def _tell(self, sight: Visibility, start: int, kind: SubjectType | None) -> AsyncGenerator[Step | Reached]:
        at = told = start
        while True:
            edge = await self._progress.moved(sight.tenant, at)
            async with self._db.read(sight.tenant) as tx:
                found = await changes.after(tx, at, limit=min(BATCH, edge - at))
                _check_whole(found, at)
                named = await subjects.of_changes(tx, found)
            batch, at = steps(found, named, more=found[-1].offset < edge)
            for step in batch:
                if _told(step, sight, kind):
                    told = step.change.offset
                    yield step
            if at - told >= SILENT_MAX:
                told = at
                yield Reached(offset=at)


def _told(step: Step, sight: Visibility, kind: SubjectType | None) -> bool:
    return sight.admits(step.subject.acl) and kind in {None, step.subject.type}


async def _check_kept(tx: Transaction, offset: int) -> None:
    head = await tenants.head(tx)
    _check_given(offset, head)
    if await changes.count_after(tx, offset) < head - offset:
        raise _trimmed(offset)


def _check_given(offset: int, head: int) -> None:
    if offset > head:
        raise Gone(
            "changes.unknown_offset",
            f"offset {offset} was never given, the last is {head}: the store was restored, or the offset is another tenant's. "
            "Read everything anew and follow from the X-Mnemic-Offset of that answer",
        )


def _check_range(since: int, end: int) -> None:
    if end < since or end - since > DIFF_OFFSETS_MAX:
        raise Invalid(
            "changes.invalid_range",
            f"from {since} to {end} are {end - since} offsets; ask for 0 to {DIFF_OFFSETS_MAX} of them at once",
        )


def _check_whole(found: Sequence[Change], since: int) -> None:
    """Trimming leaves single changes behind, so that a gap may lie anywhere."""
    if any(change.offset != since + place for place, change in enumerate(found, start=1)):
        raise _trimmed(since)


def _trimmed(offset: int) -> Gone:
    return Gone(
        "changes.trimmed",
        f"the changes behind offset {offset} are no longer all kept. Read everything anew and follow from the X-Mnemic-Offset "
        "of that answer",
    )
