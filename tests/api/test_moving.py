"""Memory out and in again over HTTP, on the real service: nothing is lost, doubled, or brought back."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.service import Service, made, problem

pytestmark = pytest.mark.timeout(60)

Json = dict[str, Any]
PATIENCE_S = 20.0
NDJSON = {"Content-Type": "application/x-ndjson"}
# What another service gives anew, or knows since another time.
OWN = {
    "id",
    "recorded_at",
    "known_from",
    "created_at",
    "updated_at",
    "closed_at",
    "superseded_by",
    "history",
    "exported_at",
    "origin",
}


def say(operator: httpx.Client, user: str, *messages: Mapping[str, object], session: str = "chat") -> None:
    operator.post("/v1/sessions", json={"id": session, "user_id": user})
    body = {"user_id": user, "messages": messages, "wait": "indexed"}
    made(operator.post(f"/v1/sessions/{session}/messages", json=body))


def write(operator: httpx.Client, user: str, **fact: object) -> str:
    return made(operator.post("/v1/memories", json={"user_id": user, "entity": "Ann", **fact}))["id"]


def exported(operator: httpx.Client, user: str) -> bytes:
    answer = operator.get(f"/v1/users/{user}:export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return answer.content


def taken(operator: httpx.Client, user: str, body: bytes | object, **query: str | int) -> Json:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return made(operator.post(f"/v1/users/{user}:import", content=content, params=query, headers=NDJSON))


def lines(bundle: bytes, *kinds: str) -> list[Json]:
    found: list[Json] = [json.loads(line) for line in bundle.splitlines()]
    return [one for one in found if not kinds or one["kind"] in kinds]


def told(bundle: bytes) -> list[Json]:
    """What a bundle says, without what is another service's own."""
    said = [{**one, **dict.fromkeys(OWN & set(one))} for one in lines(bundle) if one["kind"] not in {"header", "trailer"}]
    for one in said:
        one["sources"] = [{**source, "id": source["id"].partition("@")[0]} for source in one.get("sources", ())]
    return said


def added(answer: Json) -> dict[str, int]:
    return {sort: ends["added"] for sort, ends in answer["counts"].items() if ends["added"]}


def erase(operator: httpx.Client, user: str) -> None:
    """Wholly."""
    erasure = made(operator.post(f"/v1/users/{user}:erase"), 202)["erasure_id"]
    until_s = time.monotonic() + PATIENCE_S
    while made(operator.get(f"/v1/erasures/{erasure}"))["state"] != "done":
        assert time.monotonic() < until_s, erasure
        time.sleep(0.05)


@pytest.fixture
def other() -> str:
    """Another user that no other test knows."""
    return f"u-{uuid4().hex[:12]}"


@pytest.fixture
def full(operator: httpx.Client, user: str) -> str:
    """A user of whom a lot is known: a closed session, a move, a slip, a pin, a rejected fact, a purged message."""
    made(
        operator.post("/v1/sessions", json={"id": "chat", "user_id": user, "agent_id": "desk", "metadata": {"channel": "web"}}),
        201,
    )
    say(
        operator,
        user,
        {"id": "m1", "role": "user", "speaker": "Ann", "content": "I live in Leeds. My friends call me Annie.",
         "occurred_at": "2026-01-01T09:00:00Z"},
        {"role": "assistant", "content": "Noted."},
        {"id": "m3", "role": "user", "speaker": "Ann", "content": "I moved to York.", "occurred_at": "2026-03-01T09:00:00Z",
         "metadata": {"n": 1}},
        {"id": "m4", "role": "user", "speaker": "Ann", "content": "My locker code is 4471.",
         "occurred_at": "2026-03-02T09:00:00Z"},
    )  # fmt: skip
    say(operator, user, {"role": "user", "content": "I like tea."}, session="closed")
    made(operator.post("/v1/sessions/closed:close", params={"user_id": user}))
    write(operator, user, attribute="employer", value="Acme", valid_from="2025-01-01T00:00:00Z", pinned=True)
    write(operator, user, attribute="employer", value="Bolt", valid_from="2025-06-01T00:00:00Z", metadata={"by": "hr"})
    tea = write(operator, user, attribute="likes", value="green tea", valid_from="2026-01-01T00:00:00Z")
    late = {"user_id": user, "value": "black tea", "valid_from": "2026-02-01T00:00:00Z"}
    made(operator.post(f"/v1/memories/{tea}:supersede", json=late))
    wrong = write(operator, user, attribute="age", value="99")
    made(operator.post(f"/v1/memories/{wrong}:reject", params={"user_id": user}))
    found = made(operator.post("/v1/memories:search", json={"query": "locker code", "user_id": user, "types": ["message"]}))
    gone = [one["id"] for one in found["results"] if "4471" in one["text"]]
    body = {"selector": {"ids": gone}, "mode": "purge", "user_id": user}
    made(operator.post("/v1/memories:forget", json=body))
    return user


