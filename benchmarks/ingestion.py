"""A folder of real files into a fresh service, through HTTP, twice: what it costs, and what the second time costs."""

import json
import tempfile
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import pypdfium2

from benchmarks.percentiles import percentiles
from benchmarks.watching import Cost, Watch, settle
from evals.service import Json, Service, ServiceFailedError, as_object, serve, total

INDEX = "bench-files"
SEARCH_EVERY_S = 0.1
FILES_WHILE_SEARCHING = 10
QUESTION = "What was the capital expenditure in the last fiscal year?"


def measure_ingestion(files: Sequence[Path]) -> Json:
    """Figures of the first and the second pass over the same files, and of searches during a pass of their own: they cost
    CPU that ingestion would be blamed for."""
    with _fresh() as service:
        first = _pass(service, files)
        settle(_pid(service))
        again = _pass(service, files)
        chunks = int(str(service.index(INDEX)["chunks"]))
    print(json.dumps({"first": first, "again": again}), flush=True)
    with _fresh() as service, _Searches(service) as searches:
        service.wait(_upload(service, files[:FILES_WHILE_SEARCHING]))
    seconds = float(str(first["wall_s"]))
    pages = _pages(files)
    return {
        "what": "files by multipart upload into a fresh service on loopback; the uploader's CPU is not counted",
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "pdf_pages": pages,
        "chunks": chunks,
        "documents_per_s": round(len(files) / seconds, 2),
        "pages_per_s": round(pages / seconds, 1),
        "chunks_per_s": round(chunks / seconds, 1),
        "first": first,
        "again": again,
        "search_meanwhile_ms": percentiles(searches.seconds),
        "files_while_searching": min(len(files), FILES_WHILE_SEARCHING),
    }


@contextmanager
def _fresh() -> Generator[Service]:
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder, serve(Path(folder) / "data") as address:
        service = Service(address)
        service.put_index(INDEX)
        settle(_pid(service))
        yield service


def _pid(service: Service) -> int:
    assert service.address.pid is not None
    return service.address.pid


def _pass(service: Service, files: Sequence[Path]) -> Json:
    before = service.metrics()
    with Watch(_pid(service)) as watch:
        job = service.wait(_upload(service, files))
    after = service.metrics()
    assert watch.cost is not None
    return {
        **_costs(watch.cost, before, after),
        "counts": as_object(job["counts"]),
        "passages_embedded": round(_delta(before, after, "mnemic_embedded_texts_total", 'purpose="passage"')),
        "documents_parsed": round(_delta(before, after, "mnemic_parsed_documents_total")),
    }


def _costs(cost: Cost, before: Mapping[str, float], after: Mapping[str, float]) -> Json:
    model_s = _delta(before, after, "mnemic_model_cpu_seconds_total")
    return {
        "wall_s": round(cost.wall_s, 2),
        "cpu_s": round(cost.cpu_s, 2),
        "model_cpu_s": round(model_s, 2),
        "cpu_outside_model_s": round(cost.cpu_s - model_s, 2),
        "share_in_model": round(model_s / cost.cpu_s, 3) if cost.cpu_s else None,
        "wall_over_model_on_two_cores": round(cost.wall_s / (model_s / 2), 3) if model_s else None,
        "rss_peak_mib": round(cost.rss_peak_bytes / 1024**2),
    }


def _delta(before: Mapping[str, float], after: Mapping[str, float], name: str, label: str = "") -> float:
    def of(metrics: Mapping[str, float]) -> float:
        return total({sample: value for sample, value in metrics.items() if label in sample}, name)

    return of(after) - of(before)


def _upload(service: Service, files: Sequence[Path]) -> str:
    with ExitStack() as opened:
        parts = [("files", (path.name, opened.enter_context(path.open("rb")))) for path in files]
        answer = service.http.post(f"/v1/indexes/{INDEX}/jobs", files=parts, timeout=600)
    if answer.is_error:
        raise ServiceFailedError(f"upload: {answer.status_code} {answer.text[:500]}")
    return str(answer.json()["id"])


def _pages(files: Sequence[Path]) -> int:
    return sum(len(pypdfium2.PdfDocument(path)) for path in files if path.suffix.lower() == ".pdf")


class _Searches:
    """One client that asks every 100 ms while the block runs: what users feel during ingestion."""

    def __init__(self, service: Service) -> None:
        self._service = Service(service.address)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _ask(self) -> None:
        asked = 0
        while not self._done.wait(SEARCH_EVERY_S):
            started = time.perf_counter()
            self._service.search({"query": f"{QUESTION} {asked}", "indexes": [INDEX]})
            self.seconds.append(time.perf_counter() - started)
            asked += 1
