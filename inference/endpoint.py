"""POST of JSON to one OpenAI-compatible address, with everything that goes wrong on the way: retries, limits, faults. The key
goes into the request's header and nowhere else, no text of a request or an answer gets into a message, and no redirect is
followed: nothing is sent anywhere but to the configured address. What is asked and what an answer means is the adapter's."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from core.errors import Corrupt, Fault, Invalid, TimedOut, Unavailable
from core.telemetry import log

# A vector of 4,096 numbers in JSON is some 90 KB; a full batch of those stays below.
ANSWER_BYTES_MAX = 64 * 1024 * 1024
RETRY_WAIT_S_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a model is and how long to wait. `total_s` and `attempts_max` cover one request with all its retries. `noun` says
    in messages what serves there, `advice` what helps when it is too slow."""

    noun: str
    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = 20.0
    total_s: float = 60.0
    backoff_s: float = 0.5
    attempts_max: int = 100
    advice: str = "raise these"

    @property
    def name(self) -> str:
        return f"The {self.noun} endpoint {self.url} (model {self.model})"

    def corrupt(self, what: str, way_out: str) -> Corrupt:
        """The fault of an answer that is not what was asked for."""
        return Corrupt("inference.endpoint_answer", f"{self.name} {what}; {way_out}.")


class Refused(Unavailable):
    """An answer with another status than 200: who knows what was asked may know why."""

    def __init__(self, message: str, *, status: int, retry_after_s: int) -> None:
        super().__init__("inference.endpoint_unavailable", message, retry_after_s=retry_after_s)
        self.status = status


class JsonEndpoint:
    """One address and its connections."""

    def __init__(self, address: Address, *, client: httpx.AsyncClient, chance: random.Random | None = None) -> None:
        self.address = address
        self._client = client
        self._chance = chance or random.Random()  # noqa: S311 # spreads retries; nothing secret hangs on it

    @classmethod
    def open(cls, address: Address) -> "JsonEndpoint":
        """Makes no request: a start does not wait for another service."""
        if address.key is not None and not (address.key.isascii() and address.key.isprintable()):
            raise Invalid(
                "inference.key_unprintable",
                f"The key for {address.url} holds characters that no HTTP header can carry; set it again, without line ends.",
            )
        headers = {"Authorization": f"Bearer {address.key}"} if address.key else {}
        client = httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(address.timeout_s), follow_redirects=False)
        return cls(address, client=client)

    async def post(self, path: str, request: Mapping[str, object], *, within_s: float | None = None) -> bytes:
        """The answer's bytes: Unavailable when the endpoint is down, Refused when it says no, TimedOut past `total_s` or
        `within_s`. Cut off in a later attempt, it is the fault of the one before, with the TimeoutError as its cause."""
        total_s = min(self.address.total_s, within_s if within_s is not None else self.address.total_s)
        failed: list[Fault] = []
        try:
            async with asyncio.timeout(total_s):
                return await self._asked(path, request, total_s, failed=failed)
        except TimeoutError as late:
            # What an earlier attempt was told says more than that the last one was cut off.
            raise (failed[-1] if failed else self._too_slow(total_s)) from late

    async def close(self) -> None:
        await self._client.aclose()

    async def _asked(self, path: str, request: Mapping[str, object], total_s: float, *, failed: list[Fault]) -> bytes:
        """As many attempts as fit into `total_s`; their faults are left in `failed`. A wait that would not fit is not begun."""
        until = asyncio.get_running_loop().time() + total_s
        attempt = 0
        while True:
            try:
                return await self._once(path, request, total_s)
            except _Again as again:
                failed.append(again.fault)
                wait_s = self._wait_s(again, attempt)
                attempt += 1
                if attempt >= self.address.attempts_max or asyncio.get_running_loop().time() + wait_s >= until:
                    raise again.fault from again.__cause__
                log.info("inference.endpoint_retry", url=self.address.url, code=again.fault.code, wait_s=round(wait_s, 2))
            await asyncio.sleep(wait_s)

    async def _once(self, path: str, request: Mapping[str, object], total_s: float) -> bytes:
        try:
            async with self._client.stream("POST", f"{self.address.url.rstrip('/')}{path}", json=request) as answer:
                self._check_status(answer)
                return await self._body(answer)
        except httpx.TimeoutException as late:
            raise _Again(self._too_slow(total_s)) from late
        except (httpx.TransportError, httpx.DecodingError) as down:
            # The type only: the texts of some transport errors quote the request.
            raise _Again(self._unavailable(f"could not be reached ({type(down).__name__})")) from down
        except (httpx.InvalidURL, httpx.HTTPError) as wrong:
            raise self._unavailable(f"cannot be asked ({type(wrong).__name__}); correct its address") from wrong

    async def _body(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                raise self.address.corrupt(f"sent more than {ANSWER_BYTES_MAX} bytes", "correct the model or the endpoint")
        return bytes(body)

    def _check_status(self, answer: httpx.Response) -> None:
        if answer.status_code == 200:
            return
        if answer.status_code == 429 or answer.is_server_error:
            retry_after_s = _retry_after_s(answer.headers.get("Retry-After"))
            # llama-cpp-python says 500 to a response_format that it does not know.
            why = "it is overloaded, down, or cannot do what it is asked"
            raise _Again(self._refused(answer.status_code, why, retry_after_s=retry_after_s), wait_s=retry_after_s)
        raise self._refused(answer.status_code, "check address, model name and key")

    def _wait_s(self, again: "_Again", attempt: int) -> float:
        """What the endpoint asked for, else twice as long each time, spread so that many callers do not return at once."""
        if again.wait_s is not None:
            return again.wait_s
        return min(self.address.backoff_s * 2**attempt, RETRY_WAIT_S_MAX) * self._chance.uniform(0.5, 1.0)

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable("inference.endpoint_unavailable", f"{self.address.name} {what}.")

    def _refused(self, status: int, why: str, *, retry_after_s: float | None = None) -> "Refused":
        message = f"{self.address.name} answered {status}; {why}."
        return Refused(message, status=status, retry_after_s=max(1, round(retry_after_s or 1)))

    def _too_slow(self, total_s: float) -> TimedOut:
        limits = f"{self.address.timeout_s:g} s an attempt and {total_s:g} s in all"
        return TimedOut(
            "inference.endpoint_timeout", f"{self.address.name} gave no answer within {limits}; {self.address.advice}."
        )


class _Again(Exception):  # not an error but a turn of the retry loop; the fault inside is the error
    """An attempt that is worth another: the fault it ends with otherwise, and how long the endpoint asked to wait."""

    def __init__(self, fault: Fault, *, wait_s: float | None = None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.wait_s = wait_s


def _retry_after_s(header: str | None) -> float | None:
    """Seconds; the other form, a date, needs a clock that agrees with theirs, and falls back to our own waits."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None
