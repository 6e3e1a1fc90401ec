"""Messages in the store: a long range of them is read in parts, none of them lost, doubled or out of order."""

from core.ids import Principal, SessionId
from storage import messages, sessions
from storage.memory_records import Role, TimeKind
from storage.messages import MESSAGES_PER_READ, NewMessage
from storage.sessions import NewSession
from tests.support.stores import AT, TENANT, Store, sqlite_store, store

__all__ = ["sqlite_store", "store"]


def said(seq: int) -> NewMessage:
    return NewMessage(
        seq=seq,
        client_id=None,
        role=Role.USER,
        speaker=None,
        content=f"message {seq}",
        digest=b"digest",
        occurred_at=None,
        occurred_kind=TimeKind.MISSING,
        source=None,
        trust=3,
        flags=(),
        tokens=2,
        metadata={},
        rows=1,
    )


async def test_a_range_longer_than_one_read_has_every_message_once_and_in_order(store: Store) -> None:
    there = [seq for seq in range(1, 2 * MESSAGES_PER_READ + 9) if seq % 7]  # numbers of deleted ones are missing
    new = NewSession(id=SessionId("chat"), agent=None, metadata={}, ttl_s=None)
    async with store.db.write(TENANT) as tx:
        session = await sessions.add(tx, Principal("user:ann"), new, AT)
        assert session is not None
        await messages.add(tx, session, [said(seq) for seq in there], AT)
    async with store.db.read(TENANT) as tx:
        for first, last in ((1, there[-1]), (3, MESSAGES_PER_READ + 2), (2, 2), (7, 7), (5, 10_000)):
            found = await messages.between(tx, session.row_id, first, last)
            assert [one.seq for one in found] == [seq for seq in there if first <= seq <= last]
