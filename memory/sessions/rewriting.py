"""One message made searchable anew, as both a redaction and a release from quarantine end: its windows and vectors beside the
transaction, its rows in it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.caller import Caller
from inference.port import Embedder, Purpose, TokenCounter
from memory import errors
from memory.sessions.service import row_of, text_digest
from memory.sessions.windows import Turn, Window, windows_of
from storage import idempotency, indexes, memory_rows, messages, vectors
from storage.database import Transaction
from storage.memory_records import MessageRecord, SessionRecord
from storage.memory_rows import Subject
from storage.records import IndexRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A turn's windows, and the vectors of their texts in the space of `model`."""

    windows: Sequence[Window]
    vectors: Mapping[bytes, NDArray[np.float32]]
    model: str

    async def store(self, tx: Transaction, at: datetime) -> IndexRecord:
        """The vectors kept; the memory's index, which must be of the same model."""
        index = await indexes.of_memory(tx)
        assert index is not None, "made with the first message"
        if index.model != self.model:
            raise errors.model_not_served(index.model, self.model)
        await vectors.put(tx, index.model, self.vectors, at)
        return index

    async def publish(self, tx: Transaction, index: IndexRecord, session: SessionRecord, record: MessageRecord) -> None:
        """The windows in the place of the rows that the message has."""
        await memory_rows.publish(
            tx,
            index,
            (Subject.MESSAGE, record.row_id),
            owner=session.owner,
            session_id=session.row_id,
            rows=[row_of(session, record, window) for window in self.windows],
            replaced=record.rows,
        )


async def rewritten(caller: Caller, turn: Turn, *, embedder: Embedder, counter: TokenCounter) -> Rewritten:
    """What is searchable of a turn, embedded within the caller's deadline."""
    windows = await asyncio.to_thread(windows_of, turn, counter)
    bodies = [window.body for window in windows]
    made = await caller.deadline.wait(embedder.embed(bodies, Purpose.PASSAGE), "embedding the message")
    return Rewritten(
        windows=windows, vectors=dict(zip(map(text_digest, bodies), made, strict=True)), model=embedder.spec.digest
    )


def tell(tx: Transaction, caller: Caller, record: MessageRecord, answers: list[tuple[MessageRecord, int]]) -> None:
    """Answers with the message and the offset of this transaction."""

    async def answer(offset: int | None) -> None:
        assert offset is not None, "its rows changed"
        answers.append((record, offset))
        await idempotency.remember(tx, caller, answers[0])

    tx.before_commit(answer)


async def message_in(tx: Transaction, session: SessionRecord, message: str) -> MessageRecord:
    """NotFound when the session has none of that id."""
    found = await messages.find(tx, session.row_id, message)
    if found is None:
        raise errors.no_such_message(message, session.id)
    return found
