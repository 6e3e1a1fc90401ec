"""The contract of engines/port.py, bullet by bullet, executed against every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import Invalid
from core.filters import Eq, Exists, In, Not, Prefix, Range
from engines.port import Held, SearchEngine
from tests.support.engines import (
    DIMENSION,
    FLAT,
    SMALL,
    BruteforceMachine,
    EmbeddedMachine,
    ask,
    collection,
    everyone,
    fill,
    keys,
    row,
    scores,
    seen_by,
    toward,
    vector,
    watermark,
)

HERE = collection()


@pytest.fixture(params=["bruteforce", "embedded", "embedded-lists"])
async def machine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BruteforceMachine | EmbeddedMachine]:
    made = {
        "bruteforce": BruteforceMachine(),
        "embedded": EmbeddedMachine(tmp_path, FLAT),
        "embedded-lists": EmbeddedMachine(tmp_path, SMALL),
    }[request.param]
    yield made
    await made.stop()


@pytest.fixture
async def engine(machine: BruteforceMachine | EmbeddedMachine) -> SearchEngine:
    return await machine.start()


async def test_what_an_arm_holds_is_told_by_key(engine: SearchEngine) -> None:
    assert await engine.held(HERE, [1]) == Held(dense=frozenset(), keyword=frozenset())
    await fill(engine, HERE, [row(key, "wing", acl=("user:ann",)) for key in range(1, 150)])
    await engine.apply(HERE, upserts=(), deletes=[7, 9], watermark=watermark(2))
    expected = frozenset({6, 8})
    assert await engine.held(HERE, [6, 7, 8, 9, 500]) == Held(dense=expected, keyword=expected)


# --- what is admitted


async def test_a_filter_restricts_before_the_top_is_taken(engine: SearchEngine) -> None:
    better = [row(key, "wing wing wing", {"team": "ops"}, at=toward(0, 0.9)) for key in range(1, 200)]
    wanted = [row(key, "wing and some other words", {"team": "hr"}, at=toward(0, -0.5)) for key in range(200, 210)]
    await fill(engine, HERE, [*better, *wanted])
    arms = await ask(engine, HERE, text="wing", at=toward(0), condition=Eq("team", "hr"), limit=5)
    assert keys(arms.dense) == keys(arms.keyword) == [200, 201, 202, 203, 204]


async def test_a_wide_filter_gives_the_best_of_the_admitted(engine: SearchEngine) -> None:
    rows = [row(key, "wing " * (1 + key % 7) + f"n{key}", {"even": key % 2 == 0}) for key in range(1, 150)]
    await fill(engine, HERE, rows)
    everything = await ask(engine, HERE, text="wing", at=toward(0), limit=200)
    arms = await ask(engine, HERE, text="wing", at=toward(0), condition=Eq("even", True), limit=20)
    assert keys(arms.dense) == [key for key in keys(everything.dense) if key % 2 == 0][:20]
    assert keys(arms.keyword) == [key for key in keys(everything.keyword) if key % 2 == 0][:20]


async def test_a_wide_filter_against_which_the_best_rows_stand_still_fills_the_list(engine: SearchEngine) -> None:
    better = [row(key, "wing wing wing", {"team": "ops"}) for key in range(1, 300)]
    worse = [row(key, "wing in a longer text of several words", {"team": "hr"}) for key in range(300, 600)]
    await fill(engine, HERE, [*better, *worse])
    arms = await ask(engine, HERE, text="wing", condition=Eq("team", "hr"), limit=10)
    assert keys(arms.keyword) == list(range(300, 310))


async def test_callers_see_rows_for_all_and_rows_for_their_principals(engine: SearchEngine) -> None:
    await fill(
        engine,
        HERE,
        [
            row(1, "leave", acl=None),
            row(2, "leave", acl=["group:hr"]),
            row(3, "leave", acl=["user:ann", "group:ops"]),
            row(4, "leave", acl=[]),
        ],
    )
    for visibility, seen in [
        (seen_by("user:bob"), [1]),
        (seen_by("user:bob", "group:hr"), [1, 2]),
        (seen_by("user:ann"), [1, 3]),
        (seen_by(), [1]),
        (everyone(), [1, 2, 3, 4]),
    ]:
        arms = await ask(engine, HERE, text="leave", at=toward(0), visibility=visibility)
        assert sorted(keys(arms.dense)) == sorted(keys(arms.keyword)) == seen, visibility.principals


async def test_an_acl_and_a_filter_hold_together(engine: SearchEngine) -> None:
    rows = [row(key, "leave", {"team": f"t{key % 3}"}, acl=["user:ann"] if key % 2 else ["user:bob"]) for key in range(1, 61)]
    await fill(engine, HERE, rows)
    arms = await ask(engine, HERE, text="leave", at=toward(0), visibility=seen_by("user:ann"), condition=Eq("team", "t1"))
    expected = [key for key in range(1, 61) if key % 2 and key % 3 == 1]
    assert sorted(keys(arms.dense)) == sorted(keys(arms.keyword)) == expected


async def test_every_operator_means_the_same_in_both_arms(engine: SearchEngine) -> None:
    await fill(
        engine,
        HERE,
        [
            row(1, "x1", {"team": "hr", "year": 2024, "published": "2024-05-01"}),
            row(2, "x1", {"team": ("hr", "ops"), "year": (2020, 2026)}),
            row(3, "x1", {"team": "hr*", "year": "2024"}),
            row(4, "x1", {}),
        ],
    )
    for condition, seen in [
        (Eq("team", "hr"), [1, 2]),
        (In("team", ("ops", "hr*")), [2, 3]),
        (In("team", ()), []),
        (Not(Eq("team", "hr")), [3, 4]),
        (Exists("year"), [1, 2, 3]),
        (Prefix("team", "hr"), [1, 2, 3]),
        (Prefix("team", "hr*"), [3]),
        (Prefix("team", "h."), []),
        (Range("year", gte=2024), [1, 2]),
        (Range("year", gt=2020, lt=2026), [1]),
        (Range("year"), [1, 2]),
        (Range("published", gte=1714521600, lte=1714521600), [1]),
    ]:
        arms = await ask(engine, HERE, text="x1", at=toward(0), condition=condition)
        assert sorted(keys(arms.dense)) == sorted(keys(arms.keyword)) == seen, condition


# --- scores


async def test_keyword_scores_are_bm25_over_the_whole_collection_whatever_the_filter(engine: SearchEngine) -> None:
    rows = [row(key, f"wing {'flow ' * (key % 4)} n{key}", {"half": key % 2}) for key in range(1, 61)]
    await fill(engine, HERE, rows)
    plain = {hit.key: hit.score for hit in (await ask(engine, HERE, text="wing flow")).keyword or ()}
    for condition in (Eq("half", 1), In("half", (0,)), Range("year")):
        for hit in (await ask(engine, HERE, text="wing flow", condition=condition)).keyword or ():
            assert hit.score == pytest.approx(plain[hit.key], rel=1e-5)


async def test_a_score_is_the_one_of_the_formula(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, "wing flow"), row(2, "flow flow rig rig"), row(3, "lift drag rig rig rig rig")])
    arms = await ask(engine, HERE, text="flow")
    # N 3, df 2, average length 4: idf = ln(1 + 1.5 / 2.5); tf 2 at length 4, tf 1 at length 2.
    idf = float(np.log(1.6))
    assert keys(arms.keyword) == [2, 1]
    assert scores(arms.keyword) == pytest.approx(
        [idf * 2 * 2.2 / (2 + 1.2), idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 0.5))], rel=1e-4
    )


async def test_deleted_rows_leave_the_statistics(engine: SearchEngine) -> None:
    other = collection(index_id=2)
    stay = [row(key, "wing flow" if key % 3 else "wing drag") for key in range(1, 31)]
    go = [row(key, "drag rig") for key in range(31, 61)]
    await fill(engine, HERE, [*stay, *go])
    await engine.apply(HERE, upserts=(), deletes=[gone.key for gone in go], watermark=watermark(2))
    await fill(engine, other, stay)
    after, fresh = await ask(engine, HERE, text="drag flow"), await ask(engine, other, text="drag flow")
    assert keys(after.keyword) == keys(fresh.keyword)
    assert scores(after.keyword) == pytest.approx(scores(fresh.keyword), rel=1e-4)


async def test_a_repeated_query_term_counts_as_often_as_it_is_there(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, "wing flow"), row(2, "drag rig"), row(3, "lift rig")])
    once = scores((await ask(engine, HERE, text="wing")).keyword)
    thrice = scores((await ask(engine, HERE, text="wing wings wing")).keyword)
    assert thrice == pytest.approx([3 * once[0]], rel=1e-5)


async def test_only_rows_that_share_a_term_are_keyword_hits(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, "wing"), row(2, "flow"), row(3, "")])
    assert keys((await ask(engine, HERE, text="wings")).keyword) == [1]
    assert keys((await ask(engine, HERE, text="the of")).keyword) == []
    assert keys((await ask(engine, HERE, text="")).keyword) == []


async def test_dense_scores_are_cosines_of_every_admitted_row(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, at=toward(0)), row(2, at=toward(0, 0.25)), row(3, at=-toward(0))])
    arms = await ask(engine, HERE, at=toward(0))
    assert keys(arms.dense) == [1, 2, 3]
    assert scores(arms.dense) == pytest.approx([1.0, 0.25, -1.0], abs=1e-3)
    assert all(-1 <= score <= 1 for score in scores(arms.dense))


async def test_ties_go_to_the_smaller_key_also_at_the_cut(engine: SearchEngine) -> None:
    rows = [row(key, "the same words", at=toward(3)) for key in range(1, 301)]
    await fill(engine, HERE, rows[150:])
    await fill(engine, HERE, rows[:150], offset=2)
    arms = await ask(engine, HERE, text="words", at=toward(3), limit=7)
    assert keys(arms.dense) == keys(arms.keyword) == [1, 2, 3, 4, 5, 6, 7]


async def test_an_arm_that_is_not_asked_for_is_none(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, "wing")])
    assert (await ask(engine, HERE, text="wing")).dense is None
    assert (await ask(engine, HERE, at=toward(0))).keyword is None


# --- changes


async def test_a_row_is_replaced_by_its_key(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(7, "old words", {"team": "hr"}, acl=["user:ann"], at=toward(0))])
    await fill(engine, HERE, [row(7, "new text", {"team": "ops"}, acl=["user:bob"], at=toward(5))], offset=2)
    arms = await ask(engine, HERE, text="old words", at=toward(5))
    assert (keys(arms.keyword), keys(arms.dense)) == ([], [7])
    assert scores(arms.dense) == pytest.approx([1], abs=1e-3)
    assert keys((await ask(engine, HERE, at=toward(5), condition=Eq("team", "hr"))).dense) == []
    assert keys((await ask(engine, HERE, text="new", visibility=seen_by("user:ann"))).keyword) == []
    assert (await engine.stats(HERE)).rows == 1


async def test_the_tokens_and_numbers_of_replaced_and_deleted_rows_are_forgotten(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, "wing", {"year": 2020}), row(2, "wing", {"year": (2020, 2021)}), row(3, "wing")])
    replacing = [row(1, "wing", {"year": 2030}), row(4, "wing")]
    await engine.apply(HERE, upserts=replacing, deletes=[2], watermark=watermark(2))
    for condition, seen in [(Range("year", lt=2030), []), (Range("year"), [1]), (Exists("year"), [1]), (Eq("year", 2021), [])]:
        arms = await ask(engine, HERE, text="wing", at=toward(0), condition=condition)
        assert keys(arms.dense) == keys(arms.keyword) == seen, condition


@pytest.mark.parametrize("key", [1, 2**31 + 5, 2**32 + 1, 2**53 + 1, 2**63 - 1])
async def test_a_deleted_key_is_gone_from_both_arms(engine: SearchEngine, key: int) -> None:
    await fill(engine, HERE, [row(key, "wing"), row(99, "wing")])
    await engine.apply(HERE, upserts=(), deletes=[key, 12345], watermark=watermark(2))
    arms = await ask(engine, HERE, text="wing", at=vector(key))
    assert keys(arms.dense) == keys(arms.keyword) == [99]
    assert (await engine.stats(HERE)).rows == 1


async def test_deletes_come_before_upserts_and_the_last_of_one_key_counts(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, "one"), row(2, "two")])
    changes = [row(1, "first"), row(1, "second")]
    for offset in (2, 3):  # idempotent
        await engine.apply(HERE, upserts=changes, deletes=[1, 2], watermark=watermark(offset))
        arms = await ask(engine, HERE, text="one two first second", at=toward(0))
        assert keys(arms.dense) == keys(arms.keyword) == [1]
        assert keys((await ask(engine, HERE, text="first")).keyword) == []


@pytest.mark.parametrize(
    "flawed",
    [
        toward(0) * 1.5,
        np.zeros(DIMENSION, dtype=np.float32),
        toward(0, dimension=DIMENSION + 1),
        np.full(DIMENSION, np.nan, dtype=np.float32),
        np.full(DIMENSION, np.inf, dtype=np.float32),
    ],
    ids=["norm", "zero", "dimension", "nan", "infinite"],
)
async def test_a_wrong_vector_is_refused_before_anything_changes(engine: SearchEngine, flawed: np.ndarray) -> None:
    await fill(engine, HERE, [row(1, "wing")])
    with pytest.raises(Invalid):
        await engine.apply(HERE, upserts=[row(2, "wing"), row(3, at=flawed)], deletes=[1], watermark=watermark(2))
    with pytest.raises(Invalid):
        await ask(engine, HERE, at=flawed)
    assert keys((await ask(engine, HERE, text="wing")).keyword) == [1]


async def test_a_language_without_an_analysis_is_refused(engine: SearchEngine) -> None:
    with pytest.raises(Invalid, match="klingon"):
        await fill(engine, collection(language="klingon"), [row(1, "Qapla'")])


# --- collections


async def test_a_collection_that_nothing_was_applied_to_gives_empty_arms(engine: SearchEngine) -> None:
    arms = await ask(engine, HERE, text="wing", at=toward(0))
    assert (arms.dense, arms.keyword) == ((), ())
    assert (await engine.stats(HERE)).rows == 0
    assert await engine.durable(HERE) is None


async def test_collections_with_the_same_keys_do_not_meet(engine: SearchEngine) -> None:
    places = [collection("a"), collection("b"), collection("a", index_id=2), collection("a", generation=2)]
    for place in places:
        await fill(engine, place, [row(1, f"shared {place.path.replace('/', ' ')}q")])
    for place in places:
        arms = await ask(engine, place, text="shared", at=vector(1))
        assert keys(arms.dense) == keys(arms.keyword) == [1]
    await engine.drop(places[0])
    assert keys((await ask(engine, places[0], text="shared")).keyword) == []
    assert [keys((await ask(engine, place, text="shared")).keyword) for place in places[1:]] == [[1]] * 3


async def test_a_visibility_of_another_tenant_is_refused(engine: SearchEngine) -> None:
    await fill(engine, HERE, [row(1, "wing")])
    with pytest.raises(Invalid):
        await ask(engine, HERE, text="wing", visibility=everyone("other"))


async def test_what_was_dropped_is_gone_and_its_place_can_be_filled_again(engine: SearchEngine) -> None:
    await engine.drop(HERE)
    await fill(engine, HERE, [row(1, "wing"), row(2, "wing")])
    await engine.flush(HERE)
    await engine.drop(HERE)
    assert await engine.durable(HERE) is None
    assert keys((await ask(engine, HERE, text="wing")).keyword) == []
    await fill(engine, HERE, [row(2, "wing")], offset=9)
    assert keys((await ask(engine, HERE, text="wing", at=vector(2))).dense) == [2]


# --- durability


async def test_what_was_flushed_survives_a_crash_with_its_watermark(machine: BruteforceMachine | EmbeddedMachine) -> None:
    engine = await machine.start()
    rows = [row(key, f"wing n{key}", {"year": key}, acl=["user:ann"]) for key in range(1, 41)]
    await fill(engine, HERE, rows)
    await engine.apply(HERE, upserts=(), deletes=[3], watermark=watermark(5))
    assert await engine.durable(HERE) is None
    await engine.flush(HERE)
    assert await engine.durable(HERE) == watermark(5)
    again = await machine.crash()
    assert await again.durable(HERE) == watermark(5)
    condition = Range("year", lte=10)
    before = await ask(engine, HERE, text="wing", at=toward(0), condition=condition, visibility=seen_by("user:ann"))
    after = await ask(again, HERE, text="wing", at=toward(0), condition=condition, visibility=seen_by("user:ann"))
    assert keys(after.dense) == keys(before.dense)
    assert keys(after.keyword) == keys(before.keyword) == [1, 2, 4, 5, 6, 7, 8, 9, 10]


async def test_changes_after_the_flush_come_right_when_they_are_applied_again(
    machine: BruteforceMachine | EmbeddedMachine,
) -> None:
    engine = await machine.start()
    await fill(engine, HERE, [row(1, "wing"), row(2, "wing"), row(3, "wing")])
    await engine.flush(HERE)
    later = [row(2, "flow"), row(4, "flow")]
    await engine.apply(HERE, upserts=later, deletes=[1], watermark=watermark(2))
    await engine.apply(HERE, upserts=(), deletes=[4], watermark=watermark(3))
    again = await machine.crash()
    assert await again.durable(HERE) == watermark(1)
    await again.apply(HERE, upserts=later, deletes=[1], watermark=watermark(2))
    await again.apply(HERE, upserts=(), deletes=[4], watermark=watermark(3))
    arms = await ask(again, HERE, text="wing flow", at=toward(0))
    assert sorted(keys(arms.dense)) == sorted(keys(arms.keyword)) == [2, 3]
    assert keys((await ask(again, HERE, text="flow")).keyword) == [2]


async def test_a_row_that_came_after_the_flush_is_not_there_twice_when_it_comes_again(
    machine: BruteforceMachine | EmbeddedMachine,
) -> None:
    engine = await machine.start()
    await fill(engine, HERE, [row(1, "wing")])
    await engine.flush(HERE)
    await fill(engine, HERE, [row(4, "wing")], offset=2)
    again = await machine.crash()
    await fill(again, HERE, [row(4, "wing")], offset=2)
    assert keys((await ask(again, HERE, text="wing")).keyword) == [1, 4]


async def test_closing_flushes(machine: BruteforceMachine | EmbeddedMachine) -> None:
    engine = await machine.start()
    await fill(engine, HERE, [row(1, "wing")], offset=4)
    await engine.close()
    again = await machine.start()
    assert await again.durable(HERE) == watermark(4)
    assert keys((await ask(again, HERE, text="wing", at=vector(1))).dense) == [1]


async def test_a_batch_without_rows_moves_the_watermark(machine: BruteforceMachine | EmbeddedMachine) -> None:
    engine = await machine.start()
    await fill(engine, HERE, [row(1, "wing")])
    await engine.flush(HERE)
    await engine.apply(HERE, upserts=(), deletes=(), watermark=watermark(8))
    await engine.flush(HERE)
    again = await machine.crash()
    assert await again.durable(HERE) == watermark(8)
    assert keys((await ask(again, HERE, text="wing")).keyword) == [1]
