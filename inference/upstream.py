"""An OpenAI-compatible chat endpoint, forwarded to: the request's bytes go there as they are, its answer comes back as it is,
errors too. No retries: whoever asked decides. The caller's own credential never leaves, the endpoint's own goes nowhere else,
and no redirect is followed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from core.errors import Corrupt, Invalid, TimedOut, Unavailable

ANSWER_BYTES_MAX = 16 * 1024 * 1024
_PATH = "/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamAddress:
    """The base address, such as `http://localhost:8080/v1`. `timeout_s` bounds each wait for the next bytes, `total_s` an
    answer that is not streamed."""

    url: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0
    total_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the upstream said, whole."""

    status: int
    body: bytes
    media_type: str
    retry_after: str | None = None


class Coming:
    """An answer that has begun: its status is known, its body is still to come."""

    def __init__(self, answer: httpx.Response, upstream: "Upstream") -> None:
        self._answer = answer
        self._upstream = upstream

    @property
    def streams(self) -> bool:
        """A good answer in events; anything else is told whole."""
        return self._answer.status_code == 200 and self._answer.headers.get("content-type", "").startswith("text/event-stream")

    async def whole(self) -> Told:
        """Raises Corrupt when it is longer than ANSWER_BYTES_MAX."""
        body = bytearray()
        async for part in self.parts():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                raise Corrupt(
                    "proxy.upstream_answer",
                    f"the upstream {self._upstream.url} sent more than {ANSWER_BYTES_MAX} bytes; ask it for less.",
                )
        headers = self._answer.headers
        media_type = headers.get("content-type", "application/json")
        return Told(
            status=self._answer.status_code, body=bytes(body), media_type=media_type, retry_after=headers.get("retry-after")
        )

    async def parts(self) -> AsyncGenerator[bytes]:
        """The body's bytes as they come. Raises Unavailable when the upstream breaks off."""
        try:
            async for part in self._answer.aiter_bytes():
                yield part
        except httpx.TimeoutException as late:
            raise self._upstream.too_slow() from late
        except (httpx.TransportError, httpx.DecodingError) as broken:
            raise self._upstream.unavailable(f"broke off ({type(broken).__name__})") from broken


class Upstream:
    """One address and its connections."""

    def __init__(self, address: UpstreamAddress, client: httpx.AsyncClient) -> None:
        self._address = address
        self._client = client

    @classmethod
    def open(cls, address: UpstreamAddress) -> "Upstream":
        """Makes no request. Raises Invalid for an address or a key that cannot be used."""
        _check(address)
        headers = {"Authorization": f"Bearer {address.key}"} if address.key else {}
        client = httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(address.timeout_s), follow_redirects=False)
        return cls(address, client)

    @property
    def url(self) -> str:
        return self._address.url

    @property
    def total_s(self) -> float:
        return self._address.total_s

    @asynccontextmanager
    async def ask(self, body: bytes) -> AsyncGenerator[Coming]:
        """Raises Unavailable and TimedOut; a refusal of the upstream's own is an answer."""
        request = self._client.build_request(
            "POST", f"{self.url.rstrip('/')}{_PATH}", content=body, headers={"Content-Type": "application/json"}
        )
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.TimeoutException as late:
            raise self.too_slow() from late
        except httpx.TransportError as down:
            # The type only: the texts of some transport errors quote the request.
            raise self.unavailable(f"could not be reached ({type(down).__name__})") from down
        try:
            yield Coming(answer, self)
        finally:
            await answer.aclose()

    async def within_total(self, telling: Awaitable[Told]) -> Told:
        """A whole answer, or TimedOut past `total_s`."""
        try:
            async with asyncio.timeout(self.total_s):
                return await telling
        except TimeoutError as late:
            raise TimedOut(
                "proxy.upstream_timeout",
                f"the upstream {self.url} did not finish within {self.total_s:g} s; raise MNEMIC_PROXY__TOTAL_S or stream.",
            ) from late

    async def close(self) -> None:
        await self._client.aclose()

    def unavailable(self, what: str) -> Unavailable:
        return Unavailable("proxy.upstream_unavailable", f"the upstream {self.url} {what}.", retry_after_s=1)

    def too_slow(self) -> TimedOut:
        return TimedOut(
            "proxy.upstream_timeout",
            f"the upstream {self.url} sent nothing for {self._address.timeout_s:g} s; raise MNEMIC_PROXY__TIMEOUT_S.",
        )


def _check(address: UpstreamAddress) -> None:
    parts = urlsplit(address.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password or parts.query:
        raise Invalid(
            "proxy.invalid_url",
            "MNEMIC_PROXY__URL is no address of the form https://host/v1, without a user, a password and a query.",
        )
    if address.key is not None and not (address.key.isascii() and address.key.isprintable()):
        raise Invalid(
            "proxy.invalid_key", "MNEMIC_PROXY__API_KEY holds characters that no HTTP header can carry; set it again."
        )
