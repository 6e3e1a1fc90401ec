"""Facts and summaries for recall: what is behind a proposed row as it is now, of the one owner asked for. Read, never
written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from core.ids import Principal
from storage.database import Reads
from storage.memory_tables import fact_history, fact_sources, memory_rows, sessions, summaries
from storage.memory_tables import facts as fact_table

ACTIVE = "active"
SUPERSEDED = "superseded"
# How far back what a fact took the place of is followed: one small statement a step.
CHAIN_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """A fact in one of its states."""

    row_id: int
    agent: str | None
    session_id: int | None
    text: str
    status: str
    trust: int
    withdrawn: bool
    valid_from: datetime | None
    valid_to: datetime | None
    recorded_at: datetime
    expires_at: datetime | None
    superseded_by: int | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A source of a fact: a message by its row, a document, or one write of a caller."""

    type: str
    id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gist:
    """A searchable passage of a serving summary, with the spans of messages that its sentences are from."""

    body: str
    session: str
    agent: str | None
    expires_at: datetime | None
    created_at: datetime
    sources: tuple[tuple[int, int, int], ...]


async def facts(
    reads: Reads, owner: Principal, row_ids: Sequence[int], *, known_at: datetime | None = None
) -> dict[int, Belief]:
    """The owner's facts among these: as they are now, or in the state that was known at a moment."""
    given: dict[str, Any] = {"tenant": reads.tenant, "owner": owner, "ids": list(row_ids)}
    found = {row["id"]: _belief(row) for row in await reads.rows(_FACTS, given)}
    if known_at is None:
        return found
    states = {row["fact_id"]: row["state"] for row in await reads.rows(_FORMER, {**given, "at": known_at})}
    former = {row: _belief(_thawed(state)) for row, state in states.items() if row in found}
    return {**found, **former}


async def before(reads: Reads, owner: Principal, row_ids: Sequence[int]) -> dict[int, tuple[Belief, ...]]:
    """By fact, what it took the place of, and what that had, CHAIN_MAX steps back; the latest first. What never held is left
    out."""
    heads, found = {row: row for row in row_ids}, dict[int, list[Belief]]()
    for _ in range(CHAIN_MAX):
        given: dict[str, Any] = {"tenant": reads.tenant, "owner": owner, "ids": list(heads)}
        ended = [_belief(row) for row in await reads.rows(_ENDED, given)] if heads else []
        for one in ended:
            assert one.superseded_by is not None, "asked for"
            found.setdefault(heads[one.superseded_by], []).append(one)
        heads = {one.row_id: heads[one.superseded_by] for one in ended if one.superseded_by is not None}
    return {row: tuple(its) for row, its in found.items()}


async def sources(reads: Reads, row_ids: Sequence[int]) -> dict[int, tuple[Proof, ...]]:
    """Of each fact, in the order of their ids."""
    found: dict[int, list[Proof]] = {}
    for row in await reads.rows(_PROOFS, {"tenant": reads.tenant, "ids": list(row_ids)}):
        proof = Proof(type=row["source_type"], id=row["source_id"], start=row["start"], end=row["end"])
        found.setdefault(row["fact_id"], []).append(proof)
    return {row: tuple(proofs) for row, proofs in found.items()}


async def gists(reads: Reads, owner: Principal, keys: Sequence[int]) -> dict[int, Gist]:
    """The owner's passages among these, of summaries that serve."""
    found = await reads.rows(_GISTS, {"tenant": reads.tenant, "owner": owner, "keys": list(keys)})
    return {row["key"]: _gist(row) for row in found}


def _belief(row: Mapping[Any, Any]) -> Belief:
    return Belief(
        row_id=row["id"],
        agent=row["agent"],
        session_id=row["session_id"],
        text=row["text"],
        status=row["status"],
        trust=row["trust"],
        withdrawn=row["withdrawn"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        recorded_at=row["recorded_at"],
        expires_at=row["expires_at"],
        superseded_by=row["superseded_by"],
        revision=row["revision"],
    )


def _thawed(state: Mapping[str, Any]) -> dict[str, Any]:
    """A former state as fact_history keeps it: its moments are text, its row is `row_id`."""
    moments = {
        name: None if state[name] is None else datetime.fromisoformat(state[name])
        for name in ("valid_from", "valid_to", "recorded_at", "expires_at")
    }
    return {**state, **moments, "id": state["row_id"]}


def _gist(row: Mapping[Any, Any]) -> Gist:
    cited = [one for one in row["sentences"] if row["seq_from"] <= one["seq"] <= row["seq_to"]]
    return Gist(
        body=row["body"],
        session=row["external_id"],
        agent=row["agent"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        sources=tuple((one["message"], one["start"], one["end"]) for one in cited),
    )


def _mine() -> Select[Any]:
    columns = (
        "id",
        "agent",
        "session_id",
        "text",
        "status",
        "trust",
        "withdrawn",
        "valid_from",
        "valid_to",
        "recorded_at",
        "expires_at",
        "revision",
    )
    return select(*(fact_table.c[name] for name in (*columns, "superseded_by"))).where(
        fact_table.c.tenant == bindparam("tenant"), fact_table.c.owner == bindparam("owner")
    )


# Made once, as in storage/passages.py: building a statement costs more than running it.
_FACTS = _mine().where(fact_table.c.id.in_(bindparam("ids", expanding=True)))
_ENDED = (
    _mine()
    .where(
        fact_table.c.superseded_by.in_(bindparam("ids", expanding=True)),
        fact_table.c.status == SUPERSEDED,
        fact_table.c.withdrawn.is_(False),
        fact_table.c.polarity.is_(True),
    )
    .order_by(fact_table.c.valid_to.desc(), fact_table.c.id.desc())
)
_FORMER = select(fact_history.c.fact_id, fact_history.c.state).where(
    fact_history.c.tenant == bindparam("tenant"),
    fact_history.c.owner == bindparam("owner"),
    fact_history.c.fact_id.in_(bindparam("ids", expanding=True)),
    fact_history.c.known_from <= bindparam("at", type_=fact_history.c.known_from.type),
    fact_history.c.known_to > bindparam("at", type_=fact_history.c.known_to.type),
)
_PROOFS = (
    select(
        fact_sources.c.fact_id,
        fact_sources.c.source_type,
        fact_sources.c.source_id,
        fact_sources.c.start,
        fact_sources.c.end,
    )
    .where(fact_sources.c.tenant == bindparam("tenant"), fact_sources.c.fact_id.in_(bindparam("ids", expanding=True)))
    .where(fact_sources.c.stance == "supports")
    .order_by(fact_sources.c.fact_id, fact_sources.c.source_type, fact_sources.c.source_id, fact_sources.c.start)
)
_GISTS = (
    select(
        memory_rows.c.key,
        memory_rows.c.body,
        memory_rows.c.seq_from,
        memory_rows.c.seq_to,
        summaries.c.sentences,
        summaries.c.created_at,
        sessions.c.external_id,
        sessions.c.agent,
        sessions.c.expires_at,
    )
    .join(summaries, (summaries.c.id == memory_rows.c.subject_id) & (summaries.c.tenant == memory_rows.c.tenant))
    .join(sessions, (sessions.c.id == summaries.c.session_id) & (sessions.c.tenant == summaries.c.tenant))
    .where(
        memory_rows.c.tenant == bindparam("tenant"),
        memory_rows.c.owner == bindparam("owner"),
        memory_rows.c.type == "summary",
        summaries.c.state == ACTIVE,
        memory_rows.c.key.in_(bindparam("keys", expanding=True)),
    )
)
