"""The application before there is a service, and the loops beside it."""

import asyncio

import httpx
import pytest

from api.http.app import create_app
from api.http.endpoint import InFlight
from api.services import Runtime
from api.worker import Workers
from core.clock import SystemClock
from core.errors import Conflict


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


def client(runtime: Runtime) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(runtime, SystemClock()))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_starting_service_is_alive_not_ready_and_says_why(runtime: Runtime) -> None:
    runtime.lacks("embedder", "loading the model")
    async with client(runtime) as starting:
        assert (await starting.get("/healthz")).status_code == 200
        ready = await starting.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"]["embedder"]) == (503, "loading the model")
        refused = await starting.get("/v1/indexes")
        assert (refused.status_code, refused.json()["code"]) == (503, "service.starting")
        assert int(refused.headers["retry-after"]) > 0
        assert "loading the model" in refused.json()["detail"]


async def test_a_failure_inside_is_a_500_that_leaks_nothing(runtime: Runtime) -> None:
    def broken() -> str | None:
        raise RuntimeError("the secret of the house")

    app = create_app(runtime, SystemClock())
    app.router.routes.clear()
    app.add_api_route("/broken", broken, methods=["GET"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as serving:
        answer = await serving.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_loop_that_fails_is_started_again_and_readyz_knows() -> None:
    turns: list[int] = []
    again = asyncio.Event()

    async def loop() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise RuntimeError("once")
        again.set()
        await asyncio.Event().wait()

    workers = Workers({"pipeline": loop}, SystemClock(), pause_s=0.01)
    assert workers.failing() is None
    task = asyncio.create_task(workers.run())
    await asyncio.wait_for(again.wait(), 5)
    assert "pipeline" in (workers.failing() or "")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_slot_in_flight_is_held_until_it_is_left() -> None:
    in_flight, slot = InFlight(), ("default", "key_1", "POST /a", "k")
    with in_flight.hold(slot):
        with pytest.raises(Conflict, match="is being answered"), in_flight.hold(slot):
            pass
        with in_flight.hold(("default", "key_2", "POST /a", "k")), in_flight.hold(None), in_flight.hold(None):
            pass
    with in_flight.hold(slot):
        pass
