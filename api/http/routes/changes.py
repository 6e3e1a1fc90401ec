"""GET /v1/changes, which streams, and the difference between two offsets."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from api.http.operation import Ask, NoQuery, Operation, Trouble, alone
from api.http.readers import NoBody
from api.http.streaming import Streamed, StreamKind, StreamOf, event, presents_nothing
from api.services import Services
from api.wire.changes import CHANGE, PROGRESS, ChangeOut, DifferenceOut, Kind, ProgressOut, change_out, difference_out
from api.wire.schema import Shape
from core.caller import Caller, Grant
from core.errors import Gone, Invalid, NotFound
from indexing.differences import Step
from indexing.feed import Difference, Reached

_EXAMPLE: Mapping[str, object] = {
    "offset": 19,
    "at": "2026-05-01T00:00:00Z",
    "op": "added",
    "type": "fact",
    "id": "fact_0000000000007",
    "index": None,
    "version": None,
    "session_id": None,
    "message_id": None,
}
_TRIMMED = Trouble(
    kind=Gone, code="changes.trimmed", detail="the changes behind offset 12 are no longer all kept. Read everything anew."
)
_UNKNOWN = Trouble(kind=Gone, code="changes.unknown_offset", detail="offset 900 was never given, the last is 412.")
_NO_USER = Trouble(
    kind=NotFound, code="memory.no_such_user", detail="there is no user 'bob' for this key and whom it looks for."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesQuery(NoQuery):
    """`after` is the last offset known, now without it; `user_id` whose eyes this looks through; `type` the one kind wanted."""

    after: Annotated[int, Field(ge=0)] | None = None
    user_id: str | None = None
    type: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceQuery(NoQuery):
    """`from` and `to` are offsets; without `to`, what is searchable now."""

    since: Annotated[int, Field(ge=0, alias="from")]
    to: Annotated[int, Field(ge=0)] | None = None
    user_id: str | None = None
    type: Literal["document", "message", "fact", "summary"] | None = None


async def _follow(services: Services, ask: Ask[None, ChangesQuery]) -> Streamed:
    query = ask.query
    told = ask.headers.get("last-event-id")
    after = query.after if told is None else _offset(told)
    steps = await services.feed.follow(_eyes(ask.caller, query.user_id), after=after, kind=query.type)
    return Streamed(kind=StreamKind.EVENTS, pieces=_events(steps), endless=True)


async def _events(steps: AsyncGenerator[Step | Reached]) -> AsyncGenerator[bytes]:
    async with aclosing(steps):
        async for step in steps:
            if isinstance(step, Reached):
                yield event(PROGRESS.write(ProgressOut(offset=step.offset)), name="progress", number=step.offset)
            else:
                yield event(CHANGE.write(change_out(step)), name="change", number=step.change.offset)


async def _difference(services: Services, ask: Ask[None, DifferenceQuery]) -> Difference:
    query = ask.query
    caller = _eyes(ask.caller, query.user_id)
    return await services.feed.difference(caller, since=query.since, upto=query.to, kind=query.type)


def _eyes(caller: Caller, user: str | None) -> Caller:
    return caller if user is None else caller.acting_for(user)


def _offset(told: str) -> int:
    if not (told.isascii() and told.isdecimal() and len(told) < 19):
        raise Invalid("changes.invalid_event_id", f"Last-Event-ID is {told[:40]!r}; send the id of an event of this stream")
    return int(told)


FOLLOW = Operation(
    method="GET",
    path="/v1/changes",
    name="followChanges",
    summary="Follow what changes",
    description="Server-sent events `change`, in the order of commits, for what the caller may see: documents by their access "
    "list, memory that is its own. They tell ids, never a text, once the change can be searched. A `progress` event tells how "
    "far a silent stream is. `Last-Event-ID` goes before `after`; without both, it begins now.",
    tag="Changes",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(ChangesQuery),
    run=_follow,
    present=presents_nothing,
    answer=Shape(ChangeOut),
    answer_example=_EXAMPLE,
    stream=StreamOf(
        kind=StreamKind.EVENTS,
        item=CHANGE,
        example='id: 19\nevent: change\ndata: {"offset":19,"at":"2026-05-01T00:00:00Z","op":"added","type":"fact",'
        '"id":"fact_0000000000007","index":null,"version":null,"session_id":null,"message_id":null}\n\n',
    ),
    headers=(
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "the id of the last event seen; an EventSource sends it by itself",
            "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
        },
    ),
    troubles=(
        _TRIMMED,
        _UNKNOWN,
        _NO_USER,
        Trouble(kind=Invalid, code="changes.invalid_event_id", detail="Last-Event-ID is 'x'; send the id of an event."),
    ),
)
DIFFERENCE = Operation(
    method="GET",
    path="/v1/changes:diff",
    name="diffChanges",
    summary="Compare two offsets",
    description="What of that which the caller may see came, changed and went between `from` and `to`, each thing once; at "
    "most 10,000 offsets at a time.",
    tag="Changes",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(DifferenceQuery),
    run=_difference,
    present=alone(difference_out),
    answer=Shape(DifferenceOut),
    answer_example={"from_offset": 12, "to_offset": 19, "added": [_EXAMPLE], "changed": [], "removed": []},
    troubles=(
        _TRIMMED,
        _UNKNOWN,
        _NO_USER,
        Trouble(kind=Invalid, code="changes.invalid_range", detail="from 0 to 20000 are 20000 offsets; ask for 0 to 10000."),
    ),
)

OPERATIONS = (FOLLOW, DIFFERENCE)