def test_what_goes_out_and_in_again_elsewhere_is_the_same(operator: httpx.Client, full: str, other: str) -> None:
    bundle = exported(operator, full)
    answer = taken(operator, other, bundle)
    assert (answer["complete"], answer["problems"]) == (True, [])
    assert added(answer) == {"sessions": 2, "messages": 4, "facts": 8, "aliases": 2, "tombstones": 1}, "rejecting buries too"
    assert told(exported(operator, other)) == told(bundle)
    assert made(operator.get("/v1/sessions/closed", params={"user_id": other}))["state"] == "closed"


def test_taking_in_the_same_twice_adds_nothing(operator: httpx.Client, full: str, other: str) -> None:
    bundle = exported(operator, full)
    first = taken(operator, other, bundle)
    assert added(taken(operator, other, bundle)) == {}
    home = taken(operator, full, bundle)
    assert added(home) == {}, "nor where it came from, whose messages without ids have numbers there"
    assert first["counts"]["facts"]["added"] == home["counts"]["facts"]["duplicates"]
    assert told(exported(operator, full)) == told(bundle)


def test_what_came_in_is_found_with_its_facts(operator: httpx.Client, full: str, other: str) -> None:
    offset = taken(operator, other, exported(operator, full))["offset"]
    body = {"query": "Where does Ann live?", "user_id": other, "min_offset": offset, "k": 10}
    found = [one["text"] for one in made(operator.post("/v1/memories:search", json=body))["results"]]
    assert "Ann lives in York." in found
    assert "Ann lives in Leeds." not in found
    held = made(operator.get(f"/v1/users/{other}/profile", params={"as_of": "2026-02-01T00:00:00Z"}))["facts"]
    assert "Leeds" in [one["value"] for one in held]


def test_what_was_erased_does_not_come_back_with_an_old_bundle(operator: httpx.Client, full: str, other: str) -> None:
    old = exported(operator, full)
    erase(operator, full)
    answer = taken(operator, full, old)
    assert added(answer).keys() <= {"sessions", "aliases", "tombstones"}
    assert answer["counts"]["messages"]["refused"] == 4
    assert answer["counts"]["facts"]["refused"] == 8
    assert {one["code"] for one in answer["problems"]} == {"memory.forgotten"}
    # A bundle made after the erasure carries that elsewhere.
    taken(operator, other, exported(operator, full))
    elsewhere = taken(operator, other, old)
    assert elsewhere["counts"]["messages"]["refused"] == 4
    assert elsewhere["counts"]["facts"]["refused"] == 8


def test_what_was_rejected_or_purged_stays_out_elsewhere(operator: httpx.Client, full: str, other: str) -> None:
    taken(operator, other, exported(operator, full))
    refused = made(operator.post("/v1/memories", json={"user_id": other, "entity": "Ann", "attribute": "age", "value": "99"}))
    assert refused["outcome"] == "refused"
    code = {
        "id": "m4",
        "role": "user",
        "speaker": "Ann",
        "content": "My locker code is 4471.",
        "occurred_at": "2026-03-02T09:00:00Z",
    }
    answer = made(operator.post("/v1/sessions/chat/messages", json={"user_id": other, "messages": [code]}))
    assert (answer["accepted"], answer["refused"]) == (0, 1)


