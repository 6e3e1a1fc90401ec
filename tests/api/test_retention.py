"""Retention over HTTP, on the real service: what is over goes with all that rests on it, and what is pinned stays."""

from collections.abc import Generator
from typing import Any

import httpx
import pytest

from tests.support.service import LOOKS_MAX, Service, made, problem


@pytest.fixture
def aged(operator: httpx.Client, user: str) -> Generator[None]:
    """No rules are left behind."""
    yield
    made(operator.delete("/v1/admin/retention", params={"user_id": user}))


def put(operator: httpx.Client, user: str, **rules: object) -> dict[str, Any]:
    return made(operator.put("/v1/admin/retention", json={"rules": rules, "user_id": user}))


def preview(operator: httpx.Client, user: str, **rules: object) -> dict[str, Any]:
    return made(operator.post("/v1/admin/retention:preview", json={"rules": rules, "user_id": user}))


def note(operator: httpx.Client, user: str, text: str, **more: object) -> str:
    return made(operator.post("/v1/memories", json={"user_id": user, "text": text, **more}))["id"]


def noted(operator: httpx.Client, user: str) -> list[str]:
    return [one["id"] for one in made(operator.get("/v1/memories", params={"user_id": user}))["items"]]


def settled(operator: httpx.Client, user: str, left: list[str]) -> None:
    """Until the background has done what the rules say."""
    for _ in range(LOOKS_MAX):
        if noted(operator, user) == left:
            return
    assert noted(operator, user) == left


@pytest.mark.usefixtures("aged")
def test_a_user_keeps_the_facts_that_matter_most_and_all_that_are_pinned(operator: httpx.Client, user: str) -> None:
    facts = [note(operator, user, f"The code of gate {place} is {place}.", importance=place / 10) for place in range(5)]
    pinned = note(operator, user, "The spare key hangs behind the boiler.", importance=0.0, pinned=True)
    tried = preview(operator, user, facts={"kept_max": 2})
    assert (tried["counts"]["facts"], tried["counts"]["facts_by_kind"]) == (3, {"value": 3})
    assert tried["ids"]["facts"] == facts[:3]
    assert len(noted(operator, user)) == 6, "a trial takes nothing"
    policy = put(operator, user, facts={"kept_max": 2})
    assert (policy["revision"], policy["user_id"]) == (1, user)
    settled(operator, user, [*facts[3:], pinned])
    body = {"query": "code of gate 0", "user_id": user, "k": 20}
    found = made(operator.post("/v1/memories:search", json=body))["results"]
    assert facts[0] not in {one["id"] for one in found}
    shown = made(operator.get("/v1/admin/retention", params={"user_id": user}))
    assert shown["rules"]["facts"]["kept_max"] == 2
    assert shown["last_run"]["total"]["facts"] >= 3


@pytest.mark.usefixtures("aged")
def test_a_policy_is_changed_by_who_saw_it_last(operator: httpx.Client, user: str) -> None:
    body = {"rules": {"messages": {"age_max_s": 86_400}}, "user_id": user}
    assert made(operator.get("/v1/admin/retention", params={"user_id": user}))["revision"] == 0
    assert made(operator.put("/v1/admin/retention", json={**body, "if_revision": 0}))["revision"] == 1
    problem(operator.put("/v1/admin/retention", json={**body, "if_revision": 0}), 409, "memory.retention_moved")
    gone = {"user_id": user, "if_revision": 7}
    problem(operator.delete("/v1/admin/retention", params=gone), 409, "memory.retention_moved")
    assert made(operator.delete("/v1/admin/retention", params={**gone, "if_revision": 1}))["revision"] == 0


@pytest.mark.parametrize(
    "rules, code",
    [
        ({"messages": {"age_max_s": 0}}, "memory.invalid_retention"),
        ({"sessions": {"idle_max_s": -1}}, "memory.invalid_retention"),
        ({"facts": {"kept_max": -1}}, "memory.invalid_retention"),
        ({"facts": {"kinds": {"note": {"age_max_s": 10**12}}}}, "memory.invalid_retention"),
        ({"facts": {"kinds": {"gossip": {"age_max_s": 9}}}}, "request.invalid_body"),
        ({"messages": {"age_max_s": "7"}}, "request.invalid_body"),
        ({"messages": {"ttl": 7}}, "request.invalid_body"),
    ],
)
def test_rules_out_of_bounds_are_refused(operator: httpx.Client, rules: dict[str, object], code: str) -> None:
    problem(operator.put("/v1/admin/retention", json={"rules": rules}), 422, code)
    problem(operator.post("/v1/admin/retention:preview", json={"rules": rules}), 422, code)


def test_retention_is_an_admins(service: Service, operator: httpx.Client, user: str) -> None:
    assert made(operator.get("/v1/admin/retention"))["user_id"] is None
    with service.client(service.make_key(f"user:{user}", "read", "write", "delegate")) as writer:
        problem(writer.put("/v1/admin/retention", json={"rules": {}}), 403, "auth.missing_grant")
        problem(writer.get("/v1/admin/retention"), 403, "auth.missing_grant")
        problem(writer.post("/v1/admin/retention:preview", json={}), 403, "auth.missing_grant")
