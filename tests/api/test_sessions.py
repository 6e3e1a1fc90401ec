"""Sessions and messages over HTTP, on the real service."""

import threading
from typing import Any

import httpx
import pytest

from tests.support.service import Service, made, problem

SAID: dict[str, Any] = {
    "id": "m1",
    "role": "user",
    "speaker": "Ann",
    "content": "I moved to Leeds last Friday.",
    "occurred_at": "2026-05-01T09:00:00Z",
}


def append(operator: httpx.Client, user: str, *messages: dict[str, Any], status: int = 200) -> dict[str, Any]:
    body = {"user_id": user, "messages": messages, "wait": "indexed"}
    return made(operator.post("/v1/sessions/chat/messages", json=body), status)


def listed(operator: httpx.Client, user: str) -> list[dict[str, Any]]:
    return made(operator.get("/v1/sessions/chat/messages", params={"user_id": user}))["items"]


def test_a_session_is_made_once_and_answered_again(operator: httpx.Client, user: str) -> None:
    body = {"id": "chat", "user_id": user, "agent_id": "helpdesk", "metadata": {"channel": "web"}, "ttl_s": 3600}
    first = made(operator.post("/v1/sessions", json=body), 201)
    assert first["user_id"] == user
    assert first["expires_at"] is not None
    assert made(operator.post("/v1/sessions", json=body), 200)["created_at"] == first["created_at"]
    problem(operator.post("/v1/sessions", json={**body, "agent_id": "other"}), 409, "memory.session_exists")


def test_an_id_is_chosen_when_none_is_given(operator: httpx.Client, user: str) -> None:
    assert made(operator.post("/v1/sessions", json={"user_id": user}), 201)["id"].startswith("ses_")


def test_what_was_said_is_listed_in_order_with_how_its_time_is_known(operator: httpx.Client, user: str, session: str) -> None:
    answer = append(operator, user, SAID, {"role": "assistant", "content": "Congratulations!"})
    assert answer["ids"][0] == "m1"
    assert (answer["accepted"], answer["duplicates"]) == (2, 0)
    assert [(one["index"], one["code"]) for one in answer["warnings"]] == [(1, "occurred_at.inferred")]
    found = listed(operator, user)
    assert [one["seq"] for one in found] == [1, 2]
    assert [one["occurred_kind"] for one in found] == ["given", "inferred"]
    assert [one["id"] for one in found] == answer["ids"]
    assert session == "chat"


@pytest.mark.usefixtures("session")
def test_a_time_that_nothing_tells_is_missing_never_now(operator: httpx.Client, user: str) -> None:
    answer = append(operator, user, {"role": "user", "content": "Hello there"})
    assert [one["code"] for one in answer["warnings"]] == ["occurred_at.missing"]
    assert listed(operator, user)[0]["occurred_at"] is None


