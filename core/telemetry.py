"""What the service says about itself: metric names, one stopwatch, and the logger. No text of a document goes in either."""

import time
from collections.abc import Generator
from contextlib import contextmanager

import structlog
from prometheus_client import Counter, Gauge, Histogram

log: structlog.stdlib.BoundLogger = structlog.get_logger("mnemic")

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REQUESTS = Counter("mnemic_http_requests_total", "HTTP requests", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("mnemic_http_request_seconds", "Time to answer", ["route"], buckets=_SECONDS)
STAGE_SECONDS = Histogram("mnemic_stage_seconds", "Time by stage", ["stage"], buckets=_SECONDS)
EMBEDDED_TEXTS = Counter("mnemic_embedded_texts_total", "Texts embedded", ["purpose"])
MODEL_CPU_SECONDS = Counter("mnemic_model_cpu_seconds_total", "CPU time inside the embedding model", ["purpose"])
PARSED_DOCUMENTS = Counter("mnemic_parsed_documents_total", "Documents parsed", ["outcome"])
ITEMS = Counter("mnemic_job_items_total", "Job items finished", ["outcome"])
QUEUED_ITEMS = Gauge("mnemic_job_items_queued", "Job items waiting")
QUEUE_AGE_SECONDS = Gauge("mnemic_job_queue_age_seconds", "Age of the oldest waiting job item")
PROJECTION_LAG = Gauge("mnemic_projection_lag_changes", "Changes committed and not yet searchable", ["tenant"])
CACHE_LOOKUPS = Counter("mnemic_cache_lookups_total", "Cache lookups", ["tier", "status", "reason"])
DEGRADED = Counter("mnemic_degraded_total", "Answers that said they were degraded", ["what"])


class Stopwatch:
    """Stage timings of one request, in milliseconds. Not shared between requests."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Adds the time spent inside to `name`, and to the stage histogram."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent_s = time.perf_counter() - started
            self.timings_ms[name] = round(self.timings_ms.get(name, 0.0) + spent_s * 1000, 3)
            STAGE_SECONDS.labels(name).observe(spent_s)