def test_a_message_that_was_forgotten_is_kept_and_found_no_more(operator: httpx.Client, user: str, other: str) -> None:
    say(operator, user, {"id": "m1", "role": "user", "content": "The alarm code of the depot is 9920."})
    found = made(operator.post("/v1/memories:search", json={"query": "alarm code", "user_id": user, "types": ["message"]}))
    body = {"selector": {"ids": [found["results"][0]["id"]]}, "mode": "expire", "user_id": user}
    made(operator.post("/v1/memories:forget", json=body))
    offset = taken(operator, other, exported(operator, user))["offset"]
    listed = made(operator.get("/v1/sessions/chat/messages", params={"user_id": other}))["items"]
    assert [(one["content"][:9], one["flags"]) for one in listed] == [("The alarm", ["expired"])]
    query = {"query": "alarm code", "user_id": other, "min_offset": offset}
    assert made(operator.post("/v1/memories:search", json=query))["results"] == []


def test_a_trial_run_counts_and_writes_nothing(operator: httpx.Client, full: str, other: str) -> None:
    answer = taken(operator, other, exported(operator, full), dry_run="true")
    assert (answer["dry_run"], added(answer)["messages"], added(answer)["facts"]) == (True, 4, 8)
    assert lines(exported(operator, other), "session", "message", "fact", "tombstone") == []


def test_an_import_goes_on_from_where_it_is_told(operator: httpx.Client, full: str, other: str) -> None:
    bundle = exported(operator, full)
    whole = len(lines(bundle)) - 2
    answer = taken(operator, other, bundle, **{"from": whole - 2})
    assert added(answer) == {"tombstones": 2}
    assert added(taken(operator, other, bundle, **{"from": whole + 5})) == {}


Rows = list[bytes]


def without_its_trailer(rows: Rows) -> Rows:
    return rows[:-1]


def without_a_line(rows: Rows) -> Rows:
    return [*rows[:3], *rows[4:]]


def changed(rows: Rows) -> Rows:
    return [one.replace(b"Leeds", b"Paris") for one in rows]


def with_a_line_behind(rows: Rows) -> Rows:
    return [*rows, rows[1]]


def without_its_header(rows: Rows) -> Rows:
    return rows[1:]


