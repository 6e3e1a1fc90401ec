"""`mnemic serve`: takes the data folder and the port, listens, lives until a signal, leaves in order. What is served is made in
api/bootstrap.py."""

import asyncio
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop

from api.bootstrap import Foundation, live, migrate
from api.data_folder import DataFolder, held
from api.http.app import create_app
from api.logs import set_up_logs
from api.services import Runtime
from api.settings import Settings, load_settings
from core.clock import SystemClock
from core.errors import Conflict, Fault, Invalid
from core.telemetry import log

BACKLOG = 2048
_BUSY = frozenset({98, 48})  # EADDRINUSE on Linux and macOS
_FORBIDDEN = 13


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: those end the process before anything else can be closed."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def run(*, data: Path | None, host: str | None, port: int | None) -> None:
    """Until SIGINT or SIGTERM. Faults before the service listens go to the caller."""
    settings = load_settings(data=data, host=host, port=port)
    set_up_logs(settings.log)
    with held(settings.data) as folder, _bound(settings) as listener:
        address = _address(listener)
        folder.introduce(address)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, folder, listener, address))


async def _serve(settings: Settings, folder: DataFolder, listener: socket.socket, address: str) -> None:
    await migrate(settings, folder)
    given = None if settings.operator_key is None else settings.operator_key.get_secret_value()
    key = folder.operator_key(given)
    if key.made:
        sys.stdout.write(f"operator key, shown this once and kept in {folder.path / 'operator.key'}:\n{key.text}\n")
        sys.stdout.flush()
    runtime, clock = Runtime(), SystemClock()
    server = _Server(_config(settings, runtime, clock))
    foundation = Foundation(settings=settings, folder=folder, clock=clock, operator_key=key.text)

    def ready() -> None:
        log.info("serving", address=address, data=str(folder.path))
        sys.stdout.write(f"mnemic serves on {address} (data in {folder.path}, docs at {address}/docs)\n")
        sys.stdout.flush()

    _stop_on_signals(server, runtime)
    life = asyncio.create_task(live(foundation, runtime, ready=ready))
    life.add_done_callback(lambda _: _stop(server, runtime))
    try:
        await server.serve(sockets=[listener])
    finally:
        life.cancel()
        await _ended(life)


async def _ended(life: asyncio.Task[None]) -> None:
    """Waits until everything is closed; a failed start is the caller's to tell."""
    try:
        await life
    except asyncio.CancelledError:
        log.info("stopped")


def _config(settings: Settings, runtime: Runtime, clock: SystemClock) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(runtime, clock),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.drain_s,
    )


def _stop_on_signals(server: uvicorn.Server, runtime: Runtime) -> None:
    """The first signal drains, the second does not wait."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        _stop(server, runtime)

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop)


def _stop(server: uvicorn.Server, runtime: Runtime) -> None:
    runtime.stop()
    server.should_exit = True


@contextmanager
def _bound(settings: Settings) -> Generator[socket.socket]:
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as broken:
        raise _unbound(host, port, broken) from broken
    with listener:
        yield listener


def _unbound(host: str, port: int, broken: OSError) -> Fault:
    if broken.errno in _BUSY:
        return Conflict(
            "service.port_in_use", f"port {port} on {host} is in use; choose another with --port, or stop what uses it."
        )
    if broken.errno == _FORBIDDEN:
        return Invalid("service.port_forbidden", f"port {port} on {host} needs more rights; choose one above 1023 with --port.")
    return Invalid("service.cannot_listen", f"cannot listen on {host}:{port}: {broken.strerror}; see --host and --port.")


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
