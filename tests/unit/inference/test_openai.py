"""The endpoint adapter against a real HTTP server that misbehaves in every way we know of."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs
from werkzeug import Request, Response

from core.errors import Corrupt, Fault, Invalid, TimedOut, Unavailable
from inference.openai import Endpoint, OpenAiEmbedder
from inference.port import Purpose

KEY = "sk-very-secret"
Make = Callable[..., OpenAiEmbedder]


def vectors(texts: list[str], numbers: list[float] | None = None) -> Response:
    rows = [{"index": index, "embedding": numbers or [3.0, 4.0, float(len(text))]} for index, text in enumerate(texts)]
    return Response(json.dumps({"object": "list", "data": rows, "model": "tiny"}), content_type="application/json")


def asked(request: Request) -> dict[str, Any]:
    return json.loads(request.get_data())


def ok(request: Request) -> Response:
    return vectors(asked(request)["input"])


class Script:
    """Answers in turn, the last one for ever, and keeps the requests."""

    def __init__(self, *answers: Response | Callable[[Request], Response]) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        request.get_data()
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer if isinstance(answer, Response) else answer(request)


@pytest.fixture
async def make(httpserver: HTTPServer) -> AsyncIterator[Make]:
    opened: list[OpenAiEmbedder] = []

    def embedder(script: Script, **changes: float | str | None) -> OpenAiEmbedder:
        httpserver.expect_request("/v1/embeddings", method="POST").respond_with_handler(script)
        endpoint = Endpoint(url=httpserver.url_for("/v1"), model="tiny", dimension=3, key=KEY, backoff_s=0.001, total_s=5.0)
        opened.append(OpenAiEmbedder.open(cast("Endpoint", cast("Any", replace)(endpoint, **changes))))
        return opened[-1]

    yield embedder
    for one in opened:
        await one.close()


async def fault_of(embedder: OpenAiEmbedder) -> Fault:
    with capture_logs() as logs, pytest.raises(Fault) as raised:
        await embedder.embed(["a text of the user"], Purpose.PASSAGE)
    for said in (str(raised.value), repr(raised.value), str(logs)):
        assert KEY not in said
        assert "a text of the user" not in said
    return raised.value


async def test_a_request_carries_model_texts_and_key_and_the_answer_is_normalised(make: Make) -> None:
    script = Script(ok)
    rows = await make(script).embed(["ab", "abcd"], Purpose.PASSAGE)
    np.testing.assert_allclose(rows[0], np.array([3, 4, 2]) / np.sqrt(29), atol=1e-6)
    assert asked(script.requests[0]) == {"model": "tiny", "input": ["ab", "abcd"], "encoding_format": "float"}
    assert script.requests[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_without_a_key_no_authorization_is_sent(make: Make) -> None:
    script = Script(ok)
    await make(script, key=None).embed(["ab"], Purpose.PASSAGE)
    assert "Authorization" not in script.requests[0].headers


async def test_rows_are_put_where_their_index_says(make: Make) -> None:
    def shuffled(request: Request) -> Response:
        answer = json.loads(ok(request).get_data())
        answer["data"].reverse()
        return Response(json.dumps(answer))

    first, second = await make(Script(shuffled)).embed(["a", "abcdefgh"], Purpose.PASSAGE)
    assert second[2] > first[2]


async def test_texts_go_in_batches_and_each_distinct_one_once(make: Make) -> None:
    script = Script(ok)
    rows = await make(script, batch=2).embed(["a", "bb", "a", "ccc", "bb"], Purpose.PASSAGE)
    assert [asked(request)["input"] for request in script.requests] == [["a", "bb"], ["ccc"]]
    np.testing.assert_array_equal(rows[0], rows[2])


async def test_prefixes_go_before_texts_by_purpose(make: Make) -> None:
    script = Script(ok)
    embedder = make(script, query_prefix="query: ", passage_prefix="passage: ")
    await embedder.embed(["x"], Purpose.QUERY)
    await embedder.embed(["x"], Purpose.PASSAGE)
    assert [asked(request)["input"] for request in script.requests] == [["query: x"], ["passage: x"]]


async def test_a_long_text_is_cut_and_an_empty_one_becomes_a_blank(make: Make) -> None:
    script = Script(ok)
    await make(script, tokens_max=10).embed(["one two three four five six seven eight nine", ""], Purpose.PASSAGE)
    assert asked(script.requests[0])["input"] == ["one two three four five six seven eight", " "]


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_passing_failure_is_tried_again(make: Make, status: int) -> None:
    script = Script(Response(status=status), Response(status=status), ok)
    assert (await make(script).embed(["a"], Purpose.PASSAGE)).shape == (1, 3)
    assert len(script.requests) == 3


async def test_the_wait_that_the_endpoint_asks_for_replaces_ours(make: Make) -> None:
    script = Script(Response(status=429, headers={"Retry-After": "0"}), ok)
    await make(script, backoff_s=1000.0).embed(["a"], Purpose.PASSAGE)
    assert len(script.requests) == 2


async def test_a_wait_beyond_the_total_is_not_begun_and_is_passed_on(make: Make) -> None:
    script = Script(Response(status=429, headers={"Retry-After": "30"}))
    fault = await fault_of(make(script))
    assert isinstance(fault, Unavailable)
    assert fault.retry_after_s == 30
    assert len(script.requests) == 1


async def test_an_endpoint_that_stays_down_is_given_up_within_the_total(make: Make) -> None:
    script = Script(Response(status=503))
    fault = await fault_of(make(script, total_s=2.0, backoff_s=0.4))
    assert isinstance(fault, Unavailable)
    assert fault.code == "inference.endpoint_unavailable"
    assert "answered 503" in fault.message
    assert len(script.requests) <= 60


async def test_the_last_attempt_being_cut_off_does_not_hide_what_the_one_before_was_told(make: Make) -> None:
    held = threading.Event()

    def hang(request: Request) -> Response:
        held.wait(5)
        return ok(request)

    fault = await fault_of(make(Script(Response(status=503), hang), total_s=2.0, timeout_s=30.0))
    held.set()
    assert isinstance(fault, Unavailable)
    assert fault.code == "inference.endpoint_unavailable"
    assert "answered 503" in fault.message


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_is_not_tried_again(make: Make, status: int) -> None:
    script = Script(Response(f"bad key {KEY}", status=status))
    fault = await fault_of(make(script))
    assert isinstance(fault, Unavailable)
    assert f"answered {status}; check address, model name and key" in fault.message
    assert len(script.requests) == 1


async def test_an_endpoint_too_slow_is_timed_out(httpserver: HTTPServer, make: Make) -> None:
    embedder = make(Script(ok))
    httpserver.clear()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        slow = OpenAiEmbedder.open(Endpoint(url=url, model="tiny", dimension=3, timeout_s=0.05, total_s=0.3, key=KEY))
        fault = await fault_of(slow)
        await slow.close()
    assert (type(fault), fault.code) == (TimedOut, "inference.endpoint_timeout")
    assert "0.3 s in all" in fault.message
    assert embedder.spec.dimension == 3


async def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    endpoint = Endpoint(url=f"http://127.0.0.1:{port}", model="tiny", dimension=3, total_s=5.0, backoff_s=100.0, key=KEY)
    embedder = OpenAiEmbedder.open(endpoint)
    fault = await fault_of(embedder)
    await embedder.close()
    assert isinstance(fault, Unavailable)
    assert "ConnectError" in fault.message


@pytest.mark.parametrize(
    "body, complaint",
    [
        ('{"data": []}', "0 vectors for 1 texts"),
        ('{"data": [{"index": 1, "embedding": [1, 2, 3]}]}', "not one for each"),
        ('{"data": [{"index": 0, "embedding": [1, 2]}]}', r"shape \(2,\); the settings say 3"),
        ('{"data": [{"index": 0, "embedding": [1, NaN, 3]}]}', "not finite"),
        ('{"data": [{"index": 0, "embedding": [1, 1e999, 3]}]}', "not finite"),
        ('{"data": [{"index": 0, "embedding": [0, 0, 0]}]}', "zero"),
        ('{"data": [{"index": 0, "embedding": [1, null, "x"]}]}', "no list of embeddings"),
        ('{"data": [{"index": 0}]}', "no list of embeddings"),
        ('{"data": {"a": 1}}', "no list of embeddings"),
        ('["what"]', "no list of embeddings"),
        ("<html>", "no list of embeddings"),
        ("[" * 100_000, "no list of embeddings"),
    ],
)
async def test_a_wrong_answer_is_corrupt_and_says_what_is_wrong(make: Make, body: str, complaint: str) -> None:
    with pytest.raises(Corrupt, match=complaint) as raised:
        await make(Script(Response(body))).embed(["a"], Purpose.PASSAGE)
    assert raised.value.code == "inference.endpoint_answer"


async def test_a_cancelled_call_sends_no_further_batch(make: Make) -> None:
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()

    def noticed(request: Request) -> Response:
        loop.call_soon_threadsafe(arrived.set)
        return ok(request)

    script = Script(noticed)
    call = asyncio.create_task(make(script, batch=1).embed(["a", "b", "c"], Purpose.PASSAGE))
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(script.requests) == 1


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(Invalid) as raised:
        OpenAiEmbedder.open(Endpoint(url="http://x", model="tiny", dimension=3, key=f"{KEY}\n"))
    assert KEY not in raised.value.message


def test_the_key_is_in_no_representation() -> None:
    assert KEY not in repr(Endpoint(url="http://x", model="tiny", dimension=3, key=KEY))


def test_address_and_model_name_the_space_and_a_slash_does_not_matter() -> None:
    endpoint = Endpoint(url="http://x/v1", model="tiny", dimension=3)
    assert replace(endpoint, url="http://x/v1/").spec() == endpoint.spec()
    assert replace(endpoint, model="small").spec().digest != endpoint.spec().digest
    assert replace(endpoint, url="http://y/v1").spec().digest != endpoint.spec().digest
