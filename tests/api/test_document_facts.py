"""Facts that cite a passage of a document: kept with it through new versions, and lost with it. On a service of its own, which
looks over its facts as it starts."""

import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.service import made, problem, started, submit

PATIENCE_S = 60.0
LEAVE = "# Leave\n\nUp to five days of unused leave carry over. The office is in Oslo."
MOVED = "# Leave, second edition\n\nNobody reads this. Up to *five* days of unused\nleave carry over."


def span(text: str, passage: str) -> list[int]:
    start = text.index(passage)
    return [start, start + len(passage)]


def write(client: httpx.Client, value: str, passage: str | None) -> dict[str, Any]:
    source: dict[str, object] = {"type": "document", "index": "handbook", "id": "leave"}
    if passage is not None:
        source["span"] = span(LEAVE, passage)
    fact = {"entity": "Acme", "attribute": value, "value": value, "user_id": "ann", "sources": [source]}
    return made(client.post("/v1/memories", json=fact))


def known(client: httpx.Client) -> dict[str, list[tuple[str, object]]]:
    items = made(client.get("/v1/memories", params={"user_id": "ann"}))["items"]
    return {one["value"]: [(source["id"], source["span"]) for source in one["sources"]] for one in items}


def test_a_fact_stays_with_the_passage_that_it_cites(tmp_path: Path, converted: Path) -> None:
    with started(tmp_path, converted) as first, first.client() as client:
        made(client.put("/v1/admin/indexes/handbook", json={}), 201)
        submit(client, "handbook", {"id": "leave", "text": LEAVE})
        write(client, "carry-over", "Up to five days of unused leave carry over.")
        write(client, "office", "The office is in Oslo.")
        write(client, "policy", None)
        name = "handbook/leave@1"
        assert known(client) == {
            "carry-over": [(name, span(LEAVE, "Up to five days of unused leave carry over."))],
            "office": [(name, span(LEAVE, "The office is in Oslo."))],
            "policy": [(name, None)],
        }
        outside = {"type": "document", "index": "handbook", "id": "leave", "span": [3, 10_000]}
        body = {"user_id": "ann", "text": "Acme has a leave policy.", "sources": [outside]}
        problem(client.post("/v1/memories", json=body), 422, "memory.invalid_fact")
        bundle = client.get("/v1/users/ann:export").content
        headers = {"content-type": "application/x-ndjson"}
        made(client.post("/v1/users/bob:import", content=bundle, headers=headers))
        submit(client, "handbook", {"id": "leave", "text": MOVED})
    with started(tmp_path, converted) as second, second.client() as client:
        until_s = time.monotonic() + PATIENCE_S
        want = span(MOVED, "Up to *five* days of unused\nleave carry over.")
        kept = {"carry-over": [("handbook/leave@2", want)], "policy": [(name, None)]}
        while known(client) != kept:
            assert time.monotonic() < until_s, known(client)
        items = made(client.get("/v1/memories", params={"user_id": "ann"}))["items"]
        assert [one["proofs"] for one in items] == [1, 1]
        found = made(client.post("/v1/memories:search", json={"query": "Acme office", "user_id": "ann", "types": ["fact"]}))
        assert "office" not in " ".join(one["text"] for one in found["results"])
        theirs = made(client.get("/v1/memories", params={"user_id": "bob"}))["items"]
        while sorted(one["value"] for one in theirs) != ["carry-over", "policy"]:
            assert time.monotonic() < until_s, theirs
            theirs = made(client.get("/v1/memories", params={"user_id": "bob"}))["items"]
