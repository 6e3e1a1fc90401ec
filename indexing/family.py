"""A document together with what came attached to it: they go together, and attachments take on what surrounds their parent.

Each is a transaction's part; who may do it is decided before.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.ids import DocumentId
from storage import documents
from storage.database import Transaction
from storage.records import DocumentRecord, Envelope, IndexRecord


async def retract(
    tx: Transaction, index: IndexRecord, chosen: Sequence[DocumentRecord], at: datetime, *, number: int | None = None
) -> tuple[DocumentId, ...]:
    """Deletes the documents and their attachments; the ids that went.

    `number` is what was issued to this delete earlier: a document that something later has touched stays, and so do its
    attachments. Without it the delete happens now and takes the next numbers.
    """
    if number is None:
        numbers = await documents.issue_many(tx, index.id, [document.id for document in chosen], at)
    else:
        numbers = {document.id: number for document in chosen}
    family = {document.id for document in chosen}
    pending = list(chosen)
    gone: list[DocumentId] = []
    while pending:
        document = pending.pop()
        if await documents.retract(tx, document, number=numbers[document.id], at=at) is None:
            continue
        gone.append(document.id)
        attached = [child for child in await documents.children(tx, index.id, document.id) if child.id not in family]
        numbers |= await documents.issue_many(tx, index.id, [child.id for child in attached], at)
        family.update(child.id for child in attached)
        pending += attached
    return tuple(gone)


async def family(tx: Transaction, index: IndexRecord, chosen: Sequence[DocumentRecord]) -> tuple[DocumentId, ...]:
    """The ids that `retract` would delete now: the documents, and what is attached to them at any depth."""
    ids = list(dict.fromkeys(document.id for document in chosen))
    known = set(ids)
    level = tuple(ids)
    while level:
        attached = await documents.children(tx, index.id, *level)
        level = tuple(child.id for child in attached if child.id not in known)
        known.update(level)
        ids += level
    return tuple(ids)


async def change_envelope(
    tx: Transaction, document: DocumentRecord, *, number: int | None, envelope: Envelope, at: datetime
) -> DocumentRecord | None:
    """Changes a document's envelope and what its attachments take on of it; None when a higher number was faster."""
    changed = await documents.change_envelope(tx, document, number=number, envelope=envelope, at=at)
    if changed is not None:
        for child in await documents.children(tx, document.index_id, document.id):
            taken_on = inherited(changed, child.envelope.title)
            if child.live_version_id is not None and child.envelope != taken_on:
                await change_envelope(tx, child, number=None, envelope=taken_on, at=at)
    return changed


def inherited(parent: DocumentRecord, title: str | None) -> Envelope:
    """What surrounds an attachment: its own title, and all else of its parent."""
    return replace(parent.envelope, title=title)
