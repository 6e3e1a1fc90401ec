"""The changes feed over a real socket: events, where they begin, and how they end."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.service import Service, made, problem, started, submit

CHANGES = "/v1/changes"


@contextmanager
def following(
    client: httpx.Client, *, params: dict[str, int] | None = None, headers: dict[str, str] | None = None
) -> Generator[Iterator[dict[str, Any]]]:
    """The events of a stream: their fields, with `data` read."""
    with client.stream("GET", CHANGES, params=params, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream"
        yield events(answer.iter_lines())


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    fields: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = json.loads(value) if name == "data" else value
        elif fields:
            yield fields
            fields = {}


def offset(client: httpx.Client) -> int:
    return int(client.get("/v1/indexes").headers["x-mnemic-offset"])


def test_what_is_written_is_told_with_its_offset_and_no_text(operator: httpx.Client, index: str) -> None:
    before = offset(operator)
    answer = submit(operator, index, {"id": "a.md", "text": "the zanzibar clause"})
    with following(operator, params={"after": before}) as stream:
        told = next(stream)
    assert told["event"] == "change"
    assert told["id"] == str(answer["offset"])
    assert (told["data"]["op"], told["data"]["type"], told["data"]["id"], told["data"]["index"]) == (
        "added",
        "document",
        "a.md",
        index,
    )
    assert "zanzibar" not in json.dumps(told)


def test_an_event_source_that_comes_back_goes_on_behind_its_last_event(operator: httpx.Client, index: str) -> None:
    before = offset(operator)
    first = submit(operator, index, {"id": "a", "text": "one"})
    submit(operator, index, {"id": "b", "text": "two"})
    headers = {"Last-Event-ID": str(first["offset"])}
    with following(operator, params={"after": before}, headers=headers) as stream:
        assert next(stream)["data"]["id"] == "b"


def test_a_stream_that_is_open_hears_of_what_comes(service: Service, operator: httpx.Client, index: str) -> None:
    with service.client() as other, following(other) as stream:
        submit(operator, index, {"id": "later", "text": "one"})
        assert next(told for told in stream if told["data"].get("index") == index)["data"]["id"] == "later"


def test_a_key_hears_only_of_what_it_may_read(service: Service, operator: httpx.Client, index: str) -> None:
    before = offset(operator)
    submit(operator, index, {"id": "secret", "text": "one", "acl": ["group:hr"]}, {"id": "open", "text": "two"})
    key = service.make_key("user:bob", "read")
    with service.client(key) as bob, following(bob, params={"after": before}) as stream:
        assert next(stream)["data"]["id"] == "open"
    with service.client(key) as bob:
        problem(bob.get(CHANGES, params={"user_id": "ann"}), 404, "memory.no_such_user")


def test_what_is_wrong_is_a_problem_before_the_stream_begins(operator: httpx.Client) -> None:
    problem(operator.get(CHANGES, params={"after": 10**9}), 410, "changes.unknown_offset")
    problem(operator.get(CHANGES, headers={"Last-Event-ID": "x"}), 422, "changes.invalid_event_id")
    problem(operator.get(CHANGES, params={"after": -1}), 422, "request.invalid_query")
    problem(operator.get(CHANGES, headers={"Authorization": "Bearer mn_no_one"}), 401, "auth.unknown_key")


def test_a_difference_tells_each_thing_once(operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": "one"}, {"id": "b", "text": "two"})
    before = offset(operator)
    submit(operator, index, {"id": "a", "text": "three"})
    submit(operator, index, {"id": "c", "text": "four"})
    made(operator.delete(f"/v1/indexes/{index}/documents/b"))
    after = submit(operator, index, {"id": "d", "text": "five"})["offset"]
    told = made(operator.get("/v1/changes:diff", params={"from": before, "to": after}))
    assert {name: [one["id"] for one in told[name]] for name in ("added", "changed", "removed")} == {
        "added": ["c", "d"],
        "changed": ["a"],
        "removed": ["b"],
    }
    problem(operator.get("/v1/changes:diff", params={"from": after, "to": before}), 422, "changes.invalid_range")
    problem(operator.get("/v1/changes:diff"), 422, "request.invalid_query")


def test_a_key_has_so_many_streams_and_a_closed_one_makes_room(service: Service) -> None:
    key = service.make_key("user:cleo", "read")
    with service.client(key) as client:
        streams = [client.build_request("GET", CHANGES) for _ in range(33)]
        answers = [client.send(one, stream=True) for one in streams[:32]]
        try:
            assert {answer.status_code for answer in answers} == {200}
            refused = client.get(CHANGES)
            problem(refused, 429, "http.too_many_streams")
            assert int(refused.headers["retry-after"]) > 0
        finally:
            for answer in answers:
                answer.close()


@pytest.mark.timeout(90)
def test_open_streams_do_not_hold_a_stop_up(tmp_path: Path, converted: Path) -> None:
    with (
        started(tmp_path, converted, MNEMIC_DRAIN_S="60") as running,
        running.client() as client,
        following(client) as stream,
    ):
        running.process.terminate()
        assert list(stream) == []
