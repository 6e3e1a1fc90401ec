"""Trees that grow in the background and lose what is taken out, on a real store with the real embedder."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import update

from core.caller import Caller, Grant
from core.errors import Unavailable
from core.ids import SessionId, row_name
from core.limits import Limits
from engines.port import Collection
from inference.onnx.embedder import OnnxEmbedder
from inference.port import ModelSpec, Purpose
from memory.compression import tree
from memory.compression.compressor import Compressor
from memory.compression.growing import node_of, utterance
from memory.compression.selection import select
from memory.compression.service import Compression
from memory.compression.types import Mode, Triggers
from memory.sessions.removal import Removal
from memory.sessions.service import Memory
from memory.types import Said, SessionRequest, Wait
from storage import indexes, memory_rows, messages, sessions, summaries
from storage.memory_records import Role
from storage.memory_rows import Subject
from storage.memory_tables import summaries as summary_table
from storage.summaries import State, SummaryRecord
from tests.support.library import TENANT, Library
from tests.support.talk import language, long_talk

CHAT = SessionId("chat")
TRIGGERS = Triggers(session_tokens=4_000, soft=0.5, hard=0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The memory room over a library, with one session; the background works only when told to."""

    library: Library
    memory: Memory
    removal: Removal
    compression: Compression
    compressor: Compressor

    @property
    def caller(self) -> Caller:
        return self.library.caller(grants=(Grant.READ, Grant.WRITE))

    async def say(self, first: int, last: int) -> None:
        """Messages `first` to `last` of a long talk of sittings of twelve, some 700 tokens each."""
        said = [
            Said(role=Role.USER, id=f"m{one.seq}", speaker=one.speaker, content=one.text, occurred_at=None)
            for one in long_talk(40)[first - 1 : last]
        ]
        for start in range(0, len(said), 200):
            await self.memory.append(self.caller, CHAT, said[start : start + 200], wait=Wait.STORED)

    async def row(self) -> int:
        return (await self.memory.get(self.caller, CHAT)).row_id

    async def nodes(self) -> tuple[SummaryRecord, ...]:
        row = await self.row()
        async with self.library.db.read(TENANT) as tx:
            return await summaries.of_session(tx, row)

    async def states(self) -> set[State]:
        return {one.state for one in await self.nodes()}

    async def found(self) -> Sequence[memory_rows.MemoryRow]:
        """What recall could find of summaries."""
        async with self.library.db.read(TENANT) as tx:
            return [one for one in await memory_rows.page(tx, 0, limit=10_000) if one.subject is Subject.SUMMARY]


@pytest.fixture
async def room(library: Library, embedder: OnnxEmbedder) -> Room:
    db, counter, progress, clock = library.db, embedder.tokenizer.load(), library.projector, library.clock
    compression = Compression(db=db, embedder=embedder, words=language(), progress=progress, clock=clock)
    compressor = Compressor(db=db, compression=compression, triggers=TRIGGERS)
    memory = Memory(
        db=db, embedder=embedder, counter=counter, progress=progress, limits=Limits(), clock=clock, learners=(compressor,)
    )
    removal = Removal(db=db, embedder=embedder, counter=counter, progress=progress, clock=clock, dependents=(compressor,))
    await memory.create(library.caller(grants=(Grant.WRITE,)), SessionRequest(id=CHAT))
    return Room(library=library, memory=memory, removal=removal, compression=compression, compressor=compressor)


class Meddler:
    """The embedder, before whose first answer something happens."""

    def __init__(self, library: Library, step: Callable[[], Awaitable[None]]) -> None:
        self._embedder = library.embedder
        self._step: Callable[[], Awaitable[None]] | None = step

    @property
    def spec(self) -> ModelSpec:
        return self._embedder.spec

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        step, self._step = self._step, None
        if step is not None:
            await step()
        return await self._embedder.embed(texts, purpose)

    async def close(self) -> None:
        pass


async def _fail() -> None:
    raise Unavailable("inference.unavailable", "the model is down")


async def test_a_session_below_the_soft_trigger_is_left_alone(room: Room) -> None:
    await room.say(1, 20)
    await room.compressor.work()
    await room.compressor.look()
    await room.compressor.work()
    assert await room.nodes() == ()


async def test_from_the_soft_trigger_on_a_tree_is_kept_ready_and_from_the_hard_one_it_serves(room: Room) -> None:
    await room.say(1, 55)
    await room.compressor.work()
    assert await room.states() == {State.BUILDING}
    assert await room.found() == []
    ready = {one.row_id for one in await room.nodes()}
    await room.say(56, 110)
    await room.compressor.work()
    assert await room.states() == {State.ACTIVE}
    assert await room.found() != []
    assert ready & {one.row_id for one in await room.nodes()}, "what was ready is built again"


async def test_only_what_is_new_is_built(room: Room) -> None:
    await room.say(1, 160)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    before = {one.row_id: one for one in await room.nodes()}
    await room.say(161, 172)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    after = {one.row_id: one for one in await room.nodes()}
    head = max(one.seq_to for one in after.values())
    assert {row for row in before if row not in after} == {one.row_id for one in before.values() if one.seq_to == 160}
    assert {one.seq_to for row, one in after.items() if row not in before} >= {head}
    assert all(before[row] == after[row] for row in before if row in after)


