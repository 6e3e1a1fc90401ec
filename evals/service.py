"""The real service as a child process, and the few calls that evals and benchmarks make of its HTTP API. Nothing in here
reaches into the service: what is measured is what users get."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx

ROOT = Path(__file__).resolve().parent.parent
START_S_MAX = 180  # the first start of a data folder converts the model
STOP_S_MAX = 60
JOB_S_MAX = 3 * 3600
POLL_S = 0.1
BATCH = 128

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a service is and how to be let in. `pid` is None for one that somebody else runs."""

    url: str
    key: str
    pid: int | None = None


def _stop(number: int, _: object) -> None:
    sys.exit(128 + number)


class ServiceFailedError(RuntimeError):
    """The service did not start, or did not do what it was asked."""


@contextmanager
def serve(data: Path, settings: Mapping[str, str] | None = None) -> Generator[Address]:
    """`mnemic serve` on a free port over `data`, ready when this yields, stopped afterwards."""
    port = _free_port()
    key = f"evals-{secrets.token_hex(16)}"
    log = data.parent / f"{data.name}.log"
    environment = {**os.environ, **(settings or {}), "MNEMIC_OPERATOR_KEY": key}
    command = [*_mnemic(), "serve", "--data", str(data), "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=ROOT)  # noqa: S603 — our own
    address = Address(url=f"http://127.0.0.1:{port}", key=key, pid=process.pid)
    # A run that is told to stop takes its service along.
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        _await_ready(address, process, log)
        yield address
    finally:
        signal.signal(signal.SIGTERM, before)
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Service:
    """The HTTP API as evals and benchmarks use it. Any answer but the expected one stops the run."""

    def __init__(self, address: Address) -> None:
        headers = {"Authorization": f"Bearer {address.key}", "X-Mnemic-Timeout-Ms": "60000"}
        self.http = httpx.Client(base_url=address.url, headers=headers, timeout=90)
        self.address = address

    def put_index(self, name: str, profile: Mapping[str, object] | None = None) -> None:
        self._ask("PUT", f"/v1/admin/indexes/{name}", {"profile": dict(profile)} if profile else {})

    def index(self, name: str) -> Json:
        return self._ask("GET", f"/v1/indexes/{name}")

    def submit(self, index: str, documents: Sequence[Json]) -> set[str]:
        """The jobs that work on them now."""
        answer = self._ask("POST", f"/v1/indexes/{index}/documents", {"documents": list(documents)})
        results = rows_of(answer["results"])
        failed = [one for one in results if one["status"] == "failed"]
        if failed:
            raise ServiceFailedError(f"{len(failed)} documents failed, the first: {failed[0]}")
        return {str(one["job_id"]) for one in results if one["job_id"]}

    def ingest(self, index: str, documents: Iterable[Json]) -> Json:
        """Submits all and waits until every one is searchable. Answers the sum of the jobs' counts."""
        jobs: set[str] = set()
        batch: list[Json] = []
        for document in documents:
            batch.append(document)
            if len(batch) == BATCH:
                jobs |= self.submit(index, batch)
                batch = []
        if batch:
            jobs |= self.submit(index, batch)
        counts: Json = {}
        offsets: list[int] = []
        for job in jobs:
            done = self.wait(job)
            for outcome, count in as_object(done["counts"]).items():
                counts[outcome] = int(str(counts.get(outcome, 0))) + int(str(count))
            offsets += [int(str(done["offset"]))] if done["offset"] is not None else []
        if offsets:
            self.search({"query": "anything", "indexes": [index], "k": 1, "min_offset": max(offsets)})
        return counts

    def wait(self, job: str) -> Json:
        """The job once it has ended."""
        until = time.monotonic() + JOB_S_MAX
        while time.monotonic() < until:
            state = self._ask("GET", f"/v1/jobs/{job}")
            if state["finished_at"] is not None:
                return state
            time.sleep(POLL_S)
        raise ServiceFailedError(f"job {job} did not end within {JOB_S_MAX} s")

    def search(self, body: Mapping[str, object]) -> Json:
        return self._ask("POST", "/v1/search", body)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        return self._ask("POST", path, body)

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Json:
        """Any operation."""
        return self._ask(method, path, body)

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics by its name with labels."""
        lines = self.http.get("/metrics").raise_for_status().text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Json:
        answer = self.http.request(method, path, json=body)
        if answer.is_error:
            raise ServiceFailedError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


def total(metrics: Mapping[str, float], name: str) -> float:
    """A metric summed over its labels."""
    return sum(value for sample, value in metrics.items() if sample.partition("{")[0] == name)


def _mnemic() -> Sequence[str]:
    command = Path(sys.executable).with_name("mnemic")
    return [str(command)] if command.exists() else [sys.executable, "-c", "from api.cli import main; main()"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(address: Address, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{address.url}/readyz", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(POLL_S)
    tail = log.read_text(errors="replace")[-2_000:]
    raise ServiceFailedError(f"the service was not ready after {START_S_MAX} s or ended; its last words:\n{tail}")


def rows_of(value: object) -> list[Json]:
    """A JSON array of objects."""
    assert isinstance(value, list), value
    return cast("list[Json]", value)


def as_object(value: object) -> Json:
    assert isinstance(value, dict), value
    return cast("Json", value)
