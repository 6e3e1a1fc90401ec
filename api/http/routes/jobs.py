"""Jobs: opened, fed, started, watched, cancelled, retried."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from api.http.exchange import Exchange
from api.http.multipart import Form
from api.http.operation import Ask, NoQuery, Operation, PageQuery, Trouble, alone
from api.http.readers import FileBody, FileSent, JsonOrForm, NoBody
from api.http.routes.troubles import BODY, NO_INDEX, NO_JOB, ONCE
from api.http.uploads import FORM_SCHEMA, form_request, form_uploads
from api.services import Services
from api.wire.documents import document_id
from api.wire.jobs import Item, ItemList, Job, JobIn, JobList, item_list, item_out, job_list, job_out, job_request
from api.wire.schema import Shape
from core.caller import Grant
from core.errors import Conflict, TooLarge
from core.ids import IndexName, JobId, check_name
from core.paging import Page
from indexing.types import Upload
from storage.records import ItemRecord, ItemState, JobRecord

JOB_EXAMPLE: Mapping[str, object] = {
    "id": "job_01jvexample",
    "index": "handbook",
    "kind": "upload",
    "state": "running",
    "counts": {"found": 30, "unchanged": 4, "created": 11, "updated": 0, "deleted": 0, "failed": 1, "skipped": 0},
    "pending": 14,
    "stage": "indexing",
    "created_at": "2026-05-01T00:00:00Z",
    "started_at": "2026-05-01T00:00:01Z",
    "finished_at": None,
    "eta_s": 21,
    "offset": None,
    "error": None,
}
_ITEM_EXAMPLE: Mapping[str, object] = {
    "document_id": "locked.pdf",
    "state": "failed",
    "outcome": "failed",
    "code": "parsing.encrypted",
    "detail": "the PDF is encrypted; remove its password and upload it again",
    "attempts": 1,
    "version": None,
    "revision": None,
    "chunks": None,
}
_STATE = Trouble(kind=Conflict, code="indexing.job_not_open", detail="job job_01 is completed; only an open one takes files")
_FILE = Trouble(kind=TooLarge, code="indexing.file_too_large", detail="the file is 209715200 bytes; the limit is 104857600.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemQuery(PageQuery):
    """Items of a job, those of one state if it is given."""

    state: Literal["held", "queued", "running", "done", "failed", "cancelled"] | None = None


async def _open(services: Services, ask: Ask[JobIn | Form, NoQuery]) -> JobRecord:
    index = IndexName(check_name(ask.path["index"], what="index"))
    if isinstance(ask.body, JobIn):
        return await services.indexing.open_job(ask.caller, index, job_request(ask.body, services.limits))
    request = form_request(ask.body, services.limits)
    return await services.indexing.submit_files(ask.caller, index, form_uploads(ask.body, request), request)


def _present(record: JobRecord, exchange: Exchange) -> Job:
    return job_out(record, exchange.now())


async def _add_file(services: Services, ask: Ask[FileSent, NoQuery]) -> ItemRecord:
    sent = ask.body
    named = document_id(ask.path["path"], "/path")
    upload = Upload(id=named, path=sent.file.path, size=sent.file.size, media_type=sent.media_type)
    return await services.indexing.add_file(ask.caller, _job_id(ask.path), upload)


async def _start(services: Services, ask: Ask[None, NoQuery]) -> JobRecord:
    return await services.indexing.start(ask.caller, _job_id(ask.path))


async def _cancel(services: Services, ask: Ask[None, NoQuery]) -> JobRecord:
    return await services.indexing.cancel(ask.caller, _job_id(ask.path))


async def _retry(services: Services, ask: Ask[None, NoQuery]) -> JobRecord:
    return await services.indexing.retry(ask.caller, _job_id(ask.path))


async def _get(services: Services, ask: Ask[None, NoQuery]) -> JobRecord:
    return await services.indexing.job(ask.caller, _job_id(ask.path))


async def _list(services: Services, ask: Ask[None, PageQuery]) -> Page[JobRecord]:
    return await services.indexing.jobs(ask.caller, ask.query.page())


def _present_list(page: Page[JobRecord], exchange: Exchange) -> JobList:
    return job_list(page, exchange.now())


async def _items(services: Services, ask: Ask[None, ItemQuery]) -> Page[ItemRecord]:
    state = None if ask.query.state is None else ItemState(ask.query.state)
    return await services.indexing.items(ask.caller, _job_id(ask.path), ask.query.page(), state=state)


def _job_id(path: Mapping[str, str]) -> JobId:
    return JobId(path["id"])


OPEN = Operation(
    method="POST",
    path="/v1/indexes/{index}/jobs",
    name="openJob",
    summary="Ingest files",
    description="As multipart/form-data: one part `files` for each file, its filename being the document id; runs at once. "
    "As JSON: `upload` opens a job that is fed by PUT /v1/jobs/{id}/files/{path} and started by POST /v1/jobs/{id}:start; "
    "`directory` and `jsonl` read below the allowed roots of the service.",
    tag="Jobs",
    needs=Grant.WRITE,
    body=JsonOrForm(Shape(JobIn), {"source": {"kind": "upload"}, "acl": ["group:hr"], "metadata": {"team": "hr"}}, FORM_SCHEMA),
    query=Shape(NoQuery),
    run=_open,
    present=_present,
    answer=Shape(Job),
    answer_example=JOB_EXAMPLE,
    status=202,
    once=True,
    troubles=(*BODY, NO_INDEX, _FILE, ONCE),
)
ADD_FILE = Operation(
    method="PUT",
    path="/v1/jobs/{id}/files/{path:path}",
    name="putJobFile",
    summary="Add a file to an open job",
    description="The path is the document id and may contain `/`. The body is the file.",
    tag="Jobs",
    needs=Grant.WRITE,
    body=FileBody(),
    query=Shape(NoQuery),
    run=_add_file,
    present=alone(item_out),
    answer=Shape(Item),
    answer_example={**_ITEM_EXAMPLE, "state": "held", "outcome": None, "code": None, "detail": None, "attempts": 0},
    troubles=(NO_JOB, _STATE, _FILE),
)
START = Operation(
    method="POST",
    path="/v1/jobs/{id}:start",
    name="startJob",
    summary="Start an upload job",
    tag="Jobs",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_start,
    present=_present,
    answer=Shape(Job),
    answer_example=JOB_EXAMPLE,
    status=202,
    once=True,
    troubles=(NO_JOB, _STATE, ONCE),
)
CANCEL = Operation(
    method="POST",
    path="/v1/jobs/{id}:cancel",
    name="cancelJob",
    summary="Cancel a job",
    description="What is published stays; what has not begun does not begin.",
    tag="Jobs",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_cancel,
    present=_present,
    answer=Shape(Job),
    answer_example={**JOB_EXAMPLE, "state": "cancelled"},
    status=202,
    once=True,
    troubles=(NO_JOB, _STATE, ONCE),
)
RETRY = Operation(
    method="POST",
    path="/v1/jobs/{id}:retry",
    name="retryJob",
    summary="Retry the failed items of a job",
    tag="Jobs",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_retry,
    present=_present,
    answer=Shape(Job),
    answer_example=JOB_EXAMPLE,
    status=202,
    once=True,
    troubles=(NO_JOB, _STATE, ONCE),
)
GET = Operation(
    method="GET",
    path="/v1/jobs/{id}",
    name="getJob",
    summary="Show a job",
    tag="Jobs",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_get,
    present=_present,
    answer=Shape(Job),
    answer_example=JOB_EXAMPLE,
    troubles=(NO_JOB,),
)
LIST = Operation(
    method="GET",
    path="/v1/jobs",
    name="listJobs",
    summary="List the jobs",
    tag="Jobs",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(PageQuery),
    run=_list,
    present=_present_list,
    answer=Shape(JobList),
    answer_example={"items": [JOB_EXAMPLE], "next_cursor": None},
)
ITEMS = Operation(
    method="GET",
    path="/v1/jobs/{id}/items",
    name="listJobItems",
    summary="List a job's items",
    tag="Jobs",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(ItemQuery),
    run=_items,
    present=alone(item_list),
    answer=Shape(ItemList),
    answer_example={"items": [_ITEM_EXAMPLE], "next_cursor": None},
    troubles=(NO_JOB,),
)

OPERATIONS = (OPEN, ADD_FILE, START, CANCEL, RETRY, ITEMS, GET, LIST)
