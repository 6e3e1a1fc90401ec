"""What the store holds of facts, as frozen values. What their words mean (status, kind, trust) is memory's matter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from core.ids import FactId, Principal, row_name
from core.metadata import Metadata
from storage.documents import thaw

SourceType = Literal["message", "document", "caller"]
Stance = Literal["supports", "contradicts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactScope:
    """Whose facts: an owner's for everybody who serves it, or for one agent, or for one session (its row)."""

    owner: Principal
    agent: str | None = None
    session_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRecord:
    """A fact in one of its states. `[valid_from, valid_to)` is when it holds; `known_from` since when this state is the known
    one; `triple` entity, attribute and value, folded; `proofs` how many sources its trust rests on.
    """

    row_id: int
    scope: FactScope
    entity: str
    attribute: str
    value: str
    text: str
    triple: str
    kind: str
    polarity: bool
    cardinality: str
    valid_from: datetime | None
    valid_to: datetime | None
    seen_at: datetime | None
    withdrawn: bool
    recorded_at: datetime
    known_from: datetime
    expires_at: datetime | None
    status: str
    superseded_by: int | None
    proofs: int
    trust: int
    importance: float
    pinned: bool
    metadata: Metadata
    revision: int

    @property
    def id(self) -> FactId:
        return fact_id(self.row_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """Where a fact comes from: `type` message (`id` its row), document (`id` index/document@version) or caller (`id` names one
    write). `trust` and `at` are those of the statement that it was a source of; one that contradicts a fact stated another.
    `quote` is a digest of the words of a document that were cited.
    """

    type: SourceType
    id: str
    start: int
    end: int
    trust: int
    at: datetime | None
    stance: Stance = "supports"
    quote: str | None = None

    @property
    def supports(self) -> bool:
        return self.stance == "supports"

    @property
    def place(self) -> tuple[str, str, int]:
        """What tells the sources of one fact apart."""
        return self.type, self.id, self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changes a fact, when, by what operation, and why."""

    op: str
    actor: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerState:
    """A state of a fact that was known in `[known_from, known_to)`, and the change that ended it."""

    fact: FactRecord
    known_to: datetime
    op: str
    actor: str
    reason: str | None


def fact_id(row_id: int) -> FactId:
    return FactId(row_name("fact", row_id))


_MOMENTS = ("valid_from", "valid_to", "seen_at", "recorded_at", "known_from", "expires_at")


def frozen(fact: FactRecord) -> dict[str, Any]:
    """A state as JSON."""
    state: dict[str, Any] = {
        name: getattr(fact, name) for name in FactRecord.__dataclass_fields__ if name not in {"scope", "metadata", *_MOMENTS}
    }
    state |= {name: None if (at := getattr(fact, name)) is None else at.isoformat() for name in _MOMENTS}
    return {**state, "agent": fact.scope.agent, "session_id": fact.scope.session_id, "metadata": dict(fact.metadata)}


def thawed(state: Mapping[str, Any], owner: Principal) -> FactRecord:
    """A state read from JSON."""
    apart = {"agent", "session_id", "metadata", *_MOMENTS}
    rest: dict[str, Any] = {name: value for name, value in state.items() if name not in apart}
    moments: dict[str, Any] = {name: _moment(state[name]) for name in _MOMENTS}
    scope = FactScope(owner=owner, agent=state["agent"], session_id=state["session_id"])
    return FactRecord(scope=scope, metadata=thaw(state["metadata"]), **rest, **moments)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
