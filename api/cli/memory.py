"""`mnemic memory`: a user's memory out into a file, and in from one. A file of any size goes in in parts, which are made here;
what other systems write is read here too, so that a part is always lines of a bundle."""

import asyncio
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.bundles import Reader
from api.cli.connection import Json, client, read, segment, unreachable
from api.foreign import formats
from api.foreign.shapes import Reading
from api.wire.bundle import LINE, HeaderLine, TrailerLine
from core.errors import Fault, Invalid, NotFound, Unavailable

# What one call takes in within its minute on a busy machine too; when it does not, the service says where it stopped.
PART_LINES_MAX = 512
PART_BYTES_MAX = 1024 * 1024
TIMEOUT_MS = 60_000
_SHOWN_MAX = 20
TOLD_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asked for."""

    user: str
    file: Path
    format: str = "mnemic"
    source_user: str | None = None
    session: str | None = None
    partial: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line as it is sent, with its place in the file; or why it is none."""

    at: str
    raw: bytes = b""
    flaw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds. `number` of rows, where it is known before they are read."""

    header: HeaderLine
    rows: Iterator[Row]
    number: int | None = None


@dataclass(slots=True)
class Total:
    """What the answers come to."""

    counts: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    problems: list[str] = field(default_factory=list[str])
    problems_total: int = 0

    def add(self, answer: Json, part: list[Row]) -> None:
        for sort, ends in answer["counts"].items():
            self.counts.setdefault(sort, Counter()).update(ends)
        self.problems_total += answer["problems_total"]
        for one in answer["problems"]:
            named = "" if one["id"] is None else f" {one['id']}"
            self.problems.append(f"{_place(one['at'], part)}:{named} {one['detail']} ({one['code']})")

    def fail(self, row: Row) -> None:
        self.counts.setdefault("lines", Counter()).update(read=1, failed=1)
        self.problems_total += 1
        self.problems.append(f"{row.at}: {row.flaw}")

    @property
    def failed(self) -> int:
        return sum(ends["failed"] for ends in self.counts.values())


def export(user: str, *, out: Path | None, url: str | None, data: Path | None) -> None:
    """Writes the bundle to a file, which is there only once it is whole, or to standard output."""
    if out is None:
        asyncio.run(_export(user, nullcontext(sys.stdout.buffer), url=url, data=data))
        return
    unfinished = out.with_name(f"{out.name}.part")
    try:
        asyncio.run(_export(user, unfinished.open("wb"), url=url, data=data))
    except Fault:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.replace(out)


def import_(wanted: Wanted, *, as_json: bool, url: str | None, data: Path | None) -> None:
    """Exits with 1 when something failed."""
    if not wanted.file.is_file():
        raise NotFound("cli.no_such_path", f"there is no file {wanted.file}.")
    total = asyncio.run(_import(wanted, _content(wanted), url=url, data=data))
    _tell(total, wanted, as_json=as_json)
    sys.exit(1 if total.failed else 0)


async def _export(user: str, target: AbstractContextManager[BinaryIO], *, url: str | None, data: Path | None) -> None:
    async with client(url, data) as service:
        try:
            async with service.stream("GET", f"/v1/users/{segment(user)}:export") as answer:
                if not answer.is_success:
                    await answer.aread()
                    read(answer)
                with target as file:
                    await _write(answer.aiter_bytes(), file)
        except httpx.HTTPError as broken:
            raise unreachable(service, broken) from broken


async def _write(pieces: AsyncIterator[bytes], file: BinaryIO) -> None:
    """What comes, as it comes. Unavailable when that was not all."""
    digest, rest = hashlib.sha256(), b""
    async for piece in pieces:
        file.write(piece)
        *lines, rest = (rest + piece).split(b"\n")
        # The last whole line may be the trailer, which does not count itself.
        for line in lines:
            if line.startswith(b'{"kind":"trailer"'):
                trailer = LINE.read(line)
                if isinstance(trailer, TrailerLine) and trailer.sha256 == digest.hexdigest():
                    return
            digest.update(line + b"\n")
    raise Unavailable("cli.export_cut", "the export broke off before its end: what was written is not whole. Do it again.")


def _content(wanted: Wanted) -> Content:
    """What is to be sent. Of ours nothing before the whole file was read once, and is whole."""
    if wanted.format != "mnemic":
        reading = Reading(user=wanted.user, source_user=wanted.source_user, session=wanted.session)
        found = formats.read(wanted.format, wanted.file.read_bytes(), reading)
        rows = (
            Row(at=one.at, flaw=one.flaw) if one.line is None else Row(at=one.at, raw=LINE.write(one.line) + b"\n")
            for one in found
        )
        return Content(header=HeaderLine(user_id=wanted.user), rows=rows)
    if wanted.partial:
        return _own(wanted.file, part=True)
    number = sum(1 for _ in _own(wanted.file, part=False).rows)
    return replace(_own(wanted.file, part=False), number=number)


def _own(path: Path, *, part: bool) -> Content:
    reader = Reader(_lines(path), part=part)
    rows = (
        Row(at=f"line {one.number}", flaw=one.flaw)
        if one.line is None
        else Row(at=f"line {one.number}", raw=LINE.write(one.line) + b"\n")
        for one in reader.content()
    )
    return Content(header=reader.header, rows=rows)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


async def _import(wanted: Wanted, content: Content, *, url: str | None, data: Path | None) -> Total:
    total = Total()
    head = LINE.write(content.header) + b"\n"
    async with client(url, data) as service:
        with _progress(content.number) as sent:
            for part in _parts(content.rows, total):
                await _send(service, wanted, (head, part), total)
                sent(len(part))
    return total


@contextmanager
def _progress(number: int | None) -> Generator[Callable[[int], None]]:
    """Takes how many lines more are through. A bar on a terminal; elsewhere a line twice a minute."""
    console, done, told_s = Console(stderr=True), 0, time.monotonic()
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("lines,"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("importing", total=number)

        def sent(lines: int) -> None:
            nonlocal done, told_s
            done += lines
            bar.advance(task, lines)
            if not console.is_terminal and time.monotonic() - told_s >= TOLD_EVERY_S:
                told_s = time.monotonic()
                console.print(f"importing: {done}{'' if number is None else f' of {number}'} lines", highlight=False)

        yield sent


def _parts(rows: Iterator[Row], total: Total) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        if row.flaw:
            total.fail(row)
            continue
        if part and (len(part) >= PART_LINES_MAX or size + len(row.raw) > PART_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row.raw)
    if part:
        yield part


async def _send(service: httpx.AsyncClient, wanted: Wanted, given: tuple[bytes, list[Row]], total: Total) -> None:
    """One part, from where the service stopped until it is through."""
    head, part = given
    body = head + b"".join(row.raw for row in part)
    headers = {"Content-Type": "application/x-ndjson", "X-Mnemic-Timeout-Ms": str(TIMEOUT_MS)}
    first: int | None = 0
    while first is not None:
        asked: dict[str, str | int] = {"part": "true", "from": first, "dry_run": "true" if wanted.dry_run else "false"}
        try:
            path = f"/v1/users/{segment(wanted.user)}:import"
            answer = read(await service.post(path, params=asked, content=body, headers=headers))
        except httpx.HTTPError as broken:
            fault = unreachable(service, broken)
            raise Unavailable(fault.code, f"{fault.message} Import the file again to go on where it was.") from broken
        total.add(answer, part)
        first = answer["next"]


def _place(at: str, part: list[Row]) -> str:
    """A place in a part, behind its header, as one in the file."""
    number = at.removeprefix("line ")
    return part[int(number) - 2].at if number.isdecimal() and 2 <= int(number) <= len(part) + 1 else at


def _tell(total: Total, wanted: Wanted, *, as_json: bool) -> None:
    if as_json:
        told = {"counts": total.counts, "problems": total.problems, "problems_total": total.problems_total}
        sys.stdout.write(json.dumps(told) + "\n")
        return
    console = Console(stderr=True)
    for sort, ends in total.counts.items():
        if ends["read"]:
            named = ", ".join(f"{ends[end]} {end}" for end in ("added", "duplicates", "refused", "failed") if ends[end])
            console.print(f"{sort}: {ends['read']} read, {named}{' (dry run)' if wanted.dry_run else ''}", highlight=False)
    for problem in total.problems[:_SHOWN_MAX]:
        console.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
    if total.problems_total > min(_SHOWN_MAX, len(total.problems)):
        more = total.problems_total - min(_SHOWN_MAX, len(total.problems))
        console.print(f"  … and {more} more; --json lists those that the service told", highlight=False)


def checked_format(name: str) -> str:
    known = ("mnemic", *formats.READERS)
    if name not in known:
        raise Invalid("cli.unknown_format", f"--format is {name!r}; it is one of {', '.join(known)}.")
    return name
