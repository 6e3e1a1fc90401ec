"""Facts over HTTP, on the real service: the gate's outcomes, what messages teach, and what goes with them."""

from typing import Any

import httpx
import pytest

from tests.support.service import Service, made, problem

DAY_1, DAY_5, DAY_9 = "2026-05-01T09:00:00Z", "2026-05-05T09:00:00Z", "2026-05-09T09:00:00Z"


def write(operator: httpx.Client, user: str, value: str = "", **more: object) -> dict[str, Any]:
    triple = {"entity": "Ann", "attribute": "home", "value": value} if value else {}
    return made(operator.post("/v1/memories", json={"user_id": user, **triple, **more}))


def listed(operator: httpx.Client, user: str, **query: str) -> list[dict[str, Any]]:
    return made(operator.get("/v1/memories", params={"user_id": user, **query}))["items"]


def values(operator: httpx.Client, user: str, **query: str) -> list[str]:
    return [one["value"] for one in listed(operator, user, **query)]


def got(operator: httpx.Client, user: str, fact: str) -> dict[str, Any]:
    return made(operator.get(f"/v1/memories/{fact}", params={"user_id": user}))


def verb(operator: httpx.Client, user: str, fact: str, name: str) -> dict[str, Any]:
    return made(operator.post(f"/v1/memories/{fact}:{name}", params={"user_id": user}))


def held(operator: httpx.Client, user: str, **query: str) -> list[str]:
    return [one["value"] for one in made(operator.get(f"/v1/users/{user}/profile", params=query))["facts"]]


def say(operator: httpx.Client, user: str, content: str, at: str = DAY_1, **more: object) -> None:
    message = {"role": "user", "speaker": "Ann", "content": content, "occurred_at": at, **more}
    body = {"user_id": user, "messages": [message], "wait": "indexed"}
    made(operator.post("/v1/sessions/chat/messages", json=body))


def test_a_fact_is_added_repeated_and_superseded(operator: httpx.Client, user: str) -> None:
    first = write(operator, user, "Oslo", valid_from=DAY_1)
    assert (first["outcome"], first["related"]) == ("added", [])
    again = write(operator, user, "oslo.", valid_from=DAY_5)
    assert (again["outcome"], again["id"]) == ("noop", first["id"])
    later = write(operator, user, "Bergen", valid_from=DAY_9)
    assert (later["outcome"], later["related"]) == ("superseded", [first["id"]])
    old = got(operator, user, first["id"])
    assert (old["status"], old["valid_to"], old["superseded_by"], old["proofs"]) == ("superseded", DAY_9, later["id"], 2)
    assert values(operator, user, status="active") == ["Bergen"]


def test_late_history_is_a_closed_stretch_and_leaves_the_current_value(operator: httpx.Client, user: str) -> None:
    write(operator, user, "Bergen", valid_from=DAY_9)
    late = write(operator, user, "Oslo", valid_from=DAY_1)
    assert late["outcome"] == "added"
    assert got(operator, user, late["id"])["valid_to"] == DAY_9
    assert held(operator, user) == ["Bergen"]
    assert held(operator, user, as_of=DAY_5) == ["Oslo"]
    assert held(operator, user, as_of="1990-01-01T00:00:00Z") == []


def test_what_was_known_then_is_answered_as_it_was(operator: httpx.Client, user: str) -> None:
    first = write(operator, user, "Oslo", valid_from=DAY_1)
    before = got(operator, user, first["id"])["recorded_at"]
    write(operator, user, "Bergen", valid_from=DAY_5)
    assert held(operator, user, as_known_at=before, as_of=DAY_9) == ["Oslo"]
    assert held(operator, user, as_of=DAY_9) == ["Bergen"]
    assert held(operator, user, as_known_at="2020-01-01T00:00:00Z") == []
    told = made(operator.get(f"/v1/memories/{first['id']}/history", params={"user_id": user}))
    assert [(one["status"], one["operation"]) for one in told["former"]] == [("active", "write")]


def test_many_values_stand_beside_each_other_and_one_is_denied_alone(operator: httpx.Client, user: str) -> None:
    tea = write(operator, user, entity="Ann", attribute="likes", value="tea", valid_from=DAY_1)
    write(operator, user, entity="Ann", attribute="likes", value="long walks", valid_from=DAY_1)
    no = write(operator, user, entity="Ann", attribute="likes", value="tea", polarity=False, valid_from=DAY_5)
    assert (no["outcome"], no["related"]) == ("superseded", [tea["id"]])
    assert values(operator, user, status="active") == ["long walks", "tea"]
    assert [one["polarity"] for one in listed(operator, user, status="active")] == [True, False]


