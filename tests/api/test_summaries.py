"""Summaries of sessions over HTTP, on the real service: cited, in order, within the budget, and gone with their sources."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pytest_httpserver import HTTPServer

from tests.support.service import Service, made, problem, started

SECRET = "The code of the vault is 4711-X and nobody but Bo knows it."
FILLER = (
    "I put lantern number {0} on shelf {0} for the harbour fair. It was a windy day in {0}, and nobody from the crew came. "
    "We decided to try lamp {0} again on Friday."
)


@pytest.fixture
def user(operator: httpx.Client) -> str:
    """A user with an empty session `chat`."""
    name = f"u-{uuid4().hex[:12]}"
    made(operator.post("/v1/sessions", json={"id": "chat", "user_id": name}), 201)
    return name


def talk(operator: httpx.Client, user: str, messages: int, first: int = 0) -> dict[str, str]:
    """The contents by id; the message in the middle tells a secret."""
    contents = {f"m{place}": FILLER.format(place) for place in range(first, first + messages)}
    contents[f"m{first + messages // 2}"] = SECRET
    body = [
        {
            "id": name,
            "role": "user" if place % 2 else "assistant",
            "speaker": "Bo" if place % 2 else None,
            "content": content,
            "occurred_at": f"2026-05-{1 + place // 12:02}T09:{place % 12:02}:00Z",
        }
        for place, (name, content) in enumerate(contents.items(), first)
    ]
    made(operator.post("/v1/sessions/chat/messages", json={"user_id": user, "messages": body, "wait": "indexed"}))
    return contents


def summary(operator: httpx.Client, user: str, tokens_max: int) -> dict[str, Any]:
    return made(operator.get("/v1/sessions/chat/summary", params={"user_id": user, "tokens_max": tokens_max}))


def compress(operator: httpx.Client, user: str, tokens_max: int, **more: str) -> dict[str, Any]:
    return made(operator.post("/v1/sessions/chat:compress", json={"user_id": user, "tokens_max": tokens_max, **more}))


@pytest.mark.parametrize("tokens_max", [40, 200, 2_000])
def test_every_sentence_is_a_messages_own_and_all_keep_the_budget(operator: httpx.Client, user: str, tokens_max: int) -> None:
    contents = talk(operator, user, 30)
    answer = compress(operator, user, tokens_max)
    assert 0 < answer["tokens_after"] <= tokens_max
    assert answer["tokens_after"] == sum(one["tokens"] for one in answer["sentences"])
    assert (answer["mode"], answer["fallback"]) == ("extractive", None)
    places = [(int(one["message_id"][1:]), *one["span"]) for one in answer["sentences"]]
    assert places == sorted(places)
    for one in answer["sentences"]:
        said = contents[one["message_id"]][slice(*one["span"])]
        speakers = {"I ": ("Bo ", "Assistant ")}
        assert one["text"] in {said, *(said.replace("I ", name, 1) for name in speakers["I "])}


def test_the_same_messages_give_the_same_bytes_stored_or_not(operator: httpx.Client, user: str) -> None:
    talk(operator, user, 30)
    before = summary(operator, user, 150)
    assert before["summary_id"] is None
    first = operator.post("/v1/sessions/chat:compress", json={"user_id": user, "tokens_max": 150})
    again = operator.post("/v1/sessions/chat:compress", json={"user_id": user, "tokens_max": 150})
    assert made(first)["summary_id"].startswith("sum_")
    assert first.content == again.content
    after = summary(operator, user, 150)
    assert after["summary_id"] == first.json()["summary_id"]
    assert after["sentences"] == before["sentences"] == first.json()["sentences"]


def test_what_is_said_after_a_compression_is_in_the_next_summary(operator: httpx.Client, user: str) -> None:
    talk(operator, user, 12)
    compress(operator, user, 100)
    body = {
        "user_id": user,
        "messages": [{"id": "new", "role": "user", "content": "We decided to sell the boat for 900 euros."}],
    }
    made(operator.post("/v1/sessions/chat/messages", json=body))
    assert "new" in [one["message_id"] for one in summary(operator, user, 2_000)["sentences"]]


def test_a_deleted_messages_sentences_are_gone_at_once(operator: httpx.Client, user: str) -> None:
    talk(operator, user, 30)
    assert SECRET in [one["text"] for one in compress(operator, user, 2_000)["sentences"]]
    made(operator.delete("/v1/sessions/chat/messages/m15", params={"user_id": user}))
    left = summary(operator, user, 2_000)["sentences"]
    assert left
    assert "m15" not in [one["message_id"] for one in left]
    assert SECRET not in [one["text"] for one in compress(operator, user, 2_000)["sentences"]]


def test_blacked_out_words_are_in_no_summary(operator: httpx.Client, user: str) -> None:
    talk(operator, user, 30)
    assert SECRET in [one["text"] for one in compress(operator, user, 2_000)["sentences"]]
    start = SECRET.index("4711-X")
    body = {"user_id": user, "spans": [[start, start + 6]]}
    made(operator.post("/v1/sessions/chat/messages/m15:redact", json=body))
    for answer in (summary(operator, user, 2_000), compress(operator, user, 2_000)):
        assert not any("4711" in one["text"] for one in answer["sentences"])
        assert any("vault" in one["text"] for one in answer["sentences"])


def test_a_session_without_messages_has_an_empty_summary(operator: httpx.Client, user: str) -> None:
    expected: dict[str, Any] = {
        "summary_id": None,
        "tokens_before": 0,
        "tokens_after": 0,
        "mode": "extractive",
        "sentences": [],
        "fallback": None,
    }
    assert summary(operator, user, 100) == expected
    assert compress(operator, user, 100) == expected


def test_a_budget_below_the_shortest_sentence_names_the_least_that_works(operator: httpx.Client, user: str) -> None:
    talk(operator, user, 6)
    query = {"user_id": user, "tokens_max": 3}
    told = problem(operator.get("/v1/sessions/chat/summary", params=query), 422, "memory.summary_budget")
    problem(operator.post("/v1/sessions/chat:compress", json=query), 422, "memory.summary_budget")
    least = int(told["detail"].split("Ask for ")[1].split()[0])
    assert len(summary(operator, user, least)["sentences"]) == 1


@pytest.mark.parametrize("tokens_max", [0, -1, 100_001])
def test_a_budget_that_is_none_is_refused(operator: httpx.Client, user: str, tokens_max: int) -> None:
    query = {"user_id": user, "tokens_max": tokens_max}
    problem(operator.get("/v1/sessions/chat/summary", params=query), 422, "memory.invalid_tokens_max")
    problem(operator.post("/v1/sessions/chat:compress", json=query), 422, "memory.invalid_tokens_max")


def test_without_a_text_model_the_abstractive_summary_falls_back_and_says_so(operator: httpx.Client, user: str) -> None:
    talk(operator, user, 6)
    answer = compress(operator, user, 60, mode="abstractive")
    assert (answer["mode"], answer["fallback"]) == ("extractive", "no_text_model")
    assert answer["sentences"] == compress(operator, user, 60)["sentences"]


def test_another_users_summary_is_not_there(service: Service, operator: httpx.Client, user: str) -> None:
    talk(operator, user, 6)
    with service.client(service.make_key("user:mallory", "read", "write")) as mallory:
        problem(mallory.get("/v1/sessions/chat/summary"), 404, "memory.no_such_session")
        problem(
            mallory.post("/v1/sessions/chat:compress", json={"tokens_max": 50, "user_id": user}), 404, "memory.no_such_user"
        )
    with service.client(service.make_key(f"user:{user}", "read")) as reader:
        assert made(reader.get("/v1/sessions/chat/summary"))["sentences"]
        problem(reader.post("/v1/sessions/chat:compress", json={"tokens_max": 50}), 403, "auth.missing_grant")


def test_a_deleted_sessions_summary_does_not_come_back_with_its_name(operator: httpx.Client, user: str) -> None:
    talk(operator, user, 12)
    compress(operator, user, 100)
    made(operator.delete("/v1/sessions/chat", params={"user_id": user}))
    problem(operator.get("/v1/sessions/chat/summary", params={"user_id": user}), 404, "memory.no_such_session")
    made(operator.post("/v1/sessions", json={"id": "chat", "user_id": user}), 201)
    assert summary(operator, user, 100)["sentences"] == []


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_configured_text_model_is_asked_by_abstractive_alone(tmp_path: Path, converted: Path, httpserver: HTTPServer) -> None:
    text = "Bo said that the code of the vault is 4711-X and nobody but Bo knows it."
    content = json.dumps({"sentences": [{"text": text, "cites": [1]}]})
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    httpserver.expect_request("/v1/chat/completions").respond_with_json({"choices": [choice]})
    settings = {"KIND": "openai", "URL": httpserver.url_for("/v1"), "MODEL": "tiny"}
    with (
        started(tmp_path, converted, **{f"MNEMIC_TEXT_MODEL__{name}": value for name, value in settings.items()}) as service,
        service.client() as operator,
    ):
        made(operator.post("/v1/sessions", json={"id": "chat", "user_id": "bo"}), 201)
        said = [{"id": "m1", "role": "user", "speaker": "Bo", "content": SECRET}]
        made(operator.post("/v1/sessions/chat/messages", json={"user_id": "bo", "messages": said}))
        assert compress(operator, "bo", 60)["mode"] == "extractive"
        assert httpserver.log == []
        answer = compress(operator, "bo", 60, mode="abstractive")
    assert (answer["mode"], answer["fallback"]) == ("abstractive", None)
    assert [(one["text"], one["message_id"], one["rewritten"]) for one in answer["sentences"]] == [(text, "m1", True)]
