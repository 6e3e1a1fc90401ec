"""Search end to end without a protocol: the real store, engine, projector and embedder."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.caller import Grant
from core.errors import Forbidden, Invalid, NotFound, TimedOut, Unavailable
from core.ids import IndexName
from core.limits import CHUNK_ORDINAL_BITS
from core.profile import Fusion, IndexProfile
from inference.port import ModelSpec, Purpose
from retrieval.types import Mode, SearchRequest, SearchResult
from tests.support.library import ANN, BOB, Library

pytestmark = pytest.mark.timeout(60)  # the first test of a run converts the model

LEAVE = "Unused leave carries over: up to five days into the next year."
PARKING = "Parking spaces in the garage are given out by lot every spring."
TRAVEL = "Travel by train is booked through the office, second class."


def ids(result: SearchResult) -> list[str]:
    return [passage.document_id for passage in result.results]


def ask(query: str = "how many days of leave carry over", **more: object) -> SearchRequest:
    return SearchRequest(query=query, **more)  # type: ignore[arg-type]  # keyword arguments of a request


class Down:
    """An embedder whose backend is down."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        raise Unavailable("inference.unavailable", f"no answer for {len(texts)} {purpose}")

    async def close(self) -> None: ...


class Stuck(Down):
    """An embedder that never answers."""

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        await asyncio.Event().wait()
        raise AssertionError(texts, purpose)


async def three(library: Library) -> None:
    await library.put("leave", LEAVE, title="Leave", metadata={"team": "hr", "year": 2026})
    await library.put("parking", PARKING, metadata={"team": "facilities", "year": 2025})
    await library.put("travel", TRAVEL, metadata={"team": "hr", "year": 2024})
    await library.project()


@pytest.mark.parametrize("mode", list(Mode))
async def test_the_right_passage_comes_first_in_every_mode(library: Library, mode: Mode) -> None:
    await three(library)
    first = (await library.search(ask(mode=mode))).results[0]
    assert (first.document_id, first.text, first.title, first.rank) == ("leave", LEAVE, "Leave", 1)
    assert first.span == (0, len(LEAVE))
    assert (first.signals.dense is None) == (mode is Mode.KEYWORD)
    assert (first.signals.keyword is None) == (mode is Mode.DENSE)


async def test_hybrid_tells_how_each_arm_saw_a_passage(library: Library) -> None:
    await three(library)
    result = await library.search(ask())
    signals = result.results[0].signals
    assert signals.dense is not None
    assert 0.3 < signals.dense <= 1
    assert signals.keyword is not None
    assert signals.keyword > 0
    assert (signals.dense_rank, signals.keyword_rank) == (1, 1)
    assert result.results[0].score == signals.fused == pytest.approx(1.0)
    assert {"plan", "embed", "keyword", "dense", "fuse", "hydrate", "total"} <= result.timings_ms.keys()
    assert result.degraded == ()


async def test_a_filter_admits_only_what_it_says(library: Library) -> None:
    await three(library)
    assert ids(await library.search(ask(filter={"eq": ["team", "facilities"]}))) == ["parking"]
    assert set(ids(await library.search(ask(filter={"eq": ["team", "hr"]})))) == {"leave", "travel"}


async def test_a_range_filter_works_on_a_declared_field(library: Library) -> None:
    await library.add_index("years", IndexProfile(range_fields={"year": "number"}))
    for year in (2023, 2024, 2025):
        await library.put(f"leave-{year}", LEAVE, index="years", metadata={"year": year})
    await library.project()
    wanted = ask(indexes=(IndexName("years"),), filter={"range": ["year", {"gte": 2024}]})
    assert set(ids(await library.search(wanted))) == {"leave-2024", "leave-2025"}


async def test_a_range_on_an_undeclared_field_is_refused(library: Library) -> None:
    with pytest.raises(Invalid) as refused:
        await library.search(ask(filter={"range": ["year", {"gte": 2024}]}))
    assert refused.value.code == "filter.not_a_range_field"


async def test_metadata_that_changed_in_the_records_counts_before_the_index_knows(library: Library) -> None:
    await three(library)
    await library.describe("leave", {"team": "legal"})
    assert "leave" not in ids(await library.search(ask(filter={"eq": ["team", "hr"]})))
    await library.project()
    assert ids(await library.search(ask(filter={"eq": ["team", "legal"]}))) == ["leave"]


