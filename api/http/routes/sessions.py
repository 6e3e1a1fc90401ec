"""Sessions and their messages: made, listed, appended to, closed, taken out again."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.http.exchange import Exchange
from api.http.operation import Ask, NoQuery, Operation, PageQuery, ReadQuery, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.troubles import BODY, ONCE
from api.services import Services
from api.wire.indexes import Name
from api.wire.schema import Shape
from api.wire.sessions import (
    AppendIn,
    AppendOut,
    MessageList,
    RedactIn,
    RedactOut,
    RemovedOut,
    Session,
    SessionIn,
    SessionList,
    appended_out,
    message_list,
    redacted_out,
    removed_out,
    said,
    session_list,
    session_out,
    session_request,
)
from core.caller import Caller, Grant
from core.errors import Conflict, NotFound, TooLarge
from core.ids import SessionId, check_name
from core.paging import Page
from memory.types import Appended, Removed, Wait
from storage.memory_records import MessageRecord, SessionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerQuery(ReadQuery):
    """Whose memory; absent is the caller's own. Another user's needs `delegate` or `admin`."""

    user_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerPageQuery(PageQuery):
    """A page of what belongs to a user."""

    user_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPageQuery(OwnerPageQuery):
    """A page of a user's sessions, with one agent or with all."""

    agent_id: Name | None = None


_SESSION: Mapping[str, object] = {
    "id": "chat-17",
    "user_id": "ann",
    "agent_id": "helpdesk",
    "state": "open",
    "metadata": {"channel": "web"},
    "ttl_s": None,
    "expires_at": None,
    "messages": 2,
    "tokens": 31,
    "created_at": "2026-05-01T09:00:00Z",
    "updated_at": "2026-05-01T09:01:00Z",
    "closed_at": None,
}
_MESSAGE: Mapping[str, object] = {
    "id": "m1",
    "seq": 1,
    "role": "user",
    "speaker": "Ann",
    "content": "I moved to Leeds last Friday.",
    "occurred_at": "2026-05-01T09:00:00Z",
    "occurred_kind": "given",
    "recorded_at": "2026-05-01T09:00:01Z",
    "source": None,
    "trust": 3,
    "flags": [],
    "tokens": 8,
    "metadata": {},
}
NO_USER = Trouble(kind=NotFound, code="memory.no_such_user", detail="there is no user 'bob' for this key.")
NO_SESSION = Trouble(kind=NotFound, code="memory.no_such_session", detail="there is no session 'chat-18' of this user.")
_NO_MESSAGE = Trouble(kind=NotFound, code="memory.no_such_message", detail="there is no message 'm9' in session 'chat-17'")
_EXISTS = Trouble(
    kind=Conflict, code="memory.session_exists", detail="session 'chat-17' is there already with another time to live."
)
_CLOSED = Trouble(kind=Conflict, code="memory.session_closed", detail="session 'chat-17' is closed and takes no more messages.")
_OTHER = Trouble(
    kind=Conflict, code="memory.message_conflict", detail="message 'm1' is in this session already with another content."
)
_LARGE = Trouble(
    kind=TooLarge, code="memory.content_too_large", detail="messages[0].content is 5242880 bytes as UTF-8; the limit is 262144."
)


def session_id(path: Mapping[str, str]) -> SessionId:
    return SessionId(check_name(path["id"], what="session id"))


def owner(caller: Caller, query: OwnerQuery | OwnerPageQuery) -> Caller:
    return caller.acting_for(query.user_id)


async def _create(services: Services, ask: Ask[SessionIn, NoQuery]) -> tuple[SessionRecord, bool]:
    if ask.body.id is not None:
        check_name(ask.body.id, what="session id")
    return await services.remembering.memory.create(ask.caller.acting_for(ask.body.user_id), session_request(ask.body))


def _created(made: tuple[SessionRecord, bool]) -> Session:
    return session_out(made[0])


def _created_status(made: tuple[SessionRecord, bool]) -> int:
    return 201 if made[1] else 200


async def _list(services: Services, ask: Ask[None, SessionPageQuery]) -> Page[SessionRecord]:
    return await services.remembering.memory.page(owner(ask.caller, ask.query), ask.query.page(), agent=ask.query.agent_id)


