"""Indexes: defined and deleted by admins, listed by readers."""

from collections.abc import Mapping

from api.http.exchange import Exchange
from api.http.operation import Ask, NoQuery, Operation, PageQuery, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.jobs import JOB_EXAMPLE
from api.http.routes.troubles import BODY, NO_INDEX
from api.services import Services
from api.wire.indexes import Index, IndexIn, IndexList, definition, index_list, index_out
from api.wire.jobs import Job, job_out
from api.wire.schema import Shape
from core.caller import Grant
from core.errors import Conflict, Invalid
from core.ids import IndexName, check_name
from core.paging import Page
from storage.records import IndexRecord, JobRecord

_PROFILE_EXAMPLE: Mapping[str, object] = {
    "embedder": None,
    "chunk_tokens": 200,
    "chunk_overlap": 30,
    "language": "english",
    "range_fields": {"year": "number"},
    "fusion": {"kind": "convex", "dense_weight": 0.6},
}
_EXAMPLE: Mapping[str, object] = {
    "name": "handbook",
    "description": "The staff handbook",
    "default_acl": None,
    "profile": _PROFILE_EXAMPLE,
    "model": "4f1c0a9be2d37781",
    "dimension": 384,
    "documents": 12,
    "chunks": 96,
    "created_at": "2026-05-01T00:00:00Z",
    "updated_at": "2026-05-01T00:00:00Z",
}
_REINDEX = Trouble(
    kind=Conflict,
    code="indexing.needs_reindex",
    detail="index 'handbook' holds 12 documents, so its chunk_tokens stay 200; make another index.",
)
_NAME = Trouble(kind=Invalid, code="ids.invalid_name", detail="index 'a b' is not a valid name.")


def index_name(path: Mapping[str, str]) -> IndexName:
    return IndexName(check_name(path["index"], what="index"))


async def _put(services: Services, ask: Ask[IndexIn, NoQuery]) -> tuple[IndexRecord, bool]:
    wanted = definition(ask.body, services.limits, services.fusion)
    return await services.catalog.put_index(ask.caller, index_name(ask.path), wanted)


def _put_out(result: tuple[IndexRecord, bool]) -> Index:
    return index_out(result[0])


async def _get(services: Services, ask: Ask[None, NoQuery]) -> IndexRecord:
    return await services.catalog.index(ask.caller, index_name(ask.path))


async def _list(services: Services, ask: Ask[None, PageQuery]) -> Page[IndexRecord]:
    return await services.catalog.indexes(ask.caller, ask.query.page())


async def _delete(services: Services, ask: Ask[None, NoQuery]) -> JobRecord:
    return await services.catalog.delete_index(ask.caller, index_name(ask.path))


def _present_job(record: JobRecord, exchange: Exchange) -> Job:
    return job_out(record, exchange.now())


PUT = Operation(
    method="PUT",
    path="/v1/admin/indexes/{index}",
    name="putIndex",
    summary="Make or change an index",
    description="201 when made, 200 when it was there. Another profile on an index with documents is 409, except description, "
    "default_acl and fusion.",
    tag="Indexes",
    needs=Grant.ADMIN,
    body=JsonBody(Shape(IndexIn), {"description": "The staff handbook", "profile": {"range_fields": {"year": "number"}}}),
    query=Shape(NoQuery),
    run=_put,
    present=alone(_put_out),
    answer=Shape(Index),
    answer_example=_EXAMPLE,
    status=200,
    status_of=lambda result: 201 if result[1] else 200,
    statuses={201: "Made"},
    troubles=(*BODY, _NAME, _REINDEX),
)
GET_AS_ADMIN = Operation(
    method="GET",
    path="/v1/admin/indexes/{index}",
    name="getIndexAsAdmin",
    summary="Show an index",
    tag="Indexes",
    needs=Grant.ADMIN,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_get,
    present=alone(index_out),
    answer=Shape(Index),
    answer_example=_EXAMPLE,
    troubles=(NO_INDEX,),
)
DELETE = Operation(
    method="DELETE",
    path="/v1/admin/indexes/{index}",
    name="deleteIndex",
    summary="Delete an index and all in it",
    description="It is gone at once; a job purges what it held.",
    tag="Indexes",
    needs=Grant.ADMIN,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_delete,
    present=_present_job,
    answer=Shape(Job),
    answer_example={**JOB_EXAMPLE, "kind": "delete_index"},
    status=202,
    troubles=(NO_INDEX,),
)
LIST = Operation(
    method="GET",
    path="/v1/indexes",
    name="listIndexes",
    summary="List the indexes",
    tag="Indexes",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(PageQuery),
    run=_list,
    present=alone(index_list),
    answer=Shape(IndexList),
    answer_example={"items": [_EXAMPLE], "next_cursor": None},
)
GET = Operation(
    method="GET",
    path="/v1/indexes/{index}",
    name="getIndex",
    summary="Show an index",
    tag="Indexes",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_get,
    present=alone(index_out),
    answer=Shape(Index),
    answer_example=_EXAMPLE,
    troubles=(NO_INDEX,),
)

OPERATIONS = (PUT, GET_AS_ADMIN, DELETE, LIST, GET)
