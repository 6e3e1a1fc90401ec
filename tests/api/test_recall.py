"""Recall over HTTP, on the real service."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.service import Service, made, problem

SAID: tuple[dict[str, Any], ...] = (
    {
        "id": "m1",
        "role": "user",
        "speaker": "Ann",
        "content": "I moved to Leeds last Friday.",
        "occurred_at": "2026-05-01T09:00:00Z",
    },
    {"id": "m2", "role": "assistant", "content": "Congratulations! How is the flat?", "occurred_at": "2026-05-01T09:01:00Z"},
    {
        "id": "m3",
        "role": "user",
        "speaker": "Ann",
        "content": "Small, but it has a balcony.",
        "occurred_at": "2026-05-01T09:02:00Z",
    },
    {
        "id": "m4",
        "role": "user",
        "speaker": "Ann",
        "content": "My sister Ida bakes rye bread.",
        "occurred_at": "2026-06-10T09:00:00Z",
    },
)


@pytest.fixture
def user(operator: httpx.Client) -> str:
    """A user with one session, `chat`, in which SAID was said."""
    name = f"r-{uuid4().hex[:12]}"
    remember(operator, name, *SAID)
    return name


def remember(
    operator: httpx.Client, user: str, *messages: dict[str, Any], session: str = "chat", agent: str | None = None
) -> int:
    made(operator.post("/v1/sessions", json={"id": session, "user_id": user, "agent_id": agent}), 201)
    body = {"user_id": user, "messages": messages, "wait": "indexed"}
    return made(operator.post(f"/v1/sessions/{session}/messages", json=body))["offset"]


def recall(operator: httpx.Client, user: str | None, query: str = "Where did Ann move to?", **more: object) -> dict[str, Any]:
    return made(operator.post("/v1/memories:search", json={"query": query, "user_id": user, **more}))


def found(operator: httpx.Client, user: str, query: str = "Where did Ann move to?", **more: object) -> list[str]:
    """Messages, unless other types are asked for: what is said is learned from, too."""
    return [one["message_id"] for one in recall(operator, user, query, **{"types": ["message"], **more})["results"]]


def refused(operator: httpx.Client, user: str, status: int, code: str, **more: object) -> dict[str, Any]:
    body = {"query": "Where did Ann move to?", "user_id": user, **more}
    return problem(operator.post("/v1/memories:search", json=body), status, code)


def test_a_memory_explains_itself(operator: httpx.Client, user: str) -> None:
    answer = recall(operator, user, include=["neighbors"], types=["message"])
    best = answer["results"][0]
    assert (best["message_id"], best["type"], best["session_id"], best["rank"]) == ("m1", "message", "chat", 1)
    assert (best["speaker"], best["role"], best["text"]) == ("Ann", "user", SAID[0]["content"])
    assert datetime.fromisoformat(best["occurred_at"]) == datetime.fromisoformat(SAID[0]["occurred_at"])
    assert best["sources"] == [{"type": "message", "id": "m1", "session_id": "chat", "span": [0, len(SAID[0]["content"])]}]
    parts = ("fused", "neighbors", "speaker", "period", "recency")
    assert best["score"] == pytest.approx(sum(best["signals"][part] for part in parts))
    assert best["signals"]["speaker"] > 0
    assert best["signals"]["keyword_rank"] is not None
    assert [one["message_id"] for one in best["neighbors"]["after"]] == ["m2", "m3"]
    assert best["neighbors"]["before"] == []
    assert 0 <= answer["answerable"] <= 1


def test_what_was_acknowledged_is_recalled_at_once(operator: httpx.Client) -> None:
    user = f"r-{uuid4().hex[:12]}"
    made(operator.post("/v1/sessions", json={"id": "chat", "user_id": user}), 201)
    for number in range(5):
        body = {
            "user_id": user,
            "messages": [{"id": f"n{number}", "role": "user", "content": f"The code of door {number} is {number}7."}],
        }
        offset = made(operator.post("/v1/sessions/chat/messages", json=body))["offset"]
        answer = recall(operator, user, f"code of door {number}", min_offset=offset)
        assert f"n{number}" in [one["message_id"] for one in answer["results"]]
        assert answer["indexed_offset"] >= offset


def test_another_user_finds_nothing_of_it(service: Service, operator: httpx.Client, user: str) -> None:
    assert recall(operator, f"r-{uuid4().hex[:12]}")["results"] == []
    assert recall(operator, None)["results"] == []
    with service.client(service.make_key("user:eve", "read", "write")) as eve:
        problem(eve.post("/v1/memories:search", json={"query": "Leeds", "user_id": user}), 404, "memory.no_such_user")
        assert made(eve.post("/v1/memories:search", json={"query": "Leeds"}))["results"] == []


def test_the_session_of_another_user_is_not_there(operator: httpx.Client, user: str) -> None:
    other = f"r-{uuid4().hex[:12]}"
    remember(operator, other, SAID[0], session="private")
    refused(operator, user, 404, "memory.no_such_session", session_id="private")
    assert found(operator, other, session_id="private") == ["m1"]


def test_another_tenant_has_none_of_it(operator: httpx.Client, user: str) -> None:
    tenant = {"X-Mnemic-Tenant": f"t-{uuid4().hex[:8]}"}
    answer = operator.post("/v1/memories:search", json={"query": "Leeds", "user_id": user}, headers=tenant)
    problem(answer, 404, "tenants.no_such_tenant")


def test_a_session_and_an_agent_narrow(operator: httpx.Client, user: str) -> None:
    remember(
        operator, user, {"id": "w1", "role": "user", "content": "We moved the office to Hull."}, session="work", agent="desk"
    )
    assert found(operator, user, "moved", session_id="work") == ["w1"]
    assert found(operator, user, "moved", agent_id="desk") == ["w1"]
    assert "w1" not in found(operator, user, "moved", session_id="chat")


def test_nothing_later_than_as_of_counts(operator: httpx.Client, user: str) -> None:
    assert found(operator, user, "bread", time={"as_of": "2020-01-01T00:00:00Z"}) == []
    assert sorted(found(operator, user, "bread", time={"as_of": "2026-05-31T00:00:00Z"})) == ["m1", "m2", "m3"]
    assert "m4" in found(operator, user, "bread", time={"as_of": "2100-01-01T00:00:00Z"})


def test_a_period_bounds_when_things_were_said(operator: httpx.Client, user: str) -> None:
    within = {"from": "2026-05-01T09:01:00Z", "to": "2026-06-10T09:00:00Z"}
    assert sorted(found(operator, user, "flat", time=within)) == ["m2", "m3"]
    refused(operator, user, 422, "memory.empty_period", time={"from": "2026-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z"})


def test_what_was_not_written_down_by_then_was_not_known(operator: httpx.Client, user: str) -> None:
    assert found(operator, user, time={"as_known_at": "1900-01-01T00:00:00Z"}) == []
    assert "m1" in found(operator, user, time={"as_known_at": "2100-01-01T00:00:00Z"})


def test_minimum_cuts_by_a_named_signal(operator: httpx.Client, user: str) -> None:
    assert found(operator, user, min={"dense": 1.0}) == []
    assert found(operator, user, "Leeds", min={"keyword": 0.1}) == ["m1"]
    raw = f'{{"query": "Leeds", "user_id": "{user}", "min": {{"dense": NaN}}}}'
    answer = operator.post("/v1/memories:search", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.parametrize("k", [0, 101])
def test_k_has_limits(operator: httpx.Client, user: str, k: int) -> None:
    refused(operator, user, 422, "retrieval.invalid_k", k=k)


def test_what_cannot_be_is_refused(operator: httpx.Client, user: str) -> None:
    assert len(found(operator, user, k=2)) == 2
    refused(operator, user, 422, "retrieval.empty_query", query=" ")
    refused(operator, user, 422, "memory.no_types", types=[])
    refused(operator, user, 422, "search.no_reranker", rerank="on")
    refused(operator, user, 422, "filter.unknown_operator", filter={"like": ["a", "b"]})
    refused(operator, user, 422, "request.invalid_body", types=["rumour"])
    refused(operator, user, 422, "request.invalid_body", time={"as_of": "2026-05-01T00:00:00"})
    body = {"query": "Leeds", "user_id": user, "min_offset": 10**12}
    late = operator.post("/v1/memories:search", json=body, headers={"X-Mnemic-Timeout-Ms": "50"})
    problem(late, 504, "deadline.exceeded")


def test_types_that_hold_nothing_answer_nothing(operator: httpx.Client, user: str) -> None:
    assert found(operator, user, types=["summary"]) == []
    assert "m1" in found(operator, user, types=["message"])


def test_what_was_deleted_is_not_recalled(operator: httpx.Client, user: str) -> None:
    gone = made(operator.delete("/v1/sessions/chat/messages/m1", params={"user_id": user}))
    assert "m1" not in found(operator, user, min_offset=gone["offset"])


def test_the_part_of_a_long_message_that_answers_is_told(operator: httpx.Client) -> None:
    user = f"r-{uuid4().hex[:12]}"
    filler = " ".join(f"Item {number} of the list says nothing that anybody would ever ask for." for number in range(60))
    content = f"{filler}\n\nThe safe opens with the number 4711.\n\n{filler}"
    remember(operator, user, {"id": "long", "role": "assistant", "content": content})
    best = recall(operator, user, "which number opens the safe")["results"][0]
    start, end = best["span"]
    assert "4711" in best["text"]
    assert best["text"] == content[start:end]
    assert len(best["text"]) < len(content) / 3


def test_metadata_filters_before_the_top_is_taken(operator: httpx.Client) -> None:
    user = f"r-{uuid4().hex[:12]}"
    said = [
        {
            "id": f"f{number}",
            "role": "user",
            "content": f"Harbour note {number}",
            "metadata": {"topic": "boats" if number == 7 else "fish"},
        }
        for number in range(12)
    ]
    remember(operator, user, *said)
    assert found(operator, user, "harbour note", k=1, filter={"eq": ["topic", "boats"]}) == ["f7"]


def test_a_summary_is_recalled_with_the_messages_it_rests_on(operator: httpx.Client) -> None:
    user = f"r-{uuid4().hex[:12]}"
    said = [
        {"id": f"s{place}", "role": "user", "speaker": "Bo", "content": text, "occurred_at": f"2026-05-01T09:{place:02}:00Z"}
        for place, text in enumerate(
            f"We decided to hang lantern {number} over pier {number} for the harbour fair." for number in range(20)
        )
    ]
    remember(operator, user, *said)
    made(operator.post("/v1/sessions/chat:compress", json={"user_id": user, "tokens_max": 200}))
    # Sent again it is written down already; the offset is that of all that was written so far, the summary included.
    head = made(operator.post("/v1/sessions/chat/messages", json={"user_id": user, "messages": said[:1]}))["offset"]
    answer = recall(operator, user, "lantern over the pier", types=["summary"], min_offset=head)
    assert answer["results"]
    for one in answer["results"]:
        assert (one["type"], one["session_id"], one["id"][:4]) == ("summary", "chat", "sum_")
        assert {source["id"] for source in one["sources"]} <= {message["id"] for message in said}
        assert one["sources"]
    assert found(operator, user, "lantern", types=["summary"], time={"as_of": "2026-04-01T00:00:00Z"}) == []
    both = recall(operator, user, "lantern over the pier", k=50)["results"]
    assert {one["type"] for one in both} >= {"message", "summary"}


def believe(operator: httpx.Client, user: str, value: str, since: str, **more: object) -> int:
    body = {"user_id": user, "entity": "Ann", "attribute": "home", "value": value, "valid_from": since, "cardinality": "one"}
    return made(operator.post("/v1/memories", json={**body, **more}))["offset"]


def believed(operator: httpx.Client, user: str, offset: int, **more: object) -> list[tuple[str, str]]:
    """Value and status of the facts that are recalled."""
    answer = recall(operator, user, "Where is the home of Ann?", types=["fact"], min_offset=offset, **more)
    return [(next(town for town in ("Leeds", "Hull") if town in one["text"]), one["status"]) for one in answer["results"]]


def test_a_fact_is_recalled_as_it_stands_or_as_it_stood(operator: httpx.Client) -> None:
    user = f"r-{uuid4().hex[:12]}"
    believe(operator, user, "Leeds", "2026-01-01T00:00:00Z")
    offset = believe(operator, user, "Hull", "2026-05-01T00:00:00Z")
    assert believed(operator, user, offset) == [("Hull", "active")]
    both = {("Hull", "active"), ("Leeds", "superseded")}
    assert set(believed(operator, user, offset, include=["superseded"])) == both
    assert believed(operator, user, offset, time={"as_of": "2026-02-01T00:00:00Z"}) == [("Leeds", "superseded")]
    assert believed(operator, user, offset, time={"as_of": "2025-01-01T00:00:00Z"}) == []
    assert believed(operator, user, offset, time={"as_known_at": "2026-01-01T00:00:00Z"}) == []


def test_a_fact_is_recalled_as_it_was_known(operator: httpx.Client) -> None:
    user = f"r-{uuid4().hex[:12]}"
    believe(operator, user, "Leeds", "2026-01-01T00:00:00Z")
    then = made(operator.get("/v1/memories", params={"user_id": user}))["items"][0]["known_from"]
    offset = believe(operator, user, "Hull", "2026-05-01T00:00:00Z")
    assert believed(operator, user, offset, time={"as_known_at": then}) == [("Leeds", "active")]


def test_a_fact_names_its_sources(operator: httpx.Client, user: str) -> None:
    source = {"type": "message", "id": "m1", "session_id": "chat", "span": [0, 7]}
    offset = believe(operator, user, "Hull", "2026-06-01T00:00:00Z", sources=[source], agent_id="desk")
    answer = recall(operator, user, "Where is the home of Ann?", types=["fact"], min_offset=offset)
    best = next(one for one in answer["results"] if "Hull" in one["text"])
    assert best["sources"] == [source]
    assert (best["id"][:5], best["agent_id"], best["message_id"]) == ("fact_", "desk", None)
    others = recall(operator, user, "home of Ann", types=["fact"], agent_id="other")["results"]
    assert not any("Hull" in one["text"] for one in others)


def test_a_rejected_fact_is_not_recalled(operator: httpx.Client) -> None:
    user = f"r-{uuid4().hex[:12]}"
    believe(operator, user, "Hull", "2026-05-01T00:00:00Z")
    fact = made(operator.get("/v1/memories", params={"user_id": user}))["items"][0]["id"]
    made(operator.post(f"/v1/memories/{fact}:reject", params={"user_id": user}))
    offset = believe(operator, f"{user}-2", "Leeds", "2026-05-01T00:00:00Z")  # one sequence: what comes before is indexed, too
    assert believed(operator, user, offset, include=["superseded"]) == []
    assert believed(operator, user, offset, time={"as_of": "2026-06-01T00:00:00Z"}) == []
