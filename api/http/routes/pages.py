"""The pages without a credential: alive, ready, metrics. The contract's own two pages are api/http/app.py's."""

import json

from prometheus_client import generate_latest

from api.http.operation import OpenPage
from api.services import Runtime


def _healthz(runtime: Runtime) -> tuple[int, bytes]:
    del runtime
    return 200, b'{"status":"alive"}'


def _readyz(runtime: Runtime) -> tuple[int, bytes]:
    reasons = runtime.reasons()
    state = {"status": "not ready" if reasons else "ready", "reasons": reasons}
    return 503 if reasons else 200, json.dumps(state).encode()


def _metrics(runtime: Runtime) -> tuple[int, bytes]:
    del runtime
    return 200, generate_latest()


PAGES = (
    OpenPage(
        path="/healthz",
        name="healthz",
        summary="Whether the process is alive",
        media_type="application/json",
        answer=_healthz,
        example={"status": "alive"},
        statuses={200: "Alive"},
    ),
    OpenPage(
        path="/readyz",
        name="readyz",
        summary="Whether the service can serve",
        media_type="application/json",
        answer=_readyz,
        example={"status": "not ready", "reasons": {"embedder": "loading the model"}},
        statuses={200: "Ready", 503: "Not ready, with the reasons by part"},
    ),
    OpenPage(
        path="/metrics",
        name="metrics",
        summary="Prometheus metrics",
        media_type="text/plain",
        answer=_metrics,
        example='mnemic_http_requests_total{method="GET",route="/v1/indexes",status="200"} 3.0\n',
        statuses={200: "The metrics in Prometheus's text format"},
    ),
)
