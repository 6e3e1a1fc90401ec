"""Whatever is asked, in whatever scope: a recall answers what is the user's own, and nothing of anybody else's."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.service import Service, made

# The same words, session ids and message ids for everybody: only the owner tells them apart.
WORDS = ("harbour", "lantern", "rye", "bread", "Leeds", "balcony", "ferry", "violin")
SESSIONS = ("chat", "work")


@pytest.fixture(scope="module")
def people(service: Service) -> tuple[str, ...]:
    """Three users who said the same in the same two sessions, each with a word of its own in it."""
    names = tuple(f"p{number}-{uuid4().hex[:8]}" for number in range(3))
    with service.client() as operator:
        for name in names:
            for session in SESSIONS:
                made(operator.post("/v1/sessions", json={"id": session, "user_id": name, "agent_id": f"agent-{session}"}), 201)
                said = [
                    {
                        "id": f"m{place}",
                        "role": "user",
                        "speaker": "Ann",
                        "content": f"{word} {session}, says {name}",
                        **at(place),
                    }
                    for place, word in enumerate(WORDS)
                ]
                body = {"user_id": name, "messages": said, "wait": "indexed"}
                made(operator.post(f"/v1/sessions/{session}/messages", json=body))
    return names


def at(place: int) -> Mapping[str, str]:
    return {"occurred_at": f"2026-05-{place + 1:02}T09:00:00Z"}


TIMES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={"as_of": st.just("2026-05-04T00:00:00Z"), "from": st.just("2026-05-02T00:00:00Z")}
)
QUESTIONS: st.SearchStrategy[Mapping[str, Any]] = st.fixed_dictionaries(
    {
        "types": st.just(["message"]) | st.just(["message", "fact", "summary"]),
        "query": st.lists(st.sampled_from((*WORDS, "what", "Ann", "my", "now", "p0", "p1")), min_size=1, max_size=5).map(
            " ".join
        ),
        "k": st.sampled_from([1, 10, 100]),
    },
    optional={
        "session_id": st.sampled_from(SESSIONS),
        "agent_id": st.sampled_from(["agent-chat", "agent-work", "nobody"]),
        "time": TIMES,
        "filter": st.sampled_from([{"eq": ["mem.speaker", "Ann"]}, {"any": [{"exists": ["mem.session"]}, {"ne": ["a", "b"]}]}]),
        "include": st.just(["neighbors", "superseded"]),
    },
)


@given(reader=st.integers(0, 2), body=QUESTIONS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_is_answered_with_what_another_said(
    service: Service, people: tuple[str, ...], reader: int, body: Mapping[str, object]
) -> None:
    own, others = people[reader], [name for name in people if name != people[reader]]
    with service.client() as client:
        answer = client.post("/v1/memories:search", json={**body, "user_id": own})
    results = made(answer)["results"]
    assert all(own in one["text"] for one in results)
    assert not any(other in answer.text for other in others)
    if "session_id" in body:
        assert {one["session_id"] for one in results} <= {body["session_id"]}
    if body["types"] == ["message"] and not {"session_id", "agent_id", "time"} & body.keys():
        assert len(results) == min(16, int(str(body["k"])))


def test_a_key_of_its_own_sees_what_the_delegate_sees_for_it(service: Service, people: tuple[str, ...]) -> None:
    with service.client(service.make_key(f"user:{people[0]}", "read")) as own, service.client() as operator:
        mine = recalled(own, {"query": "lantern"})
        assert mine == recalled(operator, {"query": "lantern", "user_id": people[0]})
        assert all(people[0] in text for text in mine)


def recalled(client: httpx.Client, body: Mapping[str, object]) -> list[str]:
    return [one["text"] for one in made(client.post("/v1/memories:search", json=body))["results"]]
