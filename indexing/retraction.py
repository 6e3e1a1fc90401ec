"""Deleting documents together with what came attached to them. One transaction's part; who may do it is decided before."""

from collections.abc import Sequence
from datetime import datetime

from core.ids import DocumentId
from storage import documents
from storage.database import Transaction
from storage.records import DocumentRecord, IndexRecord


async def retract(
    tx: Transaction, index: IndexRecord, chosen: Sequence[DocumentRecord], at: datetime
) -> tuple[DocumentId, ...]:
    """Takes the next number of each document and its attachments, and deletes them under it; the ids that went."""
    family = {document.id: document for document in chosen}
    pending = list(chosen)
    while pending:
        attached = await documents.children(tx, index.id, pending.pop().id)
        pending += [child for child in attached if child.id not in family]
        family |= {child.id: child for child in attached}
    numbers = await documents.issue_many(tx, index.id, list(family), at)
    return tuple(
        [
            document_id
            for document_id, document in family.items()
            if await documents.retract(tx, document, number=numbers[document_id], at=at)
        ]
    )
