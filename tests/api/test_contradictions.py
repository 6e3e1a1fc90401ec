"""Sources that contradict a fact, over HTTP: when they are kept, what they count for, and how they go."""

from typing import Any

import httpx
import pytest

from tests.support.service import made

DAY_1, DAY_5, DAY_9 = "2026-05-01T09:00:00Z", "2026-05-05T09:00:00Z", "2026-05-09T09:00:00Z"

pytestmark = pytest.mark.usefixtures("session")


def write(operator: httpx.Client, user: str, value: str, **more: object) -> dict[str, Any]:
    fact = {"entity": "Ann", "attribute": "home", "value": value, "user_id": user, **more}
    return made(operator.post("/v1/memories", json=fact))


def say(operator: httpx.Client, user: str, content: str, at: str, **more: object) -> None:
    message = {"role": "user", "speaker": "Ann", "content": content, "occurred_at": at, **more}
    made(operator.post("/v1/sessions/chat/messages", json={"user_id": user, "messages": [message], "wait": "indexed"}))


def got(operator: httpx.Client, user: str, fact: str) -> dict[str, Any]:
    return made(operator.get(f"/v1/memories/{fact}", params={"user_id": user}))


def against(operator: httpx.Client, user: str, fact: str) -> list[str]:
    return [one["id"] for one in got(operator, user, fact)["sources"] if one["stance"] == "contradicts"]


def verb(operator: httpx.Client, user: str, fact: str, name: str) -> None:
    made(operator.post(f"/v1/memories/{fact}:{name}", params={"user_id": user}))


def challenged(operator: httpx.Client, user: str) -> tuple[str, str]:
    """A fact, and another that a tool's message says against it."""
    say(operator, user, "The form says that Ann's home is Bergen.", DAY_5, role="tool", id="t1")
    known = write(operator, user, "Oslo", valid_from=DAY_1)["id"]
    source = {"type": "message", "session_id": "chat", "id": "t1", "span": [33, 39]}
    weak = write(operator, user, "Bergen", sources=[source])
    assert weak["outcome"] == "challenged"
    return known, weak["id"]


def test_a_lesser_voice_contradicts_and_counts_for_nothing(operator: httpx.Client, user: str) -> None:
    known, weak = challenged(operator, user)
    fact = got(operator, user, known)
    assert (fact["status"], fact["trust"], fact["proofs"]) == ("active", 4, 1)
    (other,) = (one for one in fact["sources"] if one["stance"] == "contradicts")
    assert (other["type"], other["id"], other["session_id"], other["span"]) == ("message", "t1", "chat", [33, 39])
    assert other["trust"] == 1
    history = made(operator.get(f"/v1/memories/{known}/history", params={"user_id": user}))
    assert other in history["current"]["sources"]
    assert [one["stance"] for one in got(operator, user, weak)["sources"]] == ["supports"]
    again = write(operator, user, "Oslo", valid_from=DAY_9)
    assert (again["outcome"], got(operator, user, known)["proofs"]) == ("noop", 2)
    found = made(operator.post("/v1/memories:search", json={"query": "Ann's home Oslo", "user_id": user, "types": ["fact"]}))
    cited = [one["sources"] for one in found["results"] if one["id"] == known]
    assert [one["type"] for its in cited for one in its] == ["caller", "caller"], "recall cites what supports"


@pytest.mark.parametrize("said", ["I no longer live in Oslo.", "I misspoke, I don't live in Oslo."])
def test_a_retraction_contradicts_what_it_ends(operator: httpx.Client, user: str, said: str) -> None:
    say(operator, user, "I live in Oslo.", DAY_1, id="m1")
    (fact,) = made(operator.get("/v1/memories", params={"user_id": user}))["items"]
    say(operator, user, said, DAY_5, id="m2")
    assert got(operator, user, fact["id"])["status"] == "superseded"
    assert against(operator, user, fact["id"]) == ["m2"]
    made(operator.delete("/v1/sessions/chat/messages/m2", params={"user_id": user}))
    assert got(operator, user, fact["id"])["status"] == "active"
    assert against(operator, user, fact["id"]) == []


def test_another_value_later_is_a_change_and_no_contradiction(operator: httpx.Client, user: str) -> None:
    old = write(operator, user, "Oslo", valid_from=DAY_1)["id"]
    new = write(operator, user, "Rome", valid_from=DAY_5)["id"]
    assert against(operator, user, old) == against(operator, user, new) == []


@pytest.mark.parametrize("way", ["delete", "message", "redact", "session", "purge", "expire", "reject"])
def test_what_contradicts_goes_with_its_source_and_with_its_fact(operator: httpx.Client, user: str, way: str) -> None:
    known, weak = challenged(operator, user)
    assert against(operator, user, known) == ["t1"]
    params = {"user_id": user}
    if way == "delete":
        made(operator.delete(f"/v1/memories/{weak}", params=params))
    elif way == "message":
        made(operator.delete("/v1/sessions/chat/messages/t1", params=params))
    elif way == "redact":
        made(operator.post("/v1/sessions/chat/messages/t1:redact", json={**params, "spans": [[33, 39]]}))
    elif way == "session":
        made(operator.delete("/v1/sessions/chat", params=params))
    elif way == "reject":
        verb(operator, user, weak, "reject")
    else:
        body = {**params, "selector": {"ids": [weak]}, "mode": way}
        made(operator.post("/v1/memories:forget", json=body))
    fact = got(operator, user, known)
    assert (fact["status"], fact["proofs"]) == ("active", 1)
    assert against(operator, user, known) == (["t1"] if way == "expire" else []), "one whose time is over keeps its place"
    if way == "reject":
        verb(operator, user, weak, "restore")
        assert against(operator, user, known) == ["t1"]


def test_what_is_contradicted_may_go_first(operator: httpx.Client, user: str) -> None:
    known, weak = challenged(operator, user)
    made(operator.delete(f"/v1/memories/{known}", params={"user_id": user}))
    assert (got(operator, user, weak)["status"], against(operator, user, weak)) == ("active", [])


def test_a_source_that_contradicted_and_then_supports_does_that(operator: httpx.Client, user: str) -> None:
    known, _ = challenged(operator, user)
    source = {"type": "message", "session_id": "chat", "id": "t1", "span": [33, 39]}
    assert write(operator, user, "Oslo", valid_from=DAY_1, sources=[source])["outcome"] == "noop"
    assert against(operator, user, known) == []
    assert len(got(operator, user, known)["sources"]) == 2


def test_contradictions_go_out_with_what_says_so_and_come_in_again(operator: httpx.Client, user: str) -> None:
    challenged(operator, user)
    bundle = operator.get(f"/v1/users/{user}:export").content
    other = f"{user}-elsewhere"
    made(operator.post(f"/v1/users/{other}:import", content=bundle, headers={"content-type": "application/x-ndjson"}))
    items = made(operator.get("/v1/memories", params={"user_id": other}))["items"]
    stands = {one["value"]: (one["status"], sorted(source["stance"] for source in one["sources"])) for one in items}
    assert stands == {"Oslo": ("active", ["contradicts", "supports"]), "Bergen": ("challenged", ["supports"])}
