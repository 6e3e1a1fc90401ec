"""`mnemic ingest`: a folder goes up over a few connections, its job is watched to the end, failures are told.
What a file becomes is the service's business."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from api.cli.connection import CONNECTIONS, Json, ask, client, document_path, read, segment, unreachable
from core.errors import Fault, Invalid, NotFound, Unavailable
from core.ids import below

_POLL_S = 0.1
_POLL_SLOW_S = 0.5
_WHOLE_BYTES_MAX = 4 * 1024 * 1024  # files up to this go out in one piece
_BLOCK_BYTES = 1024 * 1024
_FINAL = frozenset({"cancelled", "failed", "completed", "completed_with_errors"})
_SHOWN_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """What the command line asked for."""

    path: Path
    index: str
    create: bool
    acl: list[str] | None
    metadata: tuple[str, ...]
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file to send, under the id it will have."""

    path: Path
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A file that did not become a document, and why."""

    id: str
    reason: str


def run(wanted: Ingestion, *, url: str | None, data: Path | None) -> None:
    """Exits with 1 when a file failed."""
    files = tuple(find_files(wanted.path, wanted.prefix))
    if not files:
        raise Invalid("cli.no_files", f"there is no file in {wanted.path} (hidden ones are left out).")
    metadata = parse_metadata(wanted.metadata)
    try:
        failures = asyncio.run(_Run(wanted, files, metadata).go(url, data))
    except KeyboardInterrupt:
        sys.stderr.write("mnemic: interrupted; what was started on the service goes on there.\n")
        sys.exit(130)
    sys.exit(1 if failures else 0)


def find_files(path: Path, prefix: str) -> Iterator[Found]:
    """The files below a folder in order, hidden ones left out; or the one file."""
    if path.is_file():
        yield Found(path=path, id=below(prefix, path.name))
        return
    if not path.is_dir():
        raise NotFound("cli.no_such_path", f"there is no file or folder {path}.")
    for found in sorted(path.rglob("*")):
        relative = found.relative_to(path)
        if found.is_file() and not any(part.startswith(".") for part in relative.parts):
            yield Found(path=found, id=below(prefix, relative.as_posix()))


def parse_metadata(pairs: tuple[str, ...]) -> dict[str, object]:
    """`key=value`: whole numbers and true/false as such, the rest as text."""
    parsed: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Invalid("cli.invalid_metadata", f"--metadata {pair!r} is not of the form key=value.")
        parsed[key] = {"true": True, "false": False}.get(value, int(value) if _whole(value) else value)
    return parsed


def _whole(value: str) -> bool:
    return value.removeprefix("-").isdecimal() and value.isascii() and len(value) < 16


class _Run:
    """One ingestion: the job, the bar, the failures so far."""

    def __init__(self, wanted: Ingestion, files: tuple[Found, ...], metadata: dict[str, object]) -> None:
        self._wanted = wanted
        self._files = files
        self._metadata = metadata
        self._failures: list[Failure] = []
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=self._console,
        )

    async def go(self, url: str | None, data: Path | None) -> list[Failure]:
        async with client(url, data) as service:
            await self._ensure_index(service)
            job = await self._open(service)
            with self._progress:
                await self._upload(service, job["id"])
                ended = await self._watch(service, job["id"])
            await self._collect(service, ended)
        self._tell(ended)
        return self._failures

    async def _ensure_index(self, service: httpx.AsyncClient) -> None:
        name = segment(self._wanted.index)
        try:
            await ask(service, "GET", f"/v1/indexes/{name}")
        except NotFound as missing:
            if not self._wanted.create:
                raise NotFound(missing.code, f"{missing.message} Add --create to make it.") from None
            await ask(service, "PUT", f"/v1/admin/indexes/{name}", body={})

    async def _open(self, service: httpx.AsyncClient) -> Json:
        body: dict[str, object] = {"source": {"kind": "upload"}, "metadata": self._metadata}
        if self._wanted.acl is not None:
            body["acl"] = self._wanted.acl
        return await ask(service, "POST", f"/v1/indexes/{segment(self._wanted.index)}/jobs", body=body)

    async def _upload(self, service: httpx.AsyncClient, job_id: str) -> None:
        bar = self._progress.add_task("uploading", total=len(self._files), counts="")
        waiting = iter(self._files)

        async def carry() -> None:
            for found in waiting:
                await self._send(service, job_id, found)
                self._progress.advance(bar)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(carry())
        except* Fault as faults:
            raise _first(faults) from None

    async def _send(self, service: httpx.AsyncClient, job_id: str, found: Found) -> None:
        """One file. What is wrong with it alone is noted; what is wrong with the service ends the run."""
        try:
            size = found.path.stat().st_size
            whole = found.path.read_bytes() if size <= _WHOLE_BYTES_MAX else None
            target = f"/v1/jobs/{job_id}/files/{document_path(found.id)}"
            answer = await service.put(
                target, content=_blocks(found.path) if whole is None else whole, headers={"Content-Length": str(size)}
            )
        except OSError as broken:
            self._failures.append(Failure(id=found.id, reason=f"cannot be read: {broken.strerror}"))
        except UnicodeEncodeError:
            self._failures.append(Failure(id=ascii(found.id), reason="its name is no Unicode text"))
        except httpx.HTTPError as broken:
            raise unreachable(service, broken) from broken
        else:
            self._note(found, answer)

    def _note(self, found: Found, answer: httpx.Response) -> None:
        try:
            read(answer)
        except Fault as fault:
            if answer.status_code not in {413, 422}:
                raise
            self._failures.append(Failure(id=found.id, reason=fault.message))

    async def _watch(self, service: httpx.AsyncClient, job_id: str) -> Json:
        job = await ask(service, "POST", f"/v1/jobs/{job_id}:start")
        bar = self._progress.add_task("indexing", total=max(1, job["counts"]["found"]), counts="")
        polls = 0
        while True:
            self._show(bar, job)
            if job["state"] in _FINAL:
                return job
            await asyncio.sleep(_POLL_S if polls < 50 else _POLL_SLOW_S)
            polls += 1
            job = await ask(service, "GET", f"/v1/jobs/{job_id}")

    def _show(self, bar: TaskID, job: Json) -> None:
        counts = cast("dict[str, int]", job["counts"])
        total = max(1, counts["found"])
        self._progress.update(bar, total=total, completed=total - job["pending"], counts=_outcomes(counts))

    async def _collect(self, service: httpx.AsyncClient, job: Json) -> None:
        """The failed items of the job, page by page."""
        params: dict[str, str | int] = {"state": "failed", "limit": 200}
        while job["counts"]["failed"]:
            page = await ask(service, "GET", f"/v1/jobs/{job['id']}/items", params=params)
            for item in page["items"]:
                self._failures.append(Failure(id=item["document_id"], reason=f"{item['detail']} ({item['code']})"))
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]

    def _tell(self, job: Json) -> None:
        told = _outcomes(job["counts"]) or "nothing to do"
        self._console.print(f"{len(self._files)} files: {told}; job {job['id']} {job['state']}.", highlight=False)
        if job["error"] is not None:
            raise Unavailable(job["error"]["code"], job["error"]["detail"])
        for failure in self._failures[:_SHOWN_MAX]:
            self._console.print(f"  failed: {failure.id}: {failure.reason}", markup=False, highlight=False, soft_wrap=True)
        if len(self._failures) > _SHOWN_MAX:
            more = f"  … and {len(self._failures) - _SHOWN_MAX} more: GET /v1/jobs/{job['id']}/items?state=failed"
            self._console.print(more, markup=False, highlight=False)


def _outcomes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number and outcome != "found")


async def _blocks(path: Path) -> AsyncGenerator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _first(faults: ExceptionGroup[Fault]) -> Fault:
    first = faults.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
