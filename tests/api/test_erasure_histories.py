"""Whatever two users said, learned, had summed up and cached: after one is erased no way of reading finds a word of it, and
every one answers the other as before."""

import time
from collections.abc import Sequence
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.service import Service, made

pytestmark = pytest.mark.timeout(240)

PATIENCE_S = 20.0
WHAT = ("say", "say", "learn", "retell", "compress", "cache", "supersede")


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(WHAT)), min_size=2, max_size=12))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_after_an_erasure_no_way_of_reading_finds_anything(service: Service, history: list[tuple[bool, str]]) -> None:
    users = tuple(f"u-{uuid4().hex[:12]}" for _ in range(2))
    first, second = (service.client(service.make_key(f"user:{user}", "read", "write")) for user in users)
    with first, second:
        for user, http in zip(users, (first, second), strict=True):
            made(http.post("/v1/sessions", json={"id": "chat"}), 201)
            _do(http, user, "say", 0)
        for place, (of_first, what) in enumerate(history, start=1):
            _do(*((first, users[0]) if of_first else (second, users[1])), what, place)
        for user, http in zip(users, (first, second), strict=True):  # it waits until all before it is found, too
            _do(http, user, "say", len(history) + 1)
        cached = [_cached(history, of_first=True), _cached(history, of_first=False)]
        before = _read(second, users[1], cached[1])
        assert all(users[0] in one for one in _read(first, users[0], cached[0])[:3]), "what is read tells of the user"
        _erase(first, users[0])
        assert [one for one in _read(first, users[0], cached[0]) if f"secret of {users[0]}" in one] == []
        after = _read(second, users[1], cached[1])
        assert after[1:] == before[1:]
        assert users[1] in after[0]


def _cached(history: list[tuple[bool, str]], *, of_first: bool) -> list[int]:
    return [place for place, one in enumerate(history, start=1) if one == (of_first, "cache")]


def _do(http: httpx.Client, user: str, what: str, place: int) -> None:
    secret = f"The secret of {user} number {place} is in crate {place}."
    triple = {"entity": user, "attribute": "crate", "value": f"secret of {user} in crate {place}"}
    match what:
        case "say":
            body = {"messages": [{"id": f"m{place}", "role": "user", "content": secret}], "wait": "indexed"}
            made(http.post("/v1/sessions/chat/messages", json=body))
        case "learn" | "retell":
            made(http.post("/v1/memories", json=triple if what == "learn" else {"text": secret, "pinned": True}))
        case "supersede":
            fact = made(http.post("/v1/memories", json=triple))["id"]
            made(http.post(f"/v1/memories/{fact}:supersede", json={"value": f"secret of {user} elsewhere {place}"}))
        case "compress":
            made(http.post("/v1/sessions/chat:compress", json={"tokens_max": 200}))
        case _:
            body = {"namespace": "histories", "query": f"What is the secret of {user}, number {place}?", "response": secret}
            made(http.post("/v1/cache:store", json=body))


def _read(http: httpx.Client, user: str, cached: Sequence[int]) -> list[str]:
    """What every way of reading answers, without what differs from one time to the next."""
    question = f"What is the secret of {user} in the crate?"
    answers = [
        http.post("/v1/context", json={"query": question, "session_id": "chat", "tokens_max": 2_000}),
        http.get("/v1/sessions/chat/messages"),
        http.post("/v1/memories:search", json={"query": question, "k": 50, "include": ["neighbors", "superseded"]}),
        http.get("/v1/memories"),
        http.get(f"/v1/users/{user}/profile"),
        http.get("/v1/sessions"),
        http.get("/v1/sessions/chat/summary", params={"tokens_max": 200}),
        http.get("/v1/cache/entries", params={"namespace": "histories"}),
        http.post(f"/v1/users/{user}:export"),
    ]
    told = [_steady(one) for one in answers]
    return [*told, *(str(made(_look(http, user, place))["response"]) for place in cached)]


def _look(http: httpx.Client, user: str, place: int) -> httpx.Response:
    body = {"namespace": "histories", "query": f"What is the secret of {user}, number {place}?"}
    return http.post("/v1/cache:lookup", json=body)


def _steady(answer: httpx.Response) -> str:
    if answer.headers["content-type"] != "application/json":
        return "\n".join(sorted(line for line in answer.text.splitlines() if "secret of" in line))
    told = answer.json()
    for one in told.get("items", ()):  # a look at a cached answer counts
        one.pop("hits", None)
        one.pop("used_at", None)
    found = sorted((one["id"], one["text"]) for one in told.pop("results", ()))  # scores are of all users' words together
    return str((found, {name: told[name] for name in ("items", "text", "sentences", "facts") if name in told}))


def _erase(http: httpx.Client, user: str) -> None:
    erasure = made(http.post(f"/v1/users/{user}:erase"), 202)["erasure_id"]
    until_s = time.monotonic() + PATIENCE_S
    while made(http.get(f"/v1/erasures/{erasure}"))["state"] != "done":
        assert time.monotonic() < until_s
        time.sleep(0.02)
    verified = made(http.post(f"/v1/erasures/{erasure}:verify"))
    assert verified["clean"], verified