async def _get(services: Services, ask: Ask[None, OwnerQuery]) -> SessionRecord:
    return await services.remembering.memory.get(owner(ask.caller, ask.query), session_id(ask.path))


async def _close(services: Services, ask: Ask[None, OwnerQuery]) -> SessionRecord:
    return await services.remembering.memory.close(owner(ask.caller, ask.query), session_id(ask.path))


async def _delete(services: Services, ask: Ask[None, OwnerQuery]) -> Removed:
    return await services.remembering.removal.delete_session(owner(ask.caller, ask.query), session_id(ask.path))


async def _append(services: Services, ask: Ask[AppendIn, NoQuery]) -> Appended:
    caller = ask.caller.acting_for(ask.body.user_id)
    return await services.remembering.memory.append(caller, session_id(ask.path), said(ask.body), wait=Wait(ask.body.wait))


async def _messages(services: Services, ask: Ask[None, OwnerPageQuery]) -> Page[MessageRecord]:
    return await services.remembering.memory.messages(owner(ask.caller, ask.query), session_id(ask.path), ask.query.page())


async def _delete_message(services: Services, ask: Ask[None, OwnerQuery]) -> Removed:
    return await services.remembering.removal.delete_message(
        owner(ask.caller, ask.query), session_id(ask.path), ask.path["message"]
    )


async def _redact(services: Services, ask: Ask[RedactIn, NoQuery]) -> tuple[MessageRecord, int]:
    caller = ask.caller.acting_for(ask.body.user_id)
    return await services.remembering.removal.redact(caller, session_id(ask.path), ask.path["message"], ask.body.spans)


async def _release(services: Services, ask: Ask[None, OwnerQuery]) -> tuple[MessageRecord, int]:
    return await services.remembering.quarantine.release(
        owner(ask.caller, ask.query), session_id(ask.path), ask.path["message"]
    )


def _present_redacted(answer: tuple[MessageRecord, int], exchange: Exchange) -> RedactOut:
    del exchange
    return redacted_out(answer)


