"""The real service in a process of its own, over a real socket: a real store, the embedded engine, the ONNX model."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock

from inference.onnx.embedder import OnnxEmbedder
from tests.support.postgres import some_store
from tests.support.tree import ROOT

START_S = 50.0
STOP_S = 30.0
# Each look is a request of its own, about a millisecond.
LOOKS_MAX = 1000
COMMAND = (sys.executable, "-m", "api.cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service, its data folder and its operator key."""

    url: str
    data: Path
    roots: Path
    key: str
    process: subprocess.Popen[str]

    def client(self, key: str | None = None, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """With the operator key unless another is given."""
        authorization = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers={**authorization, **(headers or {})}, timeout=30.0)

    def make_key(self, subject: str, *grants: str, principals: tuple[str, ...] = ()) -> str:
        with self.client() as operator:
            body = {"subject": subject, "grants": grants, "principals": principals}
            return made(operator.post("/v1/admin/keys", json=body), 201)["key"]

    def log_with(self, text: str) -> str:
        """The log once it tells the text. A request is logged after its answer has left, so that a client can be faster."""
        log = ""
        with self.client() as client:
            for _ in range(LOOKS_MAX):
                log = (self.data.parent / "service.log").read_text(encoding="utf-8")
                if text in log:
                    return log
                client.get("/healthz")
        raise AssertionError(f"the log does not tell {text!r}: {log[-2000:]}")


def made(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The JSON of an answer of that status, or a failing test that shows what came instead."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    return answer.json()


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """A problem+json answer with that status and code."""
    told = made(answer, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["code"] == code, told
    assert told["status"] == status
    assert told["request_id"] == answer.headers["x-request-id"]
    return told


def submit(client: httpx.Client, index: str, *documents: Mapping[str, object]) -> dict[str, Any]:
    """Documents, waited for until they can be found."""
    body = {"documents": documents, "wait": "indexed"}
    return made(client.post(f"/v1/indexes/{index}/documents", json=body))


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anybody's settings of mnemic."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MNEMIC_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def started(folder: Path, models: Path, **settings: str) -> Generator[Service]:
    """A service over `<folder>/data`, ready; stopped by SIGTERM at the end."""
    data, roots = folder / "data", folder / "roots"
    data.mkdir(parents=True, exist_ok=True)
    roots.mkdir(exist_ok=True)
    if not (data / "models").exists():
        (data / "models").symlink_to(models)
    with (folder / "service.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--data", str(data), "--port", "0"],
            env=environment(MNEMIC_INGEST_ROOTS=str(roots), **settings),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            url = _ready(process, folder / "service.log")
            key = settings.get("MNEMIC_OPERATOR_KEY") or (data / "operator.key").read_text(encoding="utf-8").strip()
            yield Service(url=url, data=data, roots=roots, key=key, process=process)
        finally:
            process.terminate()
            _, _ = process.communicate(timeout=STOP_S)


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    """The address that the service prints once it serves."""
    assert process.stdout is not None
    deadline_s = time.monotonic() + START_S
    for line in process.stdout:
        if line.startswith("mnemic serves on "):
            return line.split()[3]
        assert time.monotonic() < deadline_s, "the service did not become ready"
    raise AssertionError(f"the service ended: {log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture(scope="session")
def converted(model_cache: Path) -> Path:
    """The model, converted once for all services of a machine."""
    model_cache.mkdir(parents=True, exist_ok=True)
    with FileLock(model_cache / "tests.lock"):
        OnnxEmbedder.open(cache=model_cache, threads=1)
    return model_cache


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, converted: Path) -> Generator[Service]:
    """Shared by all tests of a process: each uses indexes of its own (`index`), and their number must not matter to a search
    that names none."""
    folder = tmp_path_factory.mktemp("service")
    with some_store(folder / "data" / "mnemic.db") as url:
        settings = {"MNEMIC_LIMITS__INDEXES_PER_SEARCH_MAX": "10000", **_database(url)}
        with started(folder, converted, **settings) as running:
            yield running


def _database(url: str) -> dict[str, str]:
    """Nothing for what a service takes by itself."""
    return {"MNEMIC_DATABASE__KIND": "postgres", "MNEMIC_DATABASE__URL": url} if url.startswith("postgresql") else {}
