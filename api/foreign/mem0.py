"""mem0: what `get_all` answers, `{"results": [{"id", "memory", …}]}` (pages of the platform look the same), or that list.
Each memory becomes a fact, or a note of its words. What a history has of earlier words is not read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from api.foreign.shapes import (
    TRUST,
    Document,
    Foreign,
    Form,
    Found,
    Reading,
    chosen,
    digest,
    flat,
    mapping,
    moment,
    pieces,
    sequence,
    wrong,
)
from api.wire.bundle import FactLine, SourceLine
from core.errors import Invalid

FORMAT = "mem0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Foreign):
    """One memory, as mem0.configs.base.MemoryItem and the keys that are promoted beside it."""

    memory: str
    id: str | int | None = None
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    actor_id: str | None = None
    role: str | None = None
    metadata: Mapping[str, object] | None = None
    categories: list[str] | None = None
    created_at: object = None
    updated_at: object = None
    expiration_date: object = None


MEMORY = Form(FORMAT, Memory)


def read(document: Document, reading: Reading) -> Iterator[Found]:
    rows = list(_rows(document))
    users = {str(its["user_id"]) for _, one in rows if (its := mapping(one)) is not None and its.get("user_id") is not None}
    user = chosen(FORMAT, reading, users)
    for at, one in rows:
        try:
            memory = MEMORY.read(one, at)
            if memory.user_id in {None, user}:
                yield from (Found(at=at, kind="facts", line=line) for line in _facts(memory))
        except (Invalid, ValueError) as flaw:
            yield Found(at=at, kind="facts", flaw=str(flaw))


def _rows(document: Document) -> Iterator[tuple[str, object]]:
    whole = mapping(document.value)
    if whole is not None and "results" in whole:
        results = sequence(whole["results"])
        if results is None:
            raise wrong(FORMAT, "/results", "expected a list of memories")
        yield from ((f"/results/{place}", one) for place, one in enumerate(results))
        return
    rows = sequence(document.value)
    if rows is None:
        raise wrong(FORMAT, "", 'expected {"results": [{"id", "memory", …}]} or a list of memories')
    yield from ((document.at(place), one) for place, one in enumerate(rows))


def _facts(memory: Memory) -> Iterator[FactLine]:
    """Of a long memory one for each part."""
    at = moment(memory.updated_at) or moment(memory.created_at)
    name = f"mem0:{digest(memory.memory)[:24] if memory.id is None else memory.id}"
    ends = moment(memory.expiration_date)
    metadata = flat(memory.metadata, categories=memory.categories, run_id=memory.run_id, actor_id=memory.actor_id)
    for number, text in enumerate(pieces(memory.memory) or [memory.memory]):
        id_ = f"{name}#{number}" if number else name
        yield FactLine(
            id=id_,
            text=text,
            sources=(SourceLine(type="caller", id=id_, trust=TRUST, at=at),),
            agent_id=None if memory.agent_id is None else memory.agent_id[:128] or None,
            # The day itself still counts.
            expires_at=None if ends is None else ends + timedelta(days=1),
            metadata=metadata,
        )