CREATE = Operation(
    method="POST",
    path="/v1/sessions",
    name="createSession",
    summary="Make a session",
    description="A session id is the user's own: two users may use the same. Making one again answers it with 200.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=JsonBody(
        Shape(SessionIn), {"id": "chat-17", "user_id": "ann", "agent_id": "helpdesk", "metadata": {"channel": "web"}}
    ),
    query=Shape(NoQuery),
    run=_create,
    present=alone(_created),
    answer=Shape(Session),
    answer_example={**_SESSION, "messages": 0, "tokens": 0},
    status=201,
    status_of=_created_status,
    statuses={200: "it was there already, just so"},
    once=True,
    troubles=(*BODY, NO_USER, _EXISTS, ONCE),
)
LIST = Operation(
    method="GET",
    path="/v1/sessions",
    name="listSessions",
    summary="List a user's sessions",
    tag="Sessions",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(SessionPageQuery),
    run=_list,
    present=alone(session_list),
    answer=Shape(SessionList),
    answer_example={"items": [_SESSION], "next_cursor": None},
    troubles=(NO_USER,),
)
GET = Operation(
    method="GET",
    path="/v1/sessions/{id}",
    name="getSession",
    summary="Get a session",
    tag="Sessions",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_get,
    present=alone(session_out),
    answer=Shape(Session),
    answer_example=_SESSION,
    troubles=(NO_USER, NO_SESSION),
)
CLOSE = Operation(
    method="POST",
    path="/v1/sessions/{id}:close",
    name="closeSession",
    summary="Close a session",
    description="It takes no more messages; what was said stays to be read and recalled. Closing twice is no error.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_close,
    present=alone(session_out),
    answer=Shape(Session),
    answer_example={**_SESSION, "state": "closed", "closed_at": "2026-05-01T10:00:00Z"},
    once=True,
    troubles=(NO_USER, NO_SESSION, ONCE),
)
DELETE = Operation(
    method="DELETE",
    path="/v1/sessions/{id}",
    name="deleteSession",
    summary="Delete a session",
    description="With every message, and what was derived from them alone.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_delete,
    present=alone(removed_out),
    answer=Shape(RemovedOut),
    answer_example={"messages": 2, "offset": 41},
    troubles=(NO_USER, NO_SESSION),
)
APPEND = Operation(
    method="POST",
    path="/v1/sessions/{id}/messages",
    name="appendMessages",
    summary="Append messages",
    description="All or none, in order. A message with an `id` is written once, however often it is sent; the same id with "
    "another content is 409. `occurred_at` is never taken to be now: absent, it is inferred from the session or missing, and "
    "`warnings` says so, as it does of what a scanner takes for a secret, personal data or a planted instruction "
    "(`content.secret`, `content.pii`, `content.injection`, with kind and place). `wait: indexed` answers once the next search "
    "finds them.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=JsonBody(
        Shape(AppendIn),
        {
            "user_id": "ann",
            "messages": [
                {
                    "id": "m1",
                    "role": "user",
                    "speaker": "Ann",
                    "content": "I moved to Leeds last Friday.",
                    "occurred_at": "2026-05-01T09:00:00Z",
                }
            ],
            "wait": "indexed",
        },
    ),
    query=Shape(NoQuery),
    run=_append,
    present=alone(appended_out),
    answer=Shape(AppendOut),
    answer_example={"accepted": 1, "duplicates": 0, "refused": 0, "ids": ["m1"], "offset": 40, "warnings": []},
    once=True,
    troubles=(*BODY, NO_USER, NO_SESSION, _CLOSED, _OTHER, _LARGE, ONCE),
)
MESSAGES = Operation(
    method="GET",
    path="/v1/sessions/{id}/messages",
    name="listMessages",
    summary="List a session's messages",
    tag="Sessions",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(OwnerPageQuery),
    run=_messages,
    present=alone(message_list),
    answer=Shape(MessageList),
    answer_example={"items": [_MESSAGE], "next_cursor": None},
    troubles=(NO_USER, NO_SESSION),
)
REDACT = Operation(
    method="POST",
    path="/v1/sessions/{id}/messages/{message:path}:redact",
    name="redactMessage",
    summary="Black out words of a message",
    description="Each code point of the spans becomes a full block, so every other span stays exact. What was taken out is in "
    "no index, summary or answer any more.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=JsonBody(Shape(RedactIn), {"spans": [[11, 16]], "user_id": "ann"}),
    query=Shape(NoQuery),
    run=_redact,
    present=_present_redacted,
    answer=Shape(RedactOut),
    answer_example={"message": {**_MESSAGE, "content": "I moved to \u2588\u2588\u2588\u2588\u2588 last Friday."}, "offset": 42},
    once=True,
    troubles=(*BODY, NO_USER, NO_SESSION, _NO_MESSAGE, ONCE),
)
RELEASE = Operation(
    method="POST",
    path="/v1/sessions/{id}/messages/{message:path}:release",
    name="releaseMessage",
    summary="Release a message from quarantine",
    description="What a scanner took for a secret or a planted instruction is kept apart: no recall, context or summary has "
    "it, and nothing is learned from it. Released, it is a message like any other. Releasing twice is no error.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_release,
    present=_present_redacted,
    answer=Shape(RedactOut),
    answer_example={"message": {**_MESSAGE, "flags": ["released", "secret"]}, "offset": 44},
    once=True,
    troubles=(NO_USER, NO_SESSION, _NO_MESSAGE, ONCE),
)
DELETE_MESSAGE = Operation(
    method="DELETE",
    path="/v1/sessions/{id}/messages/{message:path}",
    name="deleteMessage",
    summary="Delete a message",
    description="The others keep their numbers. What was derived from it alone goes with it.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=NoBody(),
    query=Shape(OwnerQuery),
    run=_delete_message,
    present=alone(removed_out),
    answer=Shape(RemovedOut),
    answer_example={"messages": 1, "offset": 43},
    troubles=(NO_USER, NO_SESSION, _NO_MESSAGE),
)

OPERATIONS = (APPEND, CREATE, LIST, CLOSE, GET, DELETE, MESSAGES, REDACT, RELEASE, DELETE_MESSAGE)
