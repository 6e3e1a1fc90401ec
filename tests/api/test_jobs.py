"""Jobs over HTTP: files as a form, files one by one, directories and lines; watched, cancelled, retried."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.service import Service, made, problem

LEAVE = b"# Leave\n\nUp to five days carry over."
ENDED = {"completed", "completed_with_errors", "failed", "cancelled"}


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """The job once it has ended."""
    deadline_s = time.monotonic() + 40
    while job["state"] not in ENDED:
        assert time.monotonic() < deadline_s, job
        job = made(client.get(f"/v1/jobs/{job['id']}"))
    return job


def items(client: httpx.Client, job: dict[str, Any], **params: str) -> list[dict[str, Any]]:
    return made(client.get(f"/v1/jobs/{job['id']}/items", params=params))["items"]


def opened(client: httpx.Client, index: str, **more: object) -> dict[str, Any]:
    return made(client.post(f"/v1/indexes/{index}/jobs", json={"source": {"kind": "upload"}, **more}), 202)


def ids(client: httpx.Client, index: str) -> list[str]:
    return [one["id"] for one in made(client.get(f"/v1/indexes/{index}/documents", params={"status": "live"}))["items"]]


def test_a_form_of_files_becomes_documents(operator: httpx.Client, index: str) -> None:
    files = [("files", ("hr/leave.md", LEAVE, "text/markdown")), ("files", ('a "b" ü.txt', b"Lunch at noon.", "text/plain"))]
    fields = {"prefix": "v1/", "acl": '["group:hr"]', "metadata": '{"team": "hr", "year": 2026}'}
    job = made(operator.post(f"/v1/indexes/{index}/jobs", files=files, data=fields), 202)
    done = ended(operator, job)
    assert (done["state"], done["counts"]["created"], done["pending"]) == ("completed", 2, 0)
    assert done["offset"] is not None
    assert ids(operator, index) == ['v1/a "b" ü.txt', "v1/hr/leave.md"]
    document = made(operator.get(f"/v1/indexes/{index}/documents/v1/hr/leave.md"))
    assert (document["acl"], document["metadata"]) == (["group:hr"], {"team": "hr", "year": 2026})


def test_a_job_is_fed_file_by_file_and_started(operator: httpx.Client, index: str) -> None:
    job = opened(operator, index, metadata={"team": "hr"})
    assert (job["state"], job["kind"], job["stage"]) == ("open", "upload", "receiving")
    item = made(operator.put(f"/v1/jobs/{job['id']}/files/hr/leave.md", content=LEAVE))
    assert (item["document_id"], item["state"]) == ("hr/leave.md", "held")
    made(operator.put(f"/v1/jobs/{job['id']}/files/a%2Fb%20c.txt", content=b"Lunch at noon."))
    done = ended(operator, made(operator.post(f"/v1/jobs/{job['id']}:start"), 202))
    assert done["counts"]["found"] == done["counts"]["created"] == 2
    assert ids(operator, index) == ["a/b c.txt", "hr/leave.md"]
    assert {one["outcome"] for one in items(operator, done)} == {"created"}


def test_the_same_files_again_are_unchanged(operator: httpx.Client, index: str) -> None:
    files = [("files", ("leave.md", LEAVE, "text/markdown"))]
    first = ended(operator, made(operator.post(f"/v1/indexes/{index}/jobs", files=files), 202))
    again = ended(operator, made(operator.post(f"/v1/indexes/{index}/jobs", files=files), 202))
    assert (first["counts"]["created"], again["counts"]["unchanged"], again["counts"]["updated"]) == (1, 1, 0)


def test_a_failed_file_is_told_with_its_code_and_can_be_retried(operator: httpx.Client, index: str) -> None:
    job = opened(operator, index)
    made(operator.put(f"/v1/jobs/{job['id']}/files/good.md", content=LEAVE))
    made(operator.put(f"/v1/jobs/{job['id']}/files/cut.docx", content=b"PK\x03\x04" + bytes(200)))
    done = ended(operator, made(operator.post(f"/v1/jobs/{job['id']}:start"), 202))
    assert (done["state"], done["counts"]["failed"], done["counts"]["created"]) == ("completed_with_errors", 1, 1)
    (failed,) = items(operator, done, state="failed")
    assert failed["document_id"] == "cut.docx"
    assert failed["code"]
    assert failed["detail"]
    again = ended(operator, made(operator.post(f"/v1/jobs/{job['id']}:retry"), 202))
    assert again["counts"]["failed"] == 1
    assert ids(operator, index) == ["good.md"]


def test_a_cancelled_job_takes_nothing_more(operator: httpx.Client, index: str) -> None:
    job = opened(operator, index)
    made(operator.put(f"/v1/jobs/{job['id']}/files/a.md", content=LEAVE))
    assert made(operator.post(f"/v1/jobs/{job['id']}:cancel"), 202)["state"] == "cancelled"
    problem(operator.put(f"/v1/jobs/{job['id']}/files/b.md", content=LEAVE), 409, "indexing.job_not_open")
    problem(operator.post(f"/v1/jobs/{job['id']}:start"), 409, "indexing.job_not_open")
    assert ids(operator, index) == []


@pytest.mark.parametrize(
    "body, code",
    [
        ({"source": {"kind": "upload"}, "mode": "sync"}, "request.unsupported"),
        ({"source": {"kind": "uri", "uri": "https://example.com"}}, "request.unsupported"),
        ({"source": {"kind": "upload", "uri": "/etc"}}, "request.invalid_source"),
        ({"source": {"kind": "directory"}}, "request.invalid_source"),
        ({"source": {"kind": "upload"}, "acl": ["nobody"]}, "ids.invalid_principal"),
        ({"source": {"kind": "upload"}, "include": []}, "request.invalid_body"),
        ({"source": {"kind": "ftp"}}, "request.invalid_body"),
        ({}, "request.invalid_body"),
    ],
)
def test_a_wrong_job_is_422(operator: httpx.Client, index: str, body: dict[str, object], code: str) -> None:
    told = problem(operator.post(f"/v1/indexes/{index}/jobs", json=body), 422, code)
    assert told["errors"]


def test_sync_names_what_is_possible(operator: httpx.Client, index: str) -> None:
    body = {"source": {"kind": "upload"}, "mode": "sync"}
    assert "upsert" in operator.post(f"/v1/indexes/{index}/jobs", json=body).json()["detail"]


def test_a_directory_outside_the_roots_is_403(operator: httpx.Client, index: str) -> None:
    body = {"source": {"kind": "directory", "uri": "/etc"}}
    problem(operator.post(f"/v1/indexes/{index}/jobs", json=body), 403, "indexing.outside_roots")


def test_a_directory_below_a_root_is_read(service: Service, operator: httpx.Client, index: str) -> None:
    folder = service.roots / index
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "leave.md").write_bytes(LEAVE)
    (folder / "skip.txt").write_text("not this one")
    body = {"source": {"kind": "directory", "uri": str(folder)}, "include": ["**/*.md"], "prefix": "d/"}
    done = ended(operator, made(operator.post(f"/v1/indexes/{index}/jobs", json=body), 202))
    assert done["state"] == "completed"
    assert ids(operator, index) == ["d/sub/leave.md"]


def test_lines_are_read_as_documents(service: Service, operator: httpx.Client, index: str) -> None:
    lines = [
        {"id": "a", "text": "One.", "metadata": {"n": 1}},
        {"id": "b", "text": "Two.", "nope": 1},
        {"id": "c", "text": "3."},
    ]
    path: Path = service.roots / f"{index}.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    body = {"source": {"kind": "jsonl", "uri": str(path)}}
    done = ended(operator, made(operator.post(f"/v1/indexes/{index}/jobs", json=body), 202))
    assert (done["state"], done["counts"]["created"], done["counts"]["failed"]) == ("completed_with_errors", 2, 1)
    assert ids(operator, index) == ["a", "c"]
    assert items(operator, done, state="failed")[0]["code"] == "request.invalid_body"


@pytest.mark.parametrize(
    "files, data",
    [
        ([("files", ("a.md", LEAVE)), ("files", ("a.md", LEAVE))], {}),
        ([("upload", ("a.md", LEAVE))], {}),
        ([("files", ("../a.md", LEAVE))], {}),
        ([("files", ("a.md", LEAVE))], {"colour": "red"}),
        ([("files", ("a.md", LEAVE))], {"acl": "group:hr"}),
        ([("files", ("a.md", LEAVE))], {"acl": 'null, "x": 1'}),
        ([("files", ("a.md", LEAVE))], {"metadata": "[]"}),
        ([("files", ("a.md", LEAVE))], {"mode": "sync"}),
    ],
)
def test_a_wrong_form_is_422_and_leaves_no_job(
    operator: httpx.Client, index: str, files: list[tuple[str, Any]], data: dict[str, str]
) -> None:
    answer = operator.post(f"/v1/indexes/{index}/jobs", files=files, data=data)
    assert answer.status_code == 422, answer.text
    jobs = made(operator.get("/v1/jobs", params={"limit": 200}))["items"]
    assert [job for job in jobs if job["index"] == index] == []


@pytest.mark.parametrize(
    "body, content_type",
    [
        (b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nabc', "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data"),
    ],
)
def test_a_broken_form_is_422(operator: httpx.Client, index: str, body: bytes, content_type: str) -> None:
    answer = operator.post(f"/v1/indexes/{index}/jobs", content=body, headers={"Content-Type": content_type})
    problem(answer, 422, "request.invalid_multipart")


def test_a_form_without_a_file_is_422(operator: httpx.Client, index: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="prefix"\r\n\r\na/\r\n--x--\r\n'
    answer = operator.post(
        f"/v1/indexes/{index}/jobs", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    problem(answer, 422, "request.no_files")


@pytest.mark.timeout(60)
def test_a_file_over_100_mib_is_413_and_leaves_nothing(service: Service, operator: httpx.Client, index: str) -> None:
    job = opened(operator, index)
    size = 100 * 1024 * 1024 + 1
    answer = operator.put(f"/v1/jobs/{job['id']}/files/big.bin", content=bytes(size))
    told = problem(answer, 413, "indexing.file_too_large")
    assert str(size) in told["detail"]
    assert str(size - 1) in told["detail"]
    assert items(operator, job) == []
    assert list((service.data / "spool").iterdir()) == []


def test_an_unknown_job_is_404(operator: httpx.Client) -> None:
    for method, path in (("GET", ""), ("GET", "/items"), ("POST", ":start"), ("POST", ":cancel"), ("POST", ":retry")):
        problem(operator.request(method, f"/v1/jobs/job_none{path}"), 404, "indexing.no_such_job")
    problem(operator.put("/v1/jobs/job_none/files/a", content=b"a"), 404, "indexing.no_such_job")


def test_what_is_left_for_later_is_absent(operator: httpx.Client, index: str) -> None:
    job = opened(operator, index)
    problem(operator.get(f"/v1/jobs/{job['id']}/events"), 404, "http.no_such_path")


@pytest.mark.parametrize("cursor", ["aGVsbG8", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "wrI", "AA"])
def test_a_made_up_cursor_is_422(operator: httpx.Client, index: str, cursor: str) -> None:
    job = opened(operator, index)
    problem(operator.get(f"/v1/jobs/{job['id']}/items", params={"cursor": cursor}), 422, "paging.invalid_cursor")


def test_items_come_in_pages(operator: httpx.Client, index: str) -> None:
    job = opened(operator, index)
    for number in range(5):
        made(operator.put(f"/v1/jobs/{job['id']}/files/{number}.txt", content=f"Number {number}.".encode()))
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 2}
    while True:
        page = made(operator.get(f"/v1/jobs/{job['id']}/items", params=params))
        seen += [one["document_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [f"{number}.txt" for number in range(5)]
