"""Prompts to values by an OpenAI-compatible /chat/completions endpoint, behind a spend cap and a circuit breaker. Over httpx
like the embedder: it is one request whose retries and faults inference/endpoint.py has already, while the vendor's package
brings retries and error types of its own. No streaming: an answer counts only when it is whole and of the right shape."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from core.clock import Clock
from core.errors import Corrupt, Unavailable
from core.telemetry import log
from inference.breaker import Breaker
from inference.endpoint import Address, JsonEndpoint, Refused
from inference.onnx.tokenizer import TokenizerFile
from inference.port import Completion, Prompt, TokenCounter
from inference.spending import FREE, NOTHING, Bill, Cap, Ledger, Price, Purse

T = TypeVar("T")

# How an endpoint is asked for JSON: OpenAI's own way, that of llama.cpp and others, or only in words.
Form = Literal["json_schema", "json_object", "none"]
# `auto`: the first of these that the endpoint does not refuse.
ResponseFormat = Literal["auto", "json_schema", "json_object", "none"]
_FORMS: tuple[Form, ...] = ("json_schema", "json_object", "none")
# What servers say to a form that they do not know; others mean the address, the key, or that they are busy.
_FORM_REFUSED = frozenset({400, 415, 422, 500, 501})
ANSWER_FAULT_CHARACTERS_MAX = 200
# Roles, separators and whatever a chat template adds, on top of the text.
_FRAME_TOKENS = 64
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEndpoint:
    """Where the model is, how it is asked, and what it may cost. `total_s` covers one prompt with all its retries."""

    url: str
    model: str
    cap: Cap
    key: str | None = field(default=None, repr=False)
    response_format: ResponseFormat = "auto"
    timeout_s: float = 30.0
    total_s: float = 60.0
    backoff_s: float = 0.5
    attempts_max: int = 3
    price: Price = FREE

    def address(self) -> Address:
        return Address(
            noun="text",
            url=self.url,
            model=self.model,
            key=self.key,
            timeout_s=self.timeout_s,
            total_s=self.total_s,
            backoff_s=self.backoff_s,
            attempts_max=self.attempts_max,
            advice="raise MNEMIC_TEXT_MODEL__TIMEOUT_S and MNEMIC_TEXT_MODEL__TOTAL_S or take a faster model",
        )


class OpenAiText:
    """A TextModel. Tokens are estimated with WordPiece until the endpoint says how many there were."""

    def __init__(
        self, endpoint: TextEndpoint, *, calls: JsonEndpoint, purse: Purse, breaker: Breaker, counter: TokenCounter
    ) -> None:
        self._endpoint = endpoint
        self._calls = calls
        self._purse = purse
        self._breaker = breaker
        self._counter = counter
        self._forms = _FORMS if endpoint.response_format == "auto" else (endpoint.response_format,)

    @classmethod
    def open(cls, endpoint: TextEndpoint, *, ledger: Ledger, clock: Clock) -> "OpenAiText":
        """Makes no request: a start does not wait for another service."""
        address = endpoint.address()
        return cls(
            endpoint,
            calls=JsonEndpoint.open(address),
            purse=Purse(endpoint.cap, ledger, clock),
            breaker=Breaker(address.name, clock),
            counter=TokenizerFile().load(),
        )

    @property
    def name(self) -> str:
        return self._endpoint.model

    async def complete(self, prompt: Prompt, schema: type[T], *, within_s: float | None = None) -> Completion[T]:
        asked = _asked(prompt, schema)
        tokens_in = self._counter.count(asked.system) + self._counter.count(asked.user) + _FRAME_TOKENS
        price = self._endpoint.price
        # Each attempt may be charged: one that timed out here may have been answered there.
        most = price.spent(tokens_in * self._endpoint.attempts_max, prompt.tokens_out_max * self._endpoint.attempts_max)
        async with self._purse.pay(most) as bill:
            with self._breaker.attempt():
                bill.spent = most
                reply = _reply(await self._sent(asked, prompt, bill, within_s), self._endpoint)
                used_in, used_out = reply.tokens_in or tokens_in, reply.tokens_out or self._counter.count(reply.text)
                bill.spent = price.spent(used_in, used_out)
                answer = _value(reply, schema, self._endpoint)
        return Completion(answer=answer, tokens_in=used_in, tokens_out=used_out, usd=bill.spent.usd)

    async def close(self) -> None:
        await self._calls.close()

    async def _sent(self, asked: "_Asked", prompt: Prompt, bill: Bill, within_s: float | None) -> bytes:
        """The answer's bytes. What was refused, or reached nobody, costs nothing; an attempt that was cut off may. The form
        that was answered is the only one from then on. An endpoint that is down refuses every form, and teaches nothing."""
        now_s = asyncio.get_running_loop().time
        left_s = self._endpoint.total_s if within_s is None else within_s
        until_s = now_s() + left_s
        forms = self._forms
        for form in forms:
            try:
                body = await self._calls.post("/chat/completions", self._request(asked, prompt, form), within_s=left_s)
            except Unavailable as down:
                left_s = until_s - now_s()
                if _is_of_form(down) and form != forms[-1] and left_s > 0:
                    continue
                if not isinstance(down.__cause__, TimeoutError):
                    bill.spent = NOTHING
                raise
            self._learn(form)
            return body
        raise AssertionError("there is always a form to ask in")

    def _learn(self, form: Form) -> None:
        if self._forms != (form,):
            log.info("inference.response_format", url=self._endpoint.url, model=self._endpoint.model, form=form)
            self._forms = (form,)

    def _request(self, asked: "_Asked", prompt: Prompt, form: Form) -> Mapping[str, object]:
        request: dict[str, object] = {
            "model": self._endpoint.model,
            "messages": [{"role": "system", "content": asked.system}, {"role": "user", "content": asked.user}],
            "temperature": 0,
            "max_tokens": prompt.tokens_out_max,
        }
        match form:
            case "json_schema":
                request["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": asked.schema}}
            case "json_object":
                request["response_format"] = {"type": "json_object", "schema": asked.schema}
            case "none":
                pass
        return request


def _is_of_form(down: Unavailable) -> bool:
    """Whether asking for JSON in another way may help."""
    return isinstance(down, Refused) and down.status in _FORM_REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    system: str
    user: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    text: str
    cut: bool
    tokens_in: int
    tokens_out: int


@cache
def _adapter(schema: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _asked(prompt: Prompt, schema: type[Any]) -> _Asked:
    shape = dict(prompt.shape) if prompt.shape is not None else _adapter(schema).json_schema()
    said = f"{prompt.instruction}\nAnswer with one JSON value of this JSON Schema and nothing else:\n{json.dumps(shape)}"
    return _Asked(system=said, user=prompt.material, schema=shape)


def _reply(body: bytes, endpoint: TextEndpoint) -> _Reply:
    try:
        answer: Any = json.loads(body)
        choice: Any = answer["choices"][0]
        text: Any = choice["message"]["content"]
        usage: dict[str, object] = answer.get("usage") or {}
        counts = [_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")]
        cut = choice.get("finish_reason") == "length"
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as broken:
        raise _corrupt(endpoint, f"sent no chat completion ({type(broken).__name__})") from broken
    if not isinstance(text, str):
        raise _corrupt(endpoint, "sent a completion without text")
    return _Reply(text=text, cut=cut, tokens_in=counts[0], tokens_out=counts[1])


def _count(said: object) -> int:
    """0 for everything that is no count: the estimate stands for it."""
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else 0


def _value(reply: _Reply, schema: type[T], endpoint: TextEndpoint) -> T:
    if reply.cut:
        raise _corrupt(endpoint, "stopped at the limit of its answer's length, in the middle of it")
    fenced = _FENCE.match(reply.text)
    try:
        return cast("T", _adapter(schema).validate_json(fenced.group(1) if fenced else reply.text, strict=True))
    except ValidationError as wrong:
        kinds = sorted({flaw["type"] for flaw in wrong.errors(include_input=False, include_url=False, include_context=False)})
        said = ", ".join(kinds)[:ANSWER_FAULT_CHARACTERS_MAX]
        # The flaw's kinds only: its text would quote the answer.
        raise _corrupt(endpoint, f"answered something else than was asked for ({said})") from None


def _corrupt(endpoint: TextEndpoint, what: str) -> Corrupt:
    return endpoint.address().corrupt(
        what, "take a model that follows a JSON schema, or another MNEMIC_TEXT_MODEL__RESPONSE_FORMAT"
    )
