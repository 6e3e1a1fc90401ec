"""What callers ask of the context call, what it answers, and what it needs of other rooms, as Protocols: the memory room
fulfils them, and api wires them in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.caller import Caller
from core.ids import IndexName, SessionId
from engines.port import Vector
from retrieval.assembling import Assembled
from retrieval.pieces import Piece, Quotas, Section
from retrieval.rendering import Form
from retrieval.rewording import Reworded, Rewording

TOKENS_DEFAULT = 3_000
TOKENS_MAX = 1_000_000
TRUST_MIN_DEFAULT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRequest:
    """One question. `user` None is the caller's own subject. `as_of` is the moment that it is asked of, `as_known_at` shows
    what had been written down by then. `etag` is that of the stable prefix before. `labelled` takes in what a scanner has
    warned of, `stop` false keeps what says little to the question; `rewording` lets a text model say it anew."""

    query: str
    session: SessionId | None = None
    user: str | None = None
    indexes: tuple[IndexName, ...] | None = None
    tokens_max: int = TOKENS_DEFAULT
    tokenizer: str | None = None
    quotas: Quotas = field(default_factory=Quotas)
    as_of: datetime | None = None
    as_known_at: datetime | None = None
    form: Form = Form.TEXT
    min_offset: int | None = None
    etag: str | None = None
    trust_min: int = TRUST_MIN_DEFAULT
    labelled: bool = False
    stop: bool = True
    rewording: Rewording = Rewording.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a source is asked for. `vector` is the query's, None where it could not be embedded; `limits` are how many
    pieces, by section, `summary_tokens` how long a summary, in tokens of whichever counter;
    `labelled` asks for what a scanner has warned of, too."""

    query: str
    session: SessionId | None
    as_of: datetime | None
    as_known_at: datetime | None
    vector: Vector | None
    limits: Mapping[Section, int]
    summary_tokens: int
    labelled: bool = False

    def limit(self, section: Section) -> int:
        return self.limits[section]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a source gave, best first (recent turns newest first). `degraded` names what had to be left out."""

    pieces: tuple[Piece, ...] = ()
    degraded: tuple[str, ...] = ()
    answerable: float | None = None


class Source(Protocol):
    """Something that a context is made of besides documents. The caller is the one whose memory it is
    (`Caller.acting_for`); NotFound for a session that is not theirs. Nothing is written."""

    async def gather(self, caller: Caller, asked: Asked) -> Gathered: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The memory of a user, as a context sees it: the turns said last, what is recalled for the question, and what belongs
    to the stable prefix: the session's summary and long-lived memories, the same whatever is asked. None has nothing to say."""

    recent: Source
    memories: Source | None = None
    stable: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """What is so now, since when, and what was so before: told once."""

    id: str
    marker: str
    current: str
    since: datetime | None
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The answer. `exact` says whether `vocabulary` counts as the model's own tokenizer does; `reworded` is None where nobody
    asked for it."""

    form: Form
    assembled: Assembled
    vocabulary: str
    exact: bool
    changed_because: str | None
    conflicts: Sequence[Clash]
    answerable: float | None
    degraded: tuple[str, ...]
    reworded: Reworded | None
    indexed_offset: int
    timings_ms: Mapping[str, float]
