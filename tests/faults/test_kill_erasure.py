"""kill -9 while users are erased: nothing of one can be read from the moment of the answer on, and the erasure ends clean."""

import random
import time
from pathlib import Path

import httpx
import pytest

from tests.faults.rig import PATIENCE_S, Json, victim
from tests.support.service import made

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 20
SEED = 20261126
MESSAGES = 240


def test_an_erasure_that_was_killed_ends_clean_and_shows_nothing_meanwhile(tmp_path: Path, converted: Path) -> None:
    chance = random.Random(SEED)
    running_at_start = 0
    with victim(tmp_path, converted) as service:
        service.start()
        for number in range(ROUNDS):
            user = f"user-{number}"
            with service.client() as http:
                _talk(http, user)
                erasure = made(http.post(f"/v1/users/{user}:erase"), 202)["erasure_id"]
            time.sleep(chance.uniform(0.0, 0.12))
            service.kill()
            service.start()
            with service.client() as http:
                running_at_start += made(http.get(f"/v1/erasures/{erasure}"))["state"] == "running"
                _nothing_of(http, user)
                receipt = _done(http, erasure)
                _nothing_of(http, user)
                assert receipt["receipt"]["messages"] == receipt["receipt"]["tombstones"] == MESSAGES, receipt
                verified = made(http.post(f"/v1/erasures/{erasure}:verify"))
                assert verified["clean"], verified
        assert service.stop() == 0
    assert running_at_start > 0, "no erasure was cut off: the ring proves nothing"


def _talk(http: httpx.Client, user: str) -> None:
    made(http.post("/v1/sessions", json={"id": "chat", "user_id": user}), 201)
    for first in range(0, MESSAGES, 120):
        messages: list[Json] = [
            {"id": f"m{place}", "role": "user", "content": f"Crate {place} of {user} is behind pillar {place * 7}."}
            for place in range(first, first + 120)
        ]
        body = {"user_id": user, "messages": messages, "wait": "indexed"}
        made(http.post("/v1/sessions/chat/messages", json=body))


def _nothing_of(http: httpx.Client, user: str) -> None:
    assert http.get("/v1/sessions/chat", params={"user_id": user}).status_code == 404
    found = made(http.post("/v1/memories:search", json={"query": "crate behind a pillar", "user_id": user, "k": 50}))
    assert found["results"] == []
    assert made(http.get("/v1/memories", params={"user_id": user}))["items"] == []


def _done(http: httpx.Client, erasure: str) -> Json:
    until_s = time.monotonic() + PATIENCE_S
    while (receipt := made(http.get(f"/v1/erasures/{erasure}")))["state"] != "done":
        assert time.monotonic() < until_s, receipt
        time.sleep(0.05)
    return receipt
