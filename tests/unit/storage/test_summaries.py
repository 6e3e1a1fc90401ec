"""Nodes of summary trees in the store: kept, flipped, emptied with their sources, found when they are due."""

from core.ids import Principal, SessionId
from storage import sessions, summaries
from storage.database import Transaction
from storage.memory_records import SessionRecord
from storage.sessions import NewSession
from storage.summaries import NewSummary, Outline, State, StoredSentence
from tests.support.stores import AT, TENANT, Store, sqlite_store, store

__all__ = ["sqlite_store", "store"]

ANN = Principal("user:ann")


def node(seq_from: int, seq_to: int, level: int = 0) -> NewSummary:
    sentence = StoredSentence(
        message=100 + seq_from,
        seq=seq_from,
        start=0,
        end=5,
        speaker="Ann",
        text="Hello",
        tokens=1,
        marks=("name",),
        terms=("hello",),
    )
    return NewSummary(level=level, seq_from=seq_from, seq_to=seq_to, sentences=(sentence,), cover=b"cover")


async def chat(tx: Transaction, *, head: int = 30, tokens: int = 900) -> SessionRecord:
    made = await sessions.add(tx, ANN, NewSession(id=SessionId("chat"), agent=None, metadata={}, ttl_s=None), AT)
    assert made is not None
    await sessions.advance(tx, made, messages=head, tokens=tokens, occurred_at=None, at=AT)
    return made


async def test_nodes_are_read_leaves_first_as_they_were_written(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        session = await chat(tx)
        new = [node(1, 20, level=1), node(11, 20), node(1, 10)]
        rows = await summaries.add(tx, session, new, state=State.BUILDING, at=AT)
    async with store.db.read(TENANT) as tx:
        found = await summaries.of_session(tx, session.row_id)
        assert await summaries.outline(tx, session.row_id) == Outline(building=3, active=0, stale=0, covered_to=20)
    assert [one.row_id for one in found] == [rows[2], rows[1], rows[0]]
    assert [one.sentences for one in found] == [new[2].sentences, new[1].sentences, new[0].sentences]


async def test_an_emptied_node_keeps_its_range_and_no_word(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        session = await chat(tx)
        rows = await summaries.add(tx, session, [node(1, 10), node(11, 20), node(1, 20, level=1)], state=State.ACTIVE, at=AT)
        covering = await summaries.covering(tx, session.row_id, [12, 15])
        await summaries.empty(tx, covering)
        assert await summaries.covering(tx, session.row_id, [12]) == ()
    assert covering == (rows[1], rows[2])
    async with store.db.read(TENANT) as tx:
        found = {one.row_id: one for one in await summaries.of_session(tx, session.row_id)}
        assert await summaries.outline(tx, session.row_id) == Outline(building=0, active=1, stale=2, covered_to=20)
    assert (found[rows[1]].sentences, found[rows[1]].seq_from, found[rows[1]].state) == ((), 11, State.STALE)
    assert found[rows[0]].sentences == node(1, 10).sentences


async def test_a_session_is_due_with_more_than_its_leaves_cover_or_a_stale_one(store: Store) -> None:
    async def due(tokens_min: int = 500) -> bool:
        async with store.db.system_read("test") as tx:
            return (TENANT, session.row_id) in await summaries.due(tx, tokens_min=tokens_min, limit=10)

    async with store.db.write(TENANT) as tx:
        session = await chat(tx, head=30, tokens=900)
    assert (await due(), await due(tokens_min=901)) == (True, False)
    async with store.db.write(TENANT) as tx:
        rows = await summaries.add(tx, session, [node(1, 20), node(21, 30)], state=State.ACTIVE, at=AT)
    assert not await due()
    async with store.db.write(TENANT) as tx:
        await summaries.empty(tx, rows[:1])
    assert (await due(), await due(tokens_min=901)) == (True, True)
    async with store.db.write(TENANT) as tx:
        await summaries.remove(tx, rows)
        assert await summaries.of_session(tx, session.row_id) == ()
