"""The default embedder against the graph it was made from, its goldens, and other models beside it."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import REGISTRY
from tokenizers import BertWordPieceTokenizer

from core.errors import Corrupt, Invalid, Unavailable
from inference.onnx.convert import fuse
from inference.onnx.embedder import DEFAULT_SPEC, OnnxEmbedder
from inference.onnx.goldens import Goldens
from inference.onnx.model import OnnxModel
from inference.onnx.recipe import RECIPE, VARIANT
from inference.onnx.tokenizer import VOCABULARY, TokenizerFile
from inference.onnx.weights import Weights
from inference.port import Purpose

PASSAGES = [
    "how many vacation days do new employees get?",
    "The on-call engineer acknowledges a page within fifteen minutes, then writes down what was done.",
    "Revenue grew by 12.4 % to $3.2 billion, driven by subscriptions; operating margin was 18 %.",
    "def retry(call, attempts=3): return call()",
    "Die Brötchen im Café kosten 4,50 € und schmecken vorzüglich.",
    "Vitamin D supplementation reduces the risk of acute respiratory infection in adults. " * 6,
]


@pytest.fixture(scope="module")
def shipped() -> OnnxModel:
    return OnnxModel(Weights.shipped().path, name="shipped")


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    """A model directory as an exporter writes it: the shipped graph, fp32 at run time, with its tokenizer as JSON."""
    folder = tmp_path / "minilm-fp32"
    folder.mkdir()
    shutil.copy(Weights.shipped().path, folder / "model.onnx")
    BertWordPieceTokenizer(str(VOCABULARY)).save(str(folder / "tokenizer.json"))
    return folder


def test_fusing_alone_moves_no_vector(shipped: OnnxModel) -> None:
    fused = OnnxModel(fuse(Weights.shipped().read()).SerializeToString(), name="fused")
    counter = TokenizerFile().load()
    for text in PASSAGES:
        ids = counter.window(text, 256)
        assert float(fused.vector(ids) @ shipped.vector(ids)) > 0.99999


def test_int8_stays_near_the_graph_as_shipped(embedder: OnnxEmbedder, shipped: OnnxModel) -> None:
    counter = TokenizerFile().load()
    cosines = [float(embedder.vector(text) @ shipped.vector(counter.window(text, 256))) for text in PASSAGES]
    assert min(cosines) >= 0.98
    assert sum(cosines) / len(cosines) >= 0.99


def test_the_vector_space_keeps_its_name() -> None:
    """Changing this digest makes every stored vector be embedded anew: do it on purpose, with RECIPE."""
    assert DEFAULT_SPEC.digest == "1636c56220dc1700"


def test_every_field_of_a_spec_is_in_its_digest() -> None:
    changed = [
        replace(DEFAULT_SPEC, recipe=2),
        replace(DEFAULT_SPEC, variant="fp32"),
        replace(DEFAULT_SPEC, tokens_max=128),
        replace(DEFAULT_SPEC, passage_prefix="passage: "),
    ]
    assert len({spec.digest for spec in (DEFAULT_SPEC, *changed)}) == 5


def test_goldens_are_of_the_recipe_that_runs() -> None:
    goldens = Goldens.read()
    assert (goldens.variant, goldens.recipe) == (VARIANT, RECIPE)
    assert len(goldens.texts) == len(goldens.vectors) >= 3


def test_the_goldens_are_met(embedder: OnnxEmbedder) -> None:
    Goldens.read().check(embedder.vector)


def turned(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """A little off: cosine 0.97 to where it was."""
    aside = np.roll(vector, 1) - vector * float(vector @ np.roll(vector, 1))
    return (0.97 * vector + np.sqrt(1 - 0.97**2) * aside / np.linalg.norm(aside)).astype(np.float32)


def undefined(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector * np.float32(np.nan)


@pytest.mark.parametrize("moved", [turned, undefined])
def test_a_moved_space_is_corrupt_and_says_so(
    embedder: OnnxEmbedder, moved: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    with pytest.raises(Corrupt, match=r"at least 0\.98") as raised:
        Goldens.read().check(lambda text: moved(embedder.vector(text)))
    assert raised.value.code == "inference.vectors_moved"


async def test_identical_texts_are_embedded_once_and_cpu_time_is_counted(embedder: OnnxEmbedder) -> None:
    def sample(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"purpose": "passage"}) or 0.0

    texts, cpu = sample("mnemic_embedded_texts_total"), sample("mnemic_model_cpu_seconds_total")
    await embedder.embed(["the same"] * 50 + ["another"], Purpose.PASSAGE)
    assert sample("mnemic_embedded_texts_total") == texts + 2
    assert 0.001 < sample("mnemic_model_cpu_seconds_total") - cpu < 1.0


async def test_a_query_overtakes_passages_that_were_there_first(model_cache: Path) -> None:
    opened = OnnxEmbedder.open(cache=model_cache, threads=2)
    passages = asyncio.create_task(opened.embed([f"{number} {PASSAGES[-1]}" for number in range(200)], Purpose.PASSAGE))
    await asyncio.sleep(0)
    await opened.embed(["which vitamin helps?"], Purpose.QUERY)
    assert not passages.done()
    passages.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passages
    await opened.close()


async def test_a_closed_embedder_refuses_with_a_fault(model_cache: Path) -> None:
    opened = OnnxEmbedder.open(cache=model_cache, threads=1)
    await opened.close()
    with pytest.raises(Unavailable, match="shutting down"):
        await opened.embed(["late"], Purpose.PASSAGE)


def test_wrong_weights_stop_the_start(tmp_path: Path) -> None:
    wrong = tmp_path / "model.onnx"
    wrong.write_bytes(b"no model")
    with pytest.raises(Corrupt, match="sha256"):
        OnnxEmbedder.open(cache=tmp_path, weights=Weights(path=wrong))


async def test_another_model_directory_serves_its_own_space(other_model: Path, shipped: OnnxModel, tmp_path: Path) -> None:
    opened = OnnxEmbedder.open(cache=tmp_path, model_dir=other_model, threads=1)
    assert (opened.spec.name, opened.spec.dimension, opened.spec.tokens_max) == ("minilm-fp32", 384, 512)
    assert opened.spec.digest != DEFAULT_SPEC.digest
    (vector,) = await opened.embed([PASSAGES[0]], Purpose.QUERY)
    expected = shipped.vector(TokenizerFile().load().window(PASSAGES[0], 512))
    np.testing.assert_allclose(vector, expected, atol=1e-5)
    await opened.close()


async def test_a_model_directory_states_its_window_and_pooling(other_model: Path, tmp_path: Path) -> None:
    mean = OnnxEmbedder.open(cache=tmp_path, model_dir=other_model, threads=1)
    (other_model / "sentence_bert_config.json").write_text('{"max_seq_length": 8}')
    (other_model / "1_Pooling").mkdir()
    (other_model / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    first = OnnxEmbedder.open(cache=tmp_path, model_dir=other_model, threads=1)
    assert first.spec.tokens_max == 8
    assert replace(first.spec, tokens_max=512) != mean.spec
    assert float(mean.vector("a cat") @ first.vector("a cat")) < 0.99
    np.testing.assert_array_equal(
        first.vector("one two three four five six"), first.vector("one two three four five six seven")
    )
    await mean.close()
    await first.close()


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json"])
def test_an_incomplete_model_directory_is_named_with_what_it_lacks(other_model: Path, missing: str) -> None:
    (other_model / missing).unlink()
    with pytest.raises(Invalid, match=f"has no {missing}"):
        OnnxEmbedder.open(cache=other_model, model_dir=other_model)


def test_a_file_that_is_no_model_is_corrupt(other_model: Path) -> None:
    (other_model / "model.onnx").write_bytes(b"not a protobuf at all")
    with pytest.raises(Corrupt, match="cannot be loaded") as raised:
        OnnxEmbedder.open(cache=other_model, model_dir=other_model)
    assert raised.value.code == "inference.model_unreadable"
