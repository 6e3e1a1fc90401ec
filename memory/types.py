"""What callers say to the memory room about conversations, and what it answers. Wire types are made from these in api/wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from core.caller import Caller
from core.deadline import Deadline
from core.ids import MessageId, SessionId, TenantId
from storage.database import Transaction
from storage.memory_records import MessageRecord, Role, SessionRecord
from storage.records import IndexRecord

_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A session to make. `id` None lets mnemic choose one; `ttl_s` counts from the last that happened in it."""

    id: SessionId | None = None
    agent: str | None = None
    metadata: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What else is known of a message that was in a memory before: how it was flagged there, the time that was inferred for it,
    the id that it had there, under which it may have been forgotten, and whether what it teaches comes along (`learned`)."""

    flags: tuple[str, ...] = ()
    inferred_at: datetime | None = None
    formerly: str | None = None
    learned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message as a client sends it. `occurred_at` is when it was said, in UTC, where the client knows; `zone` is the one
    that it was told in: whose yesterday "yesterday" is."""

    role: Role
    content: str
    id: str | None = None
    speaker: str | None = None
    occurred_at: datetime | None = None
    zone: tzinfo | None = None
    source: str | None = None
    metadata: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    restored: Restored | None = None


class Wait(StrEnum):
    """Until when an append waits: written down, or found by the next search."""

    STORED = "stored"
    INDEXED = "indexed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Something about message number `place` of the call that was accepted and is worth knowing."""

    place: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of an append. `ids` are in the order given; `duplicates` were there already, with the same content; `refused`
    were forgotten for good (memory/forgetting), and were not written again."""

    accepted: int
    duplicates: int
    refused: int
    ids: tuple[MessageId, ...]
    offset: int
    warnings: tuple[Caution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many messages went; a search at `offset` finds none of them."""

    messages: int
    offset: int


class Progress(Protocol):
    """How far the engine has come with what was written. The projector is one; memory must not know it."""

    def indexed(self, tenant: TenantId) -> int: ...

    def wake(self) -> None: ...

    async def wait(self, tenant: TenantId, offset: int, deadline: Deadline) -> None: ...


class Lesson(Protocol):
    """What was learned from messages that are about to be stored."""

    async def write(self, tx: Transaction, index: IndexRecord, messages: Sequence[MessageRecord]) -> None:
        """In the transaction that stores `messages`, which are in the order that they were read in."""
        ...


class Learner(Protocol):
    """Reads messages before they are stored: dates, entities, facts. Rules only; a model at most embeds."""

    async def read(self, caller: Caller, session: SessionRecord, said: Sequence["Heard"]) -> Lesson: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message as a learner sees it, before it has a row. The days of its text are those of the zone of `occurred_at`;
    `learned`: what it teaches is known already."""

    seq: int
    role: Role
    speaker: str | None
    content: str
    occurred_at: datetime | None
    recorded_at: datetime
    trust: int
    learned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A message that is taken out, or words of it: `[start, end)` each in code points. `spans` None is all of it.

    `message` is as it was before.
    """

    message: MessageRecord
    spans: tuple[tuple[int, int], ...] | None = None


class Dependent(Protocol):
    """What is derived from messages: facts, summaries. It goes with them, or is built anew from what is left."""

    async def lose(self, tx: Transaction, index: IndexRecord | None, lost: Sequence[Loss]) -> None:
        """In the transaction that takes `lost` out, and before it does. `index` None: nothing was ever searchable."""
        ...

    async def lose_session(self, tx: Transaction, index: IndexRecord | None, session: SessionRecord) -> None:
        """In the transaction that deletes a session, once its messages are gone: what belongs to the session itself."""
        ...
