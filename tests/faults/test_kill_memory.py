"""kill -9 while messages are appended: what was acknowledged is there once, in order, and nothing that was not sent."""

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from core.ids import DEFAULT_TENANT
from core.limits import MIB
from engines.embedded.engine import EmbeddedEngine
from engines.port import Collection
from storage import indexes, memory_rows
from storage.database import Database
from tests.faults.rig import Json, Victim, pages, victim
from tests.support.service import made

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 20
SEED = 20261125
WRITERS = 3
LIFE_S_MAX = 15.0


@dataclass
class Writer:
    """Appends to a session of its own until nobody answers; what it was told, and what it sent without an answer."""

    name: str
    acknowledged: list[str] = field(default_factory=list[str])
    sent: int = 0
    wrong: list[str] = field(default_factory=list[str])

    def run(self, service: Victim, stop: threading.Event) -> None:
        with service.client() as http:
            while not stop.is_set():
                try:
                    self.append(http)
                except httpx.TransportError:
                    return

    def append(self, http: httpx.Client) -> None:
        """The last message again, in case its answer was lost, and two more."""
        first = max(0, len(self.acknowledged) - 1)
        messages = [_message(self.name, number) for number in range(first, self.sent + 2)]
        self.sent += 2
        body = {"user_id": self.name, "messages": messages, "wait": "indexed" if self.sent % 3 else "stored"}
        answer = made(http.post("/v1/sessions/chat/messages", json=body))
        if answer["accepted"] + answer["duplicates"] != len(messages):
            self.wrong.append(str(answer))
        self.acknowledged += [one for one in answer["ids"] if one not in self.acknowledged]


def test_nothing_appended_is_lost_doubled_or_half_written(tmp_path: Path, converted: Path) -> None:
    chance = random.Random(SEED)
    writers = [Writer(f"writer-{number}") for number in range(WRITERS)]
    with victim(tmp_path, converted) as service:
        service.start()
        with service.client() as http:
            for writer in writers:
                made(http.post("/v1/sessions", json={"id": "chat", "user_id": writer.name}), 201)
        for number in range(ROUNDS):
            if number:
                service.start()
            _life(service, writers, chance)
        service.start()
        with service.client() as http:
            for writer in writers:
                _check(http, writer)
        assert service.stop() == 0
        asyncio.run(_check_rows(service.data))
    assert sum(len(writer.acknowledged) for writer in writers) > ROUNDS, "hardly anything was written: the ring proves nothing"


def _life(service: Victim, writers: list[Writer], chance: random.Random) -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(service, stop)) for writer in writers]
    for thread in threads:
        thread.start()
    wanted = len(writers[0].acknowledged) + chance.choice((0, 0, 2, 4))
    until_s = time.monotonic() + LIFE_S_MAX
    while len(writers[0].acknowledged) < wanted and time.monotonic() < until_s:
        time.sleep(0.02)
    time.sleep(chance.uniform(0.0, 0.5))
    service.kill()
    stop.set()
    for thread in threads:
        thread.join()


def _check(http: httpx.Client, writer: Writer) -> None:
    assert writer.wrong == []
    found: list[Json] = list(pages(http, "/v1/sessions/chat/messages", user_id=writer.name))
    ids = [one["id"] for one in found]
    assert ids == [f"{writer.name}-{number}" for number in range(len(ids))], "a message is missing, doubled or out of order"
    assert set(writer.acknowledged) <= set(ids)
    assert len(ids) <= writer.sent
    assert [one["seq"] for one in found] == list(range(1, len(ids) + 1))
    assert [one["content"] for one in found] == [_message(writer.name, number)["content"] for number in range(len(ids))]


async def _check_rows(data: Path) -> None:
    """What is searchable is exactly what the records say, in the store and in the engine."""
    db = Database.open(f"sqlite:///{data / 'mnemic.db'}")
    async with db.read(DEFAULT_TENANT) as tx:
        index = await indexes.of_memory(tx)
        assert index is not None
        rows = await memory_rows.page(tx, 0, limit=100_000)
    engine = EmbeddedEngine(data / "engine", memory_bytes_max=64 * MIB, threads=1)
    stats = await engine.stats(Collection.of_index(index))
    await engine.close()
    await db.close()
    assert stats.rows == len(rows) > 0


def _message(writer: str, number: int) -> Json:
    content = f"Note {number} of {writer}: the shelf in aisle {number % 17} was counted and holds {number * 3} boxes."
    return {"id": f"{writer}-{number}", "role": "user", "content": content}
