"""What the store holds of the cache, as frozen values. Repositories answer these; no SQLAlchemy row leaves the room."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.ids import Principal


class EntryState(StrEnum):
    """A quarantined entry gave two false answers and is served by no tier; a stale one rests on what is no longer so."""

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceRecord:
    """What an admin set up for a namespace."""

    name: str
    mode: str
    threshold: float
    wrong_rate_max: float
    ttl_s: int
    entries_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceName:
    """A source as clients name it. `index` is a document's."""

    type: str
    id: str
    version: int | None
    index: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSource:
    """A source as the records have it now. `acl` is who may know of it; None is all of the tenant."""

    type: str
    id: str
    index: str | None
    subject_id: int
    version: int
    owner: Principal | None
    acl: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStanding:
    """A source of a stored answer beside what it is now: `current` None when it is gone; `moved` is the last offset of its
    index, 0 for what is in none."""

    entry_id: int
    type: str
    id: str
    index: str | None
    version: int
    current: int | None
    acl: tuple[str, ...] | None
    moved: int


# What an answer's question retrieved: (index, document, version), sorted.
Evidence = tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRecord:
    """A cached answer without its response. `group` names what it answers; `eyes` under whose eyes `evidence` was retrieved."""

    id: int
    namespace: str
    partition: bytes
    scope: str
    scope_id: str
    owner: Principal
    exact: bytes
    query: str
    size: int
    group: int
    placed: bool
    state: EntryState
    cause: str | None
    false_hits: int
    sources: int
    evidence: Evidence | None
    eyes: bytes | None
    offset: int
    tokens: int
    usd: float | None
    latency_ms: float
    hits: int
    used_at: datetime
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRecord:
    """A judged would-be hit. `features` None: nothing was decided by a score."""

    id: int
    features: tuple[float, ...] | None
    wrong: bool
    kind: str