async def test_each_sees_what_their_access_lists_allow(library: Library) -> None:
    await library.put("anns", LEAVE, acl=[ANN])
    await library.put("bobs", LEAVE + " For Bob.", acl=[BOB])
    await library.put("nobodys", LEAVE + " Secret.", acl=[])
    await library.put("everybodys", LEAVE + " Public.")
    await library.project()
    assert set(ids(await library.search(ask(), ANN))) == {"anns", "everybodys"}
    assert set(ids(await library.search(ask(), BOB))) == {"bobs", "everybodys"}
    assert set(ids(await library.search(ask(), ANN, BOB))) == {"anns", "bobs", "everybodys"}


async def test_an_admin_reads_past_access_lists(library: Library) -> None:
    await library.put("nobodys", LEAVE, acl=[])
    await library.project()
    assert ids(await library.retrieval().search(library.caller(ANN, grants=[Grant.ADMIN]), ask())) == ["nobodys"]
    assert ids(await library.search(ask(), ANN)) == []


async def test_a_right_that_was_taken_away_counts_before_the_index_knows(library: Library) -> None:
    await three(library)
    await library.restrict("leave", [BOB])
    assert "leave" not in ids(await library.search(ask(), ANN))
    assert "leave" in ids(await library.search(ask(), BOB))
    assert "leave" not in ids(await library.search(ask(mode=Mode.KEYWORD), ANN))


async def test_a_deleted_document_is_gone_before_the_index_knows(library: Library) -> None:
    await three(library)
    await library.delete("leave")
    assert "leave" not in ids(await library.search(ask()))


async def test_a_replaced_version_is_never_returned_and_the_new_one_as_soon_as_it_is_indexed(library: Library) -> None:
    await three(library)
    await library.put("leave", "Leave never carries over any more.")
    assert "leave" not in ids(await library.search(ask()))  # the old version is in the index, the new one not yet
    await library.project()
    passage = next(one for one in (await library.search(ask())).results if one.document_id == "leave")
    assert (passage.text, passage.version) == ("Leave never carries over any more.", 2)


async def test_ghosts_in_the_engine_are_dropped_and_the_next_page_fills_up(library: Library) -> None:
    await three(library)
    # More than one page of candidates, each better than anything that is there.
    await library.haunt({(1 << 40 | ghost) << CHUNK_ORDINAL_BITS: f"{LEAVE} {ghost}" for ghost in range(60)})
    result = await library.search(ask(k=3))
    assert set(ids(result)) == {"leave", "parking", "travel"}
    assert [passage.rank for passage in result.results] == [1, 2, 3]


async def test_grouping_gives_each_document_once_by_its_best_chunk(library: Library) -> None:
    await library.put("leave", PARKING, LEAVE, "Leave is asked for in the portal.")
    await library.put("travel", TRAVEL)
    await library.project()
    plain = await library.search(ask())
    grouped = await library.search(ask(group_by_document=True))
    assert len(plain.results) == 4
    assert ids(grouped) == ["leave", "travel"]
    assert grouped.results[0].text == LEAVE


async def test_neighbours_are_the_chunks_beside_in_reading_order(library: Library) -> None:
    texts = ["Chapter on cars.", PARKING, LEAVE, TRAVEL, "The end."]
    await library.put("handbook", *texts)
    await library.put("other", "Something else.")
    await library.project()
    passage = (await library.search(ask(neighbors=2))).results[0]
    assert passage.text == LEAVE
    assert [one.text for one in passage.before] == texts[:2]
    assert [one.text for one in passage.after] == texts[3:]
    whole = "\n".join(texts)
    assert [whole[one.span[0] : one.span[1]] for one in (*passage.before, *passage.after)] == texts[:2] + texts[3:]
    assert (await library.search(ask())).results[0].before == ()


async def test_a_minimum_cuts_by_its_signal(library: Library) -> None:
    await three(library)
    everything = (await library.search(ask())).results
    best, worst = everything[0].signals.dense, everything[-1].signals.dense
    assert best is not None
    assert worst is not None
    cut = (await library.search(ask(minimum={"dense": (best + worst) / 2}))).results
    assert 1 <= len(cut) < len(everything)
    assert all(one.signals.dense is not None and one.signals.dense >= (best + worst) / 2 for one in cut)
    assert [one.score for one in cut] == [one.score for one in everything[: len(cut)]]


async def test_zero_is_a_threshold_for_a_signal_that_a_passage_must_have(library: Library) -> None:
    await three(library)
    with_words = (await library.search(ask(minimum={"keyword": 0.0}))).results
    assert [one.document_id for one in with_words] == ["leave"]
    assert (await library.search(ask(mode=Mode.DENSE, minimum={"keyword": 0.0}))).results == ()


