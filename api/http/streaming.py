"""Answers that go out piece by piece: server-sent events and lines of JSON. How they begin, live, and end; not what they say.

Whatever an operation's `run` raises, and with `eager` the first piece too, is still a problem answer: nothing has gone out. A
fault after that is told in the stream (an event `error`, or a last line with `error` alone); a failure that is no fault breaks
the connection off, so that nobody takes the part for the whole.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NoReturn

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.faults import problem_answer
from api.wire.schema import Shape
from core.errors import Fault, Limited
from core.ids import KeyId

# Proxies close a silent connection after 30 to 60 s. The credential is looked at as often: a revoked key reads no further.
HEARTBEAT_S = 15.0
# A reader that takes nothing for so long is gone, whatever its socket says.
STALL_S = 30.0
_BUSY_RETRY_S = 5
_HEARTBEAT = b":\n\n"


class StreamKind(StrEnum):
    """The media type of the pieces."""

    EVENTS = "text/event-stream"
    LINES = "application/x-ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOf:
    """How an operation streams, for openapi.json: what one event's data or one line is, and how it looks on the wire.

    `alone` says that it never answers whole; then the operation's own `answer` is not used.
    """

    kind: StreamKind
    item: Shape[Any]
    example: str
    alone: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What `run` answers to stream. `pieces` are whole events or lines, and are closed whatever happens.

    `endless` ends when the service stops, instead of holding the stop up. `eager` waits for the first piece, under the caller's
    deadline, before anything goes out.
    """

    kind: StreamKind
    pieces: AsyncGenerator[bytes]
    endless: bool = False
    eager: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often an idle stream says that it lives, and how long a piece may wait for its reader."""

    heartbeat_s: float = HEARTBEAT_S
    stall_s: float = STALL_S


def event(data: bytes, *, name: str | None = None, number: int | None = None) -> bytes:
    """One server-sent event. `data` is JSON on one line; `number` is the id that a client sends back as Last-Event-ID."""
    assert b"\n" not in data, "an event's data is one line"
    head = b"" if number is None else b"id: %d\n" % number
    kind = b"" if name is None else b"event: %s\n" % name.encode()
    return b"%s%sdata: %s\n\n" % (head, kind, data)


def presents_nothing(result: Streamed, exchange: object) -> NoReturn:
    """The presenter of an operation that only streams."""
    del exchange
    raise AssertionError(f"{result.kind} is streamed, never presented whole")


class OpenStreams:
    """The streams that are open, bounded in all and by key: each holds a connection, and some a place in a queue."""

    def __init__(self) -> None:
        self._by_key: dict[KeyId, int] = {}

    def take(self, key_id: KeyId, *, streams_max: int, per_key_max: int) -> Callable[[], None]:
        """A place, as the function that gives it back; or Limited."""
        mine, every = self._by_key.get(key_id, 0), sum(self._by_key.values())
        if mine >= per_key_max:
            raise _crowded(
                f"key {key_id} has {mine} streams open; the limit for one key is {per_key_max}", "STREAMS_PER_KEY_MAX"
            )
        if every >= streams_max:
            raise _crowded(f"{every} streams are open; the limit is {streams_max}", "STREAMS_MAX")
        self._by_key[key_id] = mine + 1
        return lambda: self._give_back(key_id)

    def _give_back(self, key_id: KeyId) -> None:
        left = self._by_key[key_id] - 1
        if left:
            self._by_key[key_id] = left
        else:
            del self._by_key[key_id]


def _crowded(told: str, setting: str) -> Limited:
    return Limited("http.too_many_streams", f"{told} (MNEMIC_LIMITS__{setting}). Close one first.", retry_after_s=_BUSY_RETRY_S)


class _Over(Exception):  # not a failure: why a stream is at its end
    """The stream is at its end; `told` when its reader is there to be told so."""

    def __init__(self, *, told: bool) -> None:
        super().__init__()
        self.told = told


class StreamAnswer(Response):
    """The answer on its way. `check` raises a fault when the caller may no longer read; `stopping` is the service's."""

    def __init__(
        self,
        streamed: Streamed,
        *,
        first: bytes | None,
        request_id: str,
        check: Callable[[], Awaitable[object]],
        stopping: asyncio.Event,
        pace: Pace | None = None,
    ) -> None:
        # No buffering on the way: nginx and its kin read the last of these.
        headers = {"cache-control": "no-store", "x-accel-buffering": "no", **streamed.headers}
        super().__init__(media_type=None, headers=headers)
        del self.headers["content-length"]
        self.headers["content-type"] = streamed.kind
        self._streamed = streamed
        self._first = first
        self._request_id = request_id
        self._check = check
        self._stopping = stopping
        self._pace = pace or Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        told = True
        async with aclosing(self._streamed.pieces):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(send))
                    group.create_task(self._watch(receive))
                    group.create_task(self._keep_alive(send))
                    if self._streamed.endless:
                        group.create_task(self._stop())
            except* _Over as over:
                told = all(one.told for one in over.exceptions if isinstance(one, _Over))
            except* Fault as faults:
                told = await self._tell(_first_fault(faults), send)
        if told:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        if self._first is not None:
            await self._send(self._first, send)
        async for piece in self._streamed.pieces:
            await self._send(piece, send)
        raise _Over(told=True)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise _Over(told=False)

    async def _keep_alive(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._pace.heartbeat_s)
            await self._check()
            if self._streamed.kind is StreamKind.EVENTS:
                await self._send(_HEARTBEAT, send)

    async def _stop(self) -> None:
        await self._stopping.wait()
        raise _Over(told=True)

    async def _tell(self, fault: Fault, send: Send) -> bool:
        problem = problem_answer(fault, self._request_id).body
        told = event(problem, name="error") if self._streamed.kind is StreamKind.EVENTS else b'{"error":%s}\n' % problem
        try:
            await self._send(told, send)
        except _Over as over:
            return over.told
        return True

    async def _send(self, piece: bytes, send: Send) -> None:
        try:
            async with asyncio.timeout(self._pace.stall_s):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise _Over(told=False) from None


def _first_fault(faults: ExceptionGroup[Fault]) -> Fault:
    one = faults.exceptions[0]
    return one if isinstance(one, Fault) else _first_fault(one)
