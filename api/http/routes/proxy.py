"""POST /v1/proxy/chat/completions: for programs that only know a model endpoint."""

from collections.abc import Mapping
from typing import Any

from api.http.operation import Ask, NoQuery, Operation, Passed, Trouble
from api.http.readers import JsonBody
from api.http.routes.troubles import BODY
from api.http.streaming import Streamed, StreamKind, StreamOf, presents_nothing
from api.proxying import Where, Whole
from api.services import Services
from api.wire.proxy import ChatIn, ChatOut, ChunkOut
from api.wire.schema import Shape
from cache.types import Scope
from core.caller import Grant
from core.errors import Invalid, NotFound, Unavailable

NAMESPACE_DEFAULT = "proxy"
_BUDGET_S = 600.0  # the upstream's own limits end an answer long before

_SCOPES = ", ".join(one.value for one in Scope)
_EXAMPLE: Mapping[str, object] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "How do I carry over leave?"}],
}
_MESSAGE = {"role": "assistant", "content": "Up to five days carry over."}
_ANSWER: Mapping[str, object] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1767225600,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
}
_STREAM = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Up to five"},'
    '"finish_reason":null}]}\n\n'
)


def _header(name: str, description: str) -> Mapping[str, object]:
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": description}


async def _complete(services: Services, ask: Ask[ChatIn, NoQuery]) -> Passed | Streamed:
    ask.caller.require(Grant.WRITE)
    answer = await services.proxy.complete(ask.caller, _where(ask.headers), ask.body.model_dump(exclude_unset=True))
    if isinstance(answer, Whole):
        return Passed(status=answer.status, body=answer.body, media_type=answer.media_type, headers=answer.headers)
    return Streamed(kind=StreamKind.EVENTS, pieces=answer.pieces, headers=answer.headers)


def _where(headers: Mapping[str, str]) -> Where:
    scope = headers.get("x-mnemic-cache-scope", Scope.PRIVATE.value)
    if scope not in set(Scope):
        raise Invalid("proxy.invalid_scope", f"X-Mnemic-Cache-Scope is {scope[:40]!r}; it is one of {_SCOPES}.")
    return Where(
        namespace=headers.get("x-mnemic-cache-namespace", NAMESPACE_DEFAULT),
        scope=Scope(scope),
        group=headers.get("x-mnemic-cache-group"),
        user=headers.get("x-mnemic-user"),
        no_store="no-store" in headers.get("cache-control", ""),
    )


COMPLETE: Operation[Any, Any, Any, Any] = Operation(
    method="POST",
    path="/v1/proxy/chat/completions",
    name="chat_completions",
    summary="Complete a chat, from the cache where it may be",
    description="A drop-in for OpenAI's chat completions: the configured upstream answers what the cache cannot, and its "
    "answer is kept when it is whole. Needs `write` too. 404 unless an upstream is configured. `X-Mnemic-Cache` says `hit`, "
    "`miss`, `audit`, `pending` or `bypass`. What the upstream refuses comes back as it is and is never kept.",
    tag="Cache",
    needs=Grant.READ,
    budget_s=_BUDGET_S,
    body=JsonBody(Shape(ChatIn), _EXAMPLE),
    query=Shape(NoQuery),
    run=_complete,
    present=presents_nothing,
    answer=Shape(ChatOut),
    answer_example=_ANSWER,
    stream=StreamOf(kind=StreamKind.EVENTS, item=Shape(ChunkOut), example=_STREAM, alone=False),
    headers=(
        _header("X-Mnemic-Cache-Namespace", f"the cache's namespace; `{NAMESPACE_DEFAULT}` without it"),
        _header("X-Mnemic-Cache-Scope", f"who shares the answers: {_SCOPES}; private without it"),
        _header("X-Mnemic-Cache-Group", "the principal of the group, with the scope `group`"),
        _header("X-Mnemic-User", "on whose behalf; needs the grant `delegate`"),
    ),
    troubles=(
        *BODY,
        Trouble(kind=Invalid, code="proxy.invalid_scope", detail="X-Mnemic-Cache-Scope is 'all'; it is one of private, group."),
        Trouble(kind=NotFound, code="proxy.not_configured", detail="no upstream is configured here."),
        Trouble(kind=Unavailable, code="proxy.upstream_unavailable", detail="the upstream could not be reached."),
    ),
)

OPERATIONS = (COMPLETE,)
