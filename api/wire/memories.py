"""Facts on the wire: what is known of a user for longer than a session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from api.wire.indexes import Name
from api.wire.schema import METADATA_SCHEMA, NO_NUL, Moment, Shape, Wire
from api.wire.sessions import Metadata
from core.caller import user_name
from core.ids import DocumentId, IndexName, SessionId, check_document_id, check_name
from core.paging import Page
from memory.facts.statements import Cardinality, Kind
from memory.facts.types import (
    DocumentSource,
    Fact,
    FactAt,
    FactGone,
    FactHistory,
    FactPatch,
    FactRequest,
    MessageSource,
    NamedSource,
    OnConflict,
    Profile,
    WrittenAt,
)
from storage.fact_records import FactRecord, FormerState, fact_id

KindName = Literal["preference", "attribute", "decision", "commitment", "relation", "value", "note"]
StatusName = Literal["active", "superseded", "challenged", "quarantined", "rejected", "expired"]
CardinalityName = Literal["one", "many"]
OutcomeName = Literal["added", "merged", "superseded", "noop", "challenged", "refused"]
_Reason = Annotated[str, Field(max_length=1_000), NO_NUL]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIn(Wire):
    """What a fact rests on: a message of the user (`session_id`), or a document as it is now (`index`). `span`: the code
    points of the message's content, or of the document's text, that say it."""

    type: Literal["message", "document"]
    id: str
    session_id: Name | None = None
    index: Name | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryIn(Wire):
    """A fact to write: a `text`, or `entity`, `attribute` and `value`. `valid_from` absent is since its sources, or now."""

    text: str | None = None
    entity: str | None = None
    attribute: str | None = None
    value: str | None = None
    user_id: Name | None = None
    agent_id: Name | None = None
    session_id: Name | None = None
    kind: KindName | None = None
    polarity: bool = True
    cardinality: CardinalityName | None = None
    valid_from: Moment | None = None
    expires_at: Moment | None = None
    pinned: bool = False
    importance: float | None = None
    metadata: Metadata = field(default_factory=dict[str, object])
    sources: tuple[SourceIn, ...] = ()
    on_conflict: Literal["auto", "add", "reject"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCaution(Wire):
    """Something worth knowing about a fact that was accepted."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryWritten(Wire):
    """What the gate did. `id` is the fact added, merged into or repeated; null where it was refused. `related` are those that
    it ended, challenges, or was ended by; `warnings` say what a scanner took it for."""

    id: str | None
    outcome: OutcomeName
    related: tuple[str, ...]
    offset: int
    warnings: tuple[MemoryCaution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOut(Wire):
    """What a fact rests on, or what `contradicts` it: the source of a statement that is trusted less, or that denies it. Of
    type `caller`, `id` names the write that stated it."""

    type: Literal["message", "document", "caller"]
    stance: Literal["supports", "contradicts"]
    id: str
    session_id: str | None
    span: tuple[int, int] | None
    trust: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryState(Wire):
    """A fact in one of its states."""

    entity: str
    attribute: str
    value: str
    text: str
    kind: KindName
    polarity: bool
    cardinality: CardinalityName
    status: StatusName
    valid_from: AwareDatetime | None
    valid_to: AwareDatetime | None
    withdrawn: bool
    superseded_by: str | None
    expires_at: AwareDatetime | None
    proofs: int
    trust: int
    importance: float
    pinned: bool
    metadata: Annotated[Mapping[str, object], METADATA_SCHEMA]
    revision: int
    known_from: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(MemoryState):
    """A fact. `[valid_from, valid_to)` is when it holds; `known_from` since when it is known as it is; `trust` is 0 to 4."""

    id: str
    user_id: str
    agent_id: str | None
    session_id: str | None
    recorded_at: AwareDatetime
    sources: tuple[SourceOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChanged(Memory):
    """The fact as it is now; a search at `offset` knows it so."""

    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryList(Wire):
    """A page of a user's facts, in the order in which they were first recorded."""

    items: tuple[Memory, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPatch(Wire):
    """What to change in place; absent leaves it. `expires_at: null` with `unexpire: true` takes the expiry away."""

    user_id: Name | None = None
    pinned: bool | None = None
    kind: KindName | None = None
    importance: float | None = None
    metadata: Metadata | None = None
    expires_at: Moment | None = None
    unexpire: bool = False
    if_revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersedeIn(Wire):
    """The value that takes the place, from `valid_from` (absent: now) on."""

    value: str
    user_id: Name | None = None
    valid_from: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonIn(Wire):
    """Whose fact, and why; kept in its history."""

    user_id: Name | None = None
    reason: _Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGone(Wire):
    """The fact is gone; a search at `offset` does not find it."""

    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerMemory(MemoryState):
    """A former state, known in `[known_from, known_to)`, and what ended it."""

    known_to: AwareDatetime
    operation: str
    actor: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHistory(Wire):
    """A fact as it is, and what it was before, the latest first."""

    current: Memory
    former: tuple[FormerMemory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFact(MemoryState):
    """A fact that held."""

    id: str
    agent_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOut(Wire):
    """What is known of a user that holds at `as_of`, as it was known at `as_known_at`, pinned and important facts first.
    `complete`: nothing was left out for being too much."""

    user_id: str
    as_of: AwareDatetime
    as_known_at: AwareDatetime
    facts: tuple[ProfileFact, ...]
    complete: bool


FORMER = Shape(FormerMemory)


def fact_request(body: MemoryIn) -> FactRequest:
    return FactRequest(
        text=body.text,
        entity=body.entity,
        attribute=body.attribute,
        value=body.value,
        agent=body.agent_id,
        session=None if body.session_id is None else SessionId(body.session_id),
        kind=None if body.kind is None else Kind(body.kind),
        polarity=body.polarity,
        cardinality=None if body.cardinality is None else Cardinality(body.cardinality),
        valid_from=utc(body.valid_from),
        expires_at=utc(body.expires_at),
        pinned=body.pinned,
        importance=body.importance,
        metadata=body.metadata,
        sources=tuple(map(_source, body.sources)),
        on_conflict=OnConflict(body.on_conflict),
    )


def utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _source(one: SourceIn) -> MessageSource | DocumentSource:
    if one.type == "message":
        return MessageSource(
            session=SessionId(check_name(one.session_id or "", what="the session_id of a source")),
            message=one.id,
            span=one.span,
        )
    index = IndexName(check_name(one.index or "", what="the index of a source"))
    return DocumentSource(index=index, document=DocumentId(check_document_id(one.id)), span=one.span)


def patch_of(body: MemoryPatch) -> FactPatch:
    return FactPatch(
        pinned=body.pinned,
        kind=None if body.kind is None else Kind(body.kind),
        importance=body.importance,
        metadata=body.metadata,
        expires_at=utc(body.expires_at),
        unexpire=body.unexpire,
        revision=body.if_revision,
    )


def written_out(answer: WrittenAt) -> MemoryWritten:
    written = answer.written
    return MemoryWritten(
        id=None if written.fact is None else written.fact.id,
        outcome=written.outcome.value,
        related=tuple(map(fact_id, written.related)),
        offset=answer.offset,
        warnings=tuple(MemoryCaution(code=one.code, detail=one.detail) for one in answer.warnings),
    )


def memory_out(fact: Fact) -> Memory:
    return Memory(**_whole(fact))


def changed_out(answer: FactAt) -> MemoryChanged:
    return MemoryChanged(**_whole(answer.fact), offset=answer.offset)


def _whole(fact: Fact) -> dict[str, Any]:
    record = fact.record
    return {
        **_state(record, fact.status.value),
        "id": record.id,
        "user_id": user_name(record.scope.owner),
        "agent_id": record.scope.agent,
        "session_id": fact.session,
        "recorded_at": record.recorded_at,
        "sources": tuple(map(_source_out, fact.sources)),
    }


def memory_list(page: Page[Fact]) -> MemoryList:
    return MemoryList(items=tuple(map(memory_out, page.items)), next_cursor=page.next_cursor)


def gone_out(answer: FactGone) -> MemoryGone:
    return MemoryGone(offset=answer.offset)


def history_out(answer: FactHistory) -> MemoryHistory:
    return MemoryHistory(current=memory_out(answer.fact), former=tuple(map(former_out, answer.former)))


def profile_out(user: str, answer: Profile) -> ProfileOut:
    return ProfileOut(
        user_id=user,
        as_of=answer.as_of,
        as_known_at=answer.as_known_at,
        facts=tuple(ProfileFact(**_state(one, one.status), id=one.id, agent_id=one.scope.agent) for one in answer.facts),
        complete=answer.complete,
    )


def former_out(one: FormerState) -> FormerMemory:
    state = _state(one.fact, one.fact.status)
    return FormerMemory(**state, known_to=one.known_to, operation=one.op, actor=one.actor, reason=one.reason)


def _source_out(source: NamedSource) -> SourceOut:
    record = source.record
    return SourceOut(
        type=record.type,
        stance=record.stance,
        id=source.message or record.id,
        session_id=source.session,
        span=(record.start, record.end) if record.end else None,
        trust=record.trust,
    )


# Any: the fields of MemoryState by name, spread into its subclasses.
def _state(record: FactRecord, status: str) -> dict[str, Any]:
    own = ("entity", "attribute", "value", "text", "kind", "polarity", "cardinality", "valid_from", "valid_to", "withdrawn")
    more = ("expires_at", "proofs", "trust", "importance", "pinned", "metadata", "revision", "known_from")
    ended_by = None if record.superseded_by is None else fact_id(record.superseded_by)
    return {name: getattr(record, name) for name in (*own, *more)} | {"status": status, "superseded_by": ended_by}
