"""Documents and indexes over HTTP: made, submitted, read back, patched, deleted, and every way that is refused."""

import base64
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.service import Service, made, problem, submit

LEAVE = "# Leave\n\nUp to five days of unused leave carry over to the next year."


def results(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["id"], one["status"]) for one in answer["results"]]


def document(client: httpx.Client, index: str, name: str) -> dict[str, Any]:
    return made(client.get(f"/v1/indexes/{index}/documents/{name}"))


# --- indexes


def test_an_index_is_made_once(operator: httpx.Client) -> None:
    body = {"description": "d", "profile": {"language": "german", "fusion": {"kind": "rrf"}}}
    first = made(operator.put("/v1/admin/indexes/once", json=body), 201)
    again = made(operator.put("/v1/admin/indexes/once", json=body), 200)
    assert first["profile"]["language"] == again["profile"]["language"] == "german"
    assert again["profile"]["fusion"]["kind"] == "rrf"
    assert made(operator.get("/v1/admin/indexes/once")) == made(operator.get("/v1/indexes/once"))


def test_the_profile_of_an_index_with_documents_stays(operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": LEAVE})
    path = f"/v1/admin/indexes/{index}"
    kept = {"range_fields": {"year": "number"}}
    problem(operator.put(path, json={"profile": {**kept, "chunk_tokens": 100}}), 409, "indexing.needs_reindex")
    changed = made(operator.put(path, json={"description": "new", "profile": {**kept, "fusion": {"dense_weight": 0.5}}}))
    assert changed["profile"]["fusion"]["dense_weight"] == 0.5
    assert (changed["description"], changed["documents"]) == ("new", 1)


@pytest.mark.parametrize(
    "body",
    [
        {"profile": {"language": "klingon"}},
        {"profile": {"chunk_tokens": 5000}},
        {"profile": {"fusion": {"dense_weight": 1.5}}},
        {"profile": {"range_fields": {"year": "colour"}}},
        {"profile": {"embedder": "other"}},
        {"default_acl": ["nobody"]},
        {"colour": "red"},
    ],
)
def test_a_wrong_definition_of_an_index_is_422(operator: httpx.Client, body: dict[str, object]) -> None:
    answer = operator.put("/v1/admin/indexes/wrong", json=body)
    assert answer.status_code == 422, answer.text
    problem(operator.get("/v1/indexes/wrong"), 404, "indexing.no_such_index")


def test_a_wrong_name_of_an_index_is_422(operator: httpx.Client) -> None:
    problem(operator.put("/v1/admin/indexes/a%20b", json={}), 422, "ids.invalid_name")


def test_an_index_that_is_not_there_is_never_made_silently(operator: httpx.Client) -> None:
    body = {"documents": [{"id": "a", "text": "b"}]}
    problem(operator.post("/v1/indexes/nowhere/documents", json=body), 404, "indexing.no_such_index")
    problem(operator.post("/v1/indexes/nowhere/jobs", json={"source": {"kind": "upload"}}), 404, "indexing.no_such_index")
    problem(operator.get("/v1/indexes/nowhere/documents"), 404, "indexing.no_such_index")


def test_a_deleted_index_is_gone_at_once(operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": LEAVE})
    job = made(operator.delete(f"/v1/admin/indexes/{index}"), 202)
    assert job["kind"] == "delete_index"
    problem(operator.get(f"/v1/indexes/{index}"), 404, "indexing.no_such_index")
    problem(operator.post("/v1/search", json={"query": "leave", "indexes": [index]}), 404, "indexing.no_such_index")


def test_indexes_come_in_pages(operator: httpx.Client) -> None:
    for name in ("page-a", "page-b", "page-c"):
        operator.put(f"/v1/admin/indexes/{name}", json={})
    names: list[str] = []
    params: dict[str, str | int] = {"limit": 2}
    while True:
        page = made(operator.get("/v1/indexes", params=params))
        names += [one["name"] for one in page["items"]]
        assert len(page["items"]) <= 2
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert len(names) == len(set(names))
    assert {"page-a", "page-b", "page-c"} <= set(names)


# --- documents


def test_a_document_goes_from_created_over_unchanged_to_updated(operator: httpx.Client, index: str) -> None:
    first = submit(operator, index, {"id": "a", "text": LEAVE})
    assert results(first) == [("a", "created")]
    again = submit(operator, index, {"id": "a", "text": LEAVE})
    assert results(again) == [("a", "unchanged")]
    assert again["offset"] is None or again["offset"] <= first["offset"] + 1
    changed = submit(operator, index, {"id": "a", "text": LEAVE + " And no more."})
    assert results(changed) == [("a", "updated")]
    assert changed["results"][0]["version"] == 2
    assert changed["offset"] > first["offset"]
    versions = made(operator.get(f"/v1/indexes/{index}/versions", params={"document_id": "a"}))
    assert {one["version"] for one in versions["items"]} >= {2}


def test_without_waiting_a_document_is_accepted_under_a_job(operator: httpx.Client, index: str) -> None:
    answer = made(operator.post(f"/v1/indexes/{index}/documents", json={"documents": [{"id": "a", "text": LEAVE}]}))
    assert results(answer) == [("a", "accepted")]
    assert answer["offset"] is None
    assert made(operator.get(f"/v1/jobs/{answer['results'][0]['job_id']}"))["index"] == index


@pytest.mark.parametrize("name", ["hr/leave.md", "a/chunks", "a/versions", "a:delete", "ä ö/ü?#.txt", "a%2Fb", "100%", "jobs"])
def test_an_id_may_hold_anything_that_a_path_can(operator: httpx.Client, index: str, name: str) -> None:
    submit(operator, index, {"id": name, "text": LEAVE})
    for path in (quote(name, safe="/"), quote(name, safe="")):
        assert document(operator, index, path)["id"] == name
    listed = made(operator.get(f"/v1/indexes/{index}/chunks", params={"document_id": name}))
    assert len(listed["items"]) == 1


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "a/../b", ".", "a\nb", "a\u0000b", "x" * 513, "ä" * 257])
def test_a_wrong_id_is_422_with_its_place(operator: httpx.Client, index: str, name: str) -> None:
    body = {"documents": [{"id": "fine", "text": "b"}, {"id": name, "text": "b"}]}
    told = problem(operator.post(f"/v1/indexes/{index}/documents", json=body), 422, "ids.invalid_document_id")
    assert [error["pointer"] for error in told["errors"]] == ["/documents/1/id"]
    problem(operator.get(f"/v1/indexes/{index}/documents/fine"), 404, "indexing.no_such_document")


