"""What may go into a context: pieces of documents, memories, a summary, recent turns, as values. No decision is taken here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Section(StrEnum):
    """The parts of a context."""

    SUMMARY = "summary"
    MEMORIES = "memories"
    DOCUMENTS = "documents"
    RECENT = "recent"


class Kind(StrEnum):
    """What a piece is made of; what a citation points to."""

    DOCUMENT = "document"
    MESSAGE = "message"
    FACT = "fact"
    SUMMARY = "summary"


# A fact's or message's trust runs from 0, quarantined, to 4, written by hand. Tools and imports have 1.
TRUST_QUARANTINED = 0
TRUST_FULL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One candidate. Lists of them come best first (recent turns newest first); `score` compares within a section, 1 is the
    best there can be. `chunk` tells pieces of one document apart, `owner` names the document or session for headings and order.
    `superseded_by` is the id of what replaced it, `before` what it replaced, as text."""

    id: str
    kind: Kind
    section: Section
    text: str
    score: float
    when: datetime | None = None
    owner: str = ""
    title: str | None = None
    speaker: str | None = None
    role: str | None = None
    page: int | None = None
    position: int = 0
    version: int | None = None
    span: tuple[int, int] | None = None
    trust: int = TRUST_FULL
    labels: tuple[str, ...] = ()
    superseded_by: str | None = None
    before: str | None = None
    chunk: str | None = None

    @property
    def identity(self) -> tuple[str, str, str | None]:
        """Equal for the same thing met twice, in whichever sections."""
        return (self.kind, self.id, self.chunk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a section is promised and allowed, in tokens of the whole text. None is no maximum of its own."""

    tokens_min: int = 0
    tokens_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The quotas by section; a section that is not named has none."""

    of: Mapping[Section, Quota] = field(default_factory=dict[Section, Quota])

    def quota(self, section: Section) -> Quota:
        return self.of.get(section, Quota())