@pytest.mark.usefixtures("session")
def test_late_and_implausible_times_are_kept_as_given_and_said(operator: httpx.Client, user: str) -> None:
    times = ("2026-05-01T09:00:00Z", "2026-04-01T09:00:00Z", "1900-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
    answer = append(operator, user, *({"role": "user", "content": f"At {at}", "occurred_at": at} for at in times))
    codes = [(one["index"], one["code"]) for one in answer["warnings"]]
    assert codes == [(1, "occurred_at.late"), (2, "occurred_at.implausible"), (3, "occurred_at.implausible")]
    assert [one["occurred_at"] for one in listed(operator, user)] == list(times)


@pytest.mark.usefixtures("session")
def test_the_same_id_is_written_once_and_another_content_is_refused_whole(operator: httpx.Client, user: str) -> None:
    append(operator, user, SAID)
    again = append(operator, user, SAID, {"id": "m2", "role": "assistant", "content": "Noted."})
    assert (again["accepted"], again["duplicates"], again["ids"]) == (1, 1, ["m1", "m2"])
    body = {"user_id": user, "messages": [{"role": "user", "content": "New"}, {**SAID, "content": "I moved to York."}]}
    problem(operator.post("/v1/sessions/chat/messages", json=body), 409, "memory.message_conflict")
    assert len(listed(operator, user)) == 2


@pytest.mark.usefixtures("session")
def test_many_writers_on_one_session_lose_nothing_and_keep_one_order(
    service: Service, operator: httpx.Client, user: str
) -> None:
    def write(writer: int) -> None:
        with service.client() as mine:
            for number in range(5):
                message = {"id": f"{writer}-{number}", "role": "user", "content": f"Writer {writer} says {number}"}
                append(mine, user, message)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = listed(operator, user)
    assert [one["seq"] for one in found] == list(range(1, 21))
    for writer in range(4):
        assert [one["id"] for one in found if one["id"].startswith(f"{writer}-")] == [
            f"{writer}-{number}" for number in range(5)
        ]


@pytest.mark.usefixtures("session")
def test_a_closed_session_is_read_and_takes_nothing_more(operator: httpx.Client, user: str) -> None:
    append(operator, user, SAID)
    assert made(operator.post("/v1/sessions/chat:close", params={"user_id": user}))["state"] == "closed"
    body = {"user_id": user, "messages": [{"role": "user", "content": "More"}]}
    problem(operator.post("/v1/sessions/chat/messages", json=body), 409, "memory.session_closed")
    assert len(listed(operator, user)) == 1


@pytest.mark.usefixtures("session")
def test_another_users_session_is_not_there(service: Service, operator: httpx.Client, user: str) -> None:
    append(operator, user, SAID)
    with service.client(service.make_key("user:mallory", "read", "write")) as mallory:
        problem(mallory.get("/v1/sessions/chat", params={"user_id": user}), 404, "memory.no_such_user")
        problem(mallory.get("/v1/sessions/chat"), 404, "memory.no_such_session")
        body = {"messages": [{"role": "user", "content": "Let me in"}]}
        problem(mallory.post("/v1/sessions/chat/messages", json=body), 404, "memory.no_such_session")
    with service.client(service.make_key(f"user:{user}", "read")) as own:
        assert made(own.get("/v1/sessions/chat"))["user_id"] == user


@pytest.mark.usefixtures("session")
def test_a_message_and_a_session_can_be_taken_out(operator: httpx.Client, user: str) -> None:
    append(operator, user, SAID, {"id": "a/b", "role": "user", "content": "Second"})
    assert made(operator.delete("/v1/sessions/chat/messages/a/b", params={"user_id": user}))["messages"] == 1
    assert [one["id"] for one in listed(operator, user)] == ["m1"]
    assert made(operator.delete("/v1/sessions/chat", params={"user_id": user}))["messages"] == 1
    problem(operator.get("/v1/sessions/chat", params={"user_id": user}), 404, "memory.no_such_session")


@pytest.mark.usefixtures("session")
def test_words_of_a_message_can_be_blacked_out(operator: httpx.Client, user: str) -> None:
    append(operator, user, SAID)
    body = {"user_id": user, "spans": [[11, 16]]}
    answer = made(operator.post("/v1/sessions/chat/messages/m1:redact", json=body))
    assert answer["message"]["content"] == "I moved to █████ last Friday."
    assert answer["message"]["flags"] == ["redacted"]
    problem(
        operator.post("/v1/sessions/chat/messages/m1:redact", json={**body, "spans": [[5, 500]]}), 422, "memory.invalid_spans"
    )


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    "messages, status, code",
    [
        ([], 422, "memory.no_messages"),
        ([{"role": "user", "content": "x"}] * 10_000, 413, "memory.too_many_messages"),
        ([{"role": "user", "content": "x" * 5_000_000}], 413, "memory.content_too_large"),
        ([{"role": "user", "content": " \n"}], 422, "memory.empty_content"),
        ([{"role": "user", "content": "a\0b"}], 422, "memory.not_text"),
        ([{"role": "user", "content": "x", "id": ""}], 422, "memory.invalid_message_id"),
        ([{"role": "user", "content": "x", "id": "msg_0000000000001"}], 422, "memory.invalid_message_id"),
        ([{"role": "robot", "content": "x"}], 422, "request.invalid_body"),
        ([{"role": "user", "content": "x", "metadata": {"mem.type": "fact"}}], 422, "metadata.invalid_key"),
    ],
)
def test_bad_messages_are_refused_and_nothing_is_written(
    operator: httpx.Client, user: str, messages: list[dict[str, Any]], status: int, code: str
) -> None:
    answer = operator.post("/v1/sessions/chat/messages", json={"user_id": user, "messages": messages})
    problem(answer, status, code)
    assert listed(operator, user) == []


def test_an_append_repeated_under_its_key_gives_the_first_answer(operator: httpx.Client, user: str, session: str) -> None:
    body = {"user_id": user, "messages": [{"role": "user", "content": "Once"}]}
    headers = {"Idempotency-Key": f"k-{user}"}
    first = made(operator.post(f"/v1/sessions/{session}/messages", json=body, headers=headers))
    assert made(operator.post(f"/v1/sessions/{session}/messages", json=body, headers=headers)) == first
    assert len(listed(operator, user)) == 1
