"""kill -9 at random moments while clients write: nothing acknowledged is lost, nothing half-done shows, no ghost returns."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from core.ids import DEFAULT_TENANT, IndexName
from core.limits import MIB
from core.paging import PageRequest
from engines.embedded.engine import EmbeddedEngine
from engines.port import Collection
from storage import indexes
from storage.database import Database
from tests.faults.clients import Client, submit, upload, wait
from tests.faults.rig import INDEX, Victim, check_counts, check_document, check_hits, gone, pages, settled, victim
from tests.support.service import made

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 22
SEED = 20260501
LIFE_S_MAX = 15.0
QUERIES = ("harbour lane canteen", "Take 3 of", "budget travel leave office")


def test_nothing_acknowledged_is_lost_and_nothing_dead_returns(tmp_path: Path, converted: Path) -> None:
    chance = random.Random(SEED)
    clients = [Client("stored", SEED, submit), Client("indexed", SEED + 1, wait), Client("upload", SEED + 2, upload)]
    with victim(tmp_path, converted) as service:
        service.start()
        with service.client() as http:
            made(http.put(f"/v1/admin/indexes/{INDEX}", json={}), 201)
        for number in range(ROUNDS):
            _round(service, clients, chance, first=number == 0)
        _last_round(service, clients)
    asyncio.run(_check_engine(service.data))


def _round(service: Victim, clients: list[Client], chance: random.Random, *, first: bool) -> None:
    """One life: up, whole, written to, dead."""
    started_s = time.monotonic()
    if not first:
        service.start()
        with service.client() as http:
            for query in QUERIES[:1]:
                check_hits(http, query, quiet=False)
    for client in clients:
        client.begin(service)
    _live(clients[1], chance)
    children = service.kill()
    for client in clients:
        client.rest()
    assert gone(children), "what the service had started outlived it"
    if chance.random() < 0.2:  # and again before it has come up
        service.spawn()
        time.sleep(chance.uniform(0.3, 4.0))
        assert gone(service.kill())
    print(f"{time.monotonic() - started_s:.1f} s, {sum(client.account.ledger.acknowledged for client in clients)} acknowledged")


def _live(waiting: Client, chance: random.Random) -> None:
    """A moment after some writes were searchable, or before any was; however fast the machine is."""
    acknowledged = waiting.account.ledger.acknowledged + chance.choice((0, 0, 1, 2, 3))
    until_s = time.monotonic() + LIFE_S_MAX
    while waiting.account.ledger.acknowledged < acknowledged and time.monotonic() < until_s:
        time.sleep(0.02)
    time.sleep(chance.uniform(0.0, 0.6))


def _last_round(service: Victim, clients: list[Client]) -> None:
    service.start()
    uploader = clients[-1]
    with service.client() as http:
        while uploader.job is not None:
            upload(uploader, http)
        for job in [job for job in pages(http, "/v1/jobs") if job["state"] == "open"]:
            made(http.post(f"/v1/jobs/{job['id']}:cancel"), 202)  # opened, and the answer lost: nobody knows of it
        check_counts(settled(http))
        live: set[str] = set()
        for client in clients:
            assert client.account.wrong == []
            assert client.account.ledger.acknowledged >= ROUNDS // 2, f"{client.name} hardly wrote: the ring proves nothing"
            for document in client.account.ledger.writes:
                text = check_document(http, document)
                allowed = [wanted and wanted.strip() for wanted in client.account.ledger.allowed(document)]
                assert text in allowed, (document, text and text[:80], [one and one[:40] for one in allowed])
                live |= {document} if text is not None else set()
        listed = {document["id"] for document in pages(http, f"/v1/indexes/{INDEX}/documents")}
        assert listed == live, "a document that nobody submitted, or that was deleted"
        assert sum(check_hits(http, query, quiet=True) for query in QUERIES) > 0
        for document in sorted(live):
            assert check_hits(http, document, quiet=True) > 0
    assert service.stop() == 0


async def _check_engine(data: Path) -> None:
    """The engine holds the chunks of what is live and not one row more."""
    db = Database.open(f"sqlite:///{data / 'mnemic.db'}")
    async with db.read(DEFAULT_TENANT) as tx:
        index = await indexes.get(tx, IndexName(INDEX))
        counted = (await indexes.page(tx, PageRequest())).items[0]
    engine = EmbeddedEngine(data / "engine", memory_bytes_max=64 * MIB, threads=1)
    stats = await engine.stats(Collection.of_index(index))
    await engine.close()
    await db.close()
    assert stats.rows == counted.chunks
