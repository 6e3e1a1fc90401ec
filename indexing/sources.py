"""Where jobs may read from, and what they find there: directories and JSONL files below an allowed root, in a fixed order."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from core.errors import Corrupt, Fault, Forbidden, Invalid
from core.ids import DocumentId, below, check_document_id
from indexing.deciding import Wanted
from indexing.types import JobRequest, SourceKind, Submission

LINE_BYTES_MAX = 32 * 1024 * 1024

SpecValues = Mapping[str, Any]

# How far a listing has come: the number of a line, or the path of a file below the root. 0 is the start.
Position = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that a source holds: a file to be read later, a document already at hand, or why it is neither."""

    id: DocumentId
    position: Position
    path: Path | None = None
    submission: Submission | None = None
    fault: Fault | None = None


class SourceRules:
    """`roots` are the directories that jobs may read below; `parse_line` makes a submission of one JSONL line, or a Fault."""

    def __init__(self, *, roots: tuple[Path, ...], parse_line: Callable[[bytes], Submission]) -> None:
        self._roots = roots
        self._parse_line = parse_line

    async def spec_of(self, request: JobRequest) -> SpecValues:
        """The request as a job keeps it. Forbidden outside of every root, Invalid for what is not there."""
        path = None if request.kind is SourceKind.UPLOAD else await asyncio.to_thread(self._resolve, request)
        wanted = Wanted(metadata=request.metadata, acl=request.acl)
        return {
            "source": str(request.kind),
            "uri": None if path is None else str(path),
            "prefix": request.prefix,
            "include": list(request.include),
            "position": 0,
            "wanted": wanted.payload(),
        }

    def wanted(self, spec: SpecValues) -> Wanted:
        """The envelope that every document of the job gets."""
        return Wanted.of_payload(spec["wanted"])

    def read(self, spec: SpecValues) -> Iterator[Found]:
        """What the source holds from `position` on. Blocks: iterate in a thread. Raises Fault when the source is gone."""
        path = self._allowed(Path(spec["uri"]))
        after: Position = spec["position"]
        jsonl = spec["source"] == SourceKind.JSONL
        if not (path.is_file() if jsonl else path.is_dir()) or not os.access(path, os.R_OK):
            raise Corrupt(
                "indexing.source_missing",
                f"{str(path)[:200]!r} is no longer there, or cannot be read; retry the job once it can",
            )
        if jsonl:
            assert isinstance(after, int), after
            return self._lines(path, after)
        return _files(path, spec["include"], spec["prefix"], str(after or ""))

    def _resolve(self, request: JobRequest) -> Path:
        if not request.uri:
            raise Invalid("indexing.no_source_uri", f"a {request.kind} job needs source.uri, a path on the service's machine")
        path = self._allowed(Path(request.uri.removeprefix("file://")))
        if request.kind is SourceKind.DIRECTORY and not path.is_dir():
            raise Invalid("indexing.no_such_source", f"{request.uri!r} is no directory on the service's machine")
        if request.kind is SourceKind.JSONL and not path.is_file():
            raise Invalid("indexing.no_such_source", f"{request.uri!r} is no file on the service's machine")
        return path

    def _allowed(self, path: Path) -> Path:
        resolved = path.resolve()
        if not any(resolved.is_relative_to(root.resolve()) for root in self._roots):
            raise Forbidden(
                "indexing.outside_roots",
                f"{str(path)[:200]!r} is not below a directory that jobs may read; an operator allows one with "
                "MNEMIC_INGEST_ROOTS, or send the files with an upload job",
            )
        return resolved

    def _lines(self, path: Path, after: int) -> Iterator[Found]:
        with path.open("rb") as file:
            for position, line in enumerate(_bounded_lines(file), start=1):
                if position > after and line.strip():
                    yield self._line(position, line)

    def _line(self, position: int, line: bytes) -> Found:
        try:
            if len(line) > LINE_BYTES_MAX:
                raise Invalid("indexing.line_too_long", f"line {position} is longer than {LINE_BYTES_MAX} bytes, the limit")
            submission = self._parse_line(line)
        except Fault as fault:
            return Found(id=DocumentId(f"line-{position}"), position=position, fault=fault)
        return Found(id=submission.id, position=position, submission=submission)


def read_file(path: Path, bytes_max: int) -> None:
    """Checks that a listed file can still be read, or raises the Fault of its item."""
    try:
        size = path.stat().st_size
        if not os.access(path, os.R_OK):
            raise Invalid("indexing.source_unreadable", f"{path.name!r} cannot be read by the service; check its permissions")
    except OSError as gone:
        raise Corrupt("indexing.source_missing", f"{path.name!r} is no longer there ({gone.strerror})") from gone
    if size > bytes_max:
        raise Invalid("indexing.file_too_large", f"{path.name!r} is {size} bytes; the limit is {bytes_max}")


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines, of which one that is too long is cut off just above the limit: as one line, whatever its length."""
    while line := file.readline(LINE_BYTES_MAX + 1):
        rest = line
        while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = file.readline(LINE_BYTES_MAX + 1)
        yield line


def _files(root: Path, include: list[str], prefix: str, after: str) -> Iterator[Found]:
    """Regular files in a fixed order, behind the one at `after`, which may be gone by now. No link leads out of the root."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            relative = PurePosixPath(path.relative_to(root))
            if after and _place(relative) <= _place(PurePosixPath(after)):
                continue
            if any(_fits(relative, pattern) for pattern in include) and path.resolve().is_relative_to(root) and path.is_file():
                yield _file(path, relative, prefix)


def _place(relative: PurePosixPath) -> list[tuple[bool, str]]:
    """Where a file stands in the order of `os.walk`: a folder's files before its folders, each by name."""
    *folders, name = relative.parts
    return [*((True, folder) for folder in folders), (False, name)]


def _file(path: Path, relative: PurePosixPath, prefix: str) -> Found:
    name = below(prefix, str(relative))
    try:
        return Found(id=check_document_id(name), position=str(relative), path=path)
    except Fault as fault:
        plain = DocumentId(name.encode("utf-8", "replace").decode()[:200])
        return Found(id=plain, position=_written(relative), fault=fault)


def _written(relative: PurePosixPath) -> str:
    """As it can be stored: a name that is no Unicode keeps its place in the order but for the bytes that are none."""
    return str(relative).encode("utf-8", "replace").decode()


def _fits(relative: PurePosixPath, pattern: str) -> bool:
    """Glob with `**` for any number of folders; PurePath.match of 3.11 reads `**` as one."""
    return _segments_fit(relative.parts, tuple(pattern.split("/")))


def _segments_fit(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_segments_fit(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and PurePosixPath(parts[0]).match(pattern[0]) and _segments_fit(parts[1:], pattern[1:])