def cut_off_in_a_line(rows: Rows) -> Rows:
    return [*rows[:4], rows[4][: len(rows[4]) // 2]]


@pytest.mark.parametrize(
    "damage",
    [without_its_trailer, without_a_line, changed, with_a_line_behind, without_its_header, cut_off_in_a_line],
)
def test_of_a_bundle_that_is_not_whole_nothing_comes_in(
    operator: httpx.Client, full: str, other: str, damage: Callable[[Rows], Rows]
) -> None:
    broken = b"".join(damage(exported(operator, full).splitlines(keepends=True)))
    problem(operator.post(f"/v1/users/{other}:import", content=broken, headers=NDJSON), 422, "memory.broken_bundle")
    assert operator.get("/v1/sessions", params={"user_id": other}).json()["items"] == []


def test_of_a_part_what_is_right_comes_in_and_what_is_wrong_is_told_with_its_line(
    operator: httpx.Client, full: str, other: str
) -> None:
    rows = exported(operator, full).splitlines(keepends=True)[:5]
    deep = b'{"kind":"message","session_id":"chat","id":"d","role":"user","content":"x","metadata":' + b'{"a":' * 3000
    wrong = [
        b"no json\n",
        b"\xff\xfe\n",
        deep + b"\n",
        b'{"kind":"message","session_id":"chat","id":"m9","role":"king","content":"x"}\n',
    ]
    answer = taken(operator, other, b"".join([*rows, *wrong]), part="true")
    assert added(answer) == {"sessions": 1, "messages": 2}
    assert answer["counts"]["lines"]["failed"] == 4
    assert [one["at"] for one in answer["problems"]] == ["line 6", "line 7", "line 8", "line 9"]


def test_a_million_characters_are_told_and_the_rest_comes_in(operator: httpx.Client, other: str) -> None:
    log = [{"role": "user", "content": "x" * 1_000_000}, {"role": "user", "content": "I live in Leeds."}]
    answer = taken(operator, other, log, format="chat")
    assert answer["counts"]["messages"] == {"read": 2, "added": 1, "duplicates": 0, "refused": 0, "failed": 1}
    (told_,) = answer["problems"]
    assert (told_["at"], told_["code"]) == ("/0", "memory.content_too_large")
    assert "1000000 bytes" in told_["detail"]


def test_a_body_over_the_limit_is_413_with_the_way_out(operator: httpx.Client, other: str) -> None:
    answer = operator.post(f"/v1/users/{other}:import", content=b" " * (33 * 1024 * 1024), headers=NDJSON)
    assert "mnemic memory import" in problem(answer, 413, "request.body_too_large")["detail"]


def test_a_log_that_has_grown_adds_what_is_new(operator: httpx.Client, other: str) -> None:
    log = [{"role": "user", "content": "Yes."}, {"role": "assistant", "content": "Sure?"}, {"role": "user", "content": "Yes."}]
    assert added(taken(operator, other, log, format="chat")) == {"sessions": 1, "messages": 3}
    grown = [*log, {"role": "user", "content": "Yes."}]
    assert added(taken(operator, other, grown, format="chat")) == {"messages": 1}
    (session,) = made(operator.get("/v1/sessions", params={"user_id": other}))["items"]
    listed = made(operator.get(f"/v1/sessions/{session['id']}/messages", params={"user_id": other}))["items"]
    assert [one["content"] for one in listed] == ["Yes.", "Sure?", "Yes.", "Yes."]
    assert {one["occurred_at"] for one in listed} == {None}


def test_another_user_s_memory_does_not_go_out_nor_in(service: Service, operator: httpx.Client, full: str) -> None:
    bundle = exported(operator, full)
    with service.client(service.make_key("user:mallory", "read", "write")) as mallory:
        problem(mallory.get(f"/v1/users/{full}:export"), 404, "memory.no_such_user")
        problem(mallory.get("/v1/sessions/chat:export", params={"user_id": full}), 404, "memory.no_such_user")
        problem(mallory.post(f"/v1/users/{full}:import", content=bundle, headers=NDJSON), 404, "memory.no_such_user")
        assert lines(exported(mallory, "mallory"), "session", "message", "fact") == []
    with service.client(service.make_key(f"user:{full}", "read")) as reader:
        assert told(exported(reader, full)) == told(bundle)
        problem(reader.post(f"/v1/users/{full}:import", content=bundle, headers=NDJSON), 403, "auth.missing_grant")


def test_a_session_goes_out_alone_and_teaches_where_it_comes_in(operator: httpx.Client, full: str, other: str) -> None:
    answer = operator.get("/v1/sessions/chat:export", params={"user_id": full})
    assert {one["kind"] for one in lines(answer.content)} == {"header", "session", "message", "secret", "tombstone", "trailer"}
    taken(operator, other, answer.content)
    values = {one["value"] for one in made(operator.get("/v1/memories", params={"user_id": other}))["items"]}
    assert {"Leeds", "York"} <= values
    assert operator.get("/v1/sessions/nowhere:export", params={"user_id": full}).status_code == 404


def test_a_file_of_several_users_asks_which_is_meant(operator: httpx.Client, other: str) -> None:
    file = {"results": [{"id": "1", "memory": "Likes tea", "user_id": "a"}, {"id": "2", "memory": "Likes gin", "user_id": "b"}]}
    refused = operator.post(f"/v1/users/{other}:import", json=file, params={"format": "mem0"})
    assert "'a', 'b'" in problem(refused, 422, "memory.foreign_user")["detail"]
    assert taken(operator, other, file, format="mem0", source_user="a")["counts"]["facts"]["read"] == 1
    problem(
        operator.post(f"/v1/users/{other}:import", json=file, params={"format": "mem0", "source_user": "c"}),
        422,
        "memory.foreign_user",
    )


@pytest.mark.parametrize("format_", ["mem0", "zep", "letta", "chat"])
def test_another_shape_is_told_with_the_format_and_what_was_expected(operator: httpx.Client, other: str, format_: str) -> None:
    refused = operator.post(f"/v1/users/{other}:import", json={"rows": []}, params={"format": format_})
    detail = problem(refused, 422, "memory.foreign_shape")["detail"]
    assert f"no {format_} export" in detail
    assert "expected" in detail


def test_an_import_under_an_idempotency_key_is_answered_again(operator: httpx.Client, other: str) -> None:
    log, key = [{"role": "user", "content": "I live in Leeds."}], {"Idempotency-Key": uuid4().hex}
    asked = {"format": "chat"}
    first = operator.post(f"/v1/users/{other}:import", json=log, params=asked, headers=key)
    again = operator.post(f"/v1/users/{other}:import", json=log, params=asked, headers=key)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
