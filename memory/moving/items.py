"""What a bundle is made of on its way in, and what became of it. How a bundle is written down is api/wire's matter."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.caller import Caller
from core.errors import Fault
from core.ids import SessionId, row_number
from memory import errors
from memory.facts.statements import Cardinality, Kind, Status
from storage import erasures
from storage.database import Transaction
from storage.fact_records import SourceType
from storage.memory_records import Role, TimeKind
from storage.tombstones import Scope


class Sort(StrEnum):
    """What is counted by itself. `line`: something that was none of the others."""

    SESSIONS = "sessions"
    MESSAGES = "messages"
    FACTS = "facts"
    ALIASES = "aliases"
    TOMBSTONES = "tombstones"
    LINES = "lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionItem:
    """A session to make, before its messages."""

    id: SessionId
    agent: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageItem:
    """A message. `id` is its client's, or the one that the memory that it comes from had given it."""

    session: SessionId
    id: str
    role: Role
    content: str
    speaker: str | None = None
    occurred_at: datetime | None = None
    occurred_kind: TimeKind = TimeKind.GIVEN
    source: str | None = None
    flags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseItem:
    """A session takes no more messages; behind its messages."""

    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceItem:
    """What a fact rests on; of a message also its session. `trust` and `at` are those of the statement that it is behind."""

    type: SourceType
    id: str
    trust: int
    at: datetime | None
    session: SessionId | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FactItem:
    """A fact as it is stated; when it holds follows from all of them. Without entity, attribute and value its text is read, as
    that of any explicit write."""

    id: str
    text: str
    sources: tuple[SourceItem, ...]
    entity: str | None = None
    attribute: str | None = None
    value: str | None = None
    agent: str | None = None
    session: SessionId | None = None
    kind: Kind | None = None
    polarity: bool = True
    withdraws: bool = False
    cardinality: Cardinality | None = None
    status: Status = Status.ACTIVE
    expires_at: datetime | None = None
    importance: float | None = None
    pinned: bool = False
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedItem:
    """Of many values one, in whose place `by` was put at a moment. Behind both."""

    entity: str
    attribute: str
    value: str
    by: str
    at: datetime | None
    agent: str | None = None
    session: SessionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasItem:
    """Another name, folded, of an entity."""

    name: str
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretItem:
    """A secret behind tombstones of the bundle."""

    secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstoneItem:
    """Something that must not be written, as a digest."""

    scope: Scope
    digest: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What could not be read where an item should stand."""

    sort: Sort
    code: str
    detail: str
    id: str | None = None


Item = SessionItem | MessageItem | CloseItem | FactItem | ReplacedItem | AliasItem | SecretItem | TombstoneItem | Flaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An item with its place in the file, in the file's own words: `line 17`, `/results/3`."""

    at: str
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What comes in. `origin` names the memory that gave ids of its own to messages, None for another system's; `learned`: its
    facts are in it, so that its messages are not read for more."""

    items: Sequence[Placed]
    origin: str | None = None
    learned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something did not come in, or not as it is told."""

    at: str
    sort: Sort
    code: str
    detail: str
    id: str | None = None


class End(StrEnum):
    """What became of an item."""

    ADDED = "added"
    DUPLICATES = "duplicates"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`counts` by sort and end; `next` is the number of the first item that was not reached, None at the end. Problems beyond
    PROBLEMS_MAX are counted alone."""

    counts: Mapping[tuple[Sort, End], int]
    problems: tuple[Problem, ...]
    problems_total: int
    next: int | None
    offset: int
    dry_run: bool


PROBLEMS_MAX = 100


class Tally:
    """Counts what becomes of a bundle."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Sort, End]] = Counter()
        self.problems: list[Problem] = []
        self.problems_total = 0

    def count(self, sort: Sort, end: End, number: int = 1) -> None:
        self.counts[sort, end] += number

    def note(self, placed: Placed, why: Flaw) -> None:
        """Tells a problem, without counting the item."""
        self.problems_total += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(at=placed.at, sort=why.sort, code=why.code, detail=why.detail, id=why.id))

    def fail(self, placed: Placed, why: Flaw) -> None:
        self.count(why.sort, End.FAILED)
        self.note(placed, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One import under way. `eyes` is who may see the documents that facts cite; `here` names this memory, as `origin` the one
    that the bundle is from; `erasures` is how many there had been of the owner when it began."""

    caller: Caller
    eyes: Caller
    origin: str | None
    here: str
    learned: bool
    dry_run: bool
    erasures: int
    tally: Tally

    async def check(self, tx: Transaction) -> None:
        """Conflict when the owner was erased since: nothing of what is left may come in behind that."""
        if await erasures.count_of(tx, self.caller.subject) != self.erasures:
            raise errors.erased_meanwhile()


def id_here(message: str, origin: str | None) -> str:
    """The id that a message has where it comes in. Numbers that another memory gave mean others here."""
    return message if origin is None or row_number("msg", message) is None else f"{message}@{origin}"


def flaw_of(sort: Sort, fault: Fault, *, id_: str | None) -> Flaw:
    """What a fault says of one item."""
    detail = fault.errors[0].detail if fault.errors else fault.message
    return Flaw(sort=sort, code=fault.code, detail=detail, id=id_)
