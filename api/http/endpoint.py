"""How an operation is run: who asks, may they, what do they send, was it answered before; then the service, then the answer.
No operation is named here."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Identity, timeout_s
from api.http.exchange import Exchange, exchange_of
from api.http.operation import AnyOperation, Ask, NoQuery, Passed, ReadQuery, Received
from api.http.streaming import OpenStreams, StreamAnswer, Streamed
from api.services import Runtime, Services
from api.wire.schema import Shape
from core.caller import Once
from core.deadline import Deadline
from core.errors import Conflict, Invalid
from core.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX
from storage import idempotency

# Services keep the deadline themselves; this ends those that a bug made deaf to it.
GRACE_S = 2.0
JSON = "application/json"

Endpoint = Callable[[Request], Awaitable[Response]]
Slot = tuple[str, str, str, str]


class InFlight:
    """The Idempotency-Keys being answered by this process now."""

    def __init__(self) -> None:
        self._slots: set[Slot] = set()

    @contextmanager
    def hold(self, slot: Slot | None) -> Generator[None]:
        """Conflict when another request holds the slot; no slot, no check."""
        if slot is None:
            yield
            return
        if slot in self._slots:
            raise Conflict(
                "idempotency.in_progress",
                f"a request with the Idempotency-Key {slot[3][:80]!r} is being answered; repeat it in a moment for its answer.",
            )
        self._slots.add(slot)
        try:
            yield
        finally:
            self._slots.discard(slot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrent:
    """What goes on at the same time in this process, and bounds what may begin."""

    in_flight: InFlight = field(default_factory=InFlight)
    streams: OpenStreams = field(default_factory=OpenStreams)


def endpoint(operation: AnyOperation, runtime: Runtime, concurrent: Concurrent) -> Endpoint:
    """The operation as a function of requests."""
    running = _Running(operation, concurrent, runtime)

    async def answer(request: Request) -> Response:
        exchange = exchange_of(request.scope)
        exchange.route = operation.path
        exchange.path = request.path_params
        return await running.answer(request, runtime.services(), exchange)

    return answer


class _Running:
    def __init__(self, operation: AnyOperation, concurrent: Concurrent, runtime: Runtime) -> None:
        assert not (operation.once and operation.stream), "an answer that is given again is given whole"
        self._operation = operation
        self._concurrent = concurrent
        self._runtime = runtime

    async def answer(self, request: Request, services: Services, exchange: Exchange) -> Response:
        identity = await services.auth.identify(request.headers)
        exchange.tenant, exchange.key_id = identity.tenant, identity.key_id
        identity.require(self._operation.needs)
        asked = request.headers.get("x-mnemic-timeout-ms")
        budget_s = timeout_s(asked) if asked is not None or self._operation.budget_s is None else self._operation.budget_s
        query = read_query(self._operation.query, request.query_params)
        async with self._operation.body.open(request, services) as received:
            key = _idempotency_key(request) if self._operation.once else None
            slot = None if key is None else (identity.tenant, identity.key_id, _route(request), key)
            with self._concurrent.in_flight.hold(slot):
                replayed = await self._replay(services, identity, request, key=key, received=received)
                if replayed is not None:
                    return replayed
                caller = identity.caller(
                    Deadline.after(services.clock, budget_s),
                    exchange.request_id,
                    None if key is None else self._once(key, request, received, exchange),
                )
                ask = Ask(
                    caller=caller,
                    path=request.path_params,
                    query=query,
                    body=received.value,
                    headers=request.headers,
                    exchange=exchange,
                )
                return await self._run(services, ask)

    async def _run(self, services: Services, ask: Ask[Any, Any]) -> Response:
        operation, deadline = self._operation, ask.caller.deadline
        if operation.stream is not None:
            self._take_place(services, ask)
        first: bytes | None = None
        try:
            async with asyncio.timeout(deadline.remaining_s() + GRACE_S):
                await _wait(services, ask)
                result = await operation.run(services, ask)
                if isinstance(result, Streamed) and result.eager:
                    first = await anext(result.pieces, None)
        except TimeoutError as late:
            raise deadline.fault(operation.summary) from late
        if isinstance(result, Streamed):
            return self._stream(services, ask, result, first)
        if isinstance(result, Passed):
            return Response(result.body, status_code=result.status, media_type=result.media_type, headers=dict(result.headers))
        return Response(self._encode(result, ask.exchange), status_code=self._status(result), media_type=JSON)

    def _take_place(self, services: Services, ask: Ask[Any, Any]) -> None:
        limits, caller = services.limits, ask.caller
        give_back = self._concurrent.streams.take(
            caller.key_id, streams_max=limits.streams_max, per_key_max=limits.streams_per_key_max
        )
        ask.exchange.at_end.append(give_back)

    def _stream(self, services: Services, ask: Ask[Any, Any], streamed: Streamed, first: bytes | None) -> Response:
        ask.exchange.streams = True

        async def check() -> None:
            identity = await services.auth.identify(ask.headers)
            identity.require(self._operation.needs)

        return StreamAnswer(
            streamed, first=first, request_id=ask.exchange.request_id, check=check, stopping=self._runtime.stopping
        )

    def _status(self, result: Any) -> int:  # noqa: ANN401 -- what the operation answers
        operation = self._operation
        return operation.status if operation.status_of is None else operation.status_of(result)

    def _encode(self, result: object, exchange: Exchange) -> bytes:
        return self._operation.answer.write(self._operation.present(result, exchange))

    def _once(self, key: str, request: Request, received: Received[object], exchange: Exchange) -> Once:
        def encode(answer: object) -> bytes:
            return self._encode(answer, exchange)

        return Once(key=key, route=_route(request), digest=_digest(request, received), encode=encode, status=self._status)

    async def _replay(
        self, services: Services, identity: Identity, request: Request, *, key: str | None, received: Received[object]
    ) -> Response | None:
        if key is None:
            return None
        async with services.database.read(identity.tenant) as tx:
            stored = await idempotency.find(tx, identity.key_id, _route(request), key)
        if stored is None:
            return None
        if stored.digest != _digest(request, received):
            raise Conflict(
                "idempotency.key_reused",
                f"the Idempotency-Key {key[:80]!r} was used here with another body; use a new key for a new request.",
            )
        replayed = {"Idempotent-Replayed": "true"}
        status = self._operation.status if stored.status is None else stored.status
        return Response(stored.body, status_code=status, media_type=JSON, headers=replayed)


def read_query(shape: Shape[NoQuery], given: QueryParams) -> NoQuery:
    """Strict query parameters: unknown and repeated ones are Invalid."""
    pairs = given.multi_items()
    named = dict(pairs)
    if len(named) != len(pairs):
        raise Invalid("request.invalid_query", "query: a parameter is given more than once; give each once.")
    return shape.read_strings(named)


async def _wait(services: Services, ask: Ask[Any, Any]) -> None:
    query = ask.query
    if isinstance(query, ReadQuery) and query.min_offset is not None:
        await services.projector.wait(ask.caller.tenant, query.min_offset, ask.caller.deadline)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX and key.isascii() and key.isprintable()):
        raise Invalid(
            "idempotency.invalid_key",
            f"the Idempotency-Key is {len(key)} characters long or holds others than printable ASCII; "
            f"send 1 to {IDEMPOTENCY_KEY_CHARACTERS_MAX} of those.",
        )
    return key


def _route(request: Request) -> str:
    # The address itself, not its template: the same key and body on another index is another write.
    return f"{request.method} {request.scope['path']}"


def _digest(request: Request, received: Received[object]) -> bytes:
    # Whose eyes the write looks through is part of what is asked; so is the query.
    eyes = request.headers.get("x-mnemic-principals", "")
    query = cast("bytes", request.scope["query_string"])
    return hashlib.sha256(b"\0".join((received.digest, eyes.encode(), query))).digest()
