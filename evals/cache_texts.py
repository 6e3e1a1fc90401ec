"""The texts that the cache is judged on, and their vectors, each embedded once by the default model and kept under the
temporary folder. Intent sets make streams, pairs make labels. No decision of the cache is here."""

import asyncio
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evals.datasets import data_root
from inference.onnx.embedder import OnnxEmbedder
from inference.port import Purpose

Vectors = NDArray[np.float32]

CASES = Path(__file__).resolve().parent / "cases" / "minimal_pairs.jsonl"
_SHARD = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of a stream. Two asks have the same answer when they have the same intent."""

    text: str
    intent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two questions, and whether one answer serves both. `kind` is the class of a minimal pair, else the set's name."""

    a: str
    b: str
    same: bool
    kind: str


def intents(name: str) -> tuple[Ask, ...]:
    """Every text of an intent set once, training and test part together."""
    folder = data_root() / "cache" / name
    rows = [json.loads(line) for part in ("train", "test") for line in (folder / f"{part}.jsonl").read_text().splitlines()]
    distinct = {row["text"]: row["intent"] for row in rows}
    return tuple(Ask(text=text, intent=intent) for text, intent in distinct.items())


def pairs(name: str) -> tuple[Pair, ...]:
    """A set of labelled pairs, in its own order."""
    with gzip.open(data_root() / "cache" / name / "pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(Pair(a=row["a"], b=row["b"], same=bool(row["duplicate"]), kind=name) for row in rows)


def minimal_pairs(half: str | None = None) -> tuple[Pair, ...]:
    """Our own pairs; `half` is `tune` or `check`, None for both. Nothing is ever tuned on `check`."""
    rows = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    return tuple(
        Pair(a=row["a"], b=row["b"], same=row["same"], kind=row["kind"]) for row in rows if half in {None, row["half"]}
    )


def vectors(texts: Sequence[str]) -> Vectors:
    """Row i for texts[i], of norm 1. What the temporary folder does not hold yet is embedded now, 3 ms a text and core."""
    distinct = sorted(set(texts))
    place = {text: row for row, text in enumerate(distinct)}
    found = np.concatenate(list(_shards(distinct)))
    return found[[place[text] for text in texts]]


def _shards(texts: Sequence[str]) -> Iterator[Vectors]:
    folder = Path(tempfile.gettempdir()) / f"mnemic-evals-vectors-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for start in range(0, len(texts), _SHARD):
        part = texts[start : start + _SHARD]
        path = folder / f"{hashlib.sha256(json.dumps(part).encode()).hexdigest()[:24]}.npy"
        if not path.exists():
            made = asyncio.run(_embed(part, folder))
            with path.with_suffix(".part").open("wb") as file:
                np.save(file, made)
            path.with_suffix(".part").rename(path)
        yield np.load(path)


async def _embed(texts: Sequence[str], folder: Path) -> Vectors:
    # The lane of passages, for its threads: the default model has no prefixes, so both purposes give one vector.
    embedder = await asyncio.to_thread(OnnxEmbedder.open, cache=folder / "models")
    try:
        return await embedder.embed(texts, Purpose.PASSAGE)
    finally:
        await embedder.close()
