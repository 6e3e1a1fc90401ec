"""What the store holds of conversations, as frozen values. Repositories answer these; no SQLAlchemy row leaves the room."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.ids import MessageId, Principal, SessionId, row_name
from core.metadata import Metadata


class SessionState(StrEnum):
    """A closed session is read as before and takes no message."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A conversation of one owner. `head_seq` is the last number given to a message; numbers are never given again.

    `last_occurred_at` is the latest event time of its messages so far.
    """

    row_id: int
    owner: Principal
    id: SessionId
    agent: str | None
    state: SessionState
    metadata: Metadata
    ttl_s: int | None
    expires_at: datetime | None
    head_seq: int
    messages: int
    tokens: int
    last_occurred_at: datetime | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None


class Role(StrEnum):
    """Who speaks, in the words of chat APIs."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class TimeKind(StrEnum):
    """How an event time is known: `given` by the client, `inferred` from the messages before, or not at all."""

    GIVEN = "given"
    INFERRED = "inferred"
    MISSING = "missing"


# What a message is flagged with that stays in its session's list and is recalled and summarised no more.
EXPIRED, REJECTED = "expired", "rejected"
FORGOTTEN = frozenset({EXPIRED, REJECTED})
# What a scanner warned of: kept apart until its owner releases it, who vouches for it.
QUARANTINED, RELEASED = "quarantined", "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """One message as it was said. `trust` is 0 (quarantined) to 4 (written through the API by who may); `rows` is how many
    searchable rows it has or ever had.
    """

    row_id: int
    session_id: int
    owner: Principal
    seq: int
    client_id: str | None
    role: Role
    speaker: str | None
    content: str
    digest: bytes
    occurred_at: datetime | None
    occurred_kind: TimeKind
    recorded_at: datetime
    source: str | None
    trust: int
    flags: tuple[str, ...]
    tokens: int
    metadata: Metadata
    rows: int

    @property
    def id(self) -> MessageId:
        """The client's own id where it gave one."""
        return message_id(self.row_id, self.client_id)

    @property
    def forgotten(self) -> bool:
        """Whether it is only kept, and answers nothing."""
        return not FORGOTTEN.isdisjoint(self.flags)

    @property
    def quarantined(self) -> bool:
        return QUARANTINED in self.flags


def message_id(row_id: int, client_id: str | None) -> MessageId:
    return MessageId(client_id or row_name("msg", row_id))