def test_nearly_the_same_words_are_merged(operator: httpx.Client, user: str) -> None:
    first = write(operator, user, text="The garden gate sticks when it rains.")
    again = write(operator, user, text="The garden gate sticks when it is raining.")
    assert (again["outcome"], again["id"]) == ("merged", first["id"])
    assert got(operator, user, first["id"])["attribute"] == "note"


def test_a_conflict_can_be_refused_or_kept_beside(operator: httpx.Client, user: str) -> None:
    first = write(operator, user, "Oslo", valid_from=DAY_1)
    body = {"user_id": user, "entity": "Ann", "attribute": "home", "value": "Rome", "on_conflict": "reject"}
    assert first["id"] in problem(operator.post("/v1/memories", json=body), 409, "memory.fact_conflicts")["detail"]
    assert write(operator, user, "Rome", on_conflict="add")["outcome"] == "added"
    assert values(operator, user, status="active") == ["Oslo", "Rome"]


def test_a_rejected_fact_stays_out_until_it_is_restored(operator: httpx.Client, user: str) -> None:
    first = write(operator, user, "Oslo", valid_from=DAY_1)
    second = write(operator, user, "Bergen", valid_from=DAY_5)
    assert verb(operator, user, second["id"], "reject")["status"] == "rejected"
    assert got(operator, user, first["id"])["status"] == "active"
    refused = write(operator, user, "Bergen", valid_from=DAY_9)
    assert (refused["outcome"], refused["id"]) == ("refused", None)
    assert verb(operator, user, second["id"], "restore")["status"] == "active"
    assert got(operator, user, first["id"])["superseded_by"] == second["id"]
    answer = operator.post(f"/v1/memories/{second['id']}:restore", params={"user_id": user})
    problem(answer, 409, "memory.fact_not_restorable")


def test_a_value_is_superseded_by_hand_once(operator: httpx.Client, user: str) -> None:
    first = write(operator, user, "Oslo", valid_from=DAY_1)
    path = f"/v1/memories/{first['id']}:supersede"
    answer = made(operator.post(path, json={"user_id": user, "value": "Bergen", "valid_from": DAY_5}))
    assert (answer["outcome"], answer["related"]) == ("superseded", [first["id"]])
    told = problem(operator.post(path, json={"user_id": user, "value": "Rome"}), 409, "memory.fact_not_active")
    assert answer["id"] in told["detail"]


def test_one_of_many_is_superseded_by_hand(operator: httpx.Client, user: str) -> None:
    tea = write(operator, user, entity="Ann", attribute="likes", value="tea", valid_from=DAY_1)
    write(operator, user, entity="Ann", attribute="likes", value="rain", valid_from=DAY_1)
    path = f"/v1/memories/{tea['id']}:supersede"
    cocoa = made(operator.post(path, json={"user_id": user, "value": "cocoa", "valid_from": DAY_5}))
    assert (cocoa["outcome"], cocoa["related"]) == ("superseded", [tea["id"]])
    old = got(operator, user, tea["id"])
    assert (old["status"], old["valid_to"], old["superseded_by"]) == ("superseded", DAY_5, cocoa["id"])
    assert values(operator, user) == ["tea", "rain", "cocoa"], "no denial is written for it"
    assert held(operator, user) == ["rain", "cocoa"]


def test_one_of_many_that_was_superseded_stays_ended_when_it_is_said_again_later(operator: httpx.Client, user: str) -> None:
    tea = write(operator, user, entity="Ann", attribute="likes", value="tea", valid_from=DAY_1)
    made(operator.post(f"/v1/memories/{tea['id']}:supersede", json={"user_id": user, "value": "cocoa", "valid_from": DAY_5}))
    again = write(operator, user, entity="Ann", attribute="likes", value="tea", valid_from=DAY_9)
    assert again["outcome"] == "added"
    assert got(operator, user, tea["id"])["valid_to"] == DAY_5
    assert got(operator, user, again["id"])["valid_to"] is None


def test_one_of_many_holds_again_when_what_superseded_it_goes(operator: httpx.Client, user: str) -> None:
    tea = write(operator, user, entity="Ann", attribute="likes", value="tea", valid_from=DAY_1)
    path = f"/v1/memories/{tea['id']}:supersede"
    cocoa = made(operator.post(path, json={"user_id": user, "value": "cocoa"}))["id"]
    made(operator.delete(f"/v1/memories/{cocoa}", params={"user_id": user}))
    assert (got(operator, user, tea["id"])["status"], got(operator, user, tea["id"])["valid_to"]) == ("active", None)


