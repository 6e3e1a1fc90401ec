"""The context call on the wire: the question with its budget, and the context with where each piece is from and why each
candidate is in or out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.wire.indexes import Name
from api.wire.schema import NO_NUL, Moment, Wire
from core.ids import IndexName, SessionId
from retrieval import context_errors
from retrieval.assembling import Judged
from retrieval.context_types import TOKENS_DEFAULT, TOKENS_MAX, TRUST_MIN_DEFAULT, Clash, Context, ContextRequest
from retrieval.pieces import TRUST_FULL, Kind, Quota, Quotas, Section
from retrieval.rendering import EARLIER, Form
from retrieval.rewording import Reworded, Rewording
from retrieval.stable import TAG_CHARACTERS_MAX

Tokens = Annotated[int, Field(ge=0, le=TOKENS_MAX)]
SectionName = Literal["summary", "memories", "documents", "recent"]
TypeName = Literal["document", "message", "fact", "summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionIn(Wire):
    """What a section is promised and allowed, in tokens. `tokens_max` 0 leaves it out; absent is no maximum of its own."""

    tokens_min: Tokens = 0
    tokens_max: Tokens | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextIn(Wire):
    """One question and its budget. `shape` is whose messages `format: messages` are; `stable_etag` the etag of the answer
    before, for `changed_because`; `labelled` takes in what a scanner has warned of; `adaptive` false keeps what
    says little to the question; `rewrite` lets the text model say the question anew, or in simpler ones."""

    query: str
    session_id: Name | None = None
    user_id: Name | None = None
    indexes: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    tokens_max: Annotated[int, Field(ge=1, le=TOKENS_MAX)] = TOKENS_DEFAULT
    tokenizer: str | None = None
    sections: Mapping[str, SectionIn] = field(default_factory=dict[str, SectionIn])
    as_of: Moment | None = None
    as_known_at: Moment | None = None
    format: Literal["text", "messages", "json"] = "text"
    shape: Literal["openai", "anthropic"] = "openai"
    min_offset: Annotated[int, Field(ge=0)] | None = None
    stable_etag: Annotated[str, Field(max_length=TAG_CHARACTERS_MAX), NO_NUL] | None = None
    trust_min: Annotated[int, Field(ge=0, le=TRUST_FULL)] = TRUST_MIN_DEFAULT
    labelled: bool = False
    adaptive: bool = True
    rewrite: Literal["off", "rewrite", "decompose"] = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOut(Wire):
    """A message to send to a model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StablePrefixOut(Wire):
    """The part that is the same, byte for byte, for as long as `etag` is: what a provider's prefix cache can hit."""

    text: str
    etag: str
    changed_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensOut(Wire):
    """`total` is of all that is handed over, never more than `tokens_max`; `by_section` has no instructions and fences in it.
    `exact` false: the tokenizer is not known, and `total` is an upper bound."""

    total: int
    by_section: Mapping[SectionName, int]
    tokenizer: str
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationOut(Wire):
    """What `[marker]` in the context stands for. `span` is in code points of that version's text, or of the message."""

    marker: str
    type: TypeName
    id: str
    index: str | None
    session_id: str | None
    version: int | None
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateOut(Wire):
    """Why a candidate is in or out: `included`, `budget`, `below_floor`, `trust`, `label`, `empty`, `duplicate_of:ID` or
    `superseded_by:ID`. From `would_fit_at` tokens on it is in."""

    marker: str
    id: str
    type: TypeName
    section: SectionName
    chunk_id: str | None
    tokens: int
    score: float
    included: bool
    reason: str
    would_fit_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictOut(Wire):
    """What is so now, since when, and what was so before."""

    marker: str
    id: str
    current: str
    since: AwareDatetime | None
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostOut(Wire):
    """What a text model took, as it said, or as estimated where it said nothing."""

    tokens_in: int
    tokens_out: int
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RewritingOut(Wire):
    """The `questions` of the text model, searched for beside the one that was asked. None with a `fallback`, which says why:
    `no_text_model`, `out_of_bounds`, or a fault's code. `cost` null: nothing was asked, or the endpoint did not say."""

    mode: Literal["rewrite", "decompose"]
    questions: tuple[str, ...]
    cost: CostOut | None
    fallback: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOut(Wire):
    """The context: `text`, or `messages` with Anthropic's `system` beside them. `answerable` is how likely the
    evidence is in it, null where something could not be asked. `rewriting` is null where nobody asked for it."""

    text: str | None
    system: str | None
    messages: tuple[TurnOut, ...] | None
    stable_prefix: StablePrefixOut
    tokens: TokensOut
    citations: tuple[CitationOut, ...]
    manifest: tuple[CandidateOut, ...]
    answerable: float | None
    conflicts: tuple[ConflictOut, ...]
    degraded: tuple[str, ...]
    rewriting: RewritingOut | None
    indexed_offset: int
    timings_ms: Mapping[str, float]
    request_id: str


