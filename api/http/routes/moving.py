"""Memory on its way out and in: bundles of a user or of one session, and what other systems write."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from api.bundles import Writer
from api.foreign.shapes import Reading
from api.http.body import Bound
from api.http.operation import Ask, NoQuery, Operation, Trouble, alone
from api.http.readers import NoBody, TextBody
from api.http.routes.sessions import NO_SESSION, NO_USER, OwnerQuery, owner, session_id
from api.http.routes.troubles import BODY, ONCE
from api.http.streaming import Streamed, StreamKind, StreamOf, presents_nothing
from api.services import Services
from api.wire.bundle import LINE, HeaderLine, Name
from api.wire.moving import FormatName, MemoryImported, bundle_of, import_out, line_of
from api.wire.schema import Shape
from core.caller import Caller, Grant, user_name
from core.errors import Conflict, Invalid
from core.limits import Limits
from memory.moving.exporting import Pages
from memory.moving.items import Imported

# Both take as long as there is memory to move; a caller that names a deadline has that one.
EXPORT_BUDGET_S = 600.0
IMPORT_BUDGET_S = 60.0
NDJSON = StreamKind.LINES.value

_HEADER = (
    '{"kind":"header","format":"mnemic.memory","version":1,"exported_at":"2026-05-01T10:00:00Z","user_id":"ann",'
    '"scope":"user","origin":"5f2c9a7d01be","learned":true}\n'
)
_COUNT: Mapping[str, int] = {"read": 0, "added": 0, "duplicates": 0, "refused": 0, "failed": 0}
_EXAMPLE: Mapping[str, object] = {
    "counts": {
        "sessions": {**_COUNT, "read": 1, "added": 1},
        "messages": {**_COUNT, "read": 2, "added": 1, "failed": 1},
        "facts": _COUNT,
        "aliases": _COUNT,
        "tombstones": _COUNT,
        "lines": _COUNT,
    },
    "problems": [
        {
            "at": "/1",
            "sort": "messages",
            "id": "chat-8c1d",
            "code": "memory.content_too_large",
            "detail": "is 1000000 bytes as UTF-8; the limit is 262144",
        }
    ],
    "problems_total": 1,
    "complete": True,
    "next": None,
    "dry_run": False,
    "offset": 44,
}
_BROKEN = Trouble(
    kind=Invalid,
    code="memory.broken_bundle",
    detail="the bundle is not whole: it ends before its trailer. Nothing was taken in.",
)
_SHAPE = Trouble(
    kind=Invalid, code="memory.foreign_shape", detail="this is no mem0 export: /results: expected a list of memories"
)
_WHOSE = Trouble(
    kind=Invalid,
    code="memory.foreign_user",
    detail="the mem0 file is of 2 users ('a', 'b'); say with source_user which of them is 'ann' here",
)
_ERASED = Trouble(kind=Conflict, code="memory.erased_meanwhile", detail="this user was erased while the import ran.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportQuery(NoQuery):
    """`format` of the body; `from` is the `next` of an import that stopped for time; `dry_run` counts and writes nothing.
    `part`: of a bundle only its header and some lines are sent. `source_user` is who of the users that the file names is meant,
    `session_id` where the messages of a chat log go that name no conversation."""

    format: FormatName = "mnemic"
    first: Annotated[int, Field(ge=0, alias="from")] = 0
    dry_run: bool = False
    part: bool = False
    source_user: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    session_id: Name | None = None


async def _export_user(services: Services, ask: Ask[None, NoQuery]) -> Streamed:
    caller = ask.caller.acting_for(ask.path["id"])
    header = await _header(services, caller)
    return Streamed(kind=StreamKind.LINES, pieces=_written(header, services.remembering.exporting.user(caller)), eager=True)


async def _export_session(services: Services, ask: Ask[None, OwnerQuery]) -> Streamed:
    caller = owner(ask.caller, ask.query)
    pages = services.remembering.exporting.session(caller, session_id(ask.path))
    # What its messages teach is learned where they come in, but for what is the session's alone.
    header = await _header(services, caller, session=True)
    return Streamed(kind=StreamKind.LINES, pieces=_written(header, pages), eager=True)


async def _header(services: Services, caller: Caller, *, session: bool = False) -> HeaderLine:
    return HeaderLine(
        exported_at=services.clock.now(),
        user_id=user_name(caller.subject),
        scope="session" if session else "user",
        origin=await services.remembering.exporting.origin(caller),
        learned=not session,
    )


async def _written(header: HeaderLine, pages: Pages) -> AsyncGenerator[bytes]:
    writer = Writer()
    piece = writer.lines([header])
    async with aclosing(pages):
        async for page in pages:
            yield piece + writer.lines(map(line_of, page))
            piece = b""
    yield piece + writer.trailer()


async def _import(services: Services, ask: Ask[bytes, ImportQuery]) -> Imported:
    caller, query = ask.caller.acting_for(ask.path["id"]), ask.query
    reading = Reading(user=user_name(caller.subject), source_user=query.source_user, session=query.session_id)
    bundle = await asyncio.to_thread(bundle_of, query.format, ask.body, reading, part=query.part)
    importing = services.remembering.importing
    return await importing.run(caller, bundle, eyes=ask.caller, first=query.first, dry_run=query.dry_run)


def _bound(limits: Limits) -> Bound:
    return Bound(
        what="the body",
        bytes_max=limits.import_bytes_max,
        code="request.body_too_large",
        way_out="`mnemic memory import` sends a large file in parts; or raise MNEMIC_LIMITS__IMPORT_BYTES_MAX.",
    )


EXPORT_USER = Operation(
    method="GET",
    path="/v1/users/{id}:export",
    name="exportUser",
    summary="Export everything of a user",
    description="A bundle, one JSON object to a line: header, sessions with their messages, facts with sources and history, "
    "names, tombstones with their secrets, trailer. Without its trailer it is not whole. Summaries are derived, and not in it. "
    "What is written while it goes out may be in it or not.",
    tag="Memories",
    needs=Grant.READ,
    budget_s=EXPORT_BUDGET_S,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_export_user,
    present=presents_nothing,
    answer=LINE,
    answer_example={},
    stream=StreamOf(kind=StreamKind.LINES, item=LINE, example=_HEADER),
    troubles=(NO_USER,),
)
EXPORT_SESSION = Operation(
    method="GET",
    path="/v1/sessions/{id}:export",
    name="exportSession",
    summary="Export a session",
    description="As a bundle: the session with its messages, the facts that are its own alone, and the user's tombstones. What "
    "its messages teach besides is learned where they come in.",
    tag="Sessions",
    needs=Grant.READ,
    budget_s=EXPORT_BUDGET_S,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_export_session,
    present=presents_nothing,
    answer=LINE,
    answer_example={},
    stream=StreamOf(kind=StreamKind.LINES, item=LINE, example=_HEADER),
    troubles=(NO_USER, NO_SESSION),
)
IMPORT = Operation(
    method="POST",
    path="/v1/users/{id}:import",
    name="importMemory",
    summary="Import memory of a user",
    description="A bundle, or what mem0, Zep or Graphiti, Letta, or a chat log has. Everything has a stable id: to send the "
    "same again adds nothing, and goes on after whatever broke it off. In batches of one transaction each; when the time is up "
    "it answers what was done, with `next`. What was erased or rejected is refused; what is wrong is told and the rest comes "
    "in. Of a bundle that is not whole nothing does.",
    tag="Memories",
    needs=Grant.WRITE,
    budget_s=IMPORT_BUDGET_S,
    body=TextBody(
        _bound,
        {
            NDJSON: _HEADER,
            "application/json": [
                {"role": "user", "content": "I moved to Leeds last Friday.", "timestamp": "2026-05-01T09:00:00Z"}
            ],
        },
    ),
    query=Shape(ImportQuery),
    run=_import,
    present=alone(import_out),
    answer=Shape(MemoryImported),
    answer_example=_EXAMPLE,
    once=True,
    troubles=(*BODY, NO_USER, _BROKEN, _SHAPE, _WHOSE, _ERASED, ONCE),
)

OPERATIONS = (EXPORT_USER, EXPORT_SESSION, IMPORT)
