"""Load on 127.0.0.1 that does not distort what it measures: `wrk` (compiled, its own process) where it is installed, else
closed_loop.py in a process of its own. Both are closed loops: each client sends its next request when it has its answer, so
times say what N clients feel, not what an overload would do."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from evals.service import Address, Json, ServiceFailedError

HERE = Path(__file__).resolve().parent


def generator() -> str:
    """What makes the load: goes into every result."""
    return "wrk, closed loop, one thread" if shutil.which("wrk") else "closed_loop.py (asyncio, a process of its own)"


def run_load(address: Address, bodies: Path, *, key: str, clients: int, seconds: int) -> Json:
    """`requests`, `seconds`, `errors`, `p50`, `p95`, `p99`, `max` (ms) of that many clients for that long."""
    finished = subprocess.run(  # noqa: S603 — our own arguments
        _command(address, bodies, key, clients=clients, seconds=seconds),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    lines = [line for line in finished.stdout.splitlines() if line.startswith("RESULT ")]
    if finished.returncode or not lines:
        raise ServiceFailedError(f"the load generator failed: {finished.stdout[-500:]} {finished.stderr[-500:]}")
    return json.loads(lines[0].removeprefix("RESULT "))


def _command(address: Address, bodies: Path, key: str, *, clients: int, seconds: int) -> Sequence[str]:
    if wrk := shutil.which("wrk"):
        load = ["-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--timeout", "30s", "-s", str(HERE / "search.lua")]
        return [wrk, *load, address.url, "--", str(bodies), key]
    return [sys.executable, str(HERE / "closed_loop.py"), address.url, str(bodies), key, str(clients), str(seconds)]
