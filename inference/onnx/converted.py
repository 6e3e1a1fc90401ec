"""The converted graph in the data folder: made once, proved at every start, made again when it is not what was written."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from filelock import FileLock, Timeout

from core.errors import TimedOut, Unavailable
from core.telemetry import log
from inference.onnx.weights import Weights

# A conversion takes 4 s on an idle core; another process that holds the lock this long is stuck.
LOCK_WAIT_S = 120.0


def by_recipe(shipped: bytes, out: Path) -> None:
    """The real conversion. It imports onnx and the quantizer, 0.5 s and 60 MB, only when there is something to convert."""
    from inference.onnx.convert import convert

    convert(shipped, out)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedModel:
    """`<folder>/<key>.onnx` and beside it its sha256. The key names everything that decides the bytes."""

    folder: Path
    weights: Weights
    recipe: int
    convert: Callable[[bytes, Path], None] = by_recipe

    @property
    def path(self) -> Path:
        named = f"{self.weights.sha256} {self.recipe} {onnxruntime.__version__}"
        return self.folder / f"{hashlib.sha256(named.encode()).hexdigest()[:16]}.onnx"

    def read(self) -> bytes:
        """The converted graph; converts first if there is none or if it was changed since. Processes may ask at once."""
        shipped = self.weights.read()
        try:
            kept = self._kept()
            if kept is not None:
                return kept
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_WAIT_S):
                return self._kept() or self._convert(shipped)
        except Timeout as stuck:
            raise TimedOut(
                "inference.conversion_locked",
                f"Another process has held {stuck.lock_file} for {LOCK_WAIT_S:.0f} s; end it and start again.",
            ) from stuck
        except OSError as refused:
            raise Unavailable(
                "inference.cache_unwritable",
                f"The embedder's converted model cannot be written to {self.folder} ({refused.strerror or refused}); "
                "it needs 80 MB there once: make room, correct the permissions, or choose another data folder.",
            ) from refused

    def _kept(self) -> bytes | None:
        try:
            data = self.path.read_bytes()
            expected = self._digest_path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() == expected:
            return data
        log.warning("inference.converted_model_changed", path=str(self.path), action="converting again")
        return None

    def _convert(self, shipped: bytes) -> bytes:
        log.info("inference.converting", model=str(self.path))
        partial = self.path.with_suffix(".partial")
        self.convert(shipped, partial)
        data = partial.read_bytes()
        _publish(partial, self.path)
        partial.write_text(hashlib.sha256(data).hexdigest(), encoding="ascii")
        _publish(partial, self._digest_path)
        return data

    @property
    def _digest_path(self) -> Path:
        return self.path.with_suffix(".sha256")


def _publish(partial: Path, final: Path) -> None:
    """On disk first, then under its name, so that a power cut leaves the old file or the new one."""
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(final)
