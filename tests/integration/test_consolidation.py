"""Facts behind the requests: what consolidation does, and what it leaves alone."""

from datetime import UTC, datetime, timedelta

import pytest

from core.caller import Caller
from core.clock import VirtualClock
from core.ids import DocumentId, IndexName
from core.limits import Limits
from core.paging import PageRequest
from inference.onnx.embedder import OnnxEmbedder
from memory.facts.conflicts import Outcome
from memory.facts.consolidation import Consolidation
from memory.facts.service import Facts
from memory.facts.types import DocumentSource, FactRequest
from storage.facts import FactQuery
from tests.support.indexing import ANN, HANDBOOK, Stack
from tests.support.remembering import Room
from tests.support.stores import Store

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]


class Remembered:
    """Facts of one user over the stack's store, with a clock of their own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.clock = VirtualClock(datetime.now(UTC))
        self.facts = Facts(db=stack.db, embedder=stack.embedder, progress=stack.projector, limits=Limits(), clock=self.clock)
        self.consolidation = Consolidation(db=stack.db, clock=self.clock)

    @property
    def ann(self) -> Caller:
        return self.stack.caller(ANN)

    async def write(self, value: str, **more: object) -> Outcome:
        request = FactRequest(entity="Ann", attribute="home", value=value, **more)  # type: ignore[arg-type]  # fields by name
        return (await self.facts.write(self.ann, request, eyes=self.ann)).written.outcome

    async def stored(self) -> list[tuple[str, str]]:
        page = await self.facts.page(self.ann, PageRequest(), FactQuery())
        return [(one.record.value, one.record.status) for one in page.items]


@pytest.fixture
def remembered(stack: Stack) -> Remembered:
    return Remembered(stack)


async def test_a_fact_whose_time_is_over_expires_and_what_it_had_ended_stays_ended(remembered: Remembered) -> None:
    at = remembered.clock.now()
    await remembered.write("Oslo", valid_from=at - timedelta(days=9))
    await remembered.write("Rome", valid_from=at - timedelta(days=1), expires_at=at + timedelta(hours=1))
    assert await remembered.consolidation.look() == 0
    remembered.clock.advance(7200)
    assert await remembered.consolidation.look() == 1
    assert await remembered.stored() == [("Oslo", "superseded"), ("Rome", "expired")]
    assert await remembered.consolidation.look() == 0
    assert await remembered.write("Bergen", valid_from=at - timedelta(days=5)) is Outcome.ADDED
    assert dict(await remembered.stored())["Oslo"] == "superseded"


async def test_a_fact_whose_time_is_over_is_listed_as_expired_before_anything_has_written_that_down(
    remembered: Remembered,
) -> None:
    async def listed(status: str) -> list[str]:
        page = await remembered.facts.page(remembered.ann, PageRequest(), FactQuery(status=status))
        return [one.record.value for one in page.items]

    at = remembered.clock.now()
    await remembered.write("Rome", expires_at=at + timedelta(hours=1))
    assert (await listed("active"), await listed("expired")) == (["Rome"], [])
    remembered.clock.advance(7200)
    assert (await listed("active"), await listed("expired")) == ([], ["Rome"])
    assert await remembered.consolidation.look() == 1
    assert (await listed("active"), await listed("expired")) == ([], ["Rome"])


async def test_an_expired_fact_that_is_said_again_holds_again(remembered: Remembered) -> None:
    at = remembered.clock.now()
    await remembered.write("Rome", expires_at=at + timedelta(hours=1))
    remembered.clock.advance(7200)
    await remembered.consolidation.look()
    assert await remembered.write("Rome") is Outcome.NOOP
    assert await remembered.stored() == [("Rome", "active")]
    assert await remembered.consolidation.look() == 0


async def test_a_fact_goes_with_the_document_that_alone_supports_it(remembered: Remembered) -> None:
    await remembered.stack.put("ann.md", "Ann lives in Oslo.")
    source = DocumentSource(index=IndexName(HANDBOOK), document=DocumentId("ann.md"))
    await remembered.write("Oslo", sources=[source])
    assert await remembered.consolidation.look() == 0
    await remembered.stack.delete("ann.md")
    assert await remembered.consolidation.look() == 1
    assert await remembered.stored() == []


async def test_a_passage_that_is_cited_in_two_versions_is_one_proof_when_both_are_the_same_place(
    remembered: Remembered,
) -> None:
    for text in ("Ann lives in Oslo.", "Ann lives in Oslo. She likes it."):
        await remembered.stack.put("ann.md", text)
        source = DocumentSource(index=IndexName(HANDBOOK), document=DocumentId("ann.md"), span=(0, 18))
        await remembered.write("Oslo", sources=[source], valid_from=remembered.clock.now())
    (before,) = (await remembered.facts.page(remembered.ann, PageRequest(), FactQuery())).items
    assert (before.record.proofs, len(before.sources)) == (2, 2)
    await remembered.consolidation.look()
    (after,) = (await remembered.facts.page(remembered.ann, PageRequest(), FactQuery())).items
    assert (after.record.proofs, [one.record.id for one in after.sources]) == (1, [f"{HANDBOOK}/ann.md@2"])
    await remembered.stack.put("ann.md", "Ann lives in Rome.")
    assert await remembered.consolidation.look() == 1
    assert await remembered.stored() == []


@pytest.fixture
def room(store: Store, embedder: OnnxEmbedder) -> Room:
    return Room(store.db, embedder)


async def test_facts_under_a_name_that_is_explained_later_get_the_one_name_and_keep_their_words(room: Room) -> None:
    await room.write("Oslo", entity="Annie")
    await room.write("blue", entity="Ann", attribute="colour")
    await room.say("Please call me Annie.")
    assert await room.consolidation.look() == 1
    home, _ = await room.stored()
    assert (home.entity, home.value, home.text) == ("Ann", "Oslo", "Annie's home is Oslo.")
    assert (await room.write("Rome")).written.outcome is Outcome.SUPERSEDED
    assert await room.consolidation.look() == 0


async def test_what_was_told_under_two_names_becomes_one_with_all_proofs_and_the_pin(room: Room) -> None:
    first = (await room.write("Oslo", entity="Annie", importance=0.2)).written.fact
    second = (await room.write("Oslo", entity="Ann", importance=0.9, pinned=True)).written.fact
    await room.say("Please call me Annie.")
    await room.consolidation.look()
    assert first is not None
    assert second is not None
    kept, gone = await room.stored()
    assert (kept.row_id, kept.proofs, kept.importance, kept.pinned, kept.status) == (first.row_id, 2, 0.9, True, "active")
    assert (gone.row_id, gone.superseded_by, gone.withdrawn, gone.pinned) == (second.row_id, first.row_id, True, False)
    assert sum("home" in body for body in await room.rows()) == 1
    assert (await room.write("Oslo")).written.outcome is Outcome.NOOP
    await room.facts.delete(room.caller(), kept.id)
    assert await room.stored() == [], "what went into it goes with it"


async def test_one_name_for_two_values_would_be_a_judgement_and_is_left_alone(room: Room) -> None:
    await room.write("Oslo", entity="Annie")
    await room.write("Rome", entity="Ann")
    await room.say("Please call me Annie.")
    assert await room.consolidation.look() == 0
    assert [(one.entity, one.value, one.status) for one in await room.stored()] == [
        ("Annie", "Oslo", "active"),
        ("Ann", "Rome", "active"),
    ]
