"""One ONNX graph that turns token ids into one vector. Knows onnxruntime's sessions; not texts, threads or files of ours."""

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.errors import Corrupt, Unavailable
from inference.batching import unit

ort = cast("Any", onnxruntime)  # it ships no types
_errors = import_module("onnxruntime.capi.onnxruntime_pybind11_state")

_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
# The library's exceptions have no base of their own and differ between versions: all that it defines.
_FOREIGN = tuple(kind for kind in vars(_errors).values() if isinstance(kind, type) and issubclass(kind, Exception))


class Pooling(StrEnum):
    """How the vectors of the tokens become the vector of the text."""

    MEAN = "mean"
    CLS = "cls"


class OnnxModel:
    """A session that any number of threads may run at once. One text a run and no padding: dynamic quantisation has one
    scale for a whole batch, so that in company a text would get another vector than alone."""

    def __init__(self, source: bytes | Path, *, name: str, pooling: Pooling = Pooling.MEAN) -> None:
        self._name = name
        self._pooling = pooling
        self._session = self._open(source)
        self._inputs = frozenset(str(given.name) for given in self._session.get_inputs())
        self._output = str(self._session.get_outputs()[0].name)
        if not {"input_ids"} <= self._inputs <= _INPUTS:
            raise Corrupt(
                "inference.model_unknown",
                f"The model {name} takes {sorted(self._inputs)}; an embedding model takes input_ids, and nothing "
                f"beyond {sorted(_INPUTS)}: export it for feature extraction.",
            )

    def vector(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Token ids to a vector of length 1. A graph that pools by itself (its output has two axes) is left alone."""
        row = np.array([ids or [0]], np.int64)
        given: dict[str, NDArray[np.int64]] = {"input_ids": row}
        if "attention_mask" in self._inputs:
            given["attention_mask"] = np.ones_like(row)
        if "token_type_ids" in self._inputs:
            given["token_type_ids"] = np.zeros_like(row)
        try:
            output = cast("NDArray[np.float32]", self._session.run([self._output], given)[0])
        except _FOREIGN as failed:
            raise Unavailable(
                "inference.model_failed",
                f"The model {self._name} failed on {row.shape[1]} tokens: {failed}; check the memory left and its files.",
            ) from failed
        return unit(self._pool(output[0]))

    def _pool(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        if vectors.ndim == 1:
            return vectors
        return vectors[0] if self._pooling is Pooling.CLS else vectors.mean(axis=0)

    def _open(self, source: bytes | Path) -> Any:  # noqa: ANN401 # an untyped library's session
        try:
            return ort.InferenceSession(
                source,
                _options(),
                providers=["CPUExecutionProvider"],
                # Its fused CPU kernel takes 3.7 of 28 ms a text; addition and norm apart take 1.1.
                disabled_optimizers=["SkipLayerNormFusion"],
            )
        except _FOREIGN as failed:
            raise Corrupt(
                "inference.model_unreadable",
                f"The model {self._name} cannot be loaded by onnxruntime {ort.__version__}: {failed}; replace its file.",
            ) from failed


def _options() -> Any:  # noqa: ANN401 # an untyped library's options
    """One thread a run: the threads are ours. No spinning: an idle service uses no CPU. No memory patterns: every length
    would leave one behind."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; its warnings concern graph details that nobody here can act on
    return options
