"""Forgetting and erasing over HTTP, on the real service: what went is found by nobody, and does not come back."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.support.service import Service, made, problem

PATIENCE_S = 20.0


def say(operator: httpx.Client, user: str, *contents: str, session: str = "chat", **more: object) -> dict[str, Any]:
    operator.post("/v1/sessions", json={"id": session, "user_id": user})
    messages = [{"id": f"m{place}", "role": "user", "content": each, **more} for place, each in enumerate(contents)]
    body = {"user_id": user, "messages": messages, "wait": "indexed"}
    return made(operator.post(f"/v1/sessions/{session}/messages", json=body))


def recalled(operator: httpx.Client, user: str, query: str, offset: int | None = None) -> dict[str, str]:
    """The text of what is found, by id."""
    body = {"query": query, "user_id": user, "k": 20, "min_offset": offset}
    return {one["id"]: one["text"] for one in made(operator.post("/v1/memories:search", json=body))["results"]}


def forget(
    operator: httpx.Client, user: str, selector: Mapping[str, object], mode: str = "purge", **more: object
) -> httpx.Response:
    return operator.post("/v1/memories:forget", json={"selector": selector, "mode": mode, "user_id": user, **more})


def listed(operator: httpx.Client, user: str, session: str = "chat") -> list[dict[str, Any]]:
    return made(operator.get(f"/v1/sessions/{session}/messages", params={"user_id": user}))["items"]


def erased(operator: httpx.Client, user: str) -> dict[str, Any]:
    """The receipt of an erasure, once it is done."""
    erasure = made(operator.post(f"/v1/users/{user}:erase"), 202)["erasure_id"]
    until_s = time.monotonic() + PATIENCE_S
    while (receipt := made(operator.get(f"/v1/erasures/{erasure}")))["state"] != "done":
        assert time.monotonic() < until_s, receipt
        time.sleep(0.05)
    return receipt


def test_what_is_purged_by_id_is_gone_and_cannot_be_sent_again(operator: httpx.Client, user: str) -> None:
    say(operator, user, "My locker code is 4471.", "The canteen closes at three.")
    found = recalled(operator, user, "locker code")
    (wanted,) = [one for one, text in found.items() if "4471" in text and one.startswith("msg_")]
    answer = made(forget(operator, user, {"ids": [wanted]}))
    assert (answer["ids"], answer["tombstones"]) == ([wanted], 1)
    assert not any("4471" in text for text in recalled(operator, user, "locker code", answer["offset"]).values())
    assert [one["id"] for one in listed(operator, user)] == ["m1"]
    again = say(operator, user, "My locker code is 4471.")
    assert (again["accepted"], again["refused"]) == (0, 1)
    assert [one["code"] for one in again["warnings"]] == ["message_id.forgotten"]
    assert [one["id"] for one in listed(operator, user)] == ["m1"]


@pytest.mark.parametrize("mode", ["expire", "reject"])
def test_what_expires_or_is_rejected_is_listed_and_not_recalled_nor_summarised(
    operator: httpx.Client, user: str, mode: str
) -> None:
    say(operator, user, "The alarm code of the depot is 9920.", "The depot opens at seven.")
    (wanted,) = [
        one for one, text in recalled(operator, user, "alarm code").items() if "9920" in text and one.startswith("msg_")
    ]
    offset = made(forget(operator, user, {"ids": [wanted]}, mode))["offset"]
    body = {"query": "alarm code", "user_id": user, "include": ["neighbors"], "min_offset": offset}
    assert "9920" not in operator.post("/v1/memories:search", json=body).text
    assert [one["flags"] for one in listed(operator, user)] == [["expired" if mode == "expire" else "rejected"], []]
    assert "9920" not in operator.get("/v1/sessions/chat/summary", params={"user_id": user, "tokens_max": 200}).text


def test_a_trial_names_what_would_go_and_takes_nothing(operator: httpx.Client, user: str) -> None:
    say(operator, user, "The spare key hangs behind the boiler.")
    answer = made(forget(operator, user, {"query": "spare key", "limit": 5}, dry_run=True))
    assert made(forget(operator, user, {"query": "spare key"}, dry_run=True))["ids"] == answer["ids"]
    assert (len(answer["ids"]), answer["dry_run"]) == (1, True)
    assert list(recalled(operator, user, "spare key")) == list(answer["ids"])
    assert made(forget(operator, user, {"query": "spare key", "limit": 5}))["ids"] == answer["ids"]
    assert recalled(operator, user, "spare key") == {}


def test_a_filter_takes_all_that_it_matches_or_nothing(operator: httpx.Client, user: str) -> None:
    say(operator, user, "Old offer one.", "Old offer two.", "Old offer three.", metadata={"topic": "offer"})
    say(operator, user, "The invoice is due in May.", session="other", metadata={"topic": "invoice"})
    selector = {"filter": {"eq": ["topic", "offer"]}, "limit": 2}
    problem(forget(operator, user, selector), 409, "memory.selector_too_wide")
    assert len(listed(operator, user)) == 3
    assert len(made(forget(operator, user, {**selector, "limit": 3}))["ids"]) == 3
    assert listed(operator, user) == []
    assert len(listed(operator, user, "other")) == 1


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"ids": []},
        {"ids": ["msg_0000000000001"], "query": "x"},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 101},
        {"limit": 3},
    ],
)
def test_a_selector_without_an_aim_or_past_its_bound_is_refused(
    operator: httpx.Client, user: str, selector: dict[str, object]
) -> None:
    problem(forget(operator, user, selector), 422, "memory.invalid_selector")


def test_nothing_goes_when_one_id_is_anothers_or_nobodys(operator: httpx.Client, user: str) -> None:
    say(operator, user, "Mine.")
    say(operator, f"{user}-2", "Theirs.")
    (mine,), (theirs,) = recalled(operator, user, "mine"), recalled(operator, f"{user}-2", "theirs")
    for other in (theirs, "msg_zzzzzzzzzzzz", "m0", "sum_0000000zzzzzz"):
        problem(forget(operator, user, {"ids": [mine, other]}), 404, "memory.no_such_memory")
    assert list(recalled(operator, user, "mine")) == [mine]


def test_an_erased_user_is_gone_at_once_everywhere_and_provably(operator: httpx.Client, user: str) -> None:
    say(operator, user, *(f"Secret number {number} is in the blue folder." for number in range(12)))
    made(operator.post("/v1/sessions/chat:compress", json={"user_id": user, "tokens_max": 200}))
    say(operator, f"{user}-2", "Secret number 3 is in the red folder.")
    erasure = made(operator.post(f"/v1/users/{user}:erase"), 202)["erasure_id"]
    problem(operator.get("/v1/sessions/chat", params={"user_id": user}), 404, "memory.no_such_session")
    assert recalled(operator, user, "secret number") == {}
    receipt = erased(operator, user)  # a second erasure of what is gone already
    assert receipt["receipt"]["messages"] == 0 if "messages" in receipt["receipt"] else True
    until_s = time.monotonic() + PATIENCE_S
    while (receipt := made(operator.get(f"/v1/erasures/{erasure}")))["state"] != "done":
        assert time.monotonic() < until_s, receipt
        time.sleep(0.05)
    counts = receipt["receipt"]
    assert (counts["messages"], counts["sessions"], counts["tombstones"]) == (12, 1, 12)
    assert counts["rows"] == counts["dense_index"] == counts["keyword_index"] >= 12
    assert counts["vectors"] >= 12
    verified = made(operator.post(f"/v1/erasures/{erasure}:verify"))
    assert verified["clean"], verified
    assert set(verified["found"].values()) == {0}
    assert len(recalled(operator, f"{user}-2", "secret number")) == 1


def test_an_erased_user_may_begin_anew_but_not_with_what_was_erased(operator: httpx.Client, user: str) -> None:
    say(operator, user, "I take my tea with milk.")
    receipt = erased(operator, user)
    again = say(operator, user, "I take my tea with milk.", "I drink coffee now.")
    assert (again["accepted"], again["refused"]) == (1, 1)
    assert list(recalled(operator, user, "tea or coffee").values()) == ["I drink coffee now."]
    assert made(operator.post(f"/v1/erasures/{receipt['id']}:verify"))["clean"]


def test_an_answer_kept_for_a_user_goes_with_the_user(operator: httpx.Client, user: str) -> None:
    body = {"id": "kept", "user_id": user, "metadata": {"name": "Ann"}}
    made(operator.post("/v1/sessions", json=body, headers={"Idempotency-Key": user}), 201)
    assert erased(operator, user)["receipt"]["idempotency"] == 1


def test_an_erasure_is_seen_by_who_may_act_for_its_user(service: Service, operator: httpx.Client, user: str) -> None:
    say(operator, user, "Mine.")
    receipt = erased(operator, user)
    own, other = (service.make_key(f"user:{name}", "read", "write") for name in (user, f"{user}-2"))
    with service.client(own) as mine, service.client(other) as theirs:
        assert made(mine.get(f"/v1/erasures/{receipt['id']}"))["user_id"] == user
        problem(theirs.get(f"/v1/erasures/{receipt['id']}"), 404, "memory.no_such_erasure")
        problem(theirs.post(f"/v1/erasures/{receipt['id']}:verify"), 404, "memory.no_such_erasure")
        problem(theirs.post(f"/v1/users/{user}:erase"), 404, "memory.no_such_user")
    problem(operator.get("/v1/erasures/era_unknown"), 404, "memory.no_such_erasure")


def test_a_key_that_only_reads_forgets_nothing(service: Service, operator: httpx.Client, user: str) -> None:
    say(operator, user, "Mine.")
    with service.client(service.make_key(f"user:{user}", "read")) as reader:
        problem(forget(reader, user, {"query": "mine", "limit": 1}), 403, "auth.missing_grant")
        problem(reader.post(f"/v1/users/{user}:erase"), 403, "auth.missing_grant")


def learn(operator: httpx.Client, user: str, value: str, attribute: str = "shoe size") -> dict[str, Any]:
    body = {"user_id": user, "entity": user, "attribute": attribute, "value": value}
    answer = made(operator.post("/v1/memories", json=body))
    recalled(operator, user, "wait", answer["offset"])
    return answer


@pytest.mark.parametrize("mode, status, again", [("expire", "expired", "noop"), ("reject", "rejected", "refused")])
def test_a_forgotten_fact_keeps_its_history_and_is_recalled_no_more(
    operator: httpx.Client, user: str, mode: str, status: str, again: str
) -> None:
    fact = learn(operator, user, "43")["id"]
    answer = made(forget(operator, user, {"ids": [fact]}, mode))
    assert fact not in recalled(operator, user, "shoe size", answer["offset"])
    assert made(operator.get(f"/v1/memories/{fact}", params={"user_id": user}))["status"] == status
    assert learn(operator, user, "43")["outcome"] == again


def test_a_purged_fact_is_gone_and_refused_from_then_on(operator: httpx.Client, user: str) -> None:
    fact = learn(operator, user, "43")["id"]
    assert made(forget(operator, user, {"query": "shoe size", "limit": 1}))["ids"] == [fact]
    problem(operator.get(f"/v1/memories/{fact}", params={"user_id": user}), 404, "memory.no_such_fact")
    assert learn(operator, user, "43")["outcome"] == "refused"
    assert learn(operator, user, "44")["outcome"] == "added"


def test_facts_are_erased_with_their_user_and_refused_from_then_on(operator: httpx.Client, user: str) -> None:
    learn(operator, user, "43")
    learn(operator, user, "44")
    say(operator, user, "My favourite colour is teal.")
    receipt = erased(operator, user)
    assert receipt["receipt"]["facts"] >= 2
    assert made(operator.get("/v1/memories", params={"user_id": user}))["items"] == []
    assert learn(operator, user, "43")["outcome"] == "refused"
    assert made(operator.post(f"/v1/erasures/{receipt['id']}:verify"))["clean"]


def test_an_answer_in_the_cache_goes_with_the_user_it_was_kept_for(service: Service, operator: httpx.Client, user: str) -> None:
    body = {"namespace": user, "query": "How do I reset my password?"}
    with service.client(service.make_key(f"user:{user}", "read", "write")) as mine:
        made(mine.post("/v1/cache:store", json={**body, "response": "At the help desk."}))
        assert made(mine.post("/v1/cache:lookup", json=body))["status"] == "hit"
        receipt = erased(operator, user)
        assert made(mine.post("/v1/cache:lookup", json=body))["status"] == "miss"
    assert receipt["receipt"]["cache"] == 1
    assert made(operator.post(f"/v1/erasures/{receipt['id']}:verify"))["clean"]


def test_a_query_takes_what_it_means_and_leaves_the_rest_of_a_small_memory(operator: httpx.Client, user: str) -> None:
    fruits = ["apricot", "bramble", "cherry", "damson"]
    say(operator, user, *(f"The {fruit} door code is {place + 1000}" for place, fruit in enumerate(fruits)))
    tried = made(forget(operator, user, {"query": "cherry door code"}, dry_run=True))
    answer = made(forget(operator, user, {"query": "cherry door code"}))
    assert answer["ids"] == tried["ids"]
    left = recalled(operator, user, "door code", answer["offset"]).values()
    assert {fruit for fruit in fruits if any(fruit in text for text in left)} == {"apricot", "bramble", "damson"}


def test_a_query_that_means_nothing_there_takes_nothing(operator: httpx.Client, user: str) -> None:
    said = say(operator, user, "The pump was serviced in March.", "Lunch is at noon.")
    assert made(forget(operator, user, {"query": "zeppelin insurance"}))["ids"] == []
    assert len(recalled(operator, user, "pump", said["offset"])) == 2


def test_a_query_in_other_words_takes_what_it_means(operator: httpx.Client, user: str) -> None:
    say(operator, user, "My flat is near the harbour of Oslo.", "I take 20 mg of lisinopril every evening.", "I voted green.")
    (taken,) = made(forget(operator, user, {"query": "my medication"}))["ids"]
    assert taken.startswith("msg_")
    assert [one["id"] for one in listed(operator, user)] == ["m0", "m2"]
