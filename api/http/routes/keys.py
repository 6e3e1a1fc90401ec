"""Keys: made, listed, revoked."""

from collections.abc import Mapping
from datetime import datetime

from api.http.exchange import Exchange
from api.http.operation import Ask, NoQuery, Operation, PageQuery, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.troubles import BODY, ONCE
from api.services import Services
from api.wire.keys import Key, KeyIn, KeyList, Revoked, key_list, key_out, revoked
from api.wire.schema import Shape
from core.caller import Grant
from core.errors import Forbidden, NotFound
from core.ids import KeyId
from core.paging import Page
from storage.records import KeyRecord

_EXAMPLE: Mapping[str, object] = {
    "id": "key_01jvexample",
    "key": None,
    "name": "ann's agent",
    "subject": "user:ann",
    "principals": ["group:hr"],
    "grants": ["read"],
    "created_at": "2026-05-01T00:00:00Z",
    "expires_at": None,
    "revoked_at": None,
}
_BEYOND = Trouble(
    kind=Forbidden, code="keys.beyond_own_grants", detail="key key_01 cannot make a key with operator, which it lacks itself."
)
_NO_KEY = Trouble(kind=NotFound, code="keys.no_such_key", detail="there is no living key 'key_01'.")


async def _create(services: Services, ask: Ask[KeyIn, NoQuery]) -> tuple[KeyRecord, str | None]:
    return await services.keys.create(ask.caller, ask.body)


def _created(made: tuple[KeyRecord, str | None]) -> Key:
    return key_out(*made)


async def _list(services: Services, ask: Ask[None, PageQuery]) -> Page[KeyRecord]:
    return await services.keys.page(ask.caller, ask.query.page())


async def _revoke(services: Services, ask: Ask[None, NoQuery]) -> datetime:
    return await services.keys.revoke(ask.caller, KeyId(ask.path["id"]))


def _present_revoked(at: datetime, exchange: Exchange) -> Revoked:
    return revoked(exchange.path["id"], at)


CREATE = Operation(
    method="POST",
    path="/v1/admin/keys",
    name="createKey",
    summary="Make a key",
    description="The answer holds the credential, this once: mnemic keeps its SHA-256 alone. Given again for the same "
    "Idempotency-Key, the answer has `key: null`. Nobody can grant what they lack.",
    tag="Keys",
    needs=Grant.ADMIN,
    body=JsonBody(Shape(KeyIn), {"subject": "user:ann", "principals": ["group:hr"], "grants": ["read"], "name": "ann's agent"}),
    query=Shape(NoQuery),
    run=_create,
    present=alone(_created),
    answer=Shape(Key),
    answer_example={**_EXAMPLE, "key": "mn_key_01jvexample_9f2c…"},
    status=201,
    once=True,
    troubles=(*BODY, _BEYOND, ONCE),
)
LIST = Operation(
    method="GET",
    path="/v1/admin/keys",
    name="listKeys",
    summary="List the keys",
    tag="Keys",
    needs=Grant.ADMIN,
    body=NoBody(),
    query=Shape(PageQuery),
    run=_list,
    present=alone(key_list),
    answer=Shape(KeyList),
    answer_example={"items": [_EXAMPLE], "next_cursor": None},
)
REVOKE = Operation(
    method="DELETE",
    path="/v1/admin/keys/{id}",
    name="revokeKey",
    summary="Revoke a key",
    description="At once in this process, within a second in others.",
    tag="Keys",
    needs=Grant.ADMIN,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_revoke,
    present=_present_revoked,
    answer=Shape(Revoked),
    answer_example={"id": "key_01jvexample", "revoked_at": "2026-05-01T00:00:00Z"},
    troubles=(_BEYOND, _NO_KEY),
)

OPERATIONS = (CREATE, LIST, REVOKE)
