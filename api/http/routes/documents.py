"""Documents: submitted, listed, read back, patched, deleted. Ids may contain `/`, so what belongs to one stands beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from api.http.exchange import Exchange
from api.http.operation import Ask, NoQuery, Operation, PageQuery, ReadQuery, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.examples import CHUNK, DOCUMENT, RECEIPT, RESULT, SUBMISSION, VERSION
from api.http.routes.troubles import BODY, MOVED, NO_DOCUMENT, NO_INDEX, ONCE
from api.services import Services
from api.wire.catalog import (
    ChunkList,
    Document,
    DocumentList,
    Text,
    VersionList,
    chunk_list,
    document_list,
    document_out,
    text_out,
    version_list,
)
from api.wire.documents import (
    DeleteIn,
    DocumentsIn,
    DocumentsOut,
    PatchIn,
    Receipt,
    document_id,
    documents_out,
    patch,
    receipt,
    selector,
    submissions,
)
from api.wire.schema import NO_NUL, Shape
from core.caller import Grant
from core.errors import Invalid, TooLarge
from core.ids import DocumentId, IndexName, check_name
from core.paging import Page
from indexing.types import DeleteReceipt, SubmitAnswer, TextSlice, Wait
from storage.records import ChunkRecord, DocumentRecord, DocumentStatus, VersionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuery(PageQuery):
    """Documents whose id starts with `prefix`, of one status."""

    prefix: Annotated[str, NO_NUL] | None = None
    status: Literal["pending", "live", "failed", "deleted"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfDocumentQuery(PageQuery):
    """What belongs to one document."""

    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuery(ReadQuery):
    """A part of a document's canonical text; `end` absent is the end."""

    document_id: str
    start: Annotated[int, Field(ge=0)] = 0
    end: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteQuery(NoQuery):
    """`if_revision`: 409 when the document has moved on."""

    if_revision: int | None = None


def _index(path: Mapping[str, str]) -> IndexName:
    return IndexName(check_name(path["index"], what="index"))


def _id(path: Mapping[str, str]) -> DocumentId:
    return document_id(path["id"], "/id")


async def _submit(services: Services, ask: Ask[DocumentsIn, NoQuery]) -> SubmitAnswer:
    documents = submissions(ask.body, services.limits)
    return await services.indexing.submit(ask.caller, _index(ask.path), documents, wait=Wait(ask.body.wait))


async def _list(services: Services, ask: Ask[None, DocumentQuery]) -> Page[DocumentRecord]:
    query = ask.query
    status = None if query.status is None else DocumentStatus(query.status)
    return await services.catalog.documents(ask.caller, _index(ask.path), query.page(), prefix=query.prefix, status=status)


def _present_list(page: Page[DocumentRecord], exchange: Exchange) -> DocumentList:
    return document_list(page, exchange.path["index"])


async def _get(services: Services, ask: Ask[None, ReadQuery]) -> DocumentRecord:
    return await services.catalog.document(ask.caller, _index(ask.path), _id(ask.path))


def _present(record: DocumentRecord, exchange: Exchange) -> Document:
    return document_out(record, exchange.path["index"])


async def _patch(services: Services, ask: Ask[PatchIn, NoQuery]) -> tuple[DocumentRecord, int]:
    return await services.catalog.patch_document(ask.caller, _index(ask.path), _id(ask.path), patch(ask.body, services.limits))


def _present_patched(result: tuple[DocumentRecord, int], exchange: Exchange) -> Document:
    return document_out(result[0], exchange.path["index"], result[1])


async def _delete(services: Services, ask: Ask[None, DeleteQuery]) -> DeleteReceipt:
    return await services.catalog.delete_document(
        ask.caller, _index(ask.path), _id(ask.path), if_revision=ask.query.if_revision
    )


async def _delete_many(services: Services, ask: Ask[DeleteIn, NoQuery]) -> DeleteReceipt:
    index, body = _index(ask.path), ask.body
    condition = None if body.filter is None else await services.catalog.parse_filter(ask.caller, index, body.filter)
    return await services.catalog.delete_documents(ask.caller, index, selector(body, condition), dry_run=body.dry_run)


async def _chunks(services: Services, ask: Ask[None, OfDocumentQuery]) -> Page[ChunkRecord]:
    return await services.catalog.chunks(ask.caller, _index(ask.path), _queried(ask.query), ask.query.page())


async def _versions(services: Services, ask: Ask[None, OfDocumentQuery]) -> Page[VersionRecord]:
    return await services.catalog.versions(ask.caller, _index(ask.path), _queried(ask.query), ask.query.page())


async def _text(services: Services, ask: Ask[None, TextQuery]) -> TextSlice:
    query = ask.query
    return await services.catalog.text(ask.caller, _index(ask.path), _queried(query), start=query.start, end=query.end)


def _queried(query: OfDocumentQuery | TextQuery) -> DocumentId:
    return document_id(query.document_id, "/document_id")


