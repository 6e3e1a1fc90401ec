"""The Embedder's contract, as its docstring states it, against the local model and an endpoint that serves the same vectors."""

import asyncio
import json
from collections.abc import AsyncIterator

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from inference.onnx.embedder import OnnxEmbedder
from inference.openai import Endpoint, OpenAiEmbedder
from inference.port import Embedder, Purpose

TEXTS = ["how do I reset my password?", "The cafeteria opens at eight.", "Brötchen und Käse", "42", "a " * 300]


def endpoint_over(embedder: OnnxEmbedder, server: HTTPServer) -> OpenAiEmbedder:
    def answer(request: Request) -> Response:
        texts = json.loads(request.get_data())["input"]
        rows = [{"index": index, "embedding": embedder.vector(text).tolist()} for index, text in enumerate(texts)]
        return Response(json.dumps({"data": rows}), content_type="application/json")

    server.expect_request("/v1/embeddings", method="POST").respond_with_handler(answer)
    endpoint = Endpoint(url=server.url_for("/v1"), model="minilm", dimension=384, tokens_max=256, batch=3)
    return OpenAiEmbedder.open(endpoint)


@pytest.fixture(params=["onnx", "openai"])
async def backend(request: pytest.FixtureRequest, embedder: OnnxEmbedder, httpserver: HTTPServer) -> AsyncIterator[Embedder]:
    if request.param == "onnx":
        yield embedder
        return
    opened = endpoint_over(embedder, httpserver)
    yield opened
    await opened.close()


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_each_text_has_a_row_of_the_right_width_and_length_one(backend: Embedder, purpose: Purpose) -> None:
    vectors = await backend.embed(TEXTS, purpose)
    assert vectors.shape == (len(TEXTS), backend.spec.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


async def test_no_texts_are_no_rows(backend: Embedder) -> None:
    assert (await backend.embed([], Purpose.PASSAGE)).shape == (0, backend.spec.dimension)


async def test_an_empty_text_has_a_vector_too(backend: Embedder) -> None:
    vectors = await backend.embed(["", "  "], Purpose.PASSAGE)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


async def test_a_text_far_beyond_the_window_is_cut(backend: Embedder) -> None:
    words = [f"word{number % 97}" for number in range(10_000)]
    long, longer = await backend.embed([" ".join(words), " ".join([*words, "end"])], Purpose.PASSAGE)
    np.testing.assert_array_equal(long, longer)


async def test_a_vector_is_the_same_alone_and_in_company_and_in_any_row(backend: Embedder) -> None:
    together = await backend.embed(TEXTS, Purpose.PASSAGE)
    backwards = await backend.embed(TEXTS[::-1], Purpose.PASSAGE)
    alone = np.concatenate([await backend.embed([text], Purpose.QUERY) for text in TEXTS])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, backwards[::-1])


async def test_calls_at_once_do_not_disturb_each_other(backend: Embedder) -> None:
    expected = await backend.embed(TEXTS, Purpose.PASSAGE)
    purposes = [Purpose.PASSAGE, Purpose.QUERY] * 3
    for vectors in await asyncio.gather(*(backend.embed(TEXTS, purpose) for purpose in purposes)):
        np.testing.assert_array_equal(vectors, expected)


async def test_repeated_texts_have_equal_rows_in_their_places(backend: Embedder) -> None:
    one, two, three = await backend.embed(["a cat", "a dog", "a cat"], Purpose.PASSAGE)
    np.testing.assert_array_equal(one, three)
    assert not np.array_equal(one, two)


async def test_nearer_meanings_have_nearer_vectors(backend: Embedder) -> None:
    question, near, far = await backend.embed(
        ["how do I change my password?", "Reset your login secret in the account settings.", "Bananas are rich in potassium."],
        Purpose.PASSAGE,
    )
    assert question @ near > question @ far + 0.2


async def test_text_that_is_no_unicode_is_embedded_all_the_same(backend: Embedder) -> None:
    given, replaced = await backend.embed(["broken \ud800 pair", "broken \ufffd pair"], Purpose.PASSAGE)
    np.testing.assert_array_equal(given, replaced)


async def test_a_cancelled_call_leaves_the_embedder_usable(backend: Embedder) -> None:
    call = asyncio.create_task(backend.embed([f"text {number}" for number in range(20)], Purpose.PASSAGE))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await backend.embed(["still there"], Purpose.PASSAGE)).shape == (1, 384)
