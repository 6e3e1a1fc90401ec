"""The kinds of request bodies: none, JSON, one file, a form of files. Their bytes are api/http/body.py's matter."""

import hashlib
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from starlette.requests import Request

from api.http.body import Bound, Spooled, chunks, media_type, read_json, require_media, spool, spool_fault
from api.http.multipart import Form, FormLimits, known_type, receive_form
from api.http.operation import Received
from api.services import Services
from api.wire.schema import Shape
from core.errors import Invalid
from core.limits import KIB, Limits

T = TypeVar("T")
Refer = Callable[[Shape[Any]], Mapping[str, object]]

_MULTIPART = "multipart/form-data"


class NoBody:
    """No body, or the `{}` that some clients always send; another is refused."""

    @asynccontextmanager
    async def open(self, request: Request, services: Services) -> AsyncGenerator[Received[None]]:
        del services
        if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
            await self._refuse_content(request)
        yield Received(value=None, digest=b"")

    def content(self, refer: Refer) -> None:
        del refer

    async def _refuse_content(self, request: Request) -> None:
        sent = b"".join([chunk async for chunk in chunks(request, _EMPTY)])
        if sent.strip() not in {b"", b"{}"}:
            raise Invalid("request.unexpected_body", "this operation takes no body; leave it out.")


class JsonBody(Generic[T]):
    """A JSON object of one shape."""

    def __init__(self, shape: Shape[T], example: Mapping[str, object]) -> None:
        self._shape = shape
        self._example = example

    @asynccontextmanager
    async def open(self, request: Request, services: Services) -> AsyncGenerator[Received[T]]:
        raw = await read_json(request, _json(services.limits))
        yield Received(value=self._shape.read(raw), digest=hashlib.sha256(raw).digest())

    def content(self, refer: Refer) -> Mapping[str, object]:
        return {"application/json": {"schema": refer(self._shape), "example": self._example}}


class TextBody:
    """The body as it came, whole; what it is, is told by the query. `examples` by media type."""

    def __init__(self, bound: Callable[[Limits], Bound], examples: Mapping[str, object]) -> None:
        self._bound = bound
        self._examples = examples

    @asynccontextmanager
    async def open(self, request: Request, services: Services) -> AsyncGenerator[Received[bytes]]:
        require_media(request, *self._examples)
        raw = b"".join([chunk async for chunk in chunks(request, self._bound(services.limits))])
        yield Received(value=raw, digest=hashlib.sha256(raw).digest())

    def content(self, refer: Refer) -> Mapping[str, object]:
        del refer
        return {name: {"schema": {}, "example": example} for name, example in self._examples.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSent:
    """The body as a file."""

    file: Spooled
    media_type: str | None


class FileBody:
    """Whatever the body is, on disk."""

    @asynccontextmanager
    async def open(self, request: Request, services: Services) -> AsyncGenerator[Received[FileSent]]:
        with _folder(services.spool) as folder:
            file = await spool(chunks(request, file_bound(services.limits)), folder / "file", file_bound(services.limits))
            sent = FileSent(file=file, media_type=known_type(media_type(request)))
            yield Received(value=sent, digest=file.sha256)

    def content(self, refer: Refer) -> Mapping[str, object]:
        del refer
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "example": "(the bytes)"}}


class JsonOrForm(Generic[T]):
    """Either a JSON object of one shape, or files as multipart/form-data."""

    def __init__(self, shape: Shape[T], example: Mapping[str, object], form_schema: Mapping[str, object]) -> None:
        self._json = JsonBody(shape, example)
        self._form_schema = form_schema

    @asynccontextmanager
    async def open(self, request: Request, services: Services) -> AsyncGenerator[Received[T | Form]]:
        require_media(request, "application/json", _MULTIPART)
        if media_type(request) == _MULTIPART:
            with _folder(services.spool) as folder:
                form = await self._receive(request, services.limits, folder)
                yield Received(value=form, digest=form.digest())
        else:
            async with self._json.open(request, services) as received:
                yield received

    def content(self, refer: Refer) -> Mapping[str, object]:
        return {**self._json.content(refer), _MULTIPART: {"schema": self._form_schema}}

    async def _receive(self, request: Request, limits: Limits, folder: Path) -> Form:
        bounds = FormLimits(file=file_bound(limits), files_max=limits.job_files_max)
        return await receive_form(request.headers["content-type"], chunks(request, _job(limits)), folder, bounds)


def file_bound(limits: Limits) -> Bound:
    return Bound(
        what="the file",
        bytes_max=limits.file_bytes_max,
        code="indexing.file_too_large",
        way_out="Split it, or raise MNEMIC_LIMITS__FILE_BYTES_MAX.",
    )


def _json(limits: Limits) -> Bound:
    return Bound(
        what="the JSON body",
        bytes_max=limits.body_bytes_max,
        code="request.body_too_large",
        way_out="Send fewer documents at once, or files through POST /v1/indexes/{index}/jobs.",
    )


def _job(limits: Limits) -> Bound:
    return Bound(
        what="the form",
        bytes_max=limits.job_bytes_max,
        code="indexing.job_too_large",
        way_out="Split it into several jobs, or raise MNEMIC_LIMITS__JOB_BYTES_MAX.",
    )


_EMPTY = Bound(what="the body", bytes_max=KIB, code="request.unexpected_body", way_out="This operation takes none.")


@contextmanager
def _folder(spool_folder: Path) -> Generator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(dir=spool_folder, prefix="in-", ignore_cleanup_errors=True)
    except OSError as broken:
        raise spool_fault(broken) from broken
    with folder as name:
        yield Path(name)