def test_an_id_twice_in_a_batch_is_422(operator: httpx.Client, index: str) -> None:
    body = {"documents": [{"id": name, "text": "b"} for name in ("a", "b", "a")]}
    told = problem(operator.post(f"/v1/indexes/{index}/documents", json=body), 422, "documents.duplicate_ids")
    assert [error["pointer"] for error in told["errors"]] == ["/documents/2/id"]


@pytest.mark.parametrize("text", ["not base64!", "YQ", "YQ==\n", "YWJj=", "ÄÖ=="])
def test_base64_that_is_none_is_422(operator: httpx.Client, index: str, text: str) -> None:
    body = {"documents": [{"id": "a", "content_base64": text}]}
    told = problem(operator.post(f"/v1/indexes/{index}/documents", json=body), 422, "documents.invalid_base64")
    assert told["errors"][0]["pointer"] == "/documents/0/content_base64"


def test_base64_content_is_read(operator: httpx.Client, index: str) -> None:
    content = base64.b64encode(LEAVE.encode()).decode()
    assert results(submit(operator, index, {"id": "a", "content_base64": content})) == [("a", "created")]
    told = made(operator.get(f"/v1/indexes/{index}/text", params={"document_id": "a", "start": 2, "end": 7}))
    assert (told["text"], told["length"]) == ("Leave", len(LEAVE))


@pytest.mark.parametrize("content", [{}, {"text": "a", "content_base64": "YQ=="}, {"text": None}])
def test_a_document_has_text_or_content_and_not_both(operator: httpx.Client, index: str, content: dict[str, object]) -> None:
    body = {"documents": [{"id": "a", **content}]}
    told = problem(operator.post(f"/v1/indexes/{index}/documents", json=body), 422, "request.invalid_body")
    assert told["errors"][0]["pointer"] == "/documents/0"


