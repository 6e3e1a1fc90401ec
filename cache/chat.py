"""Chat requests as a cache sees them: what is asked and within what, which requests it can answer, and the pieces of a streamed
answer put together again. Pure; the shape is that of OpenAI's chat completions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from cache.admission import answer_text

# What shapes no answer: how it is sent, whom it is billed to.
_UNKEYED = frozenset({"messages", "stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier"})
# What makes an answer more than one text: such requests go through untouched.
_MANY_SIDED = ("audio", "logprobs", "modalities", "web_search_options", "prediction")
_DONE = b"[DONE]"
_PLAIN_DELTA = frozenset({"role", "content", "refusal"})

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """The user's words, and everything else that shapes their answer."""

    query: str
    request: Json


def read_chat(body: Json) -> Chat | None:
    """None for what no cache answers: several answers at once, other than text, or no user's words at the end."""
    if body.get("n") not in {None, 1} or any(body.get(name) for name in _MANY_SIDED):
        return None
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return None
    *before, last = cast("list[object]", messages)
    said = _object(last)
    text = said.get("content")
    if said.get("role") != "user" or not isinstance(text, str) or not text.strip():
        return None
    about = {name: value for name, value in said.items() if name not in {"role", "content"}}
    kept = {name: value for name, value in body.items() if name not in _UNKEYED}
    return Chat(query=text, request={**kept, "history": before, "asked": about})


def completion(response: object, *, model: str, made_s: int, number: str) -> Json:
    """A stored answer as a chat completion: as it was, or a text in the place of one."""
    if isinstance(_object(response).get("choices"), list):
        return _object(response)
    message = {"role": "assistant", "content": answer_text(response)}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": made_s,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def pieces(whole: Json, *, usage: bool) -> Iterator[bytes]:
    """A completion as the events of a stream. `usage` adds the last one that tells what it cost, as the caller may ask."""
    head = {name: whole[name] for name in ("id", "created", "model", "system_fingerprint") if name in whole}
    text = answer_text(whole)

    def chunk(choices: Sequence[object], **more: object) -> bytes:
        return _event({**head, "object": "chat.completion.chunk", "choices": choices, **more})

    yield chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {"content": text}, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if usage and isinstance(whole.get("usage"), Mapping):
        yield chunk([], usage=whole["usage"])
    yield b"data: " + _DONE + b"\n\n"


@dataclass(slots=True, kw_only=True)
class Gathering:
    """A stream as it comes in. `whole()` is its answer once it is all there, None before, and for what is no plain text."""

    _open: bytes = b""
    _texts: list[str] = field(default_factory=list[str])
    _head: dict[str, object] = field(default_factory=dict[str, object])
    _finish: object = None
    _done: bool = False
    _plain: bool = True

    def take(self, part: bytes) -> None:
        """The next bytes, cut anywhere."""
        *lines, self._open = (self._open + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._data(line[5:].strip())

    def whole(self) -> Json | None:
        if not (self._done and self._plain and self._finish is not None):
            return None
        message = {"role": "assistant", "content": "".join(self._texts)}
        choices = [{"index": 0, "message": message, "finish_reason": self._finish}]
        return {**self._head, "object": "chat.completion", "choices": choices}

    def _data(self, data: bytes) -> None:
        if data == _DONE:
            self._done = True
            return
        try:
            told: object = json.loads(data)
        except ValueError:
            self._plain = False
            return
        chunk = _object(told)
        if not chunk or "error" in chunk:
            self._plain = False
            return
        self._head |= {
            name: value
            for name in ("id", "created", "model", "system_fingerprint", "usage")
            if (value := chunk.get(name)) is not None
        }
        choices = chunk.get("choices")
        for choice in cast("list[object]", choices) if isinstance(choices, list) else []:
            self._choice(choice)

    def _choice(self, choice: object) -> None:
        one = _object(choice)
        if one.get("index", 0) != 0:
            self._plain = False
            return
        said = _object(one.get("delta"))
        extra = {name for name, value in said.items() if value not in (None, "", [])} - _PLAIN_DELTA
        if extra or said.get("refusal") or one.get("logprobs"):
            self._plain = False
        if isinstance(content := said.get("content"), str):
            self._texts.append(content)
        self._finish = one.get("finish_reason") or self._finish


def _object(value: object) -> Json:
    """A JSON object; an empty one in the place of anything else."""
    return cast("Json", value) if isinstance(value, Mapping) else {}


def _event(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
