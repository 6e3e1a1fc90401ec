"""What of a fact is searchable: one row, its text, with how it stands as fields. Facts that nobody may be shown have none."""

import hashlib

from core.metadata import Value
from memory.facts.statements import Status
from storage import memory_rows, sessions
from storage.database import Transaction
from storage.fact_records import FactRecord
from storage.memory_rows import NewRow, Subject
from storage.records import IndexRecord

SEARCHABLE = frozenset({Status.ACTIVE, Status.SUPERSEDED, Status.CHALLENGED, Status.QUARANTINED})


def text_digest(text: str) -> bytes:
    """What a fact's vector is stored under: SHA-256 of its exact text."""
    return hashlib.sha256(text.encode()).digest()


async def show(tx: Transaction, index: IndexRecord, fact: FactRecord, *, fresh: bool = False) -> None:
    """Makes the fact searchable as it stands now, or takes it out. Its vector is stored already."""
    subject = (Subject.FACT, fact.row_id)
    if fact.status not in SEARCHABLE or fact.withdrawn:
        await memory_rows.retract(tx, index, subject, rows=1)
        return
    scope = fact.scope
    spoken = {} if scope.session_id is None else await sessions.by_rows(tx, (scope.session_id,))
    row = _row(fact, None if scope.session_id is None else spoken[scope.session_id].id)
    await memory_rows.publish(
        tx, index, subject, owner=scope.owner, session_id=scope.session_id, rows=[row], replaced=0 if fresh else 1
    )


async def hide(tx: Transaction, index: IndexRecord | None, fact: FactRecord) -> None:
    """Takes the fact out of what is searchable."""
    if index is not None:
        await memory_rows.retract(tx, index, (Subject.FACT, fact.row_id), rows=1)


def _row(fact: FactRecord, session: str | None) -> NewRow:
    fields: dict[str, Value] = {
        **fact.metadata,
        "mem.type": "fact",
        "mem.level": "fact",
        "mem.status": fact.status,
        "mem.kind": fact.kind,
        "mem.entity": fact.entity,
        "mem.attribute": fact.attribute,
        "mem.trust": fact.trust,
        "mem.pinned": fact.pinned,
    }
    if fact.scope.agent is not None:
        fields["mem.agent"] = fact.scope.agent
    if session is not None:
        fields["mem.session"] = session
    return NewRow(
        level="fact",
        body=fact.text,
        vector_sha256=text_digest(fact.text),
        fields=fields,
        occurred=None if fact.valid_from is None else fact.valid_from.timestamp(),
    )