def context_request(body: ContextIn) -> ContextRequest:
    """What the retrieval room takes, or Invalid naming what is no section."""
    return ContextRequest(
        query=body.query,
        session=None if body.session_id is None else SessionId(body.session_id),
        user=body.user_id,
        indexes=None if body.indexes is None else tuple(IndexName(name) for name in dict.fromkeys(body.indexes)),
        tokens_max=body.tokens_max,
        tokenizer=body.tokenizer,
        quotas=_quotas(body.sections),
        as_of=_utc(body.as_of),
        as_known_at=_utc(body.as_known_at),
        form=Form(body.shape if body.format == "messages" else body.format),
        min_offset=body.min_offset,
        etag=body.stable_etag,
        trust_min=body.trust_min,
        labelled=body.labelled,
        stop=body.adaptive,
        rewording=Rewording(body.rewrite),
    )


def context_out(found: Context, request_id: str) -> ContextOut:
    assembled = found.assembled
    return ContextOut(
        text=None if found.form.has_turns else assembled.text,
        system=assembled.prefix if found.form is Form.ANTHROPIC else None,
        messages=_messages(found) if found.form.has_turns else None,
        stable_prefix=StablePrefixOut(text=assembled.prefix, etag=assembled.etag, changed_because=found.changed_because),
        tokens=TokensOut(
            total=assembled.total,
            by_section={section.value: tokens for section, tokens in assembled.by_section.items()},
            tokenizer=found.vocabulary,
            exact=found.exact,
        ),
        citations=tuple(_citation(one) for one in assembled.chosen),
        manifest=tuple(_candidate(one) for one in assembled.judged),
        answerable=found.answerable,
        conflicts=tuple(_conflict(one) for one in found.conflicts),
        degraded=found.degraded,
        rewriting=None if found.reworded is None else _rewriting(found.reworded),
        indexed_offset=found.indexed_offset,
        timings_ms=found.timings_ms,
        request_id=request_id,
    )


def _quotas(sections: Mapping[str, SectionIn]) -> Quotas:
    known = {section.value: section for section in Section}
    for name in sections:
        if name not in known:
            raise context_errors.unknown_section(name, known)
    return Quotas(
        of={known[name]: Quota(tokens_min=one.tokens_min, tokens_max=one.tokens_max) for name, one in sections.items()}
    )


def _messages(found: Context) -> tuple[TurnOut, ...]:
    """What changes with the question stands behind what does not, and before the turns, whose last is nearest to it."""
    assembled = found.assembled
    said = [TurnOut(role=_role(turn.role), content=turn.content) for turn in assembled.turns]
    if assembled.tail:
        said.insert(0, TurnOut(role="user", content=assembled.tail))
    if found.form is Form.OPENAI:
        return (TurnOut(role="system", content=assembled.prefix), *said)
    # An answer that begins with an assistant's turn is refused by Anthropic's API.
    return (TurnOut(role="user", content=EARLIER), *said) if said and said[0].role == "assistant" else tuple(said)


def _role(role: str) -> Literal["user", "assistant"]:
    return "assistant" if role == "assistant" else "user"


def _citation(one: Judged) -> CitationOut:
    piece = one.marked.piece
    of_document = piece.kind is Kind.DOCUMENT
    return CitationOut(
        marker=one.marked.marker,
        type=piece.kind.value,
        id=piece.id,
        index=piece.owner.partition("/")[0] if of_document else None,
        session_id=None if of_document else piece.owner or None,
        version=piece.version,
        span=piece.span,
    )


def _candidate(one: Judged) -> CandidateOut:
    piece = one.marked.piece
    return CandidateOut(
        marker=one.marked.marker,
        id=piece.id,
        type=piece.kind.value,
        section=piece.section.value,
        chunk_id=piece.chunk if piece.kind is Kind.DOCUMENT else None,
        tokens=one.tokens,
        score=piece.score,
        included=one.included,
        reason=one.reason,
        would_fit_at=one.would_fit_at,
    )


def _rewriting(made: Reworded) -> RewritingOut:
    cost = made.cost
    return RewritingOut(
        mode="rewrite" if made.how is Rewording.REWRITE else "decompose",
        questions=made.questions,
        cost=None if cost is None else CostOut(tokens_in=cost.tokens_in, tokens_out=cost.tokens_out, usd=cost.usd),
        fallback=made.fallback,
    )


def _conflict(one: Clash) -> ConflictOut:
    return ConflictOut(marker=one.marker, id=one.id, current=one.current, since=one.since, before=one.before)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
