"""Forgetting what is named, and erasing a user with a receipt."""

from collections.abc import Mapping

from api.http.operation import Ask, NoQuery, Operation, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.sessions import NO_USER
from api.http.routes.troubles import BODY, ONCE
from api.services import Services
from api.wire.forgetting import (
    Erasure,
    ErasureStarted,
    ErasureVerified,
    ForgetIn,
    ForgetOut,
    erasure_out,
    forgotten_out,
    selector,
    started_out,
    verified_out,
)
from api.wire.schema import Shape
from core.caller import Grant
from core.errors import Conflict, Invalid, NotFound
from memory.forgetting.erasure import Verification
from memory.forgetting.service import Forgotten, Mode
from storage.erasures import ErasureRecord

_NO_MEMORY = Trouble(
    kind=NotFound, code="memory.no_such_memory", detail="there is no memory 'msg_0000000000009' of this user. Nothing was done."
)
_SELECTOR = Trouble(
    kind=Invalid,
    code="memory.invalid_selector",
    detail="selector has the limit 5000; with filter give 1 to 1000, so that no more goes",
)
_WIDE = Trouble(
    kind=Conflict,
    code="memory.selector_too_wide",
    detail="the filter matches more than 20 memories, its limit; nothing was done.",
)
_NO_ERASURE = Trouble(kind=NotFound, code="memory.no_such_erasure", detail="there is no erasure 'era_01' that this key may see")
_RECEIPT: Mapping[str, int] = {
    "sessions": 2,
    "messages": 31,
    "facts": 4,
    "summaries": 3,
    "entities": 0,
    "rows": 45,
    "vectors": 44,
    "dense_index": 45,
    "keyword_index": 45,
    "idempotency": 7,
    "tombstones": 35,
}
_FOUND: Mapping[str, int] = {name: 0 for name in _RECEIPT if name not in {"tombstones", "vectors"}}


async def _forget(services: Services, ask: Ask[ForgetIn, NoQuery]) -> Forgotten:
    caller, body = ask.caller.acting_for(ask.body.user_id), ask.body
    forgetting = services.remembering.forgetting
    return await forgetting.forget(caller, selector(body.selector), mode=Mode(body.mode), dry_run=body.dry_run)


async def _erase(services: Services, ask: Ask[None, NoQuery]) -> ErasureRecord:
    return await services.remembering.erasing.begin(ask.caller.acting_for(ask.path["id"]))


async def _get(services: Services, ask: Ask[None, NoQuery]) -> ErasureRecord:
    return await services.remembering.erasing.get(ask.caller, ask.path["id"])


async def _verify(services: Services, ask: Ask[None, NoQuery]) -> Verification:
    return await services.remembering.erasing.verify(ask.caller, ask.path["id"])


FORGET = Operation(
    method="POST",
    path="/v1/memories:forget",
    name="forgetMemories",
    summary="Forget what is named, found or filtered",
    description="`expire` takes messages and facts out of recall and keeps them in lists and history; `reject` also "
    "keeps the same from being written again; `purge` removes them altogether, with their vectors, and keeps them out. "
    "Summaries go in every mode, and are made anew of what is left. With `dry_run` nothing happens. All or nothing.",
    tag="Memories",
    needs=Grant.WRITE,
    body=JsonBody(
        Shape(ForgetIn), {"selector": {"ids": ["msg_0000000000001"]}, "mode": "purge", "dry_run": False, "user_id": "ann"}
    ),
    query=Shape(NoQuery),
    run=_forget,
    present=alone(forgotten_out),
    answer=Shape(ForgetOut),
    answer_example={"ids": ["msg_0000000000001"], "mode": "purge", "dry_run": False, "tombstones": 1, "offset": 44},
    once=True,
    troubles=(*BODY, NO_USER, _NO_MEMORY, _SELECTOR, _WIDE, ONCE),
)
ERASE = Operation(
    method="POST",
    path="/v1/users/{id}:erase",
    name="eraseUser",
    summary="Erase a user",
    description="Everything that memory holds of the user is out of sight when this answers, and is then taken out in the "
    "background, also across restarts. What is written afterwards is not part of it. Documents are not a user's: delete them "
    "in their index.",
    tag="Memories",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_erase,
    present=alone(started_out),
    answer=Shape(ErasureStarted),
    answer_example={"erasure_id": "era_01kv0cq1h8w3m9t2x5z7"},
    status=202,
    once=True,
    troubles=(NO_USER, ONCE),
)
GET = Operation(
    method="GET",
    path="/v1/erasures/{id}",
    name="getErasure",
    summary="Get an erasure's receipt",
    tag="Memories",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_get,
    present=alone(erasure_out),
    answer=Shape(Erasure),
    answer_example={
        "id": "era_01kv0cq1h8w3m9t2x5z7",
        "user_id": "ann",
        "state": "done",
        "receipt": _RECEIPT,
        "created_at": "2026-05-01T09:00:00Z",
        "finished_at": "2026-05-01T09:00:02Z",
    },
    troubles=(_NO_ERASURE,),
)
VERIFY = Operation(
    method="POST",
    path="/v1/erasures/{id}:verify",
    name="verifyErasure",
    summary="Look again for what was erased",
    description="In the store, in both arms of the search engine by key, and wherever else the erasure took something out.",
    tag="Memories",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_verify,
    present=alone(verified_out),
    answer=Shape(ErasureVerified),
    answer_example={
        "erasure_id": "era_01kv0cq1h8w3m9t2x5z7",
        "clean": True,
        "state": "done",
        "found": _FOUND,
        "indexed_offset": 61,
    },
    troubles=(_NO_ERASURE,),
)

OPERATIONS = (FORGET, ERASE, GET, VERIFY)
