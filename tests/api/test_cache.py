"""The cache over HTTP, on the real service."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.service import Service, made, problem, submit

ASKED = "How do I reset my password?"
ANSWER = "Open Settings, then Security, then Reset."


@pytest.fixture
def name() -> str:
    """A namespace that no other test knows."""
    return f"ns-{uuid4().hex[:12]}"


def look(operator: httpx.Client, name: str, query: str = ASKED, **more: object) -> dict[str, Any]:
    return made(operator.post("/v1/cache:lookup", json={"namespace": name, "query": query, **more}))


def keep(operator: httpx.Client, name: str, query: str = ASKED, response: object = ANSWER, **more: object) -> dict[str, Any]:
    body = {"namespace": name, "query": query, "response": response, **more}
    return made(operator.post("/v1/cache:store", json=body))


def set_up(operator: httpx.Client, name: str, **settings: object) -> dict[str, Any]:
    return made(operator.put(f"/v1/admin/cache/{name}", json=settings))


def test_a_miss_carries_a_lease_and_its_answer_serves_the_same_question(operator: httpx.Client, name: str) -> None:
    missed = look(operator, name)
    assert (missed["status"], missed["tier"], missed["reason"]) == ("miss", None, "no_entry")
    stored = keep(operator, name, lease=missed["lease"], lookup_id=missed["lookup_id"])
    assert stored["stored"]
    hit = look(operator, name)
    assert (hit["status"], hit["tier"], hit["response"]) == ("hit", "exact", ANSWER)
    assert hit["entry_id"] == stored["entry_id"]
    assert hit["wrong_rate_upper"] is None
    folded = look(operator, name, "  how do I RESET  my password ")
    assert (folded["status"], folded["tier"]) == ("hit", "normalized")


@pytest.mark.parametrize(
    "other", [{"model": "b"}, {"system": "Be brief."}, {"tools": [{"name": "search"}]}, {"history": ["Hello."]}]
)
def test_whatever_shapes_the_answer_is_in_the_key(operator: httpx.Client, name: str, other: dict[str, Any]) -> None:
    keep(operator, name, request={"model": "a"})
    assert look(operator, name, request={"model": "a"})["status"] == "hit"
    assert look(operator, name, request={"model": "a", **other})["status"] == "miss"


def test_scopes_are_private_unless_asked_and_a_group_needs_its_principal(service: Service, name: str) -> None:
    ann = service.make_key("user:ann", "read", "write", principals=("group:hr",))
    bob = service.make_key("user:bob", "read", "write")
    with service.client(ann) as of_ann, service.client(bob) as of_bob:
        keep(of_ann, name)
        assert look(of_ann, name)["status"] == "hit"
        assert look(of_bob, name)["status"] == "miss"
        keep(of_ann, name, scope="group", group="group:hr")
        body = {"namespace": name, "query": ASKED, "scope": "group", "group": "group:hr"}
        problem(of_bob.post("/v1/cache:lookup", json=body), 404, "cache.no_such_group")
        keep(of_ann, name, scope="tenant")
        assert look(of_bob, name, scope="tenant")["status"] == "hit"
        seen = made(of_bob.get("/v1/cache/entries", params={"namespace": name}))["items"]
        assert [one["scope"] for one in seen] == ["tenant"]


def test_a_static_namespace_serves_what_is_near_enough_and_no_guard_forbids(operator: httpx.Client, name: str) -> None:
    set_up(operator, name, mode="static", threshold=0.8)
    keep(operator, name, "How can I reset my account password?")
    near = look(operator, name, "How could I reset my account password?")
    assert (near["status"], near["tier"]) == ("hit", "semantic")
    assert near["similarity"] >= 0.8
    assert near["wrong_rate_upper"] is None
    keep(operator, name, "Is the office open on 3 May?", "Yes.")
    guarded = look(operator, name, "Is the office open on 4 May?")
    assert (guarded["status"], guarded["reason"], guarded["guards"]) == ("miss", "guarded", ["numbers"])


def test_in_shadow_the_semantic_tier_decides_and_does_not_serve(operator: httpx.Client, name: str) -> None:
    keep(operator, name, "How can I reset my account password?")
    missed = look(operator, name, "How could I reset my account password?")
    assert (missed["status"], missed["reason"]) == ("miss", "below_threshold")
    assert missed["score"] is not None


def test_questions_of_the_moment_and_of_the_person_are_bypassed(operator: httpx.Client, name: str) -> None:
    reasons = {
        "What is the weather today?": "time_sensitive",
        "Who am I?": "personal",
    }
    for query, reason in reasons.items():
        bypassed = look(operator, name, query)
        assert (bypassed["status"], bypassed["reason"], bypassed["lease"]) == ("bypass", reason, None)
        assert keep(operator, name, query) == {"entry_id": None, "stored": False, "reason": reason}
    assert look(operator, name, no_store=True)["reason"] == "no_store"
    set_up(operator, name, mode="off")
    assert look(operator, name)["reason"] == "off"
    assert keep(operator, name)["reason"] == "off"


@pytest.mark.parametrize(
    "response, reason",
    [
        ("I'm sorry, I can't help with that.", "refusal"),
        ({"error": {"message": "overloaded"}}, "error"),
        ({"choices": [{"message": {"tool_calls": [{"id": "a"}]}}]}, "tool_call"),
        ({"choices": [{"message": {"content": "Open Set"}, "finish_reason": "length"}]}, "truncated"),
    ],
)
def test_what_is_no_answer_is_not_kept_and_its_lease_is_free_again(
    operator: httpx.Client, name: str, response: object, reason: str
) -> None:
    missed = look(operator, name)
    refused = keep(operator, name, response=response, lease=missed["lease"])
    assert refused == {"entry_id": None, "stored": False, "reason": reason}
    assert look(operator, name, wait_ms=0)["status"] == "miss"


def test_an_answer_goes_with_the_version_of_its_document(operator: httpx.Client, name: str, index: str) -> None:
    submit(operator, index, {"id": "pw.md", "text": "Reset your password under Settings, Security."})
    source = {"type": "document", "index": index, "id": "pw.md", "version": 1}
    assert keep(operator, name, sources=[source])["stored"]
    assert look(operator, name)["sources"] == [source]
    submit(operator, index, {"id": "pw.md", "text": "Reset your password at the help desk, in person."})
    stale = look(operator, name)
    assert (stale["status"], stale["reason"]) == ("miss", "stale")
    assert keep(operator, name, sources=[source])["reason"] == "source_changed"
    ahead = operator.post(
        "/v1/cache:store",
        json={"namespace": name, "query": ASKED, "response": ANSWER, "sources": [{**source, "version": 9}]},
    )
    problem(ahead, 409, "cache.source_ahead")
    assert keep(operator, name, sources=[{**source, "version": 2}])["stored"]
    assert look(operator, name)["status"] == "hit"
    made(operator.delete(f"/v1/indexes/{index}/documents/pw.md"))
    gone = look(operator, name)
    assert (gone["status"], gone["reason"]) == ("miss", "no_entry")


def test_new_evidence_makes_an_answer_stale_and_other_documents_do_not(operator: httpx.Client, name: str, index: str) -> None:
    submit(operator, index, {"id": "pw.md", "text": "Accounts are managed by the identity team."})
    source = {"type": "document", "index": index, "id": "pw.md", "version": 1}
    assert keep(operator, name, sources=[source])["stored"]
    submit(operator, index, {"id": "lunch.md", "text": "The canteen serves soup on Mondays."})
    assert look(operator, name)["status"] == "hit"
    submit(operator, index, {"id": "reset.md", "text": "How do I reset my password? Call 4711 and ask for a reset."})
    assert look(operator, name)["status"] == "miss"
    assert made(operator.get("/v1/cache/stats", params={"namespace": name}))["stale"] == {"new_evidence": 1}


def test_who_may_not_see_a_source_gets_a_plain_miss(service: Service, operator: httpx.Client, name: str, index: str) -> None:
    submit(operator, index, {"id": "pw.md", "text": "Reset under Settings.", "acl": ["user:ann"]})
    source = {"type": "document", "index": index, "id": "pw.md", "version": 1}
    ann = service.make_key("user:ann", "read", "write")
    bob = service.make_key("user:bob", "read", "write")
    with service.client(ann) as of_ann, service.client(bob) as of_bob:
        assert keep(of_ann, name, sources=[source], scope="tenant")["stored"]
        assert look(of_ann, name, scope="tenant")["status"] == "hit"
        hidden = look(of_bob, name, scope="tenant")
        assert (hidden["status"], hidden["reason"], hidden["similarity"]) == ("miss", "no_entry", None)
        assert made(of_bob.get("/v1/cache/entries", params={"namespace": name}))["items"] == []
        refused = keep(of_bob, name, sources=[source], scope="tenant", lease=hidden["lease"])
        assert refused["reason"] == "source_missing"
        made(operator.patch(f"/v1/indexes/{index}/documents/pw.md", json={"acl": ["user:bob"]}))
        assert look(of_ann, name, scope="tenant")["status"] == "miss"


def test_bad_input_is_named_and_nothing_is_stored(operator: httpx.Client, name: str) -> None:
    def store(**more: object) -> httpx.Response:
        return operator.post("/v1/cache:store", json={"namespace": name, "query": ASKED, "response": ANSWER, **more})

    problem(store(response="x" * (10 << 20)), 413, "cache.response_too_large")
    problem(store(lease="nonsense"), 422, "cache.invalid_token")
    problem(store(lookup_id="nonsense"), 422, "cache.invalid_token")
    problem(store(equals_cached=True), 422, "cache.nothing_to_compare")
    problem(store(ttl_s=0), 422, "cache.out_of_range")
    problem(store(query="  "), 422, "cache.invalid_query")
    problem(store(query="x" * 9_000), 413, "cache.query_too_large")
    problem(store(group="group:hr"), 422, "cache.invalid_scope")
    problem(store(sources=[{"type": "document", "id": "a/b"}]), 422, "cache.invalid_source")
    problem(store(lease=look(operator, name, "Another question?")["lease"]), 422, "cache.token_mismatch")
    infinite = f'{{"namespace": "{name}", "query": "{ASKED}", "response": {{"content": "x", "score": 1e999}}}}'
    refused = operator.post("/v1/cache:store", content=infinite, headers={"Content-Type": "application/json"})
    problem(refused, 422, "cache.invalid_response")
    assert made(operator.get("/v1/cache/entries", params={"namespace": name}))["items"] == []
    for threshold in (0, 2):
        refused = operator.put(f"/v1/admin/cache/{name}", json={"mode": "static", "threshold": threshold})
        problem(refused, 422, "cache.out_of_range")
    not_a_number = operator.put(
        f"/v1/admin/cache/{name}", content='{"threshold": NaN}', headers={"Content-Type": "application/json"}
    )
    assert not_a_number.status_code == 422
    problem(operator.post("/v1/cache:lookup", json={"query": ASKED, "wrong_rate_max": 0}), 422, "cache.out_of_range")


def test_a_lease_is_good_once_and_not_after_its_time(operator: httpx.Client, name: str) -> None:
    missed = look(operator, name)
    assert keep(operator, name, lease=missed["lease"])["stored"]
    body = {"namespace": name, "query": ASKED, "response": "Another answer.", "lease": missed["lease"]}
    problem(operator.post("/v1/cache:store", json=body), 409, "cache.lease_expired")
    assert look(operator, name)["response"] == ANSWER


def test_feedback_counts_once_and_two_wrong_answers_quarantine(service: Service, operator: httpx.Client, name: str) -> None:
    entry = keep(operator, name, scope="tenant")["entry_id"]
    missed = look(operator, name, "Where is the canteen?")
    judge = {"correct": False}
    problem(
        operator.post("/v1/cache:feedback", json={"lookup_id": missed["lookup_id"], **judge}), 422, "cache.nothing_to_judge"
    )
    problem(operator.post("/v1/cache:feedback", json=judge), 422, "cache.one_of")
    hit = look(operator, name, scope="tenant")
    first = made(operator.post("/v1/cache:feedback", json={"lookup_id": hit["lookup_id"], **judge}))
    assert first == {"entry_id": entry, "counted": True, "quarantined": False}
    assert not made(operator.post("/v1/cache:feedback", json={"lookup_id": hit["lookup_id"], **judge}))["counted"]
    bob = service.make_key("user:bob", "read", "write")
    with service.client(bob) as of_bob:
        assert made(of_bob.post("/v1/cache:feedback", json={"entry_id": entry, **judge}))["quarantined"]
        problem(of_bob.post("/v1/cache:feedback", json={"entry_id": "ent_x", **judge}), 404, "cache.no_such_entry")
    assert look(operator, name, scope="tenant")["status"] == "miss"


def test_entries_are_invalidated_by_source_tag_query_and_namespace(operator: httpx.Client, name: str, index: str) -> None:
    submit(operator, index, {"id": "pw.md", "text": "Reset under Settings."})
    source = {"type": "document", "index": index, "id": "pw.md"}

    def invalidate(by: dict[str, Any], **more: object) -> dict[str, Any]:
        return made(operator.post("/v1/cache:invalidate", json={"by": by, **more}))

    keep(operator, name, sources=[{**source, "version": 1}])
    keep(operator, name, "Where is the canteen?", "Downstairs.", tags=["site"])
    keep(operator, name, "Where is the garage?", "Behind the house.")
    assert invalidate({"source": source}, dry_run=True) == {"matched": 1, "removed": 0, "dry_run": True}
    assert invalidate({"source": source})["removed"] == 1
    assert look(operator, name)["status"] == "miss"
    assert invalidate({"tag": "site"}, namespace=name)["removed"] == 1
    assert invalidate({"query": "where is the garage"}, namespace=name)["removed"] == 1
    assert invalidate({"namespace": name}) == {"matched": 0, "removed": 0, "dry_run": False}
    problem(operator.post("/v1/cache:invalidate", json={"by": {}}), 422, "cache.one_of")


def test_known_answers_are_imported_and_serve(operator: httpx.Client, name: str) -> None:
    items = [
        {"query": "How do I reset my password?", "response": ANSWER, "answer": "pw"},
        {"query": "I forgot my password, what now?", "response": ANSWER, "answer": "pw"},
        {"query": "What is the weather today?", "response": "Fine."},
    ]
    imported = made(operator.post("/v1/cache:import", json={"namespace": name, "scope": "tenant", "items": items}))
    assert imported["stored"] == 2
    assert imported["results"][2] == {"entry_id": None, "stored": False, "reason": "time_sensitive"}
    assert look(operator, name, "i forgot my password, what now", scope="tenant")["response"] == ANSWER


def test_an_import_tells_of_each_item_and_keeps_the_last_answer_to_one_question(operator: httpx.Client, name: str) -> None:
    items: list[dict[str, Any]] = [
        {"query": f"What is rule {number} of the house?", "response": f"Rule {number}."} for number in range(210)
    ]
    again = {"query": "What is rule 7 of the house?", "response": "Rule seven."}
    nowhere = {"query": "Where?", "response": "Here.", "sources": [{"type": "message", "id": "nobody-said", "version": 1}]}
    imported = made(operator.post("/v1/cache:import", json={"namespace": name, "items": [*items, again, nowhere]}))
    assert imported["stored"] == 210
    assert imported["results"][-1] == {"entry_id": None, "stored": False, "reason": "source_missing"}
    assert look(operator, name, again["query"])["response"] == "Rule seven."
    assert look(operator, name, "What is rule 209 of the house?")["response"] == "Rule 209."
    assert made(operator.get("/v1/cache/stats", params={"namespace": name}))["stored"] == 210


def test_an_import_names_the_item_that_cannot_be_one_and_stores_nothing(operator: httpx.Client, name: str) -> None:
    def refused(**second: object) -> dict[str, Any]:
        items = [{"query": "What is the first?", "response": ANSWER}, {"query": ASKED, "response": ANSWER, **second}]
        return operator.post("/v1/cache:import", json={"namespace": name, "items": items}).json()

    unversioned = {"type": "document", "id": "kb/pw.md"}
    for fault, pointer in (
        (refused(query=" "), "/items/1/query"),
        (refused(response="x" * (2 << 20)), "/items/1/response"),
        (refused(sources=[unversioned]), "/items/1/sources/0/version"),
    ):
        assert fault["errors"][0]["pointer"] == pointer
        assert "item 1" in fault["detail"]
    assert made(operator.get("/v1/cache/entries", params={"namespace": name}))["items"] == []


def test_an_entry_that_is_not_there_is_named(operator: httpx.Client) -> None:
    def detail(entry: str) -> str:
        refused = operator.post("/v1/cache:feedback", json={"entry_id": entry, "correct": True})
        return str(problem(refused, 404, "cache.no_such_entry")["detail"])

    assert "ent_0zzzzzzzzzzzz" in detail("ent_0zzzzzzzzzzzz")
    assert "such as ent_0000000000001" in detail("999")
    assert "such as ent_0000000000001" in detail("ent_zzzzzzzzzzzzz")  # a number beyond what a row can have


def test_stats_tell_rates_savings_and_no_bound_without_labels(operator: httpx.Client, name: str) -> None:
    look(operator, name)
    keep(operator, name, cost={"tokens_in": 900, "tokens_out": 100, "usd": 0.5, "latency_ms": 1500})
    look(operator, name)
    told = made(operator.get("/v1/cache/stats", params={"namespace": name}))
    assert told["lookups"] == {"miss": 1, "hit": 1, "total": 2}
    assert told["hit_rate"]["exact"] == 0.5
    assert told["saved"] == {"tokens": 1000, "usd": 0.5, "latency_ms": 1500.0}
    assert (told["semantic"]["wrong_rate_upper"], told["entries"], told["stored"]) == (None, 1, 1)


def test_a_namespace_holds_no_more_than_it_may(operator: httpx.Client, name: str) -> None:
    set_up(operator, name, entries_max=3)
    for number in range(6):
        keep(operator, name, f"What is rule {number} of the house?", f"Rule {number}.")
    assert len(made(operator.get("/v1/cache/entries", params={"namespace": name}))["items"]) == 3
    assert made(operator.get("/v1/cache/stats", params={"namespace": name}))["evictions"] == 3


def stampede(service: Service, name: str, queries: list[str]) -> tuple[int, set[str]]:
    """(answers generated, statuses) when all ask at once; who misses answers and stores."""
    with service.client(headers={"X-Mnemic-Timeout-Ms": "50000"}) as operator, ThreadPoolExecutor(len(queries)) as pool:
        operator.timeout = httpx.Timeout(55.0)

        def ask(query: str) -> tuple[int, str]:
            found = look(operator, name, query)
            if found["status"] != "miss":
                return 0, found["status"]
            keep(operator, name, query, lease=found["lease"], lookup_id=found["lookup_id"])
            return 1, found["status"]

        told = list(pool.map(ask, queries))
    return sum(generated for generated, _ in told), {status for _, status in told}


@pytest.mark.timeout(60)
def test_64_who_ask_the_same_at_once_make_one_answer(service: Service, name: str) -> None:
    assert stampede(service, name, [ASKED] * 64) == (1, {"miss", "hit"})


@pytest.mark.timeout(60)
def test_64_who_ask_it_in_other_words_at_once_make_one_answer(service: Service, operator: httpx.Client, name: str) -> None:
    set_up(operator, name, mode="static", threshold=0.6)
    polite = ["", "Please tell me: ", "Hello, ", "Hi there, "]
    verbs = ["can I", "could I", "do I", "should I"]
    ends = ["", " please", " for this account", " in the app"]
    queries = [f"{start}how {verb} reset the password{end}?" for start in polite for verb in verbs for end in ends]
    assert len(set(queries)) == 64
    assert stampede(service, name, queries) == (1, {"miss", "hit"})


@pytest.mark.timeout(60)
def test_after_a_change_of_its_document_an_answer_is_served_to_nobody(
    service: Service, operator: httpx.Client, name: str, index: str
) -> None:
    """Lookups go on all the while; one that begins after the change was acknowledged must never be a hit."""
    path = f"/v1/indexes/{index}/documents/pw.md"
    ann = service.make_key("user:ann", "read", "write")
    bob = service.make_key("user:bob", "read", "write")
    submit(operator, index, {"id": "pw.md", "text": "Reset under Settings.", "acl": ["user:ann"]})
    changes = [
        (ann, 1, lambda: submit(operator, index, {"id": "pw.md", "text": "Reset at the help desk."})),
        (ann, 2, lambda: made(operator.patch(path, json={"acl": ["user:bob"]}))),
        (bob, 2, lambda: made(operator.delete(path))),
    ]
    with ThreadPoolExecutor(4) as pool:
        for key, version, change in changes:
            source = {"type": "document", "index": index, "id": "pw.md", "version": version}
            with service.client(key) as asker:
                assert keep(asker, name, sources=[source])["stored"]
                assert look(asker, name)["status"] == "hit"
            acknowledged: list[bool] = []
            workers = [pool.submit(_hits_after, service, key, name, acknowledged) for _ in range(4)]
            change()
            acknowledged.append(True)
            assert [worker.result() for worker in workers] == [0] * 4


def _hits_after(service: Service, key: str, name: str, acknowledged: list[bool]) -> int:
    """How many of the lookups that began after the change were hits."""
    late = hits = 0
    with service.client(key) as asker:
        while late < 5:
            after = bool(acknowledged)
            found = look(asker, name, wait_ms=0)
            late += after
            hits += after and found["status"] == "hit"
    return hits


def test_an_answer_goes_with_the_message_or_fact_that_it_rests_on(operator: httpx.Client, name: str) -> None:
    user = f"u-{uuid4().hex[:12]}"
    made(operator.post("/v1/sessions", json={"id": "chat", "user_id": user}), 201)
    said = {"id": "m1", "role": "user", "content": "I moved to Leeds last Friday."}
    made(operator.post("/v1/sessions/chat/messages", json={"user_id": user, "messages": [said], "wait": "indexed"}))
    fact = made(operator.post("/v1/memories", json={"user_id": user, "entity": "Ann", "attribute": "home", "value": "Leeds"}))

    def ask(query: str) -> str:
        return look(operator, name, query, user_id=user, wait_ms=0)["status"]

    keep(operator, name, "Which town did Ann move to?", "Leeds.", user_id=user, sources=[{"type": "message", "id": "m1"}])
    source = {"type": "fact", "id": fact["id"], "version": 1}
    assert keep(operator, name, "Which town is home?", "Leeds.", user_id=user, sources=[source])["stored"]
    assert (ask("Which town did Ann move to?"), ask("Which town is home?")) == ("hit", "hit")
    redact = {"user_id": user, "spans": [[11, 16]]}
    made(operator.post("/v1/sessions/chat/messages/m1:redact", json=redact))
    assert (ask("Which town did Ann move to?"), ask("Which town is home?")) == ("miss", "hit")
    made(operator.post(f"/v1/memories/{fact['id']}:reject", params={"user_id": user}, json={}))
    assert ask("Which town is home?") == "miss"


def test_erasing_a_user_takes_the_cached_answers_along_and_says_so(operator: httpx.Client, name: str) -> None:
    user = f"u-{uuid4().hex[:12]}"
    keep(operator, name, user_id=user)
    assert look(operator, name, user_id=user)["status"] == "hit"
    erasure = made(operator.post(f"/v1/users/{user}:erase"), 202)["erasure_id"]
    until_s = time.monotonic() + 20
    while (told := made(operator.get(f"/v1/erasures/{erasure}")))["state"] != "done":
        assert time.monotonic() < until_s, told
        time.sleep(0.05)
    assert told["receipt"]["cache"] == 1
    assert look(operator, name, user_id=user)["status"] == "miss"
    keep(operator, name, user_id=user)
    assert made(operator.post(f"/v1/erasures/{erasure}:verify"))["clean"]


def test_what_a_context_and_a_recall_cite_are_sources_as_they_stand(operator: httpx.Client, name: str, index: str) -> None:
    user, document = f"u-{uuid4().hex[:8]}", f"{uuid4().hex[:8]}/heating.md"
    submit(operator, index, {"id": document, "text": "The heating of the Oslo flat is serviced in May."})
    operator.post("/v1/sessions", json={"id": "chat", "user_id": user})
    message = {"role": "user", "speaker": "Ann", "content": "I live in Oslo.", "occurred_at": "2026-05-01T09:00:00Z"}
    said = {"user_id": user, "messages": [message], "wait": "indexed"}
    made(operator.post("/v1/sessions/chat/messages", json=said))
    asked = {"query": "who lives in the Oslo flat", "user_id": user, "indexes": [index]}
    cited = made(operator.post("/v1/context", json=asked))["citations"]
    sources = [{part: one[part] for part in ("type", "id", "version")} for one in cited]
    assert {one["type"] for one in sources} == {"document", "message", "fact"}
    assert keep(operator, name, user_id=user, sources=sources)["stored"]
    assert look(operator, name, user_id=user)["status"] == "hit"
    body = {"query": "home", "user_id": user, "types": ["fact"]}
    (fact,) = made(operator.post("/v1/memories:search", json=body))["results"]
    assert {"type": "fact", "id": fact["id"], "version": fact["version"]} in sources
    made(operator.post(f"/v1/memories/{fact['id']}:reject", params={"user_id": user}))
    assert look(operator, name, user_id=user, wait_ms=0)["status"] != "hit"
