"""kill -9 while sessions are compressed, unasked and on demand, and while messages are taken out: a summary is whole or the
one before, what was taken out is in none, and what recall could find is exactly what the nodes say."""

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
from storage import indexes, memory_rows, messages, summaries
from storage.database import Database
from storage.memory_rows import MemoryRow, Subject
from storage.summaries import State, SummaryRecord
from tests.faults.rig import Json, Victim, pages, victim
from tests.support.service import made

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 20
SEED = 20261126
LIFE_S_MAX = 15.0
BATCH = 40
SESSION_TOKENS = "2000"
USER = {"user_id": "ann"}


@dataclass
class Talk:
    """One session: says more, takes something out, asks for summaries, until nobody answers."""

    acknowledged: int = 0
    sent: int = 0
    removed: set[int] = field(default_factory=set[int])
    asked_to_remove: set[int] = field(default_factory=set[int])
    wrong: list[str] = field(default_factory=list[str])
    answers: int = 0

    def run(self, service: Victim, stop: threading.Event) -> None:
        with service.client() as http:
            while not stop.is_set():
                try:
                    self._say(http)
                    self._ask(http)
                    self._take_out(http)
                except httpx.TransportError:
                    return

    def _say(self, http: httpx.Client) -> None:
        """Forty more; those whose acknowledgement was lost again, for an id is written once."""
        first, self.sent = self.acknowledged, max(self.sent, self.acknowledged + BATCH)
        said = [_message(number) for number in range(first, self.sent)]
        made(http.post("/v1/sessions/chat/messages", json={**USER, "messages": said}))
        self.acknowledged = self.sent

    def _ask(self, http: httpx.Client) -> None:
        compressed = made(http.post("/v1/sessions/chat:compress", json={**USER, "tokens_max": 300}))
        read = made(http.get("/v1/sessions/chat/summary", params={**USER, "tokens_max": 300}))
        for answer in (compressed, read):
            self.wrong += flaws(answer, self.removed)
            self.answers += 1

    def _take_out(self, http: httpx.Client) -> None:
        gone = next(number for number in range(3, self.acknowledged, 7) if number not in self.asked_to_remove)
        self.asked_to_remove.add(gone)
        made(http.delete(f"/v1/sessions/chat/messages/note-{gone}", params=USER))
        self.removed.add(gone)


def flaws(answer: Json, removed: set[int]) -> list[str]:
    """What is wrong with a summary: a sentence that nobody said there, one of a message that is gone, too many tokens."""
    found = [] if 0 < answer["tokens_after"] <= 300 else [f"{answer['tokens_after']} tokens"]
    for one in answer["sentences"]:
        number = int(one["message_id"].removeprefix("note-"))
        if number in removed:
            found.append(f"message {number} is gone and cited")
        if one["text"] != _message(number)["content"][slice(*one["span"])]:
            found.append(f"nobody said {one['text']!r} in {number}")
    return found


def test_no_half_summary_is_served_and_nothing_taken_out_comes_back(tmp_path: Path, converted: Path) -> None:
    chance = random.Random(SEED)
    talk = Talk()
    with victim(tmp_path, converted, MNEMIC_COMPRESSION__SESSION_TOKENS=SESSION_TOKENS) as service:
        service.start()
        with service.client() as http:
            made(http.post("/v1/sessions", json={"id": "chat", **USER}), 201)
        for number in range(ROUNDS):
            if number:
                service.start()
            _life(service, talk, chance)
        service.start()
        with service.client() as http:
            talk.wrong += flaws(made(http.get("/v1/sessions/chat/summary", params={**USER, "tokens_max": 300})), talk.removed)
            made(http.post("/v1/sessions/chat:compress", json={**USER, "tokens_max": 300}))
            left = {int(one["id"].removeprefix("note-")) for one in pages(http, "/v1/sessions/chat/messages", **USER)}
        assert service.stop() == 0
        asyncio.run(_check_store(service.data))
    assert talk.wrong == []
    assert talk.removed.isdisjoint(left)
    assert set(range(talk.acknowledged)) - talk.asked_to_remove <= left
    assert talk.answers > ROUNDS, "hardly anything was compressed: the ring proves nothing"


def _life(service: Victim, talk: Talk, chance: random.Random) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=talk.run, args=(service, stop))
    thread.start()
    wanted = talk.answers + chance.choice((0, 2, 2, 4))
    until_s = time.monotonic() + LIFE_S_MAX
    while talk.answers < wanted and time.monotonic() < until_s:
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 0.4))
    service.kill()
    stop.set()
    thread.join()


async def _check_store(data: Path) -> None:
    """Every node serves, cites living messages with their own words, and is searchable exactly as its sentences say."""
    db = Database.open(f"sqlite:///{data / 'mnemic.db'}")
    async with db.read(DEFAULT_TENANT) as tx:
        index = await indexes.of_memory(tx)
        assert index is not None
        rows = await memory_rows.page(tx, 0, limit=100_000)
        nodes = await summaries.of_session(tx, 1)
        cited = sorted({sentence.message for node in nodes for sentence in node.sentences})
        living = await messages.by_rows(tx, cited)
    assert {node.state for node in nodes} == {State.ACTIVE}
    assert sorted(living) == cited
    for node in nodes:
        for one in node.sentences:
            assert one.text == living[one.message].content[one.start : one.end]
    assert found_of(rows) == said_of(nodes)
    engine = EmbeddedEngine(data / "engine", memory_bytes_max=64 * MIB, threads=1)
    stats = await engine.stats(Collection.of_index(index))
    await engine.close()
    await db.close()
    assert stats.rows == len(rows) > 0


def found_of(rows: tuple[MemoryRow, ...]) -> dict[int, str]:
    """What recall could find of each node."""
    found: dict[int, str] = {}
    for row in rows:
        if row.subject is Subject.SUMMARY:
            found[row.subject_id] = "\n".join(part for part in (found.get(row.subject_id), row.body) if part)
    return found


def said_of(nodes: tuple[SummaryRecord, ...]) -> dict[int, str]:
    """What the leaves say."""
    return {
        node.row_id: "\n".join(f"{one.speaker}: {one.text}" for one in node.sentences)
        for node in nodes
        if node.level == 0 and node.sentences
    }


def _message(number: int) -> Json:
    content = f"Note {number}: the shelf in aisle {number % 17} was counted. It holds {number * 3} boxes of lamp{number}."
    return {"id": f"note-{number}", "role": "user", "content": content}
