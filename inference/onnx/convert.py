"""The one-off conversion of the shipped MiniLM graph into the one that is run: same weights, faster arithmetic.

Shipped are int8 weights that are turned into fp32 at every run, and attention as some 25 small nodes a layer. Here the graph
is rebuilt from its named weights with onnxruntime's fused Attention and Gelu, for texts that are never padded (so there is no
mask), and onnxruntime's quantizer makes its products int8 x int8. Not a general optimizer: it knows this one file. Whatever
changes a vector here needs another RECIPE in recipe.py.

Rejected, measured on an AVX2 core (each beside this recipe in one run, texts of 128 tokens, cosine to fp32 where this has
0.9927): onnxruntime's transformer optimizer on the shipped graph, whose attention it does not match even with constants folded;
unsigned weights without reduce_range (0.9946, 10 to 25 % slower); fp32 products in attention (0.9942, 5 to 10 % slower);
MatMulNBits, 8 bits in blocks of 32 (0.9996, less than half as fast); onnxruntime's fused skip-layer-norms (see model.py).
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from inference.onnx.recipe import DIMENSION

LAYERS = 6
HEADS = 12
EPSILON = 1e-12  # of BERT's layer norms

_EMBEDDINGS = "inner.embeddings."
_MICROSOFT = "com.microsoft"


def convert(shipped: bytes, out: Path) -> None:
    """Writes the fused int8-dynamic graph of the shipped weights to `out`: 23 MB, in about 4 s."""
    quantize(fuse(shipped), out)


def fuse(shipped: bytes) -> onnx.ModelProto:
    """The shipped model in fp32 with fused operators: int64 `input_ids` [batch, n] to `last_hidden_state` [batch, n, 384]."""
    source = _Shipped(onnx.load_from_string(shipped))
    target = _Target()
    hidden = _embed(source, target)
    for layer in range(LAYERS):
        hidden = _layer(source, target, layer, hidden)
    target.node("Identity", [hidden], "last_hidden_state")
    return target.model()


def quantize(model: onnx.ModelProto, out: Path) -> None:
    """Weights per channel in 7 bits (reduce_range: on AVX2 without VNNI 8 would overflow), activations dynamic in 8."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # pyright: ignore[reportUnknownVariableType] # untyped
    from onnxruntime.quantization.quant_utils import (
        add_pre_process_metadata,  # pyright: ignore[reportUnknownVariableType] # untyped
    )

    # Says that nothing is left to optimise; otherwise it warns through the root logger, which configures logging for us.
    add_pre_process_metadata(model)
    cast("Any", quantize_dynamic)(
        model,
        out,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Attention"],
        # Shape inference does not see through Attention; all that it would have found is fp32.
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def _embed(source: "_Shipped", target: "_Target") -> str:
    """Word rows stay int8 with a scale a row, as shipped: 12 MB instead of 47. Token type 0 is folded into the positions."""
    words = target.constant("words", source.initial[f"{_EMBEDDINGS}word_embeddings.weight_q"])
    scales = target.constant("word_scales", source.initial[f"{_EMBEDDINGS}word_embeddings.weight_scale"])
    positions = target.constant(
        "positions",
        source.weight(f"{_EMBEDDINGS}position_embeddings.weight")
        + source.weight(f"{_EMBEDDINGS}token_type_embeddings.weight")[0],
    )
    zero = target.constant("zero", np.array([0], np.int64))
    rows = target.node("Gather", [words, "input_ids"], "word_rows")
    rows = target.node("Cast", [rows], "word_rows_float", to=onnx.TensorProto.FLOAT)
    scale = target.node("Gather", [scales, "input_ids"], "word_row_scales")
    word = target.node("Mul", [rows, scale], "word_vectors")
    length = target.node("Shape", ["input_ids"], "length", start=1, end=2)
    position = target.node("Slice", [positions, zero, length, zero], "position_vectors")
    summed = target.node("Add", [word, position], "embedded")
    return _norm(source, target, f"{_EMBEDDINGS}LayerNorm", summed)


def _layer(source: "_Shipped", target: "_Target", layer: int, hidden: str) -> str:
    prefix = f"inner.encoder.layer.{layer}."
    attended = _attention(source, target, prefix, hidden)
    projected = _dense(source, target, f"{prefix}attention.output.dense", attended)
    summed = target.node("Add", [projected, hidden], f"{prefix}attention.sum")
    middle = _norm(source, target, f"{prefix}attention.output.LayerNorm", summed)
    wide = _dense(source, target, f"{prefix}intermediate.dense", middle)
    bent = target.node("Gelu", [wide], f"{prefix}gelu", domain=_MICROSOFT)
    narrow = _dense(source, target, f"{prefix}output.dense", bent)
    summed = target.node("Add", [narrow, middle], f"{prefix}sum")
    return _norm(source, target, f"{prefix}output.LayerNorm", summed)


def _attention(source: "_Shipped", target: "_Target", prefix: str, hidden: str) -> str:
    parts = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
    weight = target.constant(f"{prefix}qkv.weight", np.concatenate([source.product_weight(part) for part in parts], axis=1))
    bias = target.constant(f"{prefix}qkv.bias", np.concatenate([source.weight(f"{part}.bias") for part in parts]))
    return target.node("Attention", [hidden, weight, bias], f"{prefix}attended", domain=_MICROSOFT, num_heads=HEADS)


def _dense(source: "_Shipped", target: "_Target", name: str, given: str) -> str:
    weight = target.constant(f"{name}.weight", source.product_weight(name))
    bias = target.constant(f"{name}.bias", source.weight(f"{name}.bias"))
    product = target.node("MatMul", [given, weight], f"{name}.product")
    return target.node("Add", [product, bias], f"{name}.out")


def _norm(source: "_Shipped", target: "_Target", name: str, given: str) -> str:
    weight = target.constant(f"{name}.weight", source.weight(f"{name}.weight"))
    bias = target.constant(f"{name}.bias", source.weight(f"{name}.bias"))
    return target.node("LayerNormalization", [given, weight, bias], f"{name}.out", axis=-1, epsilon=EPSILON)


class _Shipped:
    """The shipped graph as named weights."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._nodes = list(model.graph.node)
        self._makers = {output: node for node in self._nodes for output in node.output}
        self.initial = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}

    def weight(self, name: str) -> NDArray[np.float32]:
        """A tensor in fp32: as stored, or what Mul(Cast(int8), scale) makes of it."""
        if name in self.initial:
            return self.initial[name].astype(np.float32)
        scaling = self._makers[name]
        assert scaling.op_type == "Mul", scaling.op_type
        stored = self._makers[scaling.input[0]].input[0]
        return self.initial[stored].astype(np.float32) * self.initial[scaling.input[1]]

    def product_weight(self, name: str) -> NDArray[np.float32]:
        """The exporter named biases but not the matrices: a layer's matrix is the one multiplied before its bias is added."""
        adding = next(node for node in self._nodes if node.op_type == "Add" and f"{name}.bias" in node.input)
        product = self._makers[adding.input[0]]
        assert product.op_type == "MatMul", product.op_type
        return self.weight(product.input[1])


class _Target:
    """The graph being built."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, given: list[str], output: str, **attributes: object) -> str:
        self._nodes.append(cast("Any", helper.make_node)(operator, given, [output], **attributes))
        return output

    def model(self) -> onnx.ModelProto:
        ids = helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["batch", "sequence"])
        last = helper.make_tensor_value_info("last_hidden_state", onnx.TensorProto.FLOAT, ["batch", "sequence", DIMENSION])
        graph = helper.make_graph(self._nodes, "all-MiniLM-L6-v2", [ids], [last], self._constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, producer_name="mnemic", ir_version=10)
