"""multipart/form-data streamed to files: each part under the file limit, all of them under the job's. What the fields mean is
api/http/uploads.py's matter."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.http.body import Bound, Spool, Spooled
from core.errors import Invalid, TooLarge
from core.limits import KIB

FIELD_BYTES_MAX = 64 * KIB
FIELDS_MAX = 16
_FIELD = Bound(
    what="a form field",
    bytes_max=FIELD_BYTES_MAX,
    code="request.field_too_large",
    way_out="Only parts with a filename may be larger.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """An uploaded file: the client's name for it, and where it is."""

    name: str
    media_type: str | None
    file: Spooled


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A whole form."""

    files: tuple[FilePart, ...]
    fields: dict[str, str]

    def digest(self) -> bytes:
        """SHA-256 of what the form says; boundaries, which differ from one sending to the next, count for nothing."""
        told = hashlib.sha256(repr(sorted(self.fields.items())).encode())
        for part in self.files:
            told.update(repr((part.name, part.media_type)).encode() + part.file.sha256)
        return told.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """`file` bounds one file, `files_max` their number."""

    file: Bound
    files_max: int


@dataclass(slots=True, kw_only=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    name: str = ""
    filename: str | None = None


class _Events:
    """The parser's callbacks, put in order, so that the async side can take its time with them."""

    def __init__(self) -> None:
        self.queue: list[tuple[_Part, bytes | None]] = []  # None ends a part
        self.ended = False
        self._part = _Part()
        self._header = bytearray()
        self._value = bytearray()

    def parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_end": self._whole,
            },
        )

    def _begin(self) -> None:
        self._part = _Part()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.queue.append((self._part, data[start:end]))

    def _end(self) -> None:
        self.queue.append((self._part, None))

    def _whole(self) -> None:
        self.ended = True

    def _header_end(self) -> None:
        self._part.headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._part.headers.get(b"content-disposition"))
        self._part.name = _text(options.get(b"name", b""), "a part's name")
        if b"filename" in options:
            self._part.filename = _unescaped(_text(options[b"filename"], "a filename"))


class _Collector:
    """Parts become files and fields."""

    def __init__(self, directory: Path, limits: FormLimits) -> None:
        self._directory = directory
        self._limits = limits
        self._spool: Spool | None = None
        self._field = bytearray()
        self.files: list[FilePart] = []
        self.fields: dict[str, str] = {}

    async def take(self, part: _Part, data: bytes | None) -> None:
        if part.filename is not None:
            await self._take_file(part, data)
        elif data is None:
            self._end_field(part)
        else:
            self._field += data
            if len(self._field) > FIELD_BYTES_MAX:
                raise _FIELD.fault(f"over {FIELD_BYTES_MAX}")

    async def _take_file(self, part: _Part, data: bytes | None) -> None:
        if part.name != "files":
            raise _invalid(f"the part {part.name[:80]!r} has a filename; files go into parts named 'files'")
        if self._spool is None:
            self._spool = self._next()
        if data is not None:
            await self._spool.add(data)
            return
        assert part.filename is not None
        named = part.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        self.files.append(FilePart(name=part.filename, media_type=known_type(named), file=await self._spool.finish()))
        self._spool = None

    def _next(self) -> Spool:
        if len(self.files) >= self._limits.files_max:
            raise TooLarge(
                "indexing.job_too_large", f"the form has more than {self._limits.files_max} files, the limit of one job."
            )
        return Spool(self._directory / f"{len(self.files):06}", self._limits.file)

    def _end_field(self, part: _Part) -> None:
        if part.name in self.fields or len(self.fields) >= FIELDS_MAX:
            raise _invalid(f"the field {part.name[:80]!r} is there twice, or there are more than {FIELDS_MAX} fields")
        self.fields[part.name] = _text(bytes(self._field), f"the field {part.name[:80]!r}")
        self._field.clear()


async def receive_form(content_type: str, source: AsyncIterator[bytes], directory: Path, limits: FormLimits) -> Form:
    """The form behind a stream of bytes, its files in `directory`; or Invalid / TooLarge."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise _invalid("the Content-Type names no boundary")
    events, collector = _Events(), _Collector(directory, limits)
    try:
        parser = events.parser(boundary)
        async for chunk in source:
            parser.write(chunk)
            for part, data in events.queue:
                await collector.take(part, data)
            events.queue.clear()
    except FormParserError as flaw:
        raise _invalid(str(flaw)) from None
    if not events.ended:
        raise _invalid("it ends before its last boundary")
    return Form(files=tuple(collector.files), fields=collector.fields)


def known_type(named: str) -> str | None:
    """What a client says a file is, unless it says nothing by it."""
    return None if named in {"", "application/octet-stream", "application/x-www-form-urlencoded"} else named


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _invalid(f"{what} is no UTF-8") from None


def _unescaped(name: str) -> str:
    # Browsers and httpx write these three as the HTML standard says; nothing else is escaped.
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _invalid(what: str) -> Invalid:
    return Invalid("request.invalid_multipart", f"the multipart body is wrong: {what}.")
