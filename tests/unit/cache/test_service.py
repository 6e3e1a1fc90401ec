"""The cache's service on a real store and the real model, with a clock that the test turns."""

import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from cache.acceptance import FEATURES
from cache.service import Cache, Rooms, Secrets, rooms
from cache.storing import check
from cache.types import Found, LookupRequest, Question, Scope, Stored, StoreLimits, StoreRequest
from cache.upkeep import Target, Upkeep, UserEntries
from core.caller import Caller, Grant
from core.clock import VirtualClock
from core.errors import Conflict, Invalid, TooLarge
from core.ids import Principal
from core.paging import PageRequest
from inference.port import Embedder
from storage import cache_entries, cache_ledger
from storage.cache_records import NamespaceRecord
from tests.support.library import ANN, BOB, TENANT, Library

ASKED = "How can I reset my account password?"
NEAR = "How could I reset my account password?"
ANSWER = "Open Settings, then Security, then Reset."


class Fixed(random.Random):
    """Chance that always comes out the same."""

    value = 0.99

    def random(self) -> float:
        return self.value


@dataclass(kw_only=True)
class Room:
    """The room over a store; `again` is another process over the same one."""

    library: Library
    clock: VirtualClock
    chance: Fixed
    parts: Rooms
    cache: Cache
    upkeep: Upkeep

    def again(self) -> "Room":
        return _room(self.library, self.clock)

    async def look(self, query: str = ASKED, *, scope: Scope = Scope.PRIVATE, caller: Caller | None = None) -> Found:
        question = Question(namespace="support", query=query, scope=scope)
        return await self.cache.lookup(caller or asks(self, ANN), LookupRequest(question=question, wait_ms=0))

    async def keep(
        self,
        query: str = ASKED,
        response: object = ANSWER,
        *,
        scope: Scope = Scope.PRIVATE,
        seen: Found | None = None,
        equal: bool | None = None,
        caller: Caller | None = None,
    ) -> Stored:
        request = StoreRequest(
            question=Question(namespace="support", query=query, scope=scope),
            response=response,
            lease=None if seen is None else seen.lease,
            lookup_id=None if seen is None else seen.lookup_id,
            equals_cached=equal,
        )
        return await self.cache.store(caller or asks(self, ANN), request)

    async def set_up(self, mode: str, *, threshold: float = 0.8, entries_max: int = 100) -> None:
        record = NamespaceRecord(
            name="support", mode=mode, threshold=threshold, wrong_rate_max=0.05, ttl_s=1_000, entries_max=entries_max
        )
        async with self.library.db.write(TENANT) as tx:
            await cache_ledger.set_up(tx, record, self.clock.now())

    async def teach(self, count: int) -> None:
        """So many right labels, and scores, of candidates as near as can be."""
        features = [1.0 if name in {"cosine", "agreement", "overlap"} else 0.0 for name in FEATURES]
        async with self.library.db.write(TENANT) as tx:
            for number in range(count):
                cosine = [0.9 + 0.1 * number / count, *features[1:]]
                await cache_ledger.add_label(
                    tx,
                    "support",
                    mark=str(number).encode(),
                    entry=0,
                    features=cosine,
                    wrong=False,
                    kind="judged",
                    at=self.clock.now(),
                )
            await cache_ledger.add_scores(tx, "support", self.parts.learning.weights_name, [(0.5, 0.9)] * count)


def asks(room: Room, who: Principal) -> Caller:
    return room.library.caller(who, grants=(Grant.READ, Grant.WRITE))


def _room(library: Library, clock: VirtualClock) -> Room:
    parts = rooms(db=library.db, embedder=library.embedder, search=library.retrieval(), clock=clock)
    secrets, chance = Secrets(library.db, clock), Fixed()
    cache = Cache(parts, secrets, progress=library.projector, chance=chance)
    return Room(library=library, clock=clock, chance=chance, parts=parts, cache=cache, upkeep=Upkeep(parts, secrets))


@pytest_asyncio.fixture
async def room(tmp_path: Path, embedder: Embedder) -> AsyncGenerator[Room]:
    async with Library(tmp_path, embedder) as library:
        await library.project()
        yield _room(library, VirtualClock())


async def test_an_expired_lease_stores_nothing_and_the_next_asker_leads(room: Room) -> None:
    late = await room.look()
    assert (await room.look()).status == "pending"
    room.clock.advance(31)
    leader = await room.look()
    assert leader.status == "miss"
    with pytest.raises(Conflict) as fault:
        await room.keep(seen=late)
    assert fault.value.code == "cache.lease_expired"
    assert (await room.upkeep.entries(asks(room, ANN), PageRequest(), namespace=None)).items == ()
    assert (await room.keep(seen=leader)).entry is not None


