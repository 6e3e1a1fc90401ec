"""The drop-in before a real model: whatever OpenAI-compatible server MNEMIC_TEST_MODEL_URL names (its base address, with /v1).
Without one these tests skip. MNEMIC_TEST_MODEL_NAME is the model asked for."""

import json
import os
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from tests.support.service import Service, made, started

PATH = "/v1/proxy/chat/completions"
URL_VARIABLE, NAME_VARIABLE = "MNEMIC_TEST_MODEL_URL", "MNEMIC_TEST_MODEL_NAME"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(URL_VARIABLE not in os.environ, reason=f"no model: {URL_VARIABLE} is not set"),
]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, converted: Path) -> Generator[Service]:
    settings = {"MNEMIC_PROXY__KIND": "openai", "MNEMIC_PROXY__URL": os.environ[URL_VARIABLE]}
    with started(tmp_path_factory.mktemp("proxied"), converted, **settings) as running:
        yield running


@pytest.fixture
def client(proxied: Service) -> Generator[httpx.Client]:
    with proxied.client() as client:
        client.timeout = httpx.Timeout(120)
        yield client


def body(question: str, *, stream: bool = False, tokens_max: int = 200) -> dict[str, object]:
    return {
        "model": os.environ.get(NAME_VARIABLE, "default"),
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": tokens_max,
        "stream": stream,
    }


def streamed(client: httpx.Client, question: str) -> tuple[str, str]:
    """(what the cache said, the words)."""
    words: list[str] = []
    with client.stream("POST", PATH, json=body(question, stream=True)) as answer:
        assert answer.status_code == 200, answer.read()
        for line in answer.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                choices = json.loads(line.removeprefix("data: "))["choices"]
                words += [one["delta"].get("content") or "" for one in choices]
        return answer.headers["x-mnemic-cache"], "".join(words)


def test_a_models_answer_is_kept_and_given_again(client: httpx.Client) -> None:
    question = "Say only the word: yes"
    first, second = (client.post(PATH, json=body(question)) for _ in range(2))
    assert [one.headers["x-mnemic-cache"] for one in (first, second)] == ["miss", "hit"]
    said = made(first)["choices"][0]["message"]["content"]
    assert said
    assert made(second)["choices"][0]["message"]["content"] == said


def test_a_models_stream_is_kept_and_streamed_again(client: httpx.Client) -> None:
    question = "Say only the word: no"
    (first, words), (second, again) = streamed(client, question), streamed(client, question)
    assert (first, second, again) == ("miss", "hit", words)
    assert words
    whole = client.post(PATH, json=body(question))
    assert (whole.headers["x-mnemic-cache"], made(whole)["choices"][0]["message"]["content"]) == ("hit", words)


def test_a_stream_that_its_reader_leaves_is_not_kept_and_the_next_one_asks_anew(client: httpx.Client) -> None:
    question = "Count slowly from one to forty, in words"
    with client.stream("POST", PATH, json=body(question, stream=True)) as answer:
        assert answer.headers["x-mnemic-cache"] == "miss"
        next(answer.iter_bytes())
    again, _ = streamed(client, question)
    assert again == "miss"


def test_an_answer_that_was_cut_by_its_length_is_not_kept(client: httpx.Client) -> None:
    question = "Tell a long story of a ship"
    for _ in range(2):
        answer = client.post(PATH, json=body(question, tokens_max=3))
        assert made(answer)["choices"][0]["finish_reason"] == "length"
        assert answer.headers["x-mnemic-cache"] == "miss"