def test_a_text_over_10_mib_is_413(operator: httpx.Client, index: str) -> None:
    size = 10 * 1024 * 1024
    body = {"documents": [{"id": "a", "text": "x" * (size + 1)}]}
    told = problem(operator.post(f"/v1/indexes/{index}/documents", json=body), 413, "documents.too_large")
    assert str(size) in told["detail"]
    assert str(size + 1) in told["detail"]


def test_a_batch_has_1_to_256_documents(operator: httpx.Client, index: str) -> None:
    path = f"/v1/indexes/{index}/documents"
    many = [{"id": str(number), "text": "a"} for number in range(257)]
    problem(operator.post(path, json={"documents": many}), 422, "request.invalid_body")
    problem(operator.post(path, json={"documents": []}), 422, "request.invalid_body")


@pytest.mark.parametrize(
    "extra, pointer",
    [
        ({"metadata": {"a": {"b": 1}}}, "/documents/0/metadata"),
        ({"metadata": {"a": None}}, "/documents/0/metadata"),
        ({"metadata": {"": 1}}, "/documents/0/metadata"),
        ({"metadata": {"doc.id": 1}}, "/documents/0/metadata"),
        ({"acl": ["nobody"]}, "/documents/0/acl"),
        ({"acl": "user:ann"}, "/documents/0/acl"),
        ({"acl": "kept"}, "/documents/0/acl"),
        ({"occurred_at": "yesterday"}, "/documents/0/occurred_at"),
        ({"occurred_at": "2026-05-01T00:00:00"}, "/documents/0/occurred_at"),
        ({"title": "x" * 1001}, "/documents/0/title"),
        ({"title": "a\u0000b"}, "/documents/0/title"),
        ({"source_uri": 7}, "/documents/0/source_uri"),
    ],
)
def test_what_surrounds_a_document_is_checked(
    operator: httpx.Client, index: str, extra: dict[str, object], pointer: str
) -> None:
    body = {"documents": [{"id": "a", "text": "b", **extra}]}
    answer = operator.post(f"/v1/indexes/{index}/documents", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_metadata_of_17_kib_is_413(operator: httpx.Client, index: str) -> None:
    body = {"documents": [{"id": "a", "text": "b", "metadata": {"a": "x" * 17_000}}]}
    problem(operator.post(f"/v1/indexes/{index}/documents", json=body), 413, "metadata.too_large")


@pytest.mark.parametrize("content", [b"", b"   \n\t ", b"\x00\x01\x02\x03" * 100])
def test_content_without_text_fails_with_a_code_and_nothing_is_stored(
    operator: httpx.Client, index: str, content: bytes
) -> None:
    answer = submit(operator, index, {"id": "a", "content_base64": base64.b64encode(content).decode()})
    (one,) = answer["results"]
    assert one["status"] == "failed"
    assert one["error"]["code"] in {"indexing.empty_document", "indexing.unsupported_type"}
    found = made(operator.post("/v1/search", json={"query": "anything", "indexes": [index]}))
    assert found["results"] == []


def test_an_absent_acl_is_kept_and_null_is_everybody(service: Service, operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": LEAVE, "acl": ["user:ann"]})
    submit(operator, index, {"id": "a", "text": LEAVE + "."})
    assert document(operator, index, "a")["acl"] == ["user:ann"]
    made(operator.patch(f"/v1/indexes/{index}/documents/a", json={"title": "T"}))
    assert document(operator, index, "a")["acl"] == ["user:ann"]
    with service.client(service.make_key("user:bob", "read")) as bob:
        problem(bob.get(f"/v1/indexes/{index}/documents/a"), 404, "indexing.no_such_document")
        patched = made(operator.patch(f"/v1/indexes/{index}/documents/a", json={"acl": None}))
        assert patched["acl"] is None
        assert document(bob, index, "a")["title"] == "T"


def test_a_new_document_takes_the_acl_of_its_index(operator: httpx.Client) -> None:
    made(operator.put("/v1/admin/indexes/private", json={"default_acl": ["group:hr"]}), 201)
    submit(operator, "private", {"id": "a", "text": LEAVE}, {"id": "b", "text": "Other.", "acl": None})
    assert document(operator, "private", "a")["acl"] == ["group:hr"]
    assert document(operator, "private", "b")["acl"] is None


def test_a_patch_changes_the_envelope_and_no_content(operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": LEAVE, "metadata": {"team": "hr"}, "title": "Old"})
    before = document(operator, index, "a")
    body = {"metadata": {"team": "it", "year": 2026}, "title": None, "if_revision": before["revision"]}
    patched = made(operator.patch(f"/v1/indexes/{index}/documents/a", json=body))
    assert (patched["version"], patched["revision"]) == (before["version"], before["revision"] + 1)
    found = {"query": "leave", "indexes": [index], "filter": {"eq": ["team", "it"]}, "min_offset": patched["offset"]}
    assert len(made(operator.post("/v1/search", json=found))["results"]) == 1


def test_a_revision_that_moved_is_409(operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": LEAVE})
    path = f"/v1/indexes/{index}/documents/a"
    problem(operator.patch(path, json={"title": "T", "if_revision": 9}), 409, "indexing.revision_moved")
    problem(operator.delete(path, params={"if_revision": 9}), 409, "indexing.revision_moved")
    assert document(operator, index, "a")["title"] is None


def test_a_deleted_document_is_found_no_more_and_its_version_goes_on(operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": LEAVE})
    receipt = made(operator.delete(f"/v1/indexes/{index}/documents/a"))
    assert (receipt["deleted"], receipt["ids"]) == (1, ["a"])
    body = {"query": "leave", "indexes": [index], "min_offset": receipt["offset"]}
    assert made(operator.post("/v1/search", json=body))["results"] == []
    problem(operator.delete(f"/v1/indexes/{index}/documents/a"), 404, "indexing.no_such_document")
    assert submit(operator, index, {"id": "a", "text": LEAVE})["results"][0]["version"] > 1


def test_documents_are_deleted_by_ids_and_by_filter(operator: httpx.Client, index: str) -> None:
    submit(operator, index, *({"id": f"d{n}", "text": f"{LEAVE} {n}", "metadata": {"year": 2020 + n}} for n in range(4)))
    path = f"/v1/indexes/{index}/documents:delete"
    old = {"filter": {"range": ["year", {"lt": 2022}]}}
    dry = made(operator.post(path, json={**old, "dry_run": True}))
    assert (dry["deleted"], dry["dry_run"], dry["offset"]) == (2, True, None)
    assert made(operator.post(path, json=old))["deleted"] == 2
    receipt = made(operator.post(path, json={"ids": ["d2", "nil"]}))
    assert (receipt["ids"], receipt["missing"]) == (["d2"], ["nil"])
    listed = made(operator.get(f"/v1/indexes/{index}/documents", params={"status": "live"}))
    assert [one["id"] for one in listed["items"]] == ["d3"]


@pytest.mark.parametrize("body", [{}, {"ids": ["a"], "filter": {"exists": "a"}}, {"ids": []}, {"dry_run": True}])
def test_a_deletion_names_ids_or_a_filter(operator: httpx.Client, index: str, body: dict[str, object]) -> None:
    problem(operator.post(f"/v1/indexes/{index}/documents:delete", json=body), 422, "request.invalid_body")


def test_documents_are_listed_by_prefix_and_status(operator: httpx.Client, index: str) -> None:
    submit(operator, index, *({"id": name, "text": f"{LEAVE} {name}"} for name in ("hr/a", "hr/b", "it/a", "100%_x")))

    def listed(**params: str | int) -> list[str]:
        page = made(operator.get(f"/v1/indexes/{index}/documents", params=params))
        return [one["id"] for one in page["items"]]

    assert listed(prefix="hr/") == ["hr/a", "hr/b"]
    assert listed(prefix="100%_") == ["100%_x"]
    assert listed(prefix="h%") == []
    assert listed(status="failed") == []
    assert len(listed(limit=3)) == 3
