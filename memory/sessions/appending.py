"""What an append does to a session: which messages are new, their numbers, their times, and what is said back. No I/O."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from core.ids import MessageId, row_number
from core.limits import Limits
from core.metadata import Metadata, check_metadata
from inference.port import Finding
from memory import errors
from memory.screening import cautions, screen
from memory.types import Caution, Restored, Said
from storage.memory_records import (
    FORGOTTEN,
    QUARANTINED,
    RELEASED,
    MessageRecord,
    Role,
    SessionRecord,
    SessionState,
    TimeKind,
)

MESSAGE_ID_CHARACTERS_MAX = 128
# A fact can be trusted no more than who said it: people most, then models, then tools, whose text anybody may have written.
TRUST: Mapping[Role, int] = {Role.USER: 3, Role.ASSISTANT: 2, Role.SYSTEM: 2, Role.TOOL: 1}
TRUST_QUARANTINED = 0
EARLIEST_PLAUSIBLE_YEAR = 1970
AHEAD_MAX = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A new message with its number. `place` is where it stands in the call."""

    place: int
    seq: int
    client_id: str | None
    role: Role
    speaker: str | None
    content: str
    digest: bytes
    occurred_at: datetime | None
    zone: tzinfo | None
    occurred_kind: TimeKind
    source: str | None
    trust: int
    metadata: Metadata
    restored: Restored | None
    found: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """Those that it was restored with, and what a scanner found."""
        restored = () if self.restored is None else self.restored.flags
        return tuple(sorted({*restored, *self.found}))

    @property
    def forgotten(self) -> bool:
        """Whether it is only kept: nothing of it is searchable, and it teaches nothing."""
        return not FORGOTTEN.isdisjoint(self.flags)

    @property
    def quarantined(self) -> bool:
        return QUARANTINED in self.flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to store on top of `session`. `known` are the ids of duplicates by place, `refused` of those that must stay
    forgotten; `latest` is the latest event time then."""

    session: SessionRecord
    drafts: tuple[Draft, ...]
    known: Mapping[int, MessageId]
    refused: Mapping[int, MessageId]
    latest: datetime | None
    warnings: tuple[Caution, ...]


def check(said: Sequence[Said], limits: Limits) -> tuple[Metadata, ...]:
    """The metadata of each message, or the fault of the first that cannot be taken. Nothing is read for this."""
    if not said:
        raise errors.no_messages()
    if len(said) > limits.messages_per_call_max:
        raise errors.too_many_messages(len(said), limits.messages_per_call_max)
    return tuple(_check(place, one, limits) for place, one in enumerate(said))


def plan(
    session: SessionRecord,
    said: Sequence[Said],
    stored: Mapping[str, MessageRecord],
    *,
    metadata: Sequence[Metadata],
    buried: Collection[str],
    now: datetime,
) -> Plan:
    """`stored` are the session's messages among the client ids of the call, `buried` the ids that must not be written. Conflict
    when an id has another content, or the session takes no more."""
    if session.state is SessionState.CLOSED:
        raise errors.session_closed(session.id)
    drafts: list[Draft] = []
    known: dict[int, MessageId] = {}
    refused: dict[int, MessageId] = {}
    seen = {client_id: record.digest for client_id, record in stored.items()}
    latest = session.last_occurred_at
    warnings: list[Caution] = []
    for place, (one, its) in enumerate(zip(said, metadata, strict=True)):
        digest = _digest(one, its)
        if one.id is not None and one.id in seen:
            if seen[one.id] != digest:
                raise errors.message_conflict(one.id)
            known[place] = MessageId(one.id)
            continue
        if one.id is not None and one.id in buried:
            refused[place] = MessageId(one.id)
            detail = "this message was forgotten for good and is not written again; send it under another id to say it anew"
            warnings.append(Caution(place=place, code="message_id.forgotten", detail=detail))
            continue
        before = latest if one.restored is None else one.restored.inferred_at or latest
        warnings += _warnings(place, one, before, now)
        if one.id is not None:
            seen[one.id] = digest
        drafts.append(
            Draft(
                place=place,
                seq=session.head_seq + len(drafts) + 1,
                client_id=one.id,
                role=one.role,
                speaker=one.speaker,
                content=one.content,
                digest=digest,
                occurred_at=one.occurred_at or before,
                zone=one.zone,
                occurred_kind=_kind(one, before),
                source=one.source,
                trust=TRUST[one.role],
                metadata=its,
                restored=one.restored,
            )
        )
        latest = max(filter(None, (latest, one.occurred_at)), default=None)
    return Plan(session=session, drafts=tuple(drafts), known=known, refused=refused, latest=latest, warnings=tuple(warnings))


def screened(planned: Plan, findings: Sequence[Sequence[Finding]]) -> Plan:
    """The plan with what a scanner found in each of its drafts. What its owner had released stays so."""
    drafts: list[Draft] = []
    warnings = list(planned.warnings)
    for draft, found in zip(planned.drafts, findings, strict=True):
        flags = tuple(flag for flag in screen(found).flags if flag != QUARANTINED or RELEASED not in draft.flags)
        now = replace(draft, found=flags)
        drafts.append(replace(now, trust=TRUST_QUARANTINED) if now.quarantined else now)
        warnings += cautions(draft.place, found)
    return replace(planned, drafts=tuple(drafts), warnings=tuple(sorted(warnings, key=lambda one: one.place)))


def expired(session: SessionRecord, now: datetime) -> bool:
    """Whether its time is over: it is not there any more, whoever still has to remove it."""
    return session.expires_at is not None and session.expires_at <= now


def _kind(one: Said, latest: datetime | None) -> TimeKind:
    if one.occurred_at is not None:
        return TimeKind.GIVEN
    return TimeKind.MISSING if latest is None else TimeKind.INFERRED


def _warnings(place: int, one: Said, latest: datetime | None, now: datetime) -> list[Caution]:
    at = one.occurred_at
    if at is None and latest is None:
        detail = "occurred_at is missing and nothing in the session tells it: relative dates in this message cannot be resolved"
        return [Caution(place=place, code="occurred_at.missing", detail=detail)]
    if at is None:
        detail = f"occurred_at is missing; taken to be {latest:%Y-%m-%dT%H:%M:%SZ}, the latest time known in the session"
        return [Caution(place=place, code="occurred_at.inferred", detail=detail)]
    if at.year < EARLIEST_PLAUSIBLE_YEAR or at > now + AHEAD_MAX:
        return [
            Caution(place=place, code="occurred_at.implausible", detail=f"occurred_at is {at.isoformat()}; stored as given")
        ]
    if latest is not None and at < latest:
        detail = f"occurred_at is before {latest:%Y-%m-%dT%H:%M:%SZ}, which this session has reached: a late message"
        return [Caution(place=place, code="occurred_at.late", detail=detail)]
    return []


def _check(place: int, one: Said, limits: Limits) -> Metadata:
    try:
        size = len(one.content.encode())
        (one.speaker or "").encode()
    except UnicodeEncodeError as flaw:
        raise errors.not_text(place) from flaw
    if "\0" in one.content or "\0" in (one.speaker or ""):
        raise errors.not_text(place)
    if size > limits.message_bytes_max:
        raise errors.content_too_large(place, size, limits.message_bytes_max)
    if not one.content.strip():
        raise errors.empty_content(place)
    if one.id is not None and not _valid_id(one.id):
        raise errors.invalid_message_id(place, one.id)
    return check_metadata(one.metadata, limits)


def _valid_id(value: str) -> bool:
    fits = 1 <= len(value) <= MESSAGE_ID_CHARACTERS_MAX and value.isprintable()
    return fits and row_number("msg", value) is None


def _digest(one: Said, metadata: Metadata) -> bytes:
    """Of all that a client says of a message."""
    at = None if one.occurred_at is None else one.occurred_at.isoformat()
    said = [one.role, one.speaker, one.content, at, one.source, dict(metadata)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()


def sessions_equal(session: SessionRecord, *, agent: str | None, metadata: Metadata, ttl_s: int | None) -> bool:
    """Whether a session is the one that somebody wants to make."""
    return (session.agent, dict(session.metadata), session.ttl_s) == (agent, dict(metadata), ttl_s)
