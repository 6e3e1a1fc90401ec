"""A chat endpoint with the cache in front of it: looked up, forwarded on a miss, kept, streamed. What may be kept is
cache/admission.py's matter; this only never offers what did not come whole."""

import json
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import cast

from cache.chat import Chat, Gathering, completion, pieces, read_chat
from cache.service import Cache
from cache.types import LEASE_S_MAX, QUERY_BYTES_MAX, Cost, Found, LookupRequest, Question, Scope, Status, StoreRequest
from core.caller import Caller
from core.clock import Clock
from core.deadline import Deadline
from core.errors import Fault, NotFound
from core.telemetry import log
from inference.upstream import Coming, Told, Upstream

STORE_S = 10.0
# A follower waits so long for who generates the same answer; then it asks the upstream itself.
WAIT_MS = 30_000
_BROKEN: Mapping[str, object] = {"error": {"message": "the answer did not come whole"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Whose answers are looked into, from the request's headers."""

    namespace: str
    scope: Scope
    group: str | None
    user: str | None
    no_store: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An answer to give whole."""

    status: int
    body: bytes
    media_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flowing:
    """An answer to give as events, each piece a whole one."""

    pieces: AsyncGenerator[bytes]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One request on its way: the question it is to the cache, and what the cache said. `found` None: it has no part in it."""

    caller: Caller
    body: Mapping[str, object]
    question: Question | None
    found: Found | None
    reason: str | None = None
    started_s: float = field(default_factory=time.perf_counter)

    @property
    def headers(self) -> Mapping[str, str]:
        found = self.found
        if found is None:
            told = {"X-Mnemic-Cache": Status.BYPASS.value, "X-Mnemic-Cache-Reason": self.reason}
        else:
            told = {
                "X-Mnemic-Cache": found.status.value,
                "X-Mnemic-Cache-Tier": None if found.tier is None else found.tier.value,
                "X-Mnemic-Cache-Reason": found.reason,
            }
        return {name: value for name, value in told.items() if value is not None}


class Proxy:
    """`upstream` None: nothing is configured, and nothing is there."""

    def __init__(self, cache: Cache, upstream: Upstream | None, clock: Clock) -> None:
        self._cache = cache
        self._upstream = upstream
        self._clock = clock

    async def complete(self, caller: Caller, where: Where, body: Mapping[str, object]) -> Whole | Flowing:
        """The upstream's answer or one of before. Raises NotFound without an upstream, Unavailable, TimedOut and Corrupt when
        it fails; what it refuses itself is an answer."""
        upstream = self._configured()
        asked = await self._looked_up(caller, where, body, upstream)
        streamed = body.get("stream") is True
        if asked.found is not None and asked.found.status is Status.HIT:
            return self._again(asked, streamed=streamed)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._keep, asked, _BROKEN)
            opened = await undo.enter_async_context(AsyncExitStack())
            coming = await opened.enter_async_context(upstream.ask(json.dumps(body).encode()))
            if streamed and coming.streams:
                undo.pop_all()
                return Flowing(pieces=self._relayed(asked, coming, opened), headers=asked.headers)
            told = await upstream.within_total(coming.whole())
            if told.status == 200:
                undo.pop_all()
                await opened.aclose()
                await self._keep(asked, _parsed(told))
            return _passed(told, asked.headers)

    def _configured(self) -> Upstream:
        if self._upstream is None:
            raise NotFound(
                "proxy.not_configured", "no upstream is configured here; an operator sets MNEMIC_PROXY__URL and the like."
            )
        return self._upstream

    async def _looked_up(self, caller: Caller, where: Where, body: Mapping[str, object], upstream: Upstream) -> _Asked:
        chat = read_chat(body)
        if chat is None:
            return _Asked(caller=caller, body=body, question=None, found=None, reason="not_one_text")
        question = _question(where, chat)
        if len(chat.query.encode("utf-8", "surrogatepass")) > QUERY_BYTES_MAX:
            return _Asked(caller=caller, body=body, question=None, found=None, reason="query_too_large")
        request = LookupRequest(question=question, lease_s=min(LEASE_S_MAX, upstream.total_s), wait_ms=WAIT_MS)
        found = await self._cache.lookup(caller, request)
        return _Asked(caller=caller, body=body, question=question, found=found)

    def _again(self, asked: _Asked, *, streamed: bool) -> Whole | Flowing:
        found = asked.found
        assert found is not None
        now = self._clock.now()
        number = found.lookup_id[-12:]
        whole = completion(found.response, model=str(asked.body.get("model", "")), made_s=int(now.timestamp()), number=number)
        if streamed:
            options = asked.body.get("stream_options")
            usage = isinstance(options, Mapping) and cast("Mapping[str, object]", options).get("include_usage") is True
            return Flowing(pieces=_each(pieces(whole, usage=usage)), headers=asked.headers)
        return Whole(
            status=200,
            body=json.dumps(whole, ensure_ascii=False).encode(),
            media_type="application/json",
            headers=asked.headers,
        )

    async def _relayed(self, asked: _Asked, coming: Coming, opened: AsyncExitStack) -> AsyncGenerator[bytes]:
        """Event by event. It is kept before its last event goes out, so that who has read it all may count on it."""
        gathering, offered = Gathering(), False
        try:
            async with opened:
                async for event in _events(coming):
                    gathering.take(event)
                    whole = gathering.whole()
                    if whole is not None and not offered:
                        offered = True
                        await self._keep(asked, whole)
                    yield event
        finally:
            if not offered:
                await self._keep(asked, _BROKEN)

    async def _keep(self, asked: _Asked, response: object) -> None:
        """Offers an answer to the cache, which says whether it keeps it. What is none gives the lease back, so that whoever
        waits need not wait longer. The caller gets its answer whatever becomes of this."""
        found, question = asked.found, asked.question
        if found is None or question is None or found.status is Status.BYPASS:
            return
        if response is _BROKEN and found.lease is None:
            return
        caller = replace(asked.caller, deadline=Deadline.after(self._clock, STORE_S), once=None)
        spent_ms = (time.perf_counter() - asked.started_s) * 1000
        request = StoreRequest(
            question=question,
            response=response,
            lease=found.lease,
            lookup_id=found.lookup_id if found.status in {Status.AUDIT, Status.MISS} else None,
            cost=Cost(tokens=_tokens(response), latency_ms=spent_ms),
        )
        try:
            stored = await self._cache.store(caller, request)
        except Fault as refused:
            log.info("proxy.not_stored", code=refused.code, request_id=caller.request_id)
        else:
            log.debug("proxy.stored", entry=stored.entry, reason=stored.reason)


def _question(where: Where, chat: Chat) -> Question:
    return Question(
        namespace=where.namespace,
        query=chat.query,
        request=chat.request,
        scope=where.scope,
        group=where.group,
        user=where.user,
        no_store=where.no_store,
    )


async def _events(coming: Coming) -> AsyncGenerator[bytes]:
    """Whole events; what is left at the end is none."""
    held = b""
    async for part in coming.parts():
        *whole, held = (held + part.replace(b"\r\n", b"\n")).split(b"\n\n")
        for event in whole:
            yield event + b"\n\n"


async def _each(these: Iterator[bytes]) -> AsyncGenerator[bytes]:
    for one in these:
        yield one


def _passed(told: Told, headers: Mapping[str, str]) -> Whole:
    more = {} if told.retry_after is None else {"Retry-After": told.retry_after}
    return Whole(status=told.status, body=told.body, media_type=told.media_type, headers={**headers, **more})


def _parsed(told: Told) -> object:
    try:
        return json.loads(told.body)
    except ValueError:
        return _BROKEN


def _tokens(response: object) -> int:
    usage = cast("Mapping[str, object]", response).get("usage") if isinstance(response, Mapping) else None
    total = cast("Mapping[str, object]", usage).get("total_tokens") if isinstance(usage, Mapping) else None
    return total if isinstance(total, int) and total >= 0 else 0