def test_a_value_that_says_more_is_no_repetition_of_what_it_supersedes(operator: httpx.Client, user: str) -> None:
    tea = write(operator, user, entity="Ann", attribute="likes", value="tea", valid_from=DAY_1)
    made(operator.post(f"/v1/memories/{tea['id']}:supersede", json={"user_id": user, "value": "tea with milk"}))
    assert held(operator, user) == ["tea with milk"]


def test_what_messages_state_is_learned_with_its_source(operator: httpx.Client, user: str, session: str) -> None:
    say(operator, user, "Hello! I live in Oslo.", id="m1")
    (fact,) = listed(operator, user)
    assert (fact["entity"], fact["attribute"], fact["value"], fact["trust"]) == ("Ann", "home", "Oslo", 3)
    source = {"type": "message", "id": "m1", "session_id": session, "span": [7, 21], "trust": 3, "stance": "supports"}
    assert fact["sources"] == [source]
    say(operator, user, "I moved to Bergen.", DAY_5)
    assert held(operator, user) == ["Bergen"]


@pytest.mark.usefixtures("session")
def test_an_echo_is_no_evidence(operator: httpx.Client, user: str) -> None:
    say(operator, user, "I live in Oslo.")
    say(operator, user, "Ann lives in Oslo.", DAY_5)
    say(operator, user, f"<<<data {'1' * 15}\nI live in Rome.\n{'1' * 15} data>>>\n", DAY_5)
    (fact,) = listed(operator, user)
    assert (fact["value"], fact["proofs"]) == ("Oslo", 1)
    say(operator, user, "Yes, I still live in Oslo.", DAY_9)
    assert listed(operator, user)[0]["proofs"] == 2


@pytest.mark.usefixtures("session")
def test_a_deleted_message_takes_away_what_it_alone_supports(operator: httpx.Client, user: str) -> None:
    say(operator, user, "I live in Oslo. I'm allergic to peanuts.", id="m1")
    say(operator, user, "As I said, I am allergic to peanuts.", DAY_5, id="m2")
    say(operator, user, "I moved to Bergen.", DAY_9, id="m3")
    made(operator.delete("/v1/sessions/chat/messages/m3", params={"user_id": user}))
    assert sorted(held(operator, user)) == ["Oslo", "peanuts"]
    made(operator.delete("/v1/sessions/chat/messages/m1", params={"user_id": user}))
    (left,) = listed(operator, user)
    assert (left["value"], left["proofs"], left["valid_from"]) == ("peanuts", 1, DAY_5)
    made(operator.delete("/v1/sessions/chat", params={"user_id": user}))
    assert listed(operator, user) == []


@pytest.mark.usefixtures("session")
def test_redacted_words_take_their_fact_with_them_and_no_other(operator: httpx.Client, user: str) -> None:
    say(operator, user, "I live in Oslo. I'm allergic to peanuts.", id="m1")
    made(operator.post("/v1/sessions/chat/messages/m1:redact", json={"user_id": user, "spans": [[10, 14]]}))
    assert values(operator, user) == ["peanuts"]


@pytest.mark.usefixtures("session")
def test_a_cited_message_bounds_the_trust(operator: httpx.Client, user: str) -> None:
    say(operator, user, "The form says Ann is from Bergen.", role="tool", id="t1")
    write(operator, user, "Oslo", valid_from=DAY_1)
    source = {"type": "message", "session_id": "chat", "id": "t1"}
    weak = write(operator, user, "Rome", valid_from=DAY_5, sources=[source])
    assert weak["outcome"] == "challenged"
    assert got(operator, user, weak["id"])["trust"] == 1
    body = {"user_id": user, "text": "Ann skis.", "sources": [{**source, "id": "t9"}]}
    problem(operator.post("/v1/memories", json=body), 404, "memory.no_such_message")


@pytest.mark.usefixtures("session")
def test_a_fact_of_a_session_goes_with_it(operator: httpx.Client, user: str) -> None:
    fact = write(operator, user, "Oslo", session_id="chat")
    assert got(operator, user, fact["id"])["session_id"] == "chat"
    assert held(operator, user) == []
    made(operator.delete("/v1/sessions/chat", params={"user_id": user}))
    assert listed(operator, user) == []


