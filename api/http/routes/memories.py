"""Facts: what is known of a user for longer than a session. Searching and forgetting them have routes of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.http.exchange import Exchange
from api.http.operation import Ask, NoQuery, Operation, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.sessions import NO_USER, OwnerPageQuery, OwnerQuery, owner
from api.http.routes.troubles import BODY, ONCE
from api.services import Services
from api.wire.indexes import Name
from api.wire.memories import (
    KindName,
    Memory,
    MemoryChanged,
    MemoryGone,
    MemoryHistory,
    MemoryIn,
    MemoryList,
    MemoryPatch,
    MemoryWritten,
    ProfileOut,
    StatusName,
    SupersedeIn,
    changed_out,
    fact_request,
    gone_out,
    history_out,
    memory_list,
    memory_out,
    patch_of,
    profile_out,
    utc,
    written_out,
)
from api.wire.schema import Moment, Shape
from core.caller import Caller, Grant
from core.errors import Conflict, Invalid, NotFound
from core.ids import FactId
from core.paging import Page
from memory.facts.types import Fact, FactAt, FactGone, FactHistory, Profile, WrittenAt
from storage.facts import FactQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPageQuery(OwnerPageQuery):
    """A page of a user's facts, of every status unless one is named."""

    agent_id: Name | None = None
    entity: str | None = None
    attribute: str | None = None
    kind: KindName | None = None
    status: StatusName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteQuery(OwnerQuery):
    """`if_revision`: 409 when the fact has moved on."""

    if_revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonQuery(OwnerQuery):
    """`reason` is kept in the fact's history."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileQuery(NoQuery):
    """`as_of`: what held then. `as_known_at`: as it was known then. Absent is now."""

    as_of: Moment | None = None
    as_known_at: Moment | None = None
    agent_id: Name | None = None


_STATE: Mapping[str, object] = {
    "entity": "Ann",
    "attribute": "home",
    "value": "Leeds",
    "text": "Ann lives in Leeds.",
    "kind": "attribute",
    "polarity": True,
    "cardinality": "one",
    "status": "active",
    "valid_from": "2026-04-24T00:00:00Z",
    "valid_to": None,
    "withdrawn": False,
    "superseded_by": None,
    "expires_at": None,
    "proofs": 1,
    "trust": 3,
    "importance": 0.5,
    "pinned": False,
    "metadata": {},
    "revision": 1,
    "known_from": "2026-05-01T09:00:01Z",
}
_ID = "fact_0000000000005"
_OLD = "fact_0000000000003"
_FACT: Mapping[str, object] = {
    **_STATE,
    "id": _ID,
    "user_id": "ann",
    "agent_id": None,
    "session_id": None,
    "recorded_at": "2026-05-01T09:00:01Z",
    "sources": [{"type": "message", "stance": "supports", "id": "m1", "session_id": "chat-17", "span": [0, 16], "trust": 3}],
}
_WRITTEN: Mapping[str, object] = {"id": _ID, "outcome": "superseded", "related": [_OLD], "offset": 44, "warnings": []}
_NO_FACT = Trouble(kind=NotFound, code="memory.no_such_fact", detail=f"there is no fact {_OLD!r} of this user")
_FLAWED = Trouble(kind=Invalid, code="memory.invalid_fact", detail="value is empty, or has no letter or digit")
_CONFLICTS = Trouble(
    kind=Conflict,
    code="memory.fact_conflicts",
    detail=f"'Ann lives in York.' contradicts what is known ({_ID}), and on_conflict is reject: nothing was written.",
)
_MOVED = Trouble(
    kind=Conflict, code="memory.fact_moved", detail=f"fact {_ID!r} was changed by somebody else meanwhile; read it again first"
)
_ENDED = Trouble(
    kind=Conflict, code="memory.fact_not_active", detail=f"fact {_OLD!r} is superseded by {_ID}; supersede that one instead"
)
_KEPT = Trouble(
    kind=Conflict,
    code="memory.fact_not_restorable",
    detail=f"fact {_ID!r} is active; only a rejected, expired or quarantined fact can be restored.",
)


def fact_id(path: Mapping[str, str]) -> FactId:
    return FactId(path["id"])


async def _write(services: Services, ask: Ask[MemoryIn, NoQuery]) -> WrittenAt:
    caller = ask.caller.acting_for(ask.body.user_id)
    return await services.remembering.facts.write(caller, fact_request(ask.body), eyes=ask.caller)


async def _list(services: Services, ask: Ask[None, MemoryPageQuery]) -> Page[Fact]:
    asked = ask.query
    query = FactQuery(
        status=asked.status, entity=asked.entity, attribute=asked.attribute, agent=asked.agent_id, kind=asked.kind
    )
    return await services.remembering.facts.page(owner(ask.caller, asked), asked.page(), query)


async def _get(services: Services, ask: Ask[None, OwnerQuery]) -> Fact:
    return await services.remembering.facts.get(owner(ask.caller, ask.query), fact_id(ask.path))


async def _history(services: Services, ask: Ask[None, OwnerQuery]) -> FactHistory:
    return await services.remembering.facts.history(owner(ask.caller, ask.query), fact_id(ask.path))


async def _patch(services: Services, ask: Ask[MemoryPatch, NoQuery]) -> FactAt:
    caller = ask.caller.acting_for(ask.body.user_id)
    return await services.remembering.facts.patch(caller, fact_id(ask.path), patch_of(ask.body))


async def _delete(services: Services, ask: Ask[None, DeleteQuery]) -> FactGone:
    caller = owner(ask.caller, ask.query)
    return await services.remembering.facts.delete(caller, fact_id(ask.path), revision=ask.query.if_revision)


async def _supersede(services: Services, ask: Ask[SupersedeIn, NoQuery]) -> WrittenAt:
    caller = ask.caller.acting_for(ask.body.user_id)
    return await services.remembering.facts.supersede(
        caller, fact_id(ask.path), ask.body.value, valid_from=utc(ask.body.valid_from)
    )


async def _reject(services: Services, ask: Ask[None, ReasonQuery]) -> FactAt:
    caller = owner(ask.caller, ask.query)
    return await services.remembering.facts.reject(caller, fact_id(ask.path), reason=ask.query.reason)


async def _restore(services: Services, ask: Ask[None, ReasonQuery]) -> FactAt:
    caller = owner(ask.caller, ask.query)
    return await services.remembering.facts.restore(caller, fact_id(ask.path), reason=ask.query.reason)


async def _pin(services: Services, ask: Ask[None, OwnerQuery]) -> FactAt:
    return await services.remembering.facts.pin(owner(ask.caller, ask.query), fact_id(ask.path))


async def _profile(services: Services, ask: Ask[None, ProfileQuery]) -> tuple[Caller, Profile]:
    caller = ask.caller.acting_for(ask.path["id"])
    asked = ask.query
    found = await services.remembering.facts.profile(
        caller, as_of=utc(asked.as_of), as_known_at=utc(asked.as_known_at), agent=asked.agent_id
    )
    return caller, found


def _present_profile(answer: tuple[Caller, Profile], exchange: Exchange) -> ProfileOut:
    del exchange
    return profile_out(answer[0].subject.partition(":")[2], answer[1])


WRITE = Operation(
    method="POST",
    path="/v1/memories",
    name="writeMemory",
    summary="Write a fact",
    description="The gate decides what becomes of it: `added`, `merged` or `noop` (nearly or exactly what is known), "
    "`superseded` (it takes the place of `related`), `challenged` (it is trusted less than what it contradicts), `refused` (it "
    "was rejected or erased before). What a scanner takes for a secret or a planted instruction is `added` with the status "
    "`quarantined`, out of every answer until `:restore`. A `text` is read by rules; what they cannot read is kept as a note.",
    tag="Memories",
    needs=Grant.WRITE,
    body=JsonBody(
        Shape(MemoryIn),
        {"entity": "Ann", "attribute": "home", "value": "Leeds", "user_id": "ann", "valid_from": "2026-04-24T00:00:00Z"},
    ),
    query=Shape(NoQuery),
    run=_write,
    present=alone(written_out),
    answer=Shape(MemoryWritten),
    answer_example=_WRITTEN,
    once=True,
    troubles=(*BODY, NO_USER, _FLAWED, _CONFLICTS, ONCE),
)
LIST = Operation(
    method="GET",
    path="/v1/memories",
    name="listMemories",
    summary="List a user's facts",
    description="In the order in which they were first recorded, of every status unless one is named.",
    tag="Memories",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(MemoryPageQuery),
    run=_list,
    present=alone(memory_list),
    answer=Shape(MemoryList),
    answer_example={"items": [_FACT], "next_cursor": None},
    troubles=(NO_USER,),
)
GET = Operation(
    method="GET",
    path="/v1/memories/{id}",
    name="getMemory",
    summary="Get a fact with its sources",
    tag="Memories",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_get,
    present=alone(memory_out),
    answer=Shape(Memory),
    answer_example=_FACT,
    troubles=(NO_USER, _NO_FACT),
)
HISTORY = Operation(
    method="GET",
    path="/v1/memories/{id}/history",
    name="getMemoryHistory",
    summary="Get a fact and what it was before",
    tag="Memories",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_history,
    present=alone(history_out),
    answer=Shape(MemoryHistory),
    answer_example={
        "current": _FACT,
        "former": [
            {
                **_STATE,
                "known_from": "2026-04-30T09:00:00Z",
                "known_to": "2026-05-01T09:00:01Z",
                "operation": "pin",
                "actor": "user:ann",
                "reason": None,
            }
        ],
    },
    troubles=(NO_USER, _NO_FACT),
)
PATCH = Operation(
    method="PATCH",
    path="/v1/memories/{id}",
    name="patchMemory",
    summary="Change a fact's pin, kind, importance, expiry or metadata",
    description="Its value is not changed in place: `:supersede` it.",
    tag="Memories",
    needs=Grant.WRITE,
    body=JsonBody(Shape(MemoryPatch), {"user_id": "ann", "pinned": True, "if_revision": 1}),
    query=Shape(NoQuery),
    run=_patch,
    present=alone(changed_out),
    answer=Shape(MemoryChanged),
    answer_example={**_FACT, "offset": 46, "pinned": True, "revision": 2},
    troubles=(*BODY, NO_USER, _NO_FACT, _FLAWED, _MOVED),
)
DELETE = Operation(
    method="DELETE",
    path="/v1/memories/{id}",
    name="deleteMemory",
    summary="Delete a fact",
    description="With its former states and sources; what it had ended holds again. It may be learned again: "
    "`:reject` keeps it out.",
    tag="Memories",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(DeleteQuery),
    run=_delete,
    present=alone(gone_out),
    answer=Shape(MemoryGone),
    answer_example={"offset": 45},
    troubles=(NO_USER, _NO_FACT, _MOVED),
)
SUPERSEDE = Operation(
    method="POST",
    path="/v1/memories/{id}:supersede",
    name="supersedeMemory",
    summary="Put another value in a fact's place",
    description="From `valid_from` on; the fact is kept with its end. A fact that was superseded already is 409.",
    tag="Memories",
    needs=Grant.WRITE,
    body=JsonBody(Shape(SupersedeIn), {"user_id": "ann", "value": "York", "valid_from": "2026-06-01T00:00:00Z"}),
    query=Shape(NoQuery),
    run=_supersede,
    present=alone(written_out),
    answer=Shape(MemoryWritten),
    answer_example=_WRITTEN,
    once=True,
    troubles=(*BODY, NO_USER, _NO_FACT, _FLAWED, _ENDED, ONCE),
)


def _verb(name: str, summary: str, run: Any, **own: Any) -> Operation[None, Any, FactAt, MemoryChanged]:  # noqa: ANN401 -- fields of Operation
    return Operation(
        method="POST",
        path=f"/v1/memories/{{id}}:{name}",
        name=f"{name}Memory",
        summary=summary,
        tag="Memories",
        needs=Grant.WRITE,
        body=NoBody(),
        run=run,
        present=alone(changed_out),
        answer=Shape(MemoryChanged),
        once=True,
        **own,
    )


REJECT = _verb(
    "reject",
    "Reject a fact",
    _reject,
    query=Shape(ReasonQuery),
    description="It was never so: it is in no answer any more, what it had ended holds again, and a digest keeps it from being "
    "learned again. Rejecting twice is no error.",
    answer_example={**_FACT, "offset": 46, "status": "rejected", "revision": 2},
    troubles=(NO_USER, _NO_FACT, ONCE),
)
RESTORE = _verb(
    "restore",
    "Restore a rejected, expired or quarantined fact",
    _restore,
    query=Shape(ReasonQuery),
    description="It takes its place among the others again, and what kept it out is lifted.",
    answer_example={**_FACT, "offset": 46, "revision": 3},
    troubles=(NO_USER, _NO_FACT, _KEPT, ONCE),
)
PIN = _verb(
    "pin",
    "Pin a fact",
    _pin,
    query=Shape(OwnerQuery),
    description="It comes first in the profile, and no policy drops it. PATCH `pinned: false` takes the pin away.",
    answer_example={**_FACT, "offset": 46, "pinned": True, "revision": 2},
    troubles=(NO_USER, _NO_FACT, ONCE),
)
PROFILE = Operation(
    method="GET",
    path="/v1/users/{id}/profile",
    name="getProfile",
    summary="Get what is known of a user",
    description="The facts that hold at `as_of`, as they were known at `as_known_at`, pinned and important ones first.",
    tag="Memories",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(ProfileQuery),
    run=_profile,
    present=_present_profile,
    answer=Shape(ProfileOut),
    answer_example={
        "user_id": "ann",
        "as_of": "2026-05-02T00:00:00Z",
        "as_known_at": "2026-05-02T00:00:00Z",
        "facts": [{**_STATE, "id": _ID, "agent_id": None}],
        "complete": True,
    },
    troubles=(NO_USER,),
)

OPERATIONS = (WRITE, LIST, SUPERSEDE, REJECT, RESTORE, PIN, HISTORY, GET, PATCH, DELETE, PROFILE)
