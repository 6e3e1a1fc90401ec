"""How fast the default embedder is here, what it costs, and how far its vectors are from the fp32 graph as shipped. Measures
the embedder alone, without the service around it.

    python -m benchmarks.embedding --data ../shared/data [--passages 2000] [--compare 500]
    python -m benchmarks.embedding --goldens inference/onnx/goldens.json    # after a new RECIPE: write what start-up compares
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from inference.onnx.converted import ConvertedModel
from inference.onnx.embedder import OnnxEmbedder
from inference.onnx.model import OnnxModel
from inference.onnx.recipe import RECIPE, VARIANT
from inference.onnx.tokenizer import TokenizerFile
from inference.onnx.weights import Weights
from inference.port import Purpose

GOLDEN_TEXTS = (
    "how many vacation days do new employees get?",
    "The on-call engineer acknowledges a page within fifteen minutes; after that it goes to the next one on the rota.",
    "Crème brûlée für 4,50 € in 東京 — naïve résumé №5 ½ [x]",
)


def write_goldens(path: Path, cache: Path) -> None:
    model = OnnxModel(ConvertedModel(folder=cache, weights=Weights.shipped(), recipe=RECIPE).read(), name="golden")
    counter = TokenizerFile().load()
    vectors = [model.vector(counter.window(text, 256)) for text in GOLDEN_TEXTS]
    # Four decimals move a cosine by 1e-6 at most.
    rows = [[round(float(value), 4) for value in vector] for vector in vectors]
    path.write_text(json.dumps({"variant": VARIANT, "recipe": RECIPE, "texts": GOLDEN_TEXTS, "vectors": rows}) + "\n")


def passages(data: Path, count: int) -> list[str]:
    """Abstracts of scifact, each cut to its first 128 tokens, or left alone when it is shorter."""
    counter = TokenizerFile().load()
    texts: list[str] = []
    with (data / "retrieval" / "scifact" / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            text = str(json.loads(line)["text"])
            spans = counter.spans(text)[:126]
            texts.append(text[: spans[-1][1]] if spans else text)
            if len(texts) == count:
                break
    return texts


async def throughput(embedder: OnnxEmbedder, texts: list[str]) -> None:
    await embedder.embed(texts[:20], Purpose.PASSAGE)
    wall, cpu = time.perf_counter(), time.process_time()
    await embedder.embed(texts, Purpose.PASSAGE)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"passages   {len(texts) / wall:8.1f} texts/s  {cpu / len(texts) * 1000:6.2f} ms CPU each  {cpu / wall:.2f} cores busy"
    )


async def latency(embedder: OnnxEmbedder, label: str, rounds: int = 200) -> None:
    spent: list[float] = []
    for number in range(rounds):
        started = time.perf_counter()
        await embedder.embed([f"does vitamin d lower the risk of infection {number}"], Purpose.QUERY)
        spent.append((time.perf_counter() - started) * 1000)
    p50, p95, p99 = np.percentile(spent, [50, 95, 99])
    print(f"{label:<10} p50 {p50:.1f} ms  p95 {p95:.1f} ms  p99 {p99:.1f} ms")


async def latency_under_load(embedder: OnnxEmbedder, texts: list[str]) -> None:
    load = asyncio.create_task(embedder.embed(texts, Purpose.PASSAGE))
    await asyncio.sleep(0.2)
    await latency(embedder, "ingesting", rounds=100)
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)


async def fidelity(embedder: OnnxEmbedder, texts: list[str]) -> None:
    counter = TokenizerFile().load()
    shipped = OnnxModel(Weights.shipped().path, name="shipped")
    exact = np.stack([shipped.vector(counter.window(text, embedder.spec.tokens_max)) for text in texts])
    cosines = (exact * await embedder.embed(texts, Purpose.PASSAGE)).sum(axis=1)
    low, worst = np.percentile(cosines, 1), cosines.min()
    print(f"cosine     mean {cosines.mean():.4f}  1 % {low:.4f}  min {worst:.4f}  to fp32, {len(texts)} texts")


async def measure(arguments: argparse.Namespace, cache: Path) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, onnxruntime {onnxruntime.__version__}")
    started = time.perf_counter()
    embedder = OnnxEmbedder.open(cache=cache, threads=arguments.threads)
    cold = time.perf_counter() - started
    await embedder.close()
    started = time.perf_counter()
    embedder = OnnxEmbedder.open(cache=cache, threads=arguments.threads)
    print(f"open       {cold:.1f} s with conversion, {time.perf_counter() - started:.2f} s after")
    texts = passages(arguments.data, arguments.passages)
    await latency(embedder, "query")
    await throughput(embedder, texts)
    await latency_under_load(embedder, texts)
    await fidelity(embedder, texts[: arguments.compare])
    await embedder.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--passages", type=int, default=2000)
    parser.add_argument("--compare", type=int, default=500)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--goldens", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.goldens is not None:
            write_goldens(arguments.goldens, Path(folder))
        else:
            asyncio.run(measure(arguments, Path(folder)))


if __name__ == "__main__":
    main()
