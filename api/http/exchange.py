"""One HTTP exchange from the outside: its id, its headers on every answer, its line in the log, its metrics, and the last
boundary that failures reach. Not what is asked or answered."""

import re
import secrets
import time
from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.faults import AddressTooLong, Answer, internal_answer, problem_answer
from core.clock import Clock
from core.errors import Fault, Invalid
from core.ids import KeyId, TenantId
from core.telemetry import REQUEST_SECONDS, REQUESTS, log

ADDRESS_BYTES_MAX = 16 * 1024
_KEY = "mnemic.exchange"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds by machines
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ClientGone(Exception):  # named for what happened, as the faults are
    """The client closed the connection before its body was there; there is nobody to answer."""


class Exchange:
    """What is known about an exchange while it goes on. Made by `Observed`, filled by the endpoint."""

    __slots__ = (
        "_clock",
        "answered_s",
        "at_end",
        "key_id",
        "path",
        "request_id",
        "route",
        "started_s",
        "status",
        "streams",
        "tenant",
        "timings_ms",
    )

    def __init__(self, request_id: str, clock: Clock) -> None:
        self.request_id = request_id
        self.started_s = time.perf_counter()
        self.tenant: TenantId | None = None
        self.key_id: KeyId | None = None
        self.route = "unmatched"
        self.status = 0
        self.path: dict[str, str] = {}
        self.timings_ms: dict[str, float] = {}
        self.streams = False  # then its duration is what its headers took: how long it stays open is the reader's affair
        self.answered_s = 0.0
        self.at_end: list[Callable[[], None]] = []
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def spent_s(self) -> float:
        return time.perf_counter() - self.started_s


def exchange_of(scope: MutableMapping[str, Any]) -> Exchange:
    return cast("Exchange", scope[_KEY])


class Observed:
    """Middleware around everything: every answer gets its headers, every failure becomes an answer."""

    def __init__(self, app: ASGIApp, *, offset: Callable[[TenantId], int | None], clock: Clock) -> None:
        self._app = app
        self._offset = offset
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(_request_id(scope), self._clock)
        scope[_KEY] = exchange

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.answered_s = exchange.spent_s()
                message["headers"] = [*message.get("headers", ()), *self._headers(exchange)]
            await send(message)

        try:
            await self._answer(scope, receive, answering)
        finally:
            for step in exchange.at_end:
                step()
            _observe(exchange, scope)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        try:
            _check_address(scope)
            await self._app(scope, receive, send)
        except ClientGone:
            exchange.status = 499  # nginx's number for it, in the log alone
        except Fault as fault:
            await send_answer(problem_answer(fault, exchange.request_id), send)
        except Exception:
            # The outermost boundary: whatever failed, the client gets an answer without inner text and the log gets all of it.
            log.exception("request failed", request_id=exchange.request_id, route=exchange.route)
            if exchange.status:
                raise
            await send_answer(internal_answer(exchange.request_id), send)

    def _headers(self, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        stages = "".join(f", {name};dur={spent}" for name, spent in exchange.timings_ms.items() if name != "total")
        headers = [
            (b"x-request-id", exchange.request_id.encode()),
            (b"server-timing", f"total;dur={exchange.spent_s() * 1000:.3f}{stages}".encode()),
        ]
        offset = None if exchange.tenant is None else self._offset(exchange.tenant)
        if offset is not None:
            headers.append((b"x-mnemic-offset", str(offset).encode()))
        return headers


async def send_answer(answer: Answer, send: Send) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [(b"content-type", answer.media_type), length, *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(10)}"


def _check_address(scope: Scope) -> None:
    raw: bytes = scope.get("raw_path") or b""
    size = len(raw) + len(scope["query_string"])
    if size > ADDRESS_BYTES_MAX:
        raise AddressTooLong("http.address_too_long", f"the address is {size} bytes long; the limit is {ADDRESS_BYTES_MAX}")
    if b"%" in raw:
        try:
            unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise Invalid("http.invalid_path", "the path's percent-encoding is no UTF-8") from None
    if _CONTROL.search(scope["path"]):
        raise Invalid("http.invalid_path", "the path holds a control character")


def _observe(exchange: Exchange, scope: Scope) -> None:
    spent_s = exchange.answered_s if exchange.streams else exchange.spent_s()
    REQUESTS.labels(scope["method"], exchange.route, str(exchange.status)).inc()
    REQUEST_SECONDS.labels(exchange.route).observe(spent_s)
    write = log.debug if exchange.route in _QUIET else log.info
    write(
        "request",
        method=scope["method"],
        route=exchange.route,
        status=exchange.status,
        duration_ms=round(spent_s * 1000, 2),
        request_id=exchange.request_id,
        tenant=exchange.tenant,
        key=exchange.key_id,
    )
