"""What callers say to the memory room about facts, and what it answers. Wire types are made from these in api/wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from core.ids import DocumentId, IndexName, SessionId
from memory.facts.conflicts import Outcome
from memory.facts.statements import Cardinality, Kind, Status
from memory.types import Caution
from storage.fact_records import FactRecord, FormerState, SourceRecord

_NOTHING: Mapping[str, object] = MappingProxyType({})


class OnConflict(StrEnum):
    """What an explicit write does where the gate would end or challenge a fact: as the gate says, stand beside, or give up."""

    AUTO = "auto"
    ADD = "add"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSource:
    """A message of the owner's as the source of a fact; `span` None is all of it."""

    session: SessionId
    message: str
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSource:
    """A document, as it is now, as the source of a fact; `span` None is all of it."""

    index: IndexName
    document: DocumentId
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRequest:
    """A fact to write: a `text`, or `entity`, `attribute` and `value`. `valid_from` None is since its sources, or now.

    `cardinality` None is what the attribute usually has.
    """

    text: str | None = None
    entity: str | None = None
    attribute: str | None = None
    value: str | None = None
    agent: str | None = None
    session: SessionId | None = None
    kind: Kind | None = None
    polarity: bool = True
    cardinality: Cardinality | None = None
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    pinned: bool = False
    importance: float | None = None
    metadata: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    sources: Sequence[MessageSource | DocumentSource] = ()
    on_conflict: OnConflict = OnConflict.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the gate did. `fact` is the one added, merged into or repeated, None where it was refused; `related` are the rows
    of those that it ended, challenged or was ended by.
    """

    outcome: Outcome
    fact: FactRecord | None
    related: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAt:
    """The same with the offset at which a search knows of it."""

    written: Written
    offset: int
    warnings: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSource:
    """A source as clients name it."""

    record: SourceRecord
    session: SessionId | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact with its sources; `status` is how it stands at this moment, expiry included."""

    record: FactRecord
    status: Status
    session: SessionId | None
    sources: tuple[NamedSource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactAt:
    """A fact as it was left, with the offset at which a search knows it so."""

    fact: Fact
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FactHistory:
    """A fact as it is, and what it was before, the latest first."""

    fact: Fact
    former: tuple[FormerState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactPatch:
    """What of a fact may be changed in place; None leaves a value. `unexpire` takes the expiry away."""

    pinned: bool | None = None
    kind: Kind | None = None
    importance: float | None = None
    metadata: Mapping[str, object] | None = None
    expires_at: datetime | None = None
    unexpire: bool = False
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactGone:
    """A fact was taken out; a search at `offset` does not find it."""

    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of an owner that holds at `as_of`, as it was known at `as_known_at`. `complete`: nothing was left out."""

    as_of: datetime
    as_known_at: datetime
    facts: tuple[FactRecord, ...]
    complete: bool
