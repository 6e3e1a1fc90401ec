"""What a change was about, as clients name it: a document with its access list, or a memory with its session. Ids, no text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.ids import IndexName, SessionId, row_name
from storage import documents, indexes, messages, sessions
from storage.changes import Change
from storage.database import Transaction
from storage.memory_records import MessageRecord, SessionRecord
from storage.memory_rows import Subject
from storage.records import Acl, DocumentRecord, IndexKind, IndexRecord

SubjectType = Literal["document", "message", "fact", "summary"]

_NAMES: Mapping[Subject, tuple[SubjectType, str]] = {
    Subject.MESSAGE: ("message", "msg"),
    Subject.FACT: ("fact", "fact"),
    Subject.SUMMARY: ("summary", "sum"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRecord:
    """`id` is a document's own, or that of a memory's row. `acl` is who may know of it; of a deleted document, its last one.

    `index` and `version` are a document's; `session` and `message_id` (the client's id where it gave one) a living message's.
    """

    type: SubjectType
    id: str
    acl: Acl
    index: IndexName | None = None
    version: int | None = None
    session: SessionId | None = None
    message_id: str | None = None


async def of_changes(tx: Transaction, found: Sequence[Change]) -> dict[int, SubjectRecord]:
    """The subject of each change, by its offset. Those of deleted indexes are missing."""
    known = {index.id: index for index in await indexes.all_of(tx) if not index.deleting}
    kinds = {change.offset: known[change.index_id] for change in found if change.index_id in known}
    of_documents = [change.subject_id for change in found if _is(kinds, change, IndexKind.DOCUMENTS)]
    of_messages = [
        change.subject_id for change in found if _is(kinds, change, IndexKind.MEMORY) and change.block & 3 == Subject.MESSAGE
    ]
    named = await documents.by_rows(tx, of_documents) if of_documents else {}
    said = await messages.by_rows(tx, of_messages)
    spoken = await sessions.by_rows(tx, tuple({one.session_id for one in said.values()})) if said else {}
    described: dict[int, SubjectRecord] = {}
    for change in found:
        index = kinds.get(change.offset)
        if index is not None and index.kind is IndexKind.MEMORY:
            described[change.offset] = _memory(change, said, spoken)
        elif index is not None and change.subject_id in named:
            described[change.offset] = _document(index, named[change.subject_id])
    return described


def _is(kinds: Mapping[int, IndexRecord], change: Change, kind: IndexKind) -> bool:
    index = kinds.get(change.offset)
    return index is not None and index.kind is kind


def _document(index: IndexRecord, document: DocumentRecord) -> SubjectRecord:
    return SubjectRecord(
        type="document", id=document.id, acl=document.envelope.acl, index=index.name, version=document.version or None
    )


def _memory(change: Change, said: Mapping[int, MessageRecord], spoken: Mapping[int, SessionRecord]) -> SubjectRecord:
    subject = Subject(change.block & 3)
    kind, prefix = _NAMES[subject]
    message = said.get(change.subject_id) if subject is Subject.MESSAGE else None
    if message is not None and message.owner != change.owner:
        message = None  # being erased
    session = None if message is None else spoken.get(message.session_id)
    return SubjectRecord(
        type=kind,
        id=row_name(prefix, change.subject_id),
        # A change without an owner is of rows that were gone already: nobody's but an admin's.
        acl=() if change.owner is None else (change.owner,),
        session=None if session is None else session.id,
        message_id=None if message is None else message.id,
    )