async def test_a_tree_that_grew_is_the_tree_built_at_once(room: Room) -> None:
    for first in range(1, 150, 50):
        await room.say(first, first + 49)
        await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    row = await room.row()
    async with room.library.db.read(TENANT) as tx:
        said = [utterance(one) for one in await messages.between(tx, row, 1, 150)]
    expected = [
        (node.level, node.seq_from, node.seq_to, node.cover) for level in tree.levels(said, language()) for node in level
    ]
    assert [(one.level, one.seq_from, one.seq_to, one.cover) for one in await room.nodes()] == expected


async def test_deleting_a_message_empties_exactly_the_nodes_that_cover_it_and_they_are_built_again(room: Room) -> None:
    await room.say(1, 160)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    before = {one.row_id: one for one in await room.nodes()}
    covering = {row for row, one in before.items() if one.seq_from <= 30 <= one.seq_to}
    await room.removal.delete_message(room.caller, CHAT, "m30")
    stale = {one.row_id for one in await room.nodes() if one.state is State.STALE}
    assert stale == covering
    assert all(one.sentences == () for one in await room.nodes() if one.row_id in stale)
    assert stale.isdisjoint({one.subject_id for one in await room.found()})
    await room.compressor.work()
    after = {one.row_id: one for one in await room.nodes()}
    assert {one.state for one in after.values()} == {State.ACTIVE}
    assert before.keys() - after.keys() == covering
    assert len(after) == len(before)
    assert not any(sentence.seq == 30 for one in after.values() for sentence in one.sentences)


async def test_a_leaf_that_loses_all_its_messages_leaves_its_neighbours_their_parents(room: Room) -> None:
    await room.say(1, 160)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    before = {one.row_id: one for one in await room.nodes()}
    leaf = next(one for one in before.values() if one.level == 0 and one.seq_from > 1)
    covering = {row for row, one in before.items() if one.seq_from <= leaf.seq_to and one.seq_to >= leaf.seq_from}
    for seq in range(leaf.seq_from, leaf.seq_to + 1):
        await room.removal.delete_message(room.caller, CHAT, f"m{seq}")
    await room.compressor.work()
    after = {one.row_id for one in await room.nodes()}
    assert before.keys() - after == covering


async def test_a_message_deleted_while_a_tree_is_built_is_in_no_node(room: Room) -> None:
    await room.say(1, 100)

    async def meddle() -> None:
        await room.removal.delete_message(room.caller, CHAT, "m50")

    meddling = Compression(
        db=room.library.db,
        embedder=Meddler(room.library, meddle),
        words=language(),
        progress=room.library.projector,
        clock=room.library.clock,
    )
    await meddling.settle(TENANT, await room.row(), State.ACTIVE)
    assert await room.states() == {State.ACTIVE}
    assert not any(sentence.seq == 50 for one in await room.nodes() for sentence in one.sentences)


async def test_a_failure_changes_nothing(room: Room) -> None:
    await room.say(1, 100)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    await room.say(101, 200)
    before = await room.nodes()
    broken = Compression(
        db=room.library.db,
        embedder=Meddler(room.library, _fail),
        words=language(),
        progress=room.library.projector,
        clock=room.library.clock,
    )
    failing = Compressor(db=room.library.db, compression=broken, triggers=TRIGGERS)
    await failing.look()
    await failing.work()
    assert await room.nodes() == before
    await room.compressor.look()
    await room.compressor.work()
    assert await room.nodes() != before


async def test_a_deleted_session_leaves_no_node_and_no_row(room: Room) -> None:
    await room.say(1, 100)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    row = await room.row()
    await room.removal.delete_session(room.caller, CHAT)
    async with room.library.db.read(TENANT) as tx:
        assert await summaries.of_session(tx, row) == ()
        assert await sessions.by_rows(tx, (row,)) == {}
        index = await indexes.of_memory(tx)
    assert await room.found() == []
    assert index is not None
    await room.library.project()
    assert (await room.library.engine.stats(Collection.of_index(index))).rows == 0


@pytest.mark.timeout(60)  # embeds 150 messages
async def test_what_stands_is_chosen_from_the_highest_level_that_has_enough(room: Room) -> None:
    await room.say(1, 150)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    nodes = await room.nodes()
    levels = [[node_of(one) for one in nodes if one.level == level] for level in range(nodes[-1].level + 1)]
    assert len(levels) > 1
    for tokens_max in (1, 20, 60, 200, 400, 2_000, 50_000):
        enough = (level for level in reversed(levels) if sum(node.tokens for node in level) >= 6 * tokens_max)
        level = next(enough, levels[0])
        expected = select([one for node in level for one in node.sentences], tokens_max)
        found = await room.compression.standing(room.caller, CHAT, tokens_max)
        assert [one.text for one in expected] == ([] if found is None else [one.text for one in found.sentences])
        assert found is None or found.id == row_name("sum", nodes[-1].row_id)


@pytest.mark.timeout(60)  # embeds 150 messages
async def test_of_a_long_session_only_the_level_that_is_chosen_from_is_read(room: Room) -> None:
    await room.say(1, 150)
    await room.compression.compress(room.caller, CHAT, 200, Mode.AUTO)
    first = (await standing_texts(room, 60))[0]
    top = (await room.nodes())[-1]
    less = [asdict(one) for one in top.sentences if one.text != first]
    assert 0 < len(less) < len(top.sentences)
    async with room.library.db.write(TENANT) as tx:
        await tx.execute(update(summary_table).where(summary_table.c.id == top.row_id).values(sentences=less))
    assert first not in await standing_texts(room, 60)
    assert first in await standing_texts(room, 2_000)


async def standing_texts(room: Room, tokens_max: int) -> Sequence[str]:
    found = await room.compression.standing(room.caller, CHAT, tokens_max)
    assert found is not None
    return [one.text for one in found.sentences]
