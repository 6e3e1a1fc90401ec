"""Documents that wait to be published: who may know of them, what they will be, and how they are forgotten. What is live is
documents.py's."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, update

from core.ids import DocumentId, JobId
from storage.database import Transaction
from storage.documents import plain_acl
from storage.records import Acl, DocumentRecord, DocumentStatus, ItemState
from storage.tables import documents, items


async def announce(tx: Transaction, index_id: int, acls: Mapping[DocumentId, Acl], *, parent: DocumentId | None = None) -> None:
    """Those that are not live take the access list that they will have, lest others learn of them, and their parent."""
    if not acls:
        return
    statement = (
        update(documents)
        .where(
            documents.c.tenant == tx.tenant,
            documents.c.index_id == index_id,
            documents.c.external_id == bindparam("announced"),
            documents.c.live_version_id.is_(None),
        )
        .values(acl=bindparam("will_have"), parent=parent)
    )
    await tx.execute(statement, [{"announced": one, "will_have": plain_acl(acl)} for one, acl in acls.items()])


async def amend(tx: Transaction, document: DocumentRecord, changes: Mapping[str, Any]) -> None:
    """Changes the payloads of the submits that wait behind the live version, as what is live was changed after them."""
    waiting = (
        items.c.tenant == tx.tenant,
        items.c.index_id == document.index_id,
        items.c.document_id == document.id,
        items.c.kind == "document",
        items.c.number > document.live_number,
        items.c.state.in_([ItemState.QUEUED, ItemState.RUNNING]),
    )
    for row in (await tx.execute(select(items.c.id, items.c.payload).where(*waiting))).all():
        payload = {**row.payload, **changes}
        await tx.execute(update(items).where(items.c.tenant == tx.tenant, items.c.id == row.id).values(payload=payload))


async def payload(tx: Transaction, item_id: int) -> Mapping[str, Any]:
    """What an item carries now: it may have been amended since it was claimed."""
    statement = select(items.c.payload).where(items.c.tenant == tx.tenant, items.c.id == item_id)
    return (await tx.execute(statement)).scalar_one()


async def abandon(tx: Transaction, job_id: JobId) -> None:
    """Documents that would have come to be by items of this job that were cancelled are not there after all."""
    cancelled = select(items.c.id).where(
        items.c.tenant == tx.tenant,
        items.c.job_id == job_id,
        items.c.state == ItemState.CANCELLED,
        items.c.index_id == documents.c.index_id,
        items.c.document_id == documents.c.external_id,
        items.c.number == documents.c.number,
    )
    mine = (documents.c.tenant == tx.tenant, documents.c.status == DocumentStatus.PENDING)
    await tx.execute(update(documents).where(*mine, cancelled.exists()).values(status=DocumentStatus.DELETED))
