"""What callers say to compression, and what it answers. Wire types are made from these in api/wire."""

from dataclasses import dataclass
from enum import StrEnum

from core.ids import MessageId, SummaryId


class Mode(StrEnum):
    """How a summary comes about. AUTO is extractive: a text model is asked only by who says so."""

    AUTO = "auto"
    EXTRACTIVE = "extractive"
    ABSTRACTIVE = "abstractive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """When a session is compressed unasked. From `soft` of `session_tokens` on its tree is built in the background, from `hard`
    on it serves and is found by recall."""

    session_tokens: int = 16_000
    soft: float = 0.5
    hard: float = 0.7

    @property
    def soft_tokens(self) -> int:
        return int(self.session_tokens * self.soft)

    @property
    def hard_tokens(self) -> int:
        return int(self.session_tokens * self.hard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a sentence stands on: `[start, end)` in code points of a message, which is number `seq` of the session."""

    message_id: MessageId
    seq: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarySentence:
    """A sentence with what it stands on, never nothing. Its text is its source's own, with a leading "I" said as the speaker's
    name, unless `rewritten`."""

    text: str
    tokens: int
    sources: tuple[Source, ...]
    rewritten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A session in few words, in the order of the conversation. `id` is that of the topmost node of its tree, None while there
    is none. `fallback` says why it is not as asked for."""

    id: SummaryId | None
    tokens_before: int
    tokens_after: int
    mode: Mode
    sentences: tuple[SummarySentence, ...]
    fallback: str | None = None