async def test_several_indexes_are_searched_as_one(library: Library) -> None:
    await library.add_index("policies")
    await library.put("parking", PARKING)
    await library.put("leave", LEAVE, index="policies")
    await library.put("travel", TRAVEL, index="policies")
    await library.project()
    result = await library.search(ask())
    assert (result.results[0].index, result.results[0].document_id) == ("policies", "leave")
    assert {one.index for one in result.results} == {"policies", "handbook"}
    assert set(ids(await library.search(ask(indexes=(IndexName("policies"),))))) == {"leave", "travel"}


async def test_an_index_that_is_not_there_is_not_found(library: Library) -> None:
    with pytest.raises(NotFound) as refused:
        await library.search(ask(indexes=(IndexName("nowhere"),)))
    assert refused.value.code == "indexing.no_such_index"


async def test_indexes_of_different_fusions_need_one_in_the_request(library: Library) -> None:
    await library.add_index("ranked", IndexProfile(fusion=Fusion(kind="rrf")))
    await library.put("leave", LEAVE, index="ranked")
    await library.project()
    with pytest.raises(Invalid) as refused:
        await library.search(ask())
    assert refused.value.code == "retrieval.fusion_mismatch"
    found = await library.search(ask(fusion=Fusion(kind="rrf")))
    assert found.results[0].score == pytest.approx(2 / 61)


async def test_a_tenant_without_documents_gets_an_empty_answer(library: Library) -> None:
    assert (await library.search(ask())).results == ()


async def test_hybrid_without_the_model_answers_by_keyword_and_says_so(library: Library) -> None:
    await three(library)
    result = await library.retrieval(Down(library.embedder.spec)).search(library.caller(), ask())
    assert result.degraded == ("dense",)
    assert ids(result) == ["leave"]
    assert result.results[0].signals.dense is None


async def test_hybrid_with_a_late_model_answers_by_keyword_before_the_deadline(library: Library) -> None:
    await three(library)
    result = await library.retrieval(Stuck(library.embedder.spec)).search(library.caller(seconds=2), ask())
    assert result.degraded == ("dense",)
    assert ids(result) == ["leave"]


async def test_dense_alone_without_the_model_is_the_models_fault(library: Library) -> None:
    await three(library)
    with pytest.raises(Unavailable):
        await library.retrieval(Down(library.embedder.spec)).search(library.caller(), ask(mode=Mode.DENSE))
    with pytest.raises(TimedOut):
        await library.retrieval(Stuck(library.embedder.spec)).search(library.caller(seconds=0.2), ask(mode=Mode.DENSE))


async def test_keyword_alone_needs_no_model(library: Library) -> None:
    await three(library)
    result = await library.retrieval(Down(library.embedder.spec)).search(library.caller(), ask(mode=Mode.KEYWORD))
    assert (ids(result), result.degraded) == (["leave"], ())


async def test_an_index_of_another_model_is_searched_by_keyword_and_says_so(library: Library) -> None:
    await library.add_index("old", model="another-model")
    await library.put("leave", LEAVE, index="old")
    await library.project()
    old = (IndexName("old"),)
    result = await library.search(ask(indexes=old))
    assert (ids(result), result.degraded) == (["leave"], ("dense",))
    with pytest.raises(Unavailable) as refused:
        await library.search(ask(indexes=old, mode=Mode.DENSE))
    assert refused.value.code == "retrieval.model_not_served"
    with pytest.raises(Invalid) as mixed:
        await library.search(ask())
    assert mixed.value.code == "retrieval.model_mismatch"


async def test_min_offset_waits_until_that_write_can_be_found(library: Library) -> None:
    await three(library)
    projecting = asyncio.create_task(library.projector.run())
    await library.put("sabbatical", "A sabbatical carries no leave over.")
    assert "sabbatical" in ids(await library.search(ask(min_offset=4)))
    projecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await projecting


async def test_min_offset_beyond_every_write_times_out(library: Library) -> None:
    await library.put("leave", LEAVE)
    with pytest.raises(TimedOut):
        await library.retrieval().search(library.caller(seconds=0.2), ask(min_offset=99))


async def test_a_search_past_its_deadline_times_out(library: Library) -> None:
    await three(library)
    with pytest.raises(TimedOut):
        await library.retrieval().search(library.caller(seconds=0), ask())


async def test_a_search_needs_the_grant_to_read(library: Library) -> None:
    with pytest.raises(Forbidden):
        await library.retrieval().search(library.caller(grants=[]), ask())
