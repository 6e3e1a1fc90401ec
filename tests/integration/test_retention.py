"""Retention on real stores, with a clock turned by hand: what is over goes, what is pinned stays, and nothing is judged."""

import pytest

from core.errors import NotFound
from core.ids import SessionId
from core.paging import PageRequest
from inference.onnx.embedder import OnnxEmbedder
from memory.facts.types import FactPatch, MessageSource
from storage import retention
from tests.support.remembering import ANN, BOB, CHAT, DAY_S, TENANT, Room
from tests.support.stores import Store

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def room(store: Store, embedder: OnnxEmbedder) -> Room:
    return Room(store.db, embedder)


async def test_messages_go_by_age_with_their_rows_and_what_rests_on_them_alone(room: Room) -> None:
    await room.say("I live in Oslo.")
    room.clock.advance(10 * DAY_S)
    await room.say("The canteen closes at three.")
    await room.keep(messages_age_s=5 * DAY_S)
    assert await room.retention.look() == 1
    assert await room.said() == ["The canteen closes at three."]
    assert await room.stored() == []
    assert not any("Oslo" in body for body in await room.rows())
    assert await room.retention.look() == 0
    assert (await room.memory.get(room.caller(), CHAT)).messages == 1


async def test_what_a_pinned_fact_rests_on_stays_with_it(room: Room) -> None:
    await room.say("I live in Oslo.", "The canteen closes at three.")
    home = next(one for one in await room.stored() if one.value == "Oslo")
    await room.facts.pin(room.caller(), home.id)
    room.clock.advance(10 * DAY_S)
    await room.keep(messages_age_s=DAY_S, sessions_idle_s=DAY_S, users_idle_s=DAY_S, facts_age_s=DAY_S, facts_max=0)
    await room.retention.look()
    assert await room.said() == ["I live in Oslo."]
    assert await room.values() == [("Oslo", "active")]


async def test_an_idle_session_goes_and_a_busy_one_stays_whole(room: Room) -> None:
    busy = SessionId("busy")
    await room.say("Crate 1 is behind the pillar.")
    await room.say("Crate 2 is behind the door.", session=busy)
    room.clock.advance(3 * DAY_S)
    await room.say("Crate 3 is on the shelf.", session=busy)
    await room.keep(sessions_idle_s=2 * DAY_S)
    assert await room.retention.look() == 2
    with pytest.raises(NotFound):
        await room.said()
    assert len(await room.said(session=busy)) == 2


async def test_a_session_goes_when_its_own_time_is_over_without_any_rule(room: Room) -> None:
    await room.say("The alarm code is 9920.", ttl_s=DAY_S)
    assert await room.retention.look() == 0
    room.clock.advance(2 * DAY_S)
    assert await room.retention.look() == 2
    assert await room.rows() == []


async def test_an_idle_user_goes_whole_and_another_is_untouched(room: Room) -> None:
    await room.say("I live in Oslo.")
    await room.write("blue", attribute="colour")
    room.clock.advance(9 * DAY_S)
    await room.write("Rome", owner=BOB)
    await room.keep(users_idle_s=5 * DAY_S)
    await room.retention.look()
    assert (await room.stored(), await room.values(BOB)) == ([], [("Rome", "active")])
    assert await room.rows() == ["Ann's home is Rome."]


async def test_a_fact_that_goes_does_not_bring_back_what_it_had_ended(room: Room) -> None:
    oslo = (await room.write("Oslo", pinned=True)).written.fact
    assert oslo is not None
    room.clock.advance(DAY_S)
    await room.write("Rome")
    await room.keep(facts_max=0)
    await room.retention.look()
    assert await room.values() == [("Oslo", "superseded")]
    room.clock.advance(DAY_S)
    await room.write("blue", attribute="colour")
    await room.facts.patch(room.caller(), oslo.id, FactPatch(importance=0.9))
    assert await room.values() == [("Oslo", "superseded"), ("blue", "active")]


async def test_each_kind_of_fact_goes_by_its_own_age_and_expires_where_the_rule_says_so(room: Room) -> None:
    await room.write("tea", attribute="likes", kind="preference")
    await room.write("Oslo")
    room.clock.advance(9 * DAY_S)
    await room.keep(facts_age_s=5 * DAY_S, facts_by_kind={"preference": None}, facts_expire=True)
    assert await room.retention.look() == 1
    assert await room.values() == [("tea", "active"), ("Oslo", "expired")]
    assert await room.retention.look() == 0


async def test_a_fact_that_was_said_again_lately_is_not_old(room: Room) -> None:
    await room.write("Oslo")
    room.clock.advance(9 * DAY_S)
    await room.write("Oslo")
    await room.keep(facts_age_s=5 * DAY_S)
    assert await room.retention.look() == 0


async def test_a_users_rules_are_in_the_place_of_the_tenants(room: Room) -> None:
    for owner in (ANN, BOB):
        await room.say("Crate 1 is behind the pillar.", owner=owner)
    room.clock.advance(9 * DAY_S)
    await room.keep(messages_age_s=DAY_S)
    await room.keep(BOB)
    preview = await room.policies.preview(room.caller(), None, None)
    assert (preview.messages, len(preview.message_rows)) == (1, 1)
    await room.retention.look()
    assert (await room.said(), len(await room.said(BOB))) == ([], 1)
    await room.policies.drop(room.caller(), "bob", revision=1)
    await room.retention.look()
    assert await room.said(BOB) == []


async def test_a_run_tells_when_it_was_and_how_many_went(room: Room) -> None:
    await room.say(*(f"Crate {place} is behind the pillar." for place in range(7)))
    room.clock.advance(9 * DAY_S)
    await room.keep(messages_age_s=DAY_S)
    for gone in (7, 0):
        await room.retention.look()
        async with room.db.read(TENANT) as tx:
            run = await retention.last_run(tx)
        assert run is not None
        assert (run.finished_at, run.removed.get("messages", 0), run.total) == (room.clock.now(), gone, {"messages": 7})


async def test_what_rests_on_a_message_that_went_rests_on_its_other_sources(room: Room) -> None:
    await room.say("Crate 1 is behind the pillar.")
    first = await message_of(room)
    room.clock.advance(9 * DAY_S)
    await room.say("Crate 1 is still there.")
    await room.write("Oslo", sources=[MessageSource(session=CHAT, message=first)])
    await room.write("Oslo")
    before = (await room.stored())[0]
    await room.keep(messages_age_s=DAY_S)
    await room.retention.look()
    (after,) = await room.stored()
    assert (after.value, after.valid_from, after.status) == (before.value, before.valid_from, "active")


async def message_of(room: Room) -> str:
    return (await room.memory.messages(room.caller(), CHAT, PageRequest())).items[0].id
