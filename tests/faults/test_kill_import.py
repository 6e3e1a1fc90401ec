"""kill -9 in the middle of an import: to send the file again goes on with it, and at the end everything is there once."""

import json
import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.faults.rig import Json, Victim, pages, victim
from tests.support.service import made

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 20
SEED = 20261128
MESSAGES = 256
NDJSON = {"Content-Type": "application/x-ndjson"}


def test_an_import_that_was_killed_goes_on_when_it_is_sent_again(tmp_path: Path, converted: Path) -> None:
    chance = random.Random(SEED)
    cut_off = 0
    with victim(tmp_path, converted) as service:
        service.start()
        with service.client() as http:
            bundle = _bundle(http)
        for number in range(ROUNDS):
            user = f"user-{number}"
            sending = threading.Thread(target=_send, args=(service, user, bundle))
            sending.start()
            _wait_for_some(service, user, chance.randrange(0, MESSAGES, 64))
            service.kill()
            sending.join()
            service.start()
            with service.client() as http:
                cut_off += len(_contents(http, user)) < MESSAGES
                _sent(http, user, bundle)
                _check(http, user, bundle)
                assert _sent(http, user, bundle) == 0
        assert service.stop() == 0
    assert cut_off > 0, "no import was cut off: the ring proves nothing"


def _bundle(http: httpx.Client) -> bytes:
    """Of a user with messages, the facts that they teach, and a tombstone."""
    log = [
        {
            "role": "user",
            "content": f"Crate {place} is behind pillar {place * 7}." + f" I like game {place}." * (place % 4 == 0),
        }
        for place in range(MESSAGES)
    ]
    made(http.post("/v1/users/source:import", params={"format": "chat", "session_id": "chat"}, json=log))
    wrong = made(http.post("/v1/memories", json={"user_id": "source", "entity": "Ann", "attribute": "age", "value": "99"}))
    made(http.post(f"/v1/memories/{wrong['id']}:reject", params={"user_id": "source"}))
    return http.get("/v1/users/source:export").content


def _send(service: Victim, user: str, bundle: bytes) -> None:
    with service.client() as http:
        try:
            _sent(http, user, bundle)
        except httpx.TransportError:
            return  # it died


def _sent(http: httpx.Client, user: str, bundle: bytes) -> int:
    """How many things were added, until all of it was through."""
    added, first = 0, 0
    while first is not None:
        path, query = f"/v1/users/{user}:import", {"from": first}
        answer = made(http.post(path, params=query, content=bundle, headers=NDJSON))
        assert answer["problems"] == []
        added += sum(ends["added"] for ends in answer["counts"].values())
        first = answer["next"]
    return added


def _wait_for_some(service: Victim, user: str, wanted: int) -> None:
    until_s = time.monotonic() + 30
    with service.client() as http:
        while time.monotonic() < until_s:
            found = http.get("/v1/sessions/chat", params={"user_id": user})
            if found.status_code == 200 and found.json()["messages"] >= wanted:
                return
            time.sleep(0.01)


def _contents(http: httpx.Client, user: str) -> list[str]:
    if http.get("/v1/sessions/chat", params={"user_id": user}).status_code == 404:
        return []
    return [one["content"] for one in pages(http, "/v1/sessions/chat/messages", user_id=user)]


def _check(http: httpx.Client, user: str, bundle: bytes) -> None:
    """Every message once and in order, every fact, every tombstone."""
    lines: list[Json] = [json.loads(line) for line in bundle.splitlines()]
    assert _contents(http, user) == [one["content"] for one in lines if one["kind"] == "message"]
    known = sorted((one["text"], one["status"]) for one in lines if one["kind"] == "fact")
    assert sorted((one["text"], one["status"]) for one in pages(http, "/v1/memories", user_id=user)) == known
    here: list[Json] = [json.loads(line) for line in http.get(f"/v1/users/{user}:export").content.splitlines()]
    kept = [[one["digest"] for one in each if one["kind"] == "tombstone"] for each in (lines, here)]
    assert kept[0] == kept[1] != []
