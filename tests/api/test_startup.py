"""Starting and stopping: what stands in the way is said in one line with a way out, and nothing is left half-done."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.service import COMMAND, Service, environment, made, started, submit

pytestmark = pytest.mark.timeout(120)


def serve(*options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    command = [*COMMAND, "serve", *options]
    return subprocess.run(command, env=environment(**settings), capture_output=True, text=True, timeout=60, check=False)


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed start says."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


@contextmanager
def small_disk(path: Path, size: str) -> Generator[Path]:
    """A file system of that size; skips where this user may not mount one."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this user cannot mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(ballast: Path) -> None:
    """Writes until nothing fits any more."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_second_service_on_the_same_folder_names_the_first(service: Service) -> None:
    line = told(serve("--data", str(service.data), "--port", "0"))
    assert f"process {service.process.pid}" in line
    assert service.url in line
    assert "--data" in line
    made(httpx.get(f"{service.url}/readyz"))


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = told(serve("--data", str(tmp_path / "data"), "--port", str(port)))
    assert str(port) in line
    assert "--port" in line


def test_a_host_that_is_not_ours_is_named(tmp_path: Path) -> None:
    assert "--host" in told(serve("--data", str(tmp_path), "--port", "0", "--host", "192.0.2.1"))


@pytest.mark.parametrize("path", ["/proc/mnemic", "/dev/null/mnemic"])
def test_a_folder_that_cannot_be_made_is_named(path: str) -> None:
    line = told(serve("--data", path, "--port", "0"))
    assert path in line


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        line = told(serve("--data", str(disk), "--port", "0"))
    assert str(disk) in line
    assert "cannot be written" in line


def test_a_full_disk_is_named_at_the_start(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        fill(disk / "ballast")
        line = told(serve("--data", str(disk), "--port", "0"))
    assert "full" in line


def test_a_disk_that_fills_up_refuses_writes_and_loses_nothing(tmp_path: Path, converted: Path) -> None:
    with small_disk(tmp_path / "disk", "40m") as disk, started(disk, converted) as running, running.client() as operator:
        made(operator.put("/v1/admin/indexes/i", json={}), 201)
        submit(operator, "i", {"id": "kept", "text": "Five days carry over."})
        fill(disk / "ballast")
        body = {"documents": [{"id": "lost", "text": "x" * 3_000_000}]}
        answer = operator.post("/v1/indexes/i/documents", json=body)
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] == "storage.disk_full"
        assert int(answer.headers["retry-after"]) > 0
        upload = operator.post("/v1/indexes/i/jobs", files={"files": ("a.txt", b"y" * 3_000_000)})
        assert (upload.status_code, upload.json()["code"]) == (503, "storage.disk_full")
        assert "disk" in httpx.get(f"{running.url}/readyz").json()["reasons"]
        (disk / "ballast").unlink()
        listed = made(operator.get("/v1/indexes/i/documents"))["items"]
        assert [one["id"] for one in listed] == ["kept"]
        submit(operator, "i", {"id": "later", "text": "There is room again."})


@pytest.mark.parametrize(
    "name, value, hint",
    [
        ("MNEMIC_PROT", "8000", "MNEMIC_PORT"),
        ("MNEMIC_LIMITS__KMAX", "5", "MNEMIC_LIMITS__K_MAX"),
        ("MNEMIC_DRAIN_S", "soon", "MNEMIC_DRAIN_S"),
        ("MNEMIC_OPERATOR_KEY", "short", "MNEMIC_OPERATOR_KEY"),
        ("MNEMIC_EMBEDDER__KIND", "magic", "onnx"),
        ("MNEMIC_DATABASE__URL", "postgresql://x", "MNEMIC_DATABASE__KIND"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, name: str, value: str, hint: str) -> None:
    line = told(serve("--data", str(tmp_path), "--port", "0", **{name: value}))
    assert hint in line
    assert "short" not in line.replace("shorter", "")


def test_a_missing_model_stops_the_start_with_its_reason(tmp_path: Path) -> None:
    settings = {"MNEMIC_EMBEDDER__KIND": "onnx_directory", "MNEMIC_EMBEDDER__PATH": str(tmp_path / "none")}
    done = serve("--data", str(tmp_path / "data"), "--port", "0", **settings)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("mnemic: ")
    assert "Traceback" not in done.stderr


def test_the_operator_key_is_made_once_and_kept_private(tmp_path: Path, converted: Path) -> None:
    with started(tmp_path, converted) as first:
        kept = first.data / "operator.key"
        assert kept.stat().st_mode & 0o777 == 0o600
        key = first.key
        with first.client() as operator:
            made(operator.put("/v1/admin/indexes/i", json={}), 201)
            submit(operator, "i", {"id": "a", "text": "Five days carry over."})
    assert first.process.returncode == 0
    with started(tmp_path, converted) as second, second.client() as operator:
        assert second.key == key
        found = made(operator.post("/v1/search", json={"query": "days", "indexes": ["i"]}))
        assert [one["document_id"] for one in found["results"]] == ["a"]


def test_a_given_operator_key_is_the_operator_key(tmp_path: Path, converted: Path) -> None:
    with started(tmp_path, converted, MNEMIC_OPERATOR_KEY="correct horse battery") as running, running.client() as operator:
        made(operator.get("/v1/admin/keys"))
        assert not (running.data / "operator.key").exists()


def test_a_stop_lets_requests_in_flight_end(tmp_path: Path, converted: Path) -> None:
    with started(tmp_path, converted) as running, running.client() as operator:
        made(operator.put("/v1/admin/indexes/i", json={}), 201)

        def slowly() -> Generator[bytes]:
            yield b'{"documents": [{"id": "a", "text": "Five days'
            running.process.send_signal(signal.SIGTERM)
            yield b' carry over."}]}'

        headers = {"Content-Type": "application/json"}
        answer = operator.post("/v1/indexes/i/documents", content=slowly(), headers=headers)
        assert made(answer)["results"][0]["status"] == "accepted"
        assert running.process.wait(timeout=60) == 0
    with started(tmp_path, converted) as again, again.client() as operator:
        submit(operator, "i", {"id": "b", "text": "Other."})
        listed = made(operator.get("/v1/indexes/i/documents"))["items"]
        assert [one["id"] for one in listed] == ["a", "b"]


def test_a_limit_is_a_setting(tmp_path: Path, converted: Path) -> None:
    settings = {"MNEMIC_LIMITS__K_MAX": "3", "MNEMIC_LIMITS__BODY_BYTES_MAX": "2000"}
    with started(tmp_path, converted, **settings) as running, running.client() as operator:
        assert "3" in operator.post("/v1/search", json={"query": "a", "k": 4}).json()["detail"]
        assert operator.post("/v1/search", json={"query": "a" * 2000}).status_code == 413


def test_nothing_of_an_upload_outlives_the_process(tmp_path: Path, converted: Path) -> None:
    left = tmp_path / "data" / "spool" / "in-dead"
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"half")
    with started(tmp_path, converted) as running:
        assert list((running.data / "spool").iterdir()) == []


@pytest.mark.postgres
def test_the_whole_service_stands_on_postgres_as_well(tmp_path: Path, converted: Path, postgres_url: str) -> None:
    settings = {"MNEMIC_DATABASE__KIND": "postgres", "MNEMIC_DATABASE__URL": postgres_url}
    with started(tmp_path, converted, **settings) as running, running.client() as operator:
        made(operator.put("/v1/admin/indexes/i", json={}), 201)
        answer = submit(operator, "i", {"id": "a", "text": "Five days carry over."}, {"id": "b", "text": "Lunch at noon."})
        body = {"query": "days", "indexes": ["i"], "min_offset": answer["offset"]}
        assert made(operator.post("/v1/search", json=body))["results"][0]["document_id"] == "a"
        with running.client(running.make_key("user:ann", "read")) as ann:
            assert len(made(ann.get("/v1/indexes/i/documents"))["items"]) == 2
        once = {"Idempotency-Key": "k"}
        first = operator.post("/v1/indexes/i/documents:delete", json={"ids": ["b"]}, headers=once)
        again = operator.post("/v1/indexes/i/documents:delete", json={"ids": ["b"]}, headers=once)
        assert made(first) == made(again)
        for path in ("/v1/jobs?cursor=AA", "/v1/indexes/i/documents?prefix=%00"):
            assert operator.get(path).status_code == 422
    assert not (running.data / "mnemic.db").exists()
