"""Documents that wait to be published: who may know of them, what they will be, and how they are forgotten. What is live is
documents.py's."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from core.ids import DocumentId, JobId
from storage.database import Transaction
from storage.documents import plain_acl
from storage.records import Acl, DocumentRecord, DocumentStatus, ItemState
from storage.statements import ROWS_PER_STATEMENT
from storage.tables import documents, items


async def announce(tx: Transaction, index_id: int, acls: Mapping[DocumentId, Acl], *, parent: DocumentId | None = None) -> None:
    """To be called once their items are queued. Those that are not live take the access list that they will have, lest others
    learn of them, and their parent.
    """
    ids = list(acls)
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        step = ids[start : start + ROWS_PER_STATEMENT]
        carried = await _carry_access(tx, index_id, step)
        if parent is not None:  # an attachment has the access list of its parent, whatever was there under its id
            carried = {}
        await tx.execute(
            update(documents)
            .where(
                documents.c.tenant == tx.tenant,
                documents.c.index_id == index_id,
                documents.c.external_id == bindparam("announced"),
                documents.c.live_version_id.is_(None),
            )
            .values(acl=bindparam("will_have"), parent=parent),
            [{"announced": one, "will_have": carried.get(one, plain_acl(acls[one]))} for one in step],
        )


async def _carry_access(tx: Transaction, index_id: int, ids: Sequence[DocumentId]) -> dict[str, Any]:
    """A submit that keeps the access list keeps that of the submit it waits behind, not of what is live when its turn comes:
    it may overtake the other. The lists so carried, by document.
    """
    waiting = (
        select(items.c.id, items.c.document_id, items.c.payload)
        .join(
            documents,
            (documents.c.tenant == items.c.tenant)
            & (documents.c.index_id == items.c.index_id)
            & (documents.c.external_id == items.c.document_id),
        )
        .where(
            items.c.tenant == tx.tenant,
            items.c.index_id == index_id,
            items.c.document_id.in_(ids),
            items.c.kind == "document",
            items.c.number > documents.c.live_number,
            items.c.state.in_([ItemState.QUEUED, ItemState.RUNNING]),
        )
        .order_by(items.c.number)
    )
    carried: dict[str, Any] = {}
    for row in (await tx.execute(waiting)).all():
        if "acl" in row.payload:
            carried[row.document_id] = row.payload["acl"]
        elif row.document_id in carried:
            await _set_payload(tx, row.id, {**row.payload, "acl": carried[row.document_id]})
    return carried


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
        await _set_payload(tx, row.id, {**row.payload, **changes})


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


async def _set_payload(tx: Transaction, item_id: int, payload: Mapping[str, Any]) -> None:
    await tx.execute(update(items).where(items.c.tenant == tx.tenant, items.c.id == item_id).values(payload=dict(payload)))
