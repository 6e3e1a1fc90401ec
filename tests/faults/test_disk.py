"""A disk that is full, or may not be written: clear errors, nothing half-written, and on it goes when there is space again."""

import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from tests.faults.rig import INDEX, Victim, check_document, document_of, settled, small_disk, victim
from tests.support.service import made

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]

DISK_MB = 96
TEXT = "The harbour office keeps the parking ledger of all visitors. " * 60
BIG = TEXT * 60  # above what lies inline in the store: a file of its own


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    with small_disk(tmp_path / "disk", DISK_MB) as mounted:
        if mounted is None:
            pytest.skip("this process may not mount a small disk")
        yield mounted


def put(http: httpx.Client, document: str, text: str, *, wait: str = "indexed") -> httpx.Response:
    body = {"documents": [{"id": document, "text": text, "media_type": "text/plain"}], "wait": wait}
    return http.post(f"/v1/indexes/{INDEX}/documents", json=body)


def fill(disk: Path) -> Path:
    """Takes every byte that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def test_a_full_disk_refuses_writes_by_name_keeps_what_it_has_and_goes_on_with_space(
    tmp_path: Path, converted: Path, disk: Path
) -> None:
    with victim(tmp_path, converted, data=disk / "data") as service:
        service.start()
        with service.client() as http:
            made(http.put(f"/v1/admin/indexes/{INDEX}", json={}), 201)
            for number in range(3):
                made(put(http, f"before/{number}", f"{TEXT} {number}"))
            filler = fill(disk)
            refused = [put(http, f"during/{number}", f"{BIG} {number}", wait="stored") for number in range(4)]
            refused += [put(http, f"during/small/{number}", f"{TEXT} {number}", wait="stored") for number in range(30)]
            told = {(answer.status_code, answer.json().get("code")) for answer in refused if answer.status_code != 200}
            assert told == {(503, "storage.disk_full")}
            assert all(answer.headers["retry-after"] for answer in refused if answer.status_code == 503)
            assert len([answer for answer in refused if answer.status_code == 503]) >= 4
            upload = http.post(f"/v1/indexes/{INDEX}/jobs", files={"files": ("form.txt", BIG.encode(), "text/plain")})
            assert (upload.status_code, upload.json()["code"]) == (503, "storage.disk_full")
            assert len(_found(http)) == 3, "what was there is still found"
            assert http.get("/readyz").status_code == 503
            assert "disk" in http.get("/readyz").text
            filler.unlink()
            _ready(http)
            made(put(http, "after", f"{TEXT} after"))
            settled(http)
            accepted = {f"during/{number}" for number in range(4) if refused[number].status_code == 200}
            accepted |= {f"during/small/{number}" for number in range(30) if refused[4 + number].status_code == 200}
            for document in accepted:
                assert check_document(http, document) is not None, f"{document} was acknowledged"
            for number in range(4):
                if f"during/{number}" not in accepted:
                    assert document_of(http, f"during/{number}") is None, "refused, so nothing of it is stored"
            for document in ("before/0", "before/1", "before/2", "after"):
                assert check_document(http, document) is not None
        assert service.stop() == 0
        assert not list((service.data / "blobs").rglob(".new-*")), "no half-written file stays"
        _goes_on_after_a_restart(service)


def _goes_on_after_a_restart(service: Victim) -> None:
    service.start()
    with service.client() as http:
        assert len(_found(http)) >= 4
        made(put(http, "again", f"{TEXT} again"))
    assert service.stop() == 0


def test_a_service_killed_on_a_full_disk_comes_up_whole_once_there_is_space(
    tmp_path: Path, converted: Path, disk: Path
) -> None:
    with victim(tmp_path, converted, data=disk / "data") as service:
        service.start()
        with service.client() as http:
            made(http.put(f"/v1/admin/indexes/{INDEX}", json={}), 201)
            made(put(http, "before", TEXT))
            filler = fill(disk)
            put(http, "during", BIG, wait="stored")
        service.kill()
        said = service.refused()
        assert "service.disk_full" in said or "is full" in said
        assert "Traceback" not in said
        filler.unlink()
        service.start()
        with service.client() as http:
            settled(http)
            assert check_document(http, "before") is not None
            assert _found(http) >= {"before"}
            made(put(http, "after", TEXT))


def test_a_read_only_data_folder_is_refused_by_name_and_taken_as_it_was_when_it_can_be_written(
    tmp_path: Path, converted: Path, disk: Path
) -> None:
    with victim(tmp_path, converted, data=disk / "data") as service:
        service.start()
        with service.client() as http:
            made(http.put(f"/v1/admin/indexes/{INDEX}", json={}), 201)
            made(put(http, "before", TEXT))
        assert service.stop() == 0
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        said = service.refused()
        assert str(service.data) in said
        assert "cannot be written" in said
        assert "Traceback" not in said
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        service.start()
        with service.client() as http:
            assert check_document(http, "before") is not None
            assert _found(http) == {"before"}


def _found(http: httpx.Client) -> set[str]:
    found = made(http.post("/v1/search", json={"query": "parking ledger of visitors", "k": 100}))
    return {hit["document_id"] for hit in found["results"]}


def _ready(http: httpx.Client) -> None:
    until_s = time.monotonic() + 120  # the loops that failed count as sound again after a minute
    while (answer := http.get("/readyz")).status_code != 200:
        assert time.monotonic() < until_s, answer.text
        time.sleep(0.5)
