"""kill -9 while retention takes out what is over and consolidation puts names together: in the end exactly what the rules say
is gone, counted once, what is pinned is there, and no fact is lost or there twice."""

import random
import time
from pathlib import Path

import httpx
import pytest

from tests.faults.rig import PATIENCE_S, Json, Victim, pages, victim
from tests.support.service import made

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(1800)]

ROUNDS = 20
SEED = 20261128
MESSAGES = 100
NOTES, KEPT = 16, 4
ATTRIBUTES = ("home", "colour", "dog", "car", "desk", "team")


def test_what_is_tended_is_tended_once_and_whole(tmp_path: Path, converted: Path) -> None:
    chance = random.Random(SEED)
    cut = 0
    total: Json = {}
    with victim(tmp_path, converted) as service:
        service.start()
        for number in range(ROUNDS):
            worn, named = f"worn-{number}", f"named-{number}"
            with service.client() as http:
                pinned = _populate(http, worn, named)
                rules: Json = {"messages": {"age_max_s": 1}, "facts": {"kept_max": KEPT}}
                made(http.put("/v1/admin/retention", json={"user_id": worn, "rules": rules}))
            _die(service, chance.uniform(0.0, 0.2))
            with service.client() as http:
                cut += bool(list(pages(http, "/v1/sessions/chat/messages", user_id=worn)))
            _die(service, chance.uniform(0.0, 0.2))
            with service.client() as http:
                _check_worn(http, worn, pinned)
                _check_named(http, named)
                total = _total(http, MESSAGES * (number + 1), (NOTES - KEPT) * (number + 1))
        assert service.stop() == 0
    assert cut > 0, "retention was never cut off: the ring proves nothing"
    assert total == {"messages": MESSAGES * ROUNDS, "facts": (NOTES - KEPT) * ROUNDS}


def _die(service: Victim, after_s: float) -> None:
    time.sleep(after_s)
    service.kill()
    service.start()


def _populate(http: httpx.Client, worn: str, named: str) -> str:
    for user in (worn, named):
        made(http.post("/v1/sessions", json={"id": "chat", "user_id": user}), 201)
    said = [{"role": "user", "content": f"Crate {place} is behind pillar {place * 7}."} for place in range(MESSAGES)]
    made(http.post("/v1/sessions/chat/messages", json={"user_id": worn, "messages": said}))
    for place in range(NOTES):
        _fact(http, worn, text=f"Gate {place} opens with {place * 37}.", importance=place / NOTES)
    for attribute in ATTRIBUTES:
        for name in ("Annie", "Ann"):
            _fact(http, named, entity=name, attribute=attribute, value=f"the same {attribute}")
    called: Json = {"role": "user", "speaker": "Ann", "content": "Please call me Annie."}
    made(http.post("/v1/sessions/chat/messages", json={"user_id": named, "messages": [called]}))
    return _fact(http, worn, text="The spare key hangs behind the boiler.", importance=0.0, pinned=True)


def _fact(http: httpx.Client, user: str, **fact: object) -> str:
    return made(http.post("/v1/memories", json={"user_id": user, **fact}))["id"]


def _check_worn(http: httpx.Client, user: str, pinned: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while left := list(pages(http, "/v1/sessions/chat/messages", user_id=user)):
        assert time.monotonic() < until_s, f"{len(left)} messages are over and there"
        time.sleep(0.05)
    while len(facts := list(pages(http, "/v1/memories", user_id=user))) > KEPT + 1:
        assert time.monotonic() < until_s, f"{len(facts)} facts are kept"
        time.sleep(0.05)
    assert pinned in {one["id"] for one in facts}
    assert sorted(one["importance"] for one in facts) == [0.0, *(place / NOTES for place in range(NOTES - KEPT, NOTES))]
    assert made(http.get("/v1/sessions/chat", params={"user_id": user}))["messages"] == 0
    offset = int(http.get("/v1/indexes").headers["x-mnemic-offset"])
    body = {"query": "crate behind a pillar", "user_id": user, "k": 50, "min_offset": offset}
    found = made(http.post("/v1/memories:search", json=body))["results"]
    assert {one["id"] for one in found} <= {one["id"] for one in facts}


def _check_named(http: httpx.Client, user: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while len(facts := list(pages(http, "/v1/memories", user_id=user, status="active"))) > len(ATTRIBUTES):
        assert time.monotonic() < until_s, facts
        time.sleep(0.05)
    assert sorted((one["entity"], one["attribute"], one["proofs"]) for one in facts) == sorted(
        ("Ann", attribute, 2) for attribute in ATTRIBUTES
    )
    every = list(pages(http, "/v1/memories", user_id=user))
    assert len(every) == 2 * len(ATTRIBUTES)
    assert {one["superseded_by"] for one in every if one["withdrawn"]} == {one["id"] for one in facts}


def _total(http: httpx.Client, messages: int, facts: int) -> Json:
    total: Json = made(http.get("/v1/admin/retention"))["last_run"]["total"]
    assert (total["messages"], total["facts"]) == (messages, facts), "each that went was counted once"
    return total
