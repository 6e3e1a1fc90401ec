"""Searches remember the list of indexes: whoever changes it, the next search goes by the list as it is. One test for each way
in which a remembered list can be wrong. Two `Retrieval`s are two processes: neither tells the other anything."""

from dataclasses import replace

import pytest

from core.errors import Invalid, NotFound
from core.ids import IndexName
from core.limits import CHUNK_ORDINAL_BITS
from core.profile import Fusion, IndexProfile
from retrieval.service import Retrieval
from retrieval.types import SearchRequest, SearchResult
from storage import indexes
from tests.support.library import TENANT, Library

pytestmark = pytest.mark.timeout(60)  # the first test of a run converts the model

LEAVE = "Unused leave carries over: up to five days into the next year."
OTHER = IndexName("other")
HANDBOOK = IndexName("handbook")


async def ask(library: Library, retrieval: Retrieval, **more: object) -> SearchResult:
    request = SearchRequest(query="how many days of leave carry over", **more)  # type: ignore[arg-type]  # keyword arguments of a request
    return await retrieval.search(library.caller(), request)


async def remembering(library: Library) -> Retrieval:
    """One that has searched before, and would go by what it read then."""
    await library.put("leave", LEAVE)
    await library.project()
    retrieval = library.retrieval()
    assert len((await ask(library, retrieval)).results) == 1
    return retrieval


async def test_an_index_that_was_just_made_is_searched_by_name_and_among_all(library: Library) -> None:
    retrieval = await remembering(library)
    await library.add_index("other")
    assert (await ask(library, retrieval, indexes=(OTHER,))).results == ()
    again = await remembering(library)
    await library.add_index("third")
    await library.put("new", LEAVE, index="third")
    await library.project()
    assert {passage.index for passage in (await ask(library, again)).results} == {"handbook", "third"}


async def test_an_index_that_was_just_deleted_is_not_found(library: Library) -> None:
    await library.add_index("other")
    retrieval = await remembering(library)
    async with library.db.write(TENANT) as tx:
        await indexes.mark_deleting(tx, (await indexes.get(tx, OTHER)).id, library.clock.now())
    with pytest.raises(NotFound):
        await ask(library, retrieval, indexes=(OTHER,))


async def test_a_changed_profile_counts_from_the_next_search_on(library: Library) -> None:
    retrieval = await remembering(library)
    async with library.db.write(TENANT) as tx:
        index = await indexes.get(tx, HANDBOOK)
        await indexes.change(
            tx,
            index,
            description="",
            default_acl=None,
            profile=replace(index.profile, fusion=Fusion(kind="rrf")),
            model=index.model,
            dimension=index.dimension,
            generation=index.generation,
            at=library.clock.now(),
        )
    score = (await ask(library, retrieval)).results[0].score
    assert score == pytest.approx(2 / 61)  # first in both arms, by reciprocal ranks


async def test_what_a_request_may_name_is_judged_by_the_list_as_it_is(library: Library) -> None:
    retrieval = await remembering(library)
    await library.add_index("other", IndexProfile(range_fields={"year": "number"}))
    await library.put("year", LEAVE, index="other", metadata={"year": 2026})
    await library.project()
    wanted = {"range": ["year", {"gte": 2024}]}
    assert [one.document_id for one in (await ask(library, retrieval, indexes=(OTHER,), filter=wanted)).results] == ["year"]
    with pytest.raises(Invalid):
        await ask(library, retrieval, filter=wanted)


async def test_a_key_of_an_index_that_was_not_asked_is_dropped(library: Library) -> None:
    await library.add_index("other")
    foreign = await library.put("foreign", LEAVE, index="other")
    await library.put("leave", LEAVE)
    await library.project()
    # The collection of `handbook` keeps a key that the records give to `other`, as after a restore of the wrong folder.
    await library.haunt({foreign << CHUNK_ORDINAL_BITS: LEAVE})
    found = await ask(library, library.retrieval(), indexes=(HANDBOOK,))
    assert [passage.document_id for passage in found.results] == ["leave"]
