"""The real service as a victim: started over one data folder again and again, killed without warning, and asked what it knows.

What clients were told is kept beside it (`Ledger`), so that what survives can be compared with what was acknowledged.
"""

import os
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.service import COMMAND, environment, made

KEY = "operator-key-of-the-fault-ring"
INDEX = "faults"
START_S = 60.0
PATIENCE_S = 60.0

Json = dict[str, Any]


class Victim:
    """A service over `<folder>/data`. Dies by `kill`, ends by `stop`."""

    def __init__(self, folder: Path, models: Path, *, data: Path | None = None, **settings: str) -> None:
        self.data = data or folder / "data"
        self._folder = folder
        self._settings = {"MNEMIC_OPERATOR_KEY": KEY, **settings}
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.data.mkdir(parents=True, exist_ok=True)
        if not (self.data / "models").exists():
            (self.data / "models").symlink_to(models)

    def spawn(self) -> None:
        """Starts the process and does not wait for it."""
        with (self._folder / "service.log").open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "serve", "--data", str(self.data), "--port", "0"],
                env=environment(**self._settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self) -> None:
        self.spawn()
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("mnemic serves on "):
                self.url = line.split()[3]
                return
        raise AssertionError(f"the service ended: {self.log()[-3000:]}")

    def kill(self) -> frozenset[int]:
        """SIGKILL; the processes that it had started."""
        assert self._process is not None
        children = frozenset(child.pid for child in psutil.Process(self._process.pid).children(recursive=True))
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate(timeout=10)
        self._process = None
        return children

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self._process is not None
        process, self._process = self._process, None
        process.terminate()
        process.communicate(timeout=30)
        return process.returncode

    def end(self) -> None:
        """Leaves nothing running, whatever happened."""
        if self._process is not None:
            self.kill()

    def refused(self) -> str:
        """Starts a service that will not serve; what it said."""
        ended = subprocess.run(
            [*COMMAND, "serve", "--data", str(self.data), "--port", "0"],
            env=environment(**self._settings),
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        assert ended.returncode != 0, ended.stdout
        return ended.stdout + ended.stderr

    def log(self) -> str:
        return (self._folder / "service.log").read_text(encoding="utf-8")

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {KEY}", "X-Mnemic-Timeout-Ms": "30000"}, timeout=40.0
        )


def gone(pids: frozenset[int]) -> bool:
    """Whether these processes end within a few seconds."""
    until_s = time.monotonic() + 5
    while alive := [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]:
        if time.monotonic() > until_s:
            print("still alive:", [psutil.Process(pid).cmdline() for pid in alive])
            return False
        time.sleep(0.05)
    return True


@dataclass(frozen=True, slots=True)
class Told:
    """One write as its client knows it. `text` None is a delete; `sure` when the service acknowledged it."""

    text: str | None
    sure: bool


@dataclass
class Ledger:
    """By document, in order, what was submitted. Each document has one client, so the order is certain."""

    writes: dict[str, list[Told]] = field(default_factory=dict[str, list[Told]])

    def note(self, document: str, text: str | None, *, sure: bool) -> None:
        self.writes.setdefault(document, []).append(Told(text, sure))

    def allowed(self, document: str) -> list[str | None]:
        """What the document may be once everything has been worked off: the last acknowledged write, or one after it."""
        told = self.writes.get(document, [])
        last = max((place for place, write in enumerate(told) if write.sure), default=None)
        return [None] * (last is None) + [write.text for write in told[last or 0 :]]

    @property
    def acknowledged(self) -> int:
        return sum(write.sure for told in self.writes.values() for write in told)


# --- asking a running service


def document_of(client: httpx.Client, document: str) -> Json | None:
    answer = client.get(f"/v1/indexes/{INDEX}/documents/{document}")
    return None if answer.status_code == 404 else made(answer)


def text_of(client: httpx.Client, document: str) -> str:
    return made(client.get(f"/v1/indexes/{INDEX}/text", params={"document_id": document}))["text"]


def pages(client: httpx.Client, path: str, **query: str | int) -> Iterator[Json]:
    """Every item of a list."""
    cursor: str | None = None
    while True:
        params: Mapping[str, str | int] = {"limit": 200, **query, **({} if cursor is None else {"cursor": cursor})}
        page = made(client.get(path, params=params))
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def settled(client: httpx.Client) -> list[Json]:
    """All jobs once each of them has ended."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        jobs = list(pages(client, "/v1/jobs"))
        waiting = [job for job in jobs if job["state"] in {"open", "queued", "running", "interrupted"}]
        if not waiting:
            return jobs
        assert time.monotonic() < until_s, waiting
        time.sleep(0.2)


def check_document(client: httpx.Client, document: str) -> str | None:
    """The text of a document after proving that it is whole; None when there is no live one."""
    record = document_of(client, document)
    if record is None or record["status"] != "live":
        return None
    text = text_of(client, document)
    chunks = list(pages(client, f"/v1/indexes/{INDEX}/chunks", document_id=document))
    assert len(chunks) == record["chunks"] > 0, (record, len(chunks))
    for chunk in chunks:
        start, end = chunk["span"]
        assert chunk["text"] == text[start:end], chunk
    covered = "".join(_uncovered(text, chunks)).strip()
    assert covered == "", f"no chunk holds {covered[:80]!r} of {document}"
    return text


def check_hits(client: httpx.Client, query: str, *, quiet: bool) -> int:
    """Every hit is a passage of what is live; how many there were. Not `quiet`: a version may be replaced meanwhile."""
    found = made(client.post("/v1/search", json={"query": query, "k": 100}))
    assert found["degraded"] == []
    for hit in found["results"]:
        record = document_of(client, hit["document_id"])
        if not quiet and (record is None or record["version"] > hit["version"]):
            continue
        assert record is not None, f"a ghost: {hit}"
        assert record["version"] == hit["version"], (record, hit)
        start, end = hit["span"]
        assert text_of(client, hit["document_id"])[start:end] == hit["text"] or not quiet
    return len(found["results"])


def check_counts(jobs: list[Json]) -> None:
    """Every item of every job came to exactly one end."""
    for job in jobs:
        counts = dict(job["counts"])
        found = counts.pop("found")
        assert (sum(counts.values()), job["pending"]) == (found, 0), job


def _uncovered(text: str, chunks: list[Json]) -> Iterator[str]:
    reached = 0
    for start, end in sorted(tuple(chunk["span"]) for chunk in chunks):
        yield text[reached : max(reached, start)]
        reached = max(reached, end)
    yield text[reached:]


@contextmanager
def victim(folder: Path, models: Path, *, data: Path | None = None, **settings: str) -> Generator[Victim]:
    """A victim that is not running yet, and is not at the end."""
    one = Victim(folder, models, data=data, **settings)
    try:
        yield one
    finally:
        one.end()


@contextmanager
def small_disk(at: Path, megabytes: int) -> Generator[Path | None]:
    """A file system of that size; None where this process may not mount one."""
    at.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(at)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