SUBMIT = Operation(
    method="POST",
    path="/v1/indexes/{index}/documents",
    name="submitDocuments",
    summary="Submit documents",
    description="Up to 256 at once. `wait: stored` answers as soon as they are safe, `indexed` once they can be found.",
    tag="Documents",
    needs=Grant.WRITE,
    body=JsonBody(Shape(DocumentsIn), {"documents": [SUBMISSION], "wait": "indexed"}),
    query=Shape(NoQuery),
    run=_submit,
    present=alone(documents_out),
    answer=Shape(DocumentsOut),
    answer_example={"results": [RESULT], "offset": 17},
    once=True,
    troubles=(
        *BODY,
        NO_INDEX,
        Trouble(
            kind=TooLarge, code="documents.too_large", detail="/documents/0/text is 11534336 bytes; the limit is 10485760."
        ),
        Trouble(kind=Invalid, code="documents.invalid_base64", detail="/documents/0/content_base64 is no base64."),
        ONCE,
    ),
)
LIST = Operation(
    method="GET",
    path="/v1/indexes/{index}/documents",
    name="listDocuments",
    summary="List documents",
    tag="Documents",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(DocumentQuery),
    run=_list,
    present=_present_list,
    answer=Shape(DocumentList),
    answer_example={"items": [DOCUMENT], "next_cursor": None},
    troubles=(NO_INDEX,),
)
DELETE_MANY = Operation(
    method="POST",
    path="/v1/indexes/{index}/documents:delete",
    name="deleteDocuments",
    summary="Delete documents by ids or filter",
    description="With `dry_run` nothing is deleted and the receipt says what would be. Above 1,000 documents a job does it.",
    tag="Documents",
    needs=Grant.WRITE,
    body=JsonBody(Shape(DeleteIn), {"ids": ["hr/leave.md"], "dry_run": True}),
    query=Shape(NoQuery),
    run=_delete_many,
    present=alone(receipt),
    answer=Shape(Receipt),
    answer_example={**RECEIPT, "dry_run": True, "offset": None},
    once=True,
    troubles=(*BODY, NO_INDEX, ONCE),
)
GET = Operation(
    method="GET",
    path="/v1/indexes/{index}/documents/{id:path}",
    name="getDocument",
    summary="Show a document",
    tag="Documents",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(ReadQuery),
    run=_get,
    present=_present,
    answer=Shape(Document),
    answer_example=DOCUMENT,
    troubles=(NO_DOCUMENT,),
)
PATCH = Operation(
    method="PATCH",
    path="/v1/indexes/{index}/documents/{id:path}",
    name="patchDocument",
    summary="Change a document's envelope",
    description="What is absent stays. Nothing is embedded again.",
    tag="Documents",
    needs=Grant.WRITE,
    body=JsonBody(Shape(PatchIn), {"acl": ["group:hr"], "metadata": {"team": "hr"}, "if_revision": 3}),
    query=Shape(NoQuery),
    run=_patch,
    present=_present_patched,
    answer=Shape(Document),
    answer_example={**DOCUMENT, "revision": 4, "offset": 18},
    troubles=(*BODY, NO_DOCUMENT, MOVED),
)
DELETE = Operation(
    method="DELETE",
    path="/v1/indexes/{index}/documents/{id:path}",
    name="deleteDocument",
    summary="Delete a document",
    tag="Documents",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(DeleteQuery),
    run=_delete,
    present=alone(receipt),
    answer=Shape(Receipt),
    answer_example=RECEIPT,
    troubles=(NO_DOCUMENT, MOVED),
)
CHUNKS = Operation(
    method="GET",
    path="/v1/indexes/{index}/chunks",
    name="listChunks",
    summary="List a document's chunks",
    tag="Documents",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(OfDocumentQuery),
    run=_chunks,
    present=alone(chunk_list),
    answer=Shape(ChunkList),
    answer_example={"items": [CHUNK], "next_cursor": None},
    troubles=(NO_DOCUMENT,),
)
VERSIONS = Operation(
    method="GET",
    path="/v1/indexes/{index}/versions",
    name="listVersions",
    summary="List a document's versions",
    tag="Documents",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(OfDocumentQuery),
    run=_versions,
    present=alone(version_list),
    answer=Shape(VersionList),
    answer_example={"items": [VERSION], "next_cursor": None},
    troubles=(NO_DOCUMENT,),
)
TEXT = Operation(
    method="GET",
    path="/v1/indexes/{index}/text",
    name="getText",
    summary="Read a part of a document's text",
    description="`[start, end)` in code points of the canonical text: what spans of passages refer to.",
    tag="Documents",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(TextQuery),
    run=_text,
    present=alone(text_out),
    answer=Shape(Text),
    answer_example={"id": "hr/leave.md", "version": 1, "start": 0, "end": 5, "length": 870, "text": "Leave"},
    troubles=(NO_DOCUMENT,),
)

OPERATIONS = (SUBMIT, LIST, DELETE_MANY, GET, PATCH, DELETE, CHUNKS, VERSIONS, TEXT)
