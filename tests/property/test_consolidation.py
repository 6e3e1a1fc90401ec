"""Consolidation after any history: what is believed of whom stays as it is, and a second look finds nothing to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.ids import Principal
from inference.onnx.embedder import OnnxEmbedder
from memory.facts.statements import fold
from storage import entities, facts
from storage.fact_records import FactRecord, SourceRecord
from storage.facts import NewFact
from tests.support.notebook import day
from tests.support.remembering import TENANT, Room
from tests.support.stores import Store

pytestmark = pytest.mark.timeout(300)

NAMES = ("Ann", "Annie", "Nan")
HOMES, TASTES = ("Oslo", "Rome"), ("tea", "tea with milk", "rain")
_OWNERS = count()


@dataclass(frozen=True)
class Told:
    """A fact written under a name; `doubled` times it was taken in once more from elsewhere, past the gate."""

    name: str
    attribute: str
    value: str
    since: int
    polarity: bool
    doubled: int


@st.composite
def histories(draw: st.DrawFn) -> list[Told]:
    def one() -> Told:
        many = draw(st.booleans())
        return Told(
            name=draw(st.sampled_from(NAMES)),
            attribute="likes" if many else "home",
            value=draw(st.sampled_from(TASTES if many else HOMES)),
            since=draw(st.integers(min_value=0, max_value=9)),
            polarity=draw(st.integers(min_value=0, max_value=3)) > 0,
            doubled=draw(st.sampled_from((0, 0, 0, 1, 2))),
        )

    return [one() for _ in range(draw(st.integers(min_value=1, max_value=6)))]


@given(histories(), st.sets(st.sampled_from(NAMES[1:])))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_what_is_believed_stays_and_twice_is_as_once(
    sqlite_store: Store, embedder: OnnxEmbedder, history: list[Told], other_names: set[str]
) -> None:
    room = Room(sqlite_store.db, embedder)
    owner = Principal(f"user:someone-{next(_OWNERS)}")
    for told in history:
        await tell(room, owner, told)
    before = believed(await room.stored(owner), frozenset())
    await room.consolidation.look()
    assert believed(await room.stored(owner), frozenset()) == before, "nobody has another name yet"
    for name in sorted(other_names):
        await call(room, owner, name)
    before = believed(await room.stored(owner), other_names)
    await Room(sqlite_store.db, embedder).consolidation.look()
    once = await room.stored(owner)
    assert believed(once, other_names) == before
    assert await Room(sqlite_store.db, embedder).consolidation.look() == 0
    assert await room.stored(owner) == once
    exact = [one for one in active(once) if sum(same(one, other) for other in active(once)) > 1]
    assert exact == [], "what is exactly equal became one"


async def tell(room: Room, owner: Principal, told: Told) -> None:
    written = await room.write(
        told.value,
        owner=owner,
        entity=told.name,
        attribute=told.attribute,
        valid_from=day(told.since),
        polarity=told.polarity,
    )
    fact = written.written.fact
    for place in range(told.doubled if fact is not None else 0):
        assert fact is not None
        await double(room, fact, place)


async def double(room: Room, fact: FactRecord, place: int) -> None:
    own: dict[str, Any] = {name: getattr(fact, name) for name in NewFact.__dataclass_fields__}
    own |= {"importance": 0.1 * place, "pinned": place == 1}
    source = SourceRecord(type="caller", id=f"wr_{fact.row_id}_{place}", start=0, end=0, trust=fact.trust, at=fact.valid_from)
    async with room.db.write(TENANT) as tx:
        made = await facts.add(tx, NewFact(**own), room.clock.now())
        await facts.add_sources(tx, made.row_id, [source])


async def call(room: Room, owner: Principal, name: str) -> None:
    async with room.db.write(TENANT) as tx:
        await entities.call(tx, owner, name="Ann", folded="ann", alias=fold(name), kind="name", at=room.clock.now())


def active(stored: Sequence[FactRecord]) -> list[FactRecord]:
    return [one for one in stored if one.status == "active" and not one.withdrawn]


def believed(stored: Sequence[FactRecord], other_names: frozenset[str] | set[str]) -> set[tuple[str, str, str, bool]]:
    def name(one: FactRecord) -> str:
        return "Ann" if one.entity in other_names else one.entity

    return {(name(one), fold(one.attribute), fold(one.value), one.polarity) for one in active(stored)}


def same(one: FactRecord, other: FactRecord) -> bool:
    return (one.triple, one.polarity, one.valid_from, one.valid_to) == (
        other.triple,
        other.polarity,
        other.valid_from,
        other.valid_to,
    )