def test_what_an_answer_may_take_is_the_operators_to_say() -> None:
    request = StoreRequest(question=Question(namespace="support", query=ASKED), response=ANSWER, tags=("a", "b"))
    size = check(request, StoreLimits())
    check(request, StoreLimits(response_bytes_max=size, tags_max=2))
    with pytest.raises(TooLarge):
        check(request, StoreLimits(response_bytes_max=size - 1))
    with pytest.raises(Invalid):
        check(request, StoreLimits(tags_max=1))


async def test_a_time_to_live_is_absolute(room: Room) -> None:
    await room.set_up("shadow")
    await room.keep()
    for _ in range(4):
        room.clock.advance(200)
        assert (await room.look()).status == "hit"
    room.clock.advance(201)
    assert (await room.look()).status == "miss"
    await room.upkeep.sweep()
    assert (await room.upkeep.stats(asks(room, ANN), "support")).entries == 0


async def test_another_process_serves_the_same_entries_by_similarity(room: Room) -> None:
    await room.set_up("static")
    await room.keep()
    found = await room.again().look(NEAR)
    assert (found.status, found.tier, found.response) == ("hit", "semantic", ANSWER)


async def test_similarity_never_crosses_a_partition(room: Room) -> None:
    await room.set_up("static")
    await room.keep()
    bob = asks(room, BOB)
    assert (await room.look(NEAR, caller=bob)).similarity is None
    assert (await room.look(NEAR, scope=Scope.TENANT)).similarity is None


async def test_verified_serves_nothing_before_it_has_learned_and_then_within_its_bound(room: Room) -> None:
    await room.set_up("verified")
    await room.keep()
    untaught = await room.look(NEAR)
    assert (untaught.status, untaught.threshold, untaught.wrong_rate_upper) == ("miss", None, None)
    await room.teach(400)
    taught = await room.again().look(NEAR)
    assert (taught.status, taught.tier) == ("hit", "semantic")
    assert taught.wrong_rate_upper is not None
    assert taught.wrong_rate_upper <= 0.05


async def test_two_audits_that_find_an_answer_wrong_quarantine_its_entry(room: Room) -> None:
    await room.set_up("verified")
    entry = (await room.keep()).entry
    assert entry is not None
    await room.teach(400)
    other = room.again()
    other.chance.value = 0.0  # every would-be hit is audited
    withheld = {query: await other.look(query) for query in (NEAR, "How might I reset my account password?")}
    assert {(one.status, one.response, one.lease) for one in withheld.values()} == {("audit", None, None)}
    for query, seen in withheld.items():
        await other.keep(query, f"Something else on {query}", seen=seen, equal=False)
    async with room.library.db.read(TENANT) as tx:
        found = (await cache_entries.by_ids(tx, [entry]))[entry]
    assert (found.state, found.false_hits) == ("quarantined", 2)
    figures = await other.upkeep.stats(asks(room, ANN), "support")
    assert (figures.audits, figures.audited_wrong) == (2, 2)


async def test_an_answer_judged_equal_joins_the_group_and_one_lookup_is_judged_once(room: Room) -> None:
    await room.keep()
    missed = await room.look(NEAR)
    first = await room.keep(NEAR, ANSWER, seen=missed)
    async with room.library.db.read(TENANT) as tx:
        entries = await cache_entries.by_ids(tx, [1, first.entry or 0])
    assert {one.group for one in entries.values()} == {1}
    assert all(one.placed for one in entries.values())
    figures = await room.upkeep.stats(asks(room, ANN), "support")
    assert figures.labels == 1


async def test_what_was_counted_is_there_after_a_restart(room: Room) -> None:
    await room.keep()
    await room.look()
    await room.parts.ledger.flush()
    figures = await room.again().upkeep.stats(asks(room, ANN), "support")
    assert (figures.counters["hits.exact"], figures.counters["stored"]) == (1, 1)


async def test_erasing_a_user_takes_the_entries_along(room: Room) -> None:
    await room.set_up("static")
    await room.keep()
    await room.keep("Where is the canteen?", "Downstairs.", scope=Scope.TENANT)
    bob = asks(room, BOB)
    await room.keep("Where is the garage?", "Behind the house.", scope=Scope.TENANT, caller=bob)
    users = UserEntries(room.parts)
    assert await users.probe(TENANT, ANN, until=room.clock.now()) == 2
    assert await users.erase(TENANT, ANN) == 2
    assert await users.erase(TENANT, ANN) == 0
    assert await users.probe(TENANT, ANN, until=room.clock.now()) == 0
    assert (await room.look(NEAR)).similarity is None
    assert (await room.look("Where is the garage?", scope=Scope.TENANT)).status == "hit"


async def test_an_invalidated_namespace_is_empty(room: Room) -> None:
    await room.keep()
    told = await room.upkeep.invalidate(asks(room, ANN), Target(namespace="support"), dry_run=False)
    assert (told.matched, told.removed) == (1, 1)
    assert (await room.look()).status == "miss"
