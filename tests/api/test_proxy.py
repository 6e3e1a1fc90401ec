"""The drop-in for a chat endpoint, before a real HTTP server that answers, streams, refuses and breaks off."""

import json
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support.service import Service, made, problem, started

KEY = "sk-upstream"
PATH = "/v1/proxy/chat/completions"


class Model:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Response | None = None

    def __call__(self, request: Request) -> Response:
        self.bodies.append(json.loads(request.get_data()))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.answer is not None:
            return self.answer
        words = f"Answer {len(self.bodies)}."
        if self.bodies[-1].get("stream"):
            return events(chunk({"role": "assistant"}), *(chunk({"content": part}) for part in (words[:4], words[4:])))
        return whole({"role": "assistant", "content": words})


def whole(message: object, finish: str = "stop") -> Response:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    told = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Response(json.dumps({**told, "usage": {"total_tokens": 7}}), content_type="application/json")


def chunk(delta: object, finish: str | None = None) -> bytes:
    told = {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def events(*parts: bytes, whole: bool = True) -> Response:
    end = (chunk({}, "stop"), b"data: [DONE]\n\n") if whole else ()
    return Response(iter([*parts, *end]), content_type="text/event-stream")


def text_of(events: str) -> str:
    lines = [line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", events
    choices = [json.loads(line)["choices"] for line in lines[:-1]]
    return "".join(one[0]["delta"].get("content") or "" for one in choices if one)


@pytest.fixture(scope="module")
def upstream() -> Generator[HTTPServer]:
    server = HTTPServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, converted: Path, upstream: HTTPServer) -> Generator[Service]:
    settings = {"MNEMIC_PROXY__KIND": "openai", "MNEMIC_PROXY__URL": upstream.url_for("/v1"), "MNEMIC_PROXY__API_KEY": KEY}
    with started(tmp_path_factory.mktemp("proxied"), converted, **settings) as running:
        yield running


@pytest.fixture
def model(upstream: HTTPServer) -> Iterator[Model]:
    upstream.clear()
    model = Model()
    upstream.expect_request("/v1/chat/completions", method="POST").respond_with_handler(model)
    yield model
    upstream.clear()


@pytest.fixture
def client(proxied: Service) -> Generator[httpx.Client]:
    with proxied.client() as client:
        yield client


def ask(
    client: httpx.Client,
    question: str,
    *,
    stream: bool = False,
    namespace: str = "tests",
    headers: Mapping[str, str] | None = None,
    **more: Any,  # noqa: ANN401  # any field of a chat request
) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": question}], "stream": stream, **more}
    return client.post(PATH, json=body, headers={"X-Mnemic-Cache-Namespace": namespace, **(headers or {})})


def test_the_second_time_the_answer_comes_from_the_cache(client: httpx.Client, model: Model) -> None:
    first, second = ask(client, "How tall is the lighthouse?"), ask(client, "how tall is the lighthouse")
    assert [one.headers["x-mnemic-cache"] for one in (first, second)] == ["miss", "hit"]
    assert second.headers["x-mnemic-cache-tier"] == "normalized"
    assert made(first) == made(second)
    assert len(model.bodies) == 1


def test_the_upstream_gets_its_own_key_and_the_request_as_it_was(client: httpx.Client, model: Model) -> None:
    made(ask(client, "Who built the pier?", temperature=0.5, seed=7, unheard_of={"a": [1]}))
    assert model.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "mn_" not in json.dumps(model.headers)
    sent = {"model": "m", "messages": [{"role": "user", "content": "Who built the pier?"}], "stream": False}
    assert model.bodies == [{**sent, "temperature": 0.5, "seed": 7, "unheard_of": {"a": [1]}}]


def test_a_stream_is_kept_and_streamed_again_and_given_whole(client: httpx.Client, model: Model) -> None:
    first = ask(client, "What does the ferry cost?", stream=True)
    assert first.headers["content-type"].startswith("text/event-stream")
    again = ask(client, "What does the ferry cost?", stream=True)
    assert (first.headers["x-mnemic-cache"], again.headers["x-mnemic-cache"]) == ("miss", "hit")
    assert text_of(first.text) == text_of(again.text) == "Answer 1."
    told = made(ask(client, "What does the ferry cost?"))
    assert told["choices"][0]["message"]["content"] == "Answer 1."
    assert len(model.bodies) == 1


def test_what_differs_in_anything_that_shapes_an_answer_is_another_question(client: httpx.Client, model: Model) -> None:
    others: tuple[dict[str, Any], ...] = ({"temperature": 1}, {"model": "o"}, {"namespace": "n"}, {"tools": [{"type": "f"}]})
    for more in ({}, *others):
        assert ask(client, "Which bird is that?", **more).headers["x-mnemic-cache"] == "miss"
    assert len(model.bodies) == 5


def test_answers_are_the_callers_own_unless_shared(proxied: Service, model: Model) -> None:
    shared = {"X-Mnemic-Cache-Scope": "tenant"}
    keys = [proxied.make_key(f"user:{name}", "read", "write") for name in ("ann", "ben")]
    with proxied.client(keys[0]) as ann, proxied.client(keys[1]) as ben:
        assert ask(ann, "Where is the key?").headers["x-mnemic-cache"] == "miss"
        assert ask(ben, "Where is the key?").headers["x-mnemic-cache"] == "miss"
        assert ask(ann, "Where is the map?", headers=shared).headers["x-mnemic-cache"] == "miss"
        assert ask(ben, "Where is the map?", headers=shared).headers["x-mnemic-cache"] == "hit"
    assert len(model.bodies) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_upstream_refuses_comes_back_as_it_is_and_is_not_kept(
    client: httpx.Client, model: Model, *, stream: bool
) -> None:
    refusal = {"error": {"message": "slow down", "type": "rate_limit"}}
    model.answer = Response(json.dumps(refusal), status=429, content_type="application/json", headers={"Retry-After": "9"})
    question = f"How deep is the well? {stream}"
    refused = ask(client, question, stream=stream)
    assert (refused.status_code, refused.json(), refused.headers["retry-after"]) == (429, refusal, "9")
    model.answer = None
    assert ask(client, question, stream=stream).headers["x-mnemic-cache"] == "miss"
    assert ask(client, question, stream=stream).headers["x-mnemic-cache"] == "hit"


@pytest.mark.parametrize(
    "said",
    [
        events(chunk({"content": "Only half"}), whole=False),
        events(chunk({"content": "Cut"}), chunk({}, "length"), b"data: [DONE]\n\n", whole=False),
        events(chunk({"tool_calls": [{"index": 0}]}), chunk({}, "tool_calls"), b"data: [DONE]\n\n", whole=False),
        events(b'data: {"error":{"message":"overloaded"}}\n\n', whole=False),
    ],
    ids=["broken off", "cut", "tool call", "error"],
)
def test_what_is_no_whole_answer_is_passed_on_and_not_kept(client: httpx.Client, model: Model, said: Response) -> None:
    model.answer = said
    question = f"When does the shop open, case {id(said)}?"
    first = ask(client, question, stream=True)
    assert first.text.startswith("data: ")
    model.answer = None
    assert ask(client, question, stream=True).headers["x-mnemic-cache"] == "miss"
    assert len(model.bodies) == 2


def test_a_tool_call_is_never_kept(client: httpx.Client, model: Model) -> None:
    model.answer = whole({"role": "assistant", "content": None, "tool_calls": [{"id": "t"}]}, "tool_calls")
    for _ in range(2):
        assert ask(client, "Book the table").headers["x-mnemic-cache"] == "miss"
    assert len(model.bodies) == 2


def test_what_no_cache_answers_goes_through(client: httpx.Client, model: Model) -> None:
    answer = ask(client, "Two, please", n=2)
    assert (answer.headers["x-mnemic-cache"], answer.headers["x-mnemic-cache-reason"]) == ("bypass", "not_one_text")
    assert ask(client, "What is the weather now?").headers["x-mnemic-cache-reason"] == "time_sensitive"
    unkept = {"Cache-Control": "no-store"}
    assert ask(client, "Not this one", headers=unkept).headers["x-mnemic-cache"] == "bypass"
    assert ask(client, "Not this one").headers["x-mnemic-cache"] == "miss"
    assert len(model.bodies) == 4


def test_an_upstream_that_is_gone_is_told(client: httpx.Client, upstream: HTTPServer, model: Model) -> None:
    upstream.clear()
    upstream.expect_request("/v1/chat/completions").respond_with_data("{}", status=503, content_type="application/json")
    assert ask(client, "Anybody there?").status_code == 503
    assert not model.bodies


@pytest.mark.parametrize(
    "body, code",
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "request.invalid_body"),
        ({"model": "m", "messages": []}, "request.invalid_body"),
        ({"model": "m", "messages": "x"}, "request.invalid_body"),
    ],
)
def test_a_body_that_is_no_chat_request_is_refused(client: httpx.Client, body: dict[str, object], code: str) -> None:
    problem(client.post(PATH, json=body), 422, code)


def test_an_unknown_scope_is_refused(client: httpx.Client) -> None:
    problem(ask(client, "x", headers={"X-Mnemic-Cache-Scope": "all"}), 422, "proxy.invalid_scope")


def test_without_an_upstream_nothing_is_there(operator: httpx.Client) -> None:
    problem(ask(operator, "x"), 404, "proxy.not_configured")
