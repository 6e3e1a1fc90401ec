"""Clients that go on writing while the service dies under them, and keep account of what they were told."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.faults.rig import INDEX, Json, Ledger, Victim
from tests.support.service import made

WORDS = (
    "harbour",
    "lane",
    "canteen",
    "parking",
    "visitor",
    "ledger",
    "budget",
    "travel",
    "leave",
    "office",
    "window",
    "garden",
)


@dataclass
class Account:
    """What one client knows: its writes, the offsets it saw, and what it found wrong."""

    ledger: Ledger = field(default_factory=Ledger)
    offset: int = 0
    wrong: list[str] = field(default_factory=list[str])

    def saw(self, answer: httpx.Response) -> None:
        """Offsets of answers never go back, restarts or not."""
        offset = int(answer.headers["x-mnemic-offset"])
        if offset < self.offset:
            self.wrong.append(f"offset {offset} after {self.offset}: {answer.request.url}")
        self.offset = max(self.offset, offset)


class Client:
    """One thread's worth of writing, by one of the scripts below, until it is told to stop or nobody answers."""

    def __init__(self, name: str, seed: int, script: Callable[["Client", httpx.Client], None]) -> None:
        self.name = name
        self.account = Account()
        self.random = random.Random(seed)
        self.take = 0
        self.job: Json | None = None
        self.files: dict[str, str] = {}
        self.perhaps: dict[str, str] = {}  # sent, and nobody said that they came
        self._script = script
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, service: Victim) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(service,), name=self.name)
        self._thread.start()

    def rest(self) -> None:
        """Waits until it has noticed that the service is gone, or is between two writes."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join(timeout=40)
        assert not self._thread.is_alive(), f"client {self.name} hangs"

    def text(self, document: str) -> str:
        """A text that no other write has, of one chunk or of several."""
        self.take += 1
        sentence = " ".join(self.random.choices(WORDS, k=12)).capitalize()
        return f"Take {self.take} of {document}. " + " ".join([f"{sentence}."] * self.random.choice((1, 1, 1, 3, 40)))

    def _run(self, service: Victim) -> None:
        with service.client() as http:
            while not self._stop.is_set():
                try:
                    self._script(self, http)
                except httpx.TransportError:
                    return  # it died: nobody knows what became of this write
                except AssertionError as unexpected:
                    self.account.wrong.append(str(unexpected))

    def put(self, http: httpx.Client, document: str, *, wait: str) -> str | None:
        """The text once it was acknowledged."""
        text = self.text(document)
        body = {"documents": [{"id": document, "text": text, "media_type": "text/plain"}], "wait": wait}
        taken = self._write(document, text, lambda: http.post(f"/v1/indexes/{INDEX}/documents", json=body))
        return text if taken else None

    def delete(self, http: httpx.Client, document: str) -> None:
        self._write(document, None, lambda: http.delete(f"/v1/indexes/{INDEX}/documents/{document}"))

    def _write(self, document: str, text: str | None, send: Callable[[], httpx.Response]) -> bool:
        sure = False
        try:
            answer = send()
            sure = answer.status_code == 200 or (text is None and answer.status_code == 404)
            # Over the deadline a submit may have been stored or not, like one whose answer was lost.
            if not sure and answer.status_code != 504:
                self.account.wrong.append(f"{answer.status_code} {answer.text[:300]}")
            self.account.saw(answer)
        finally:
            self.account.ledger.note(document, text, sure=sure)
        return sure


def submit(client: Client, http: httpx.Client) -> None:
    """Stores and goes on, now and then deletes; not faster than the worker works, or those who wait would only wait."""
    time.sleep(0.1)
    document = f"{client.name}/{client.random.randrange(8)}.txt"
    if client.random.random() < 0.2:
        client.delete(http, document)
    else:
        client.put(http, document, wait="stored")


def wait(client: Client, http: httpx.Client) -> None:
    """Waits until it can be found, and looks."""
    document = f"{client.name}/{client.random.randrange(4)}.txt"
    if client.random.random() < 0.25:
        client.delete(http, document)
        return
    text = client.put(http, document, wait="indexed")
    if text is None:
        return
    found = made(http.post("/v1/search", json={"query": text[:60], "k": 100}))
    if not any(hit["document_id"] == document and hit["text"] in text for hit in found["results"]):
        client.account.wrong.append(f"{document} was indexed and not found")


def upload(client: Client, http: httpx.Client) -> None:
    """Fills upload jobs file by file; one that the death of the service left open is filled and started after it."""
    if client.job is None:
        answer = http.post(f"/v1/indexes/{INDEX}/jobs", json={"source": {"kind": "upload"}})
        client.job, client.files, client.perhaps = made(answer, 202), {}, {}
    if len(client.files) < client.random.randrange(2, 7) and _add(client, http, client.job):
        return
    sure = False
    try:
        answer = http.post(f"/v1/jobs/{client.job['id']}:start")
        # Not open any more: the start before the death was done, and only its answer lost.
        sure = answer.status_code in {202, 409}
        client.account.saw(answer)
    finally:
        _note(client, sure=sure)
    client.job = None


def _add(client: Client, http: httpx.Client, job: Json) -> bool:
    """One more file; False when the job turns out to be started already."""
    document = f"{client.name}/{client.random.randrange(10)}.txt"
    text = client.perhaps[document] = client.text(document)
    answer = http.put(f"/v1/jobs/{job['id']}/files/{document}", content=text.encode(), headers={"Content-Type": "text/plain"})
    del client.perhaps[document]
    if answer.status_code == 409:
        return False
    made(answer)
    client.files[document] = text
    return True


def _note(client: Client, *, sure: bool) -> None:
    for document, text in client.files.items():
        client.account.ledger.note(document, text, sure=sure)
    for document, text in client.perhaps.items():
        client.account.ledger.note(document, text, sure=False)