def test_an_agents_fact_is_its_own(operator: httpx.Client, user: str) -> None:
    write(operator, user, "Oslo")
    assert write(operator, user, "Rome", agent_id="travel")["outcome"] == "added"
    assert held(operator, user) == ["Oslo"]
    assert sorted(held(operator, user, agent_id="travel")) == ["Oslo", "Rome"]
    assert values(operator, user, agent_id="travel") == ["Rome"]


@pytest.mark.usefixtures("session")
def test_another_name_is_the_same_entity(operator: httpx.Client, user: str) -> None:
    say(operator, user, "I live in Oslo. My friends call me Annie.")
    fact = write(operator, user, entity="Annie", attribute="home", value="Bergen", valid_from=DAY_9)
    assert fact["outcome"] == "superseded"
    assert got(operator, user, fact["id"])["entity"] == "Ann"


def test_a_fact_is_patched_pinned_and_deleted(operator: httpx.Client, user: str) -> None:
    fact = write(operator, user, "Oslo", valid_from=DAY_1)["id"]
    assert verb(operator, user, fact, "pin")["pinned"] is True
    body = {"user_id": user, "pinned": False, "importance": 0.9, "metadata": {"from": "form"}, "if_revision": 2}
    patched = made(operator.patch(f"/v1/memories/{fact}", json=body))
    assert (patched["pinned"], patched["importance"], patched["revision"]) == (False, 0.9, 3)
    problem(operator.patch(f"/v1/memories/{fact}", json=body), 409, "memory.fact_moved")
    made(operator.delete(f"/v1/memories/{fact}", params={"user_id": user}))
    problem(operator.get(f"/v1/memories/{fact}", params={"user_id": user}), 404, "memory.no_such_fact")


def test_another_users_fact_is_not_there(service: Service, operator: httpx.Client, user: str) -> None:
    fact = write(operator, user, "Oslo")["id"]
    with service.client(service.make_key("user:mallory", "read", "write")) as mallory:
        problem(mallory.get(f"/v1/memories/{fact}"), 404, "memory.no_such_fact")
        problem(mallory.get(f"/v1/memories/{fact}", params={"user_id": user}), 404, "memory.no_such_user")
        problem(mallory.post(f"/v1/memories/{fact}:reject"), 404, "memory.no_such_fact")
        problem(mallory.get(f"/v1/users/{user}/profile"), 404, "memory.no_such_user")
    with service.client(service.make_key(f"user:{user}", "read")) as own:
        assert made(own.get(f"/v1/memories/{fact}"))["value"] == "Oslo"
        problem(own.post("/v1/memories", json={"text": "I ski."}), 403, "auth.missing_grant")


def test_a_write_repeated_under_its_key_gives_the_first_answer(operator: httpx.Client, user: str) -> None:
    body = {"user_id": user, "text": "The spare key is under the blue pot."}
    headers = {"Idempotency-Key": f"k-{user}"}
    first = made(operator.post("/v1/memories", json=body, headers=headers))
    assert made(operator.post("/v1/memories", json=body, headers=headers)) == first
    assert listed(operator, user)[0]["proofs"] == 1
    assert made(operator.post("/v1/memories", json=body))["outcome"] == "noop"


@pytest.mark.parametrize(
    "body, status, code",
    [
        ({}, 422, "memory.invalid_fact"),
        ({"text": " "}, 422, "memory.invalid_fact"),
        ({"text": "x" * 2_001}, 422, "memory.invalid_fact"),
        ({"text": "a\0b"}, 422, "memory.invalid_fact"),
        ({"text": "hi", "value": "Oslo"}, 422, "memory.invalid_fact"),
        ({"entity": "Ann", "attribute": "home"}, 422, "memory.invalid_fact"),
        ({"entity": "Ann", "attribute": "home", "value": ""}, 422, "memory.invalid_fact"),
        ({"entity": "Ann", "attribute": "home", "value": "..."}, 422, "memory.invalid_fact"),
        ({"text": "hi", "expires_at": "2020-01-01T00:00:00Z"}, 422, "memory.invalid_fact"),
        ({"text": "hi", "importance": 2.0}, 422, "memory.invalid_fact"),
        ({"text": "hi", "valid_from": "0001-01-01T00:00:00+14:00"}, 422, "request.invalid_body"),
        ({"text": "hi", "session_id": "nowhere"}, 404, "memory.no_such_session"),
        ({"text": "hi", "sources": [{"type": "document", "index": "nowhere", "id": "a"}]}, 404, "memory.no_such_source"),
        ({"text": "hi", "metadata": {"mem.type": "x"}}, 422, "metadata.invalid_key"),
    ],
)
def test_bad_facts_are_refused_and_nothing_is_written(
    operator: httpx.Client, user: str, body: dict[str, Any], status: int, code: str
) -> None:
    problem(operator.post("/v1/memories", json={"user_id": user, **body}), status, code)
    assert listed(operator, user) == []


