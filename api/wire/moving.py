"""Bundles between the wire and the memory room: lines as items on their way in, records as lines on their way out, and what an
import answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from api.bundles import Reader
from api.foreign import formats
from api.foreign.shapes import Reading
from api.wire.bundle import (
    AliasLine,
    AnyLine,
    CloseLine,
    Content,
    FactLine,
    Flag,
    MessageLine,
    ReplacedLine,
    SecretLine,
    SessionLine,
    SourceLine,
    TombstoneLine,
)
from api.wire.memories import FORMER, former_out, utc
from api.wire.schema import Wire
from core.ids import SessionId
from memory.facts.statements import Cardinality, Kind, Status
from memory.facts.types import NamedSource
from memory.moving.exporting import Closed, Known, Named, Outgoing, Replaced, Secret, Spoken
from memory.moving.items import (
    AliasItem,
    Bundle,
    CloseItem,
    End,
    FactItem,
    Flaw,
    Imported,
    Item,
    MessageItem,
    Placed,
    ReplacedItem,
    SecretItem,
    SessionItem,
    Sort,
    SourceItem,
    TombstoneItem,
)
from storage.fact_records import fact_id
from storage.memory_records import Role, SessionRecord, TimeKind
from storage.tombstones import Grave, Scope

FormatName = Literal["mnemic", "mem0", "zep", "letta", "chat"]
SortName = Literal["sessions", "messages", "facts", "aliases", "tombstones", "lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedCount(Wire):
    """What became of the things of one sort. `duplicates` were there already, `refused` must stay forgotten."""

    read: int
    added: int
    duplicates: int
    refused: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedProblem(Wire):
    """Why something did not come in, or not as it is told. `at` is its place: `line 17`, or a JSON pointer."""

    at: str
    sort: SortName
    id: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryImported(Wire):
    """What became of an import. `next` is where it stopped for the time being up: send the same again with `from` set to it.
    `problems` are the first 100 of `problems_total`; a search at `offset` finds what was added."""

    counts: Mapping[SortName, MovedCount]
    problems: tuple[MovedProblem, ...]
    problems_total: int
    complete: bool
    next: int | None
    dry_run: bool
    offset: int


def bundle_of(format_: FormatName, raw: bytes, reading: Reading, *, part: bool) -> Bundle:
    """What a body holds, or Invalid when it is no file of that format, or a bundle that is not whole."""
    if format_ != "mnemic":
        return Bundle(items=[*_foreign(format_, raw, reading)])
    reader = Reader(raw.splitlines(keepends=True), part=part)
    return Bundle(items=[*_own(reader)], origin=reader.header.origin, learned=reader.header.learned)


def import_out(imported: Imported) -> MemoryImported:
    return MemoryImported(
        counts={sort.value: _count(imported, sort) for sort in Sort},
        problems=tuple(
            MovedProblem(at=one.at, sort=one.sort.value, id=one.id, code=one.code, detail=one.detail)
            for one in imported.problems
        ),
        problems_total=imported.problems_total,
        complete=imported.next is None,
        next=imported.next,
        dry_run=imported.dry_run,
        offset=imported.offset,
    )


def _count(imported: Imported, sort: Sort) -> MovedCount:
    ends = {end.value: imported.counts.get((sort, end), 0) for end in End}
    return MovedCount(read=sum(ends.values()), **ends)


def _own(reader: Reader) -> Iterator[Placed]:
    for one in reader.content():
        yield Placed(at=f"line {one.number}", item=_flaw(Sort.LINES, one.flaw) if one.line is None else _item(one.line))


def _foreign(format_: FormatName, raw: bytes, reading: Reading) -> Iterator[Placed]:
    for found in formats.read(format_, raw, reading):
        yield Placed(at=found.at, item=_flaw(Sort(found.kind), found.flaw) if found.line is None else _item(found.line))


def _flaw(sort: Sort, detail: str) -> Flaw:
    return Flaw(sort=sort, code="memory.unreadable", detail=detail)


def _item(line: Content) -> Item:
    match line:
        case SessionLine():
            return SessionItem(id=SessionId(line.id), agent=line.agent_id, metadata=line.metadata, ttl_s=line.ttl_s)
        case MessageLine():
            return _message(line)
        case CloseLine():
            return CloseItem(session=SessionId(line.session_id))
        case FactLine():
            return _fact(line)
        case ReplacedLine():
            return _replaced(line)
        case AliasLine():
            return AliasItem(name=line.name, alias=line.alias)
        case SecretLine():
            return SecretItem(secret=bytes.fromhex(line.secret))
        case TombstoneLine():
            at = utc(line.created_at)
            assert at is not None, "given"
            return TombstoneItem(scope=Scope(line.scope), digest=bytes.fromhex(line.digest), created_at=at)


def _message(line: MessageLine) -> MessageItem:
    return MessageItem(
        session=SessionId(line.session_id),
        id=line.id,
        role=Role(line.role),
        content=line.content,
        speaker=line.speaker,
        occurred_at=utc(line.occurred_at),
        occurred_kind=TimeKind(line.occurred_kind),
        source=line.source,
        flags=line.flags,
        metadata=line.metadata,
    )


def _fact(line: FactLine) -> FactItem:
    return FactItem(
        id=line.id,
        text=line.text,
        entity=line.entity,
        attribute=line.attribute,
        value=line.value,
        sources=tuple(map(_source, line.sources)),
        agent=line.agent_id,
        session=None if line.session_id is None else SessionId(line.session_id),
        kind=None if line.fact_kind is None else Kind(line.fact_kind),
        polarity=line.polarity,
        withdraws=line.withdraws,
        cardinality=None if line.cardinality is None else Cardinality(line.cardinality),
        status=Status(line.status),
        expires_at=utc(line.expires_at),
        importance=line.importance,
        pinned=line.pinned,
        metadata=line.metadata,
    )


def _replaced(line: ReplacedLine) -> ReplacedItem:
    return ReplacedItem(
        entity=line.entity,
        attribute=line.attribute,
        value=line.value,
        by=line.by,
        at=utc(line.at),
        agent=line.agent_id,
        session=None if line.session_id is None else SessionId(line.session_id),
    )


def _source(line: SourceLine) -> SourceItem:
    session = None if line.session_id is None else SessionId(line.session_id)
    return SourceItem(
        type=line.type, id=line.id, trust=line.trust, at=utc(line.at), session=session, start=line.start, end=line.end
    )


def line_of(one: Outgoing) -> AnyLine:
    """A record as it goes out."""
    match one:
        case SessionRecord():
            return SessionLine(
                id=one.id,
                agent_id=one.agent,
                metadata=one.metadata,
                ttl_s=one.ttl_s,
                created_at=one.created_at,
                updated_at=one.updated_at,
            )
        case Spoken():
            return _spoken(one)
        case Closed():
            return CloseLine(session_id=one.session.id, closed_at=one.session.closed_at)
        case Known():
            return _known(one)
        case Replaced():
            return _ended(one)
        case Named():
            return AliasLine(name=one.name, alias=one.alias)
        case Secret():
            return SecretLine(secret=one.secret.hex())
        case Grave():
            return TombstoneLine(scope=one.scope.value, digest=one.digest.hex(), created_at=one.created_at)


def _spoken(one: Spoken) -> MessageLine:
    message = one.message
    return MessageLine(
        session_id=one.session,
        id=message.id,
        role=message.role.value,
        content=message.content,
        speaker=message.speaker,
        occurred_at=message.occurred_at,
        occurred_kind=message.occurred_kind.value,
        source=message.source,
        flags=tuple(flag for flag in _FLAGS if flag in message.flags),
        metadata=message.metadata,
        seq=message.seq,
        trust=message.trust,
        tokens=message.tokens,
        recorded_at=message.recorded_at,
    )


_FLAGS: tuple[Flag, ...] = get_args(Flag)


def _known(one: Known) -> FactLine:
    fact = one.fact
    return FactLine(
        id=fact.id,
        text=fact.text,
        entity=fact.entity,
        attribute=fact.attribute,
        value=fact.value,
        fact_kind=Kind(fact.kind).value,
        polarity=fact.polarity,
        withdraws=one.withdraws,
        cardinality=Cardinality(fact.cardinality).value,
        sources=tuple(map(_cited, one.sources)),
        agent_id=fact.scope.agent,
        session_id=one.session,
        status=Status(fact.status).value,
        expires_at=fact.expires_at,
        importance=fact.importance,
        pinned=fact.pinned,
        metadata=fact.metadata,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        superseded_by=None if fact.superseded_by is None else fact_id(fact.superseded_by),
        withdrawn=fact.withdrawn,
        proofs=fact.proofs,
        trust=fact.trust,
        recorded_at=fact.recorded_at,
        known_from=fact.known_from,
        history=tuple(FORMER.adapter.dump_python(former_out(state), mode="json") for state in one.former),
    )


def _ended(one: Replaced) -> ReplacedLine:
    old = one.old
    return ReplacedLine(
        entity=old.entity,
        attribute=old.attribute,
        value=old.value,
        by=one.new.value,
        at=old.valid_to,
        agent_id=old.scope.agent,
        session_id=one.session,
    )


def _cited(source: NamedSource) -> SourceLine:
    record = source.record
    return SourceLine(
        type=record.type,
        id=source.message or record.id,
        trust=record.trust,
        at=record.at,
        session_id=source.session,
        start=record.start,
        end=record.end,
    )
