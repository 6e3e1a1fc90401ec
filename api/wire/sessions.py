"""Sessions and messages on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.wire.indexes import Name
from api.wire.schema import METADATA_SCHEMA, NO_NUL, Moment, Wire
from core.caller import user_name
from core.ids import SessionId
from core.paging import Page
from memory.types import Appended, Removed, Said, SessionRequest
from storage.memory_records import MessageRecord, Role, SessionRecord

Speaker = Annotated[str, Field(min_length=1, max_length=200), NO_NUL]
Metadata = Annotated[Mapping[str, object], METADATA_SCHEMA]
RoleName = Literal["user", "assistant", "system", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionIn(Wire):
    """A session to make. `user_id` absent is the caller's own; `ttl_s` counts from the last that happens in it."""

    id: Name | None = None
    user_id: Name | None = None
    agent_id: Name | None = None
    metadata: Metadata = field(default_factory=dict[str, object])
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Wire):
    """A conversation of one user."""

    id: str
    user_id: str
    agent_id: str | None
    state: Literal["open", "closed"]
    metadata: Metadata
    ttl_s: int | None
    expires_at: AwareDatetime | None
    messages: int
    tokens: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    closed_at: AwareDatetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionList(Wire):
    """A page of a user's sessions."""

    items: tuple[Session, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageIn(Wire):
    """A message as it was said. With an `id` of the client it is written once, however often it is sent."""

    role: RoleName
    content: str
    id: str | None = None
    speaker: Speaker | None = None
    occurred_at: Moment | None = None
    source: Annotated[str, Field(max_length=1_000), NO_NUL] | None = None
    metadata: Metadata = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendIn(Wire):
    """Messages to append, in order. `wait: indexed` answers once the next search finds them."""

    messages: tuple[MessageIn, ...]
    user_id: Name | None = None
    wait: Literal["stored", "indexed"] = "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class CautionOut(Wire):
    """Something worth knowing about a message that was accepted; `index` is its place in the request."""

    index: int
    id: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendOut(Wire):
    """What became of an append. `duplicates` were there already, with the same content; `refused` were forgotten for good."""

    accepted: int
    duplicates: int
    refused: int
    ids: tuple[str, ...]
    offset: int
    warnings: tuple[CautionOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Wire):
    """A message as it is kept. `occurred_kind` says how its event time is known; `trust` is 0 (quarantined) to 4."""

    id: str
    seq: int
    role: RoleName
    speaker: str | None
    content: str
    occurred_at: AwareDatetime | None
    occurred_kind: Literal["given", "inferred", "missing"]
    recorded_at: AwareDatetime
    source: str | None
    trust: int
    flags: tuple[str, ...]
    tokens: int
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageList(Wire):
    """A page of a session, in its order."""

    items: tuple[Message, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactIn(Wire):
    """The spans to black out, `[start, end)` in code points of the content."""

    spans: Annotated[tuple[tuple[int, int], ...], Field(min_length=1)]
    user_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactOut(Wire):
    """The message as it is now; a search at `offset` does not find what was taken out."""

    message: Message
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedOut(Wire):
    """How many messages went; a search at `offset` finds none of them."""

    messages: int
    offset: int


def session_request(body: SessionIn) -> SessionRequest:
    return SessionRequest(
        id=None if body.id is None else SessionId(body.id), agent=body.agent_id, metadata=body.metadata, ttl_s=body.ttl_s
    )


def said(body: AppendIn) -> tuple[Said, ...]:
    return tuple(
        Said(
            role=Role(one.role),
            content=one.content,
            id=one.id,
            speaker=one.speaker,
            occurred_at=None if one.occurred_at is None else one.occurred_at.astimezone(UTC),
            zone=None if one.occurred_at is None else one.occurred_at.tzinfo,
            source=one.source,
            metadata=one.metadata,
        )
        for one in body.messages
    )


def session_out(record: SessionRecord) -> Session:
    return Session(
        id=record.id,
        user_id=user_name(record.owner),
        agent_id=record.agent,
        state=record.state.value,
        metadata=record.metadata,
        ttl_s=record.ttl_s,
        expires_at=record.expires_at,
        messages=record.messages,
        tokens=record.tokens,
        created_at=record.created_at,
        updated_at=record.updated_at,
        closed_at=record.closed_at,
    )


def session_list(page: Page[SessionRecord]) -> SessionList:
    return SessionList(items=tuple(session_out(one) for one in page.items), next_cursor=page.next_cursor)


def appended_out(answer: Appended) -> AppendOut:
    return AppendOut(
        accepted=answer.accepted,
        duplicates=answer.duplicates,
        refused=answer.refused,
        ids=answer.ids,
        offset=answer.offset,
        warnings=tuple(
            CautionOut(index=one.place, id=answer.ids[one.place], code=one.code, detail=one.detail) for one in answer.warnings
        ),
    )


def message_out(record: MessageRecord) -> Message:
    return Message(
        id=record.id,
        seq=record.seq,
        role=record.role.value,
        speaker=record.speaker,
        content=record.content,
        occurred_at=record.occurred_at,
        occurred_kind=record.occurred_kind.value,
        recorded_at=record.recorded_at,
        source=record.source,
        trust=record.trust,
        flags=record.flags,
        tokens=record.tokens,
        metadata=record.metadata,
    )


def message_list(page: Page[MessageRecord]) -> MessageList:
    return MessageList(items=tuple(message_out(one) for one in page.items), next_cursor=page.next_cursor)


def redacted_out(answer: tuple[MessageRecord, int]) -> RedactOut:
    return RedactOut(message=message_out(answer[0]), offset=answer[1])


def removed_out(answer: Removed) -> RemovedOut:
    return RemovedOut(messages=answer.messages, offset=answer.offset)