def test_a_supersede_before_the_fact_began_is_refused(operator: httpx.Client, user: str) -> None:
    fact = write(operator, user, "Oslo", valid_from=DAY_5)["id"]
    body = {"user_id": user, "value": "Rome", "valid_from": DAY_1}
    problem(operator.post(f"/v1/memories/{fact}:supersede", json=body), 422, "memory.invalid_fact")
    problem(operator.get("/v1/memories/fact_zzzzzzzzzzzzz", params={"user_id": user}), 404, "memory.no_such_fact")


def test_recall_finds_a_fact_with_how_it_stands(operator: httpx.Client, user: str) -> None:
    old = write(operator, user, "Oslo", valid_from=DAY_1)
    new = write(operator, user, "Bergen", valid_from=DAY_5)
    body = {"user_id": user, "query": "Where is Ann's home?", "types": ["fact"], "min_offset": new["offset"]}
    found = made(operator.post("/v1/memories:search", json=body))["results"]
    assert [(one["id"], one["status"]) for one in found] == [(new["id"], "active")]
    found = made(operator.post("/v1/memories:search", json={**body, "include": ["superseded"]}))["results"]
    assert {one["id"] for one in found} == {old["id"], new["id"]}
    offset = verb(operator, user, new["id"], "reject")["offset"]
    found = made(operator.post("/v1/memories:search", json={**body, "min_offset": offset}))["results"]
    assert [one["id"] for one in found] == [old["id"]]


@pytest.mark.parametrize("mode", ["reject", "forget"])
def test_a_rejected_fact_is_refused_in_its_own_words_too(operator: httpx.Client, user: str, mode: str) -> None:
    fact = write(operator, user, "Lima")["id"]
    text = got(operator, user, fact)["text"]
    if mode == "reject":
        verb(operator, user, fact, "reject")
    else:
        body = {"user_id": user, "mode": "purge", "selector": {"ids": [fact]}}
        assert made(operator.post("/v1/memories:forget", json=body))["tombstones"] == 1
    assert write(operator, user, text=text)["outcome"] == "refused"
    assert held(operator, user) == []
    if mode == "reject":
        verb(operator, user, fact, "restore")
        assert write(operator, user, text=text)["outcome"] == "added"  # a note beside the fact, as before it was rejected


def test_a_list_finds_names_in_any_case_and_by_what_somebody_is_also_called(
    operator: httpx.Client, user: str, session: str
) -> None:
    assert session == "chat"
    say(operator, user, "I live in Oslo. My friends call me Annie.")
    write(operator, user, "B-77", entity="Ann", attribute="Badge number")
    assert values(operator, user, entity="ANN", attribute="home") == ["Oslo"]
    assert values(operator, user, entity="annie", attribute="badge NUMBER") == ["B-77"]
    assert values(operator, user, entity="An") == []
    assert values(operator, user, attribute="number") == []


@pytest.mark.usefixtures("session")
def test_yesterday_is_that_of_the_zone_in_which_it_was_said(operator: httpx.Client, user: str) -> None:
    say(operator, user, "I moved to Cork yesterday.", "2026-05-05T00:30:00+02:00")
    say(operator, user, "I'll send the report tomorrow.", "2026-05-05T00:30:00+02:00")
    (home,) = listed(operator, user, attribute="home")
    assert home["valid_from"] == "2026-05-03T22:00:00Z"  # midnight of 4 May there
    assert values(operator, user, attribute="commitment") == ["send the report (2026-05-06)"]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("moved", ["I moved to Rome this month.", "I've lived in Rome since 2019."])
def test_a_stretch_begins_behind_what_was_last_said_of_it(operator: httpx.Client, user: str, moved: str) -> None:
    say(operator, user, "I live in Oslo.", DAY_1)
    say(operator, user, moved, DAY_9)
    assert held(operator, user) == ["Rome"]
    (oslo, rome) = listed(operator, user, attribute="home")
    assert (oslo["status"], oslo["valid_to"]) == ("superseded", DAY_1)
    assert rome["valid_from"] == DAY_1


@pytest.mark.usefixtures("session")
def test_a_move_of_long_ago_is_history(operator: httpx.Client, user: str) -> None:
    say(operator, user, "I live in Oslo.", DAY_1)
    say(operator, user, "I moved to Rome in 2019.", DAY_9)
    assert held(operator, user) == ["Oslo"]
