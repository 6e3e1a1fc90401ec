"""Quality of chunking on 790 exact answer spans: how much of what is retrieved is answer, and how much of it is there.

    .venv/bin/python evals/chunking.py [--corpora chatlogs,wikitexts] [--sizes 100:0,200:0,200:30]

Chunks of each corpus are embedded with the default model, the best five a question by cosine are compared with the spans.
Precision, recall and intersection over union count characters once each. Runs offline, without the service.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from indexing.chunking import ChunkingParameters, chunk_document, indexed_text
from indexing.parsing.registry import parse
from indexing.parsing.types import ParsedDocument, Source
from inference.onnx.embedder import OnnxEmbedder
from inference.port import Embedder, Purpose, TokenCounter

DATA = Path(os.environ.get("MNEMIC_EVAL_DATA", "../shared/data")) / "retrieval" / "chunking_eval"
CORPORA = ("chatlogs", "finance", "pubmed", "state_of_the_union", "wikitexts")
SIZES = "100:0,150:0,200:0,200:30,240:0"
RETRIEVED = 5

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`spans` are `[start, end)` in the corpus."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Shares of characters, from 0 to 1."""

    precision: float
    recall: float
    iou: float


class Vectors:
    """Embeds every text once a run."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[tuple[Purpose, str], NDArray[np.float32]] = {}

    async def of(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        missing = [text for text in dict.fromkeys(texts) if (purpose, text) not in self._known]
        for text, vector in zip(missing, await self._embedder.embed(missing, purpose), strict=True):
            self._known[purpose, text] = vector
        return np.stack([self._known[purpose, text] for text in texts])


async def main() -> None:
    arguments = _arguments()
    embedder = await asyncio.to_thread(OnnxEmbedder.open, cache=arguments.cache)
    vectors, counter = Vectors(embedder), embedder.tokenizer.load()
    print(
        f"{'tokens:overlap':>16} {'corpus':>20} {'chunks':>7} {'mean':>6} {'precision':>10} {'recall':>7} {'IoU':>6} {'s':>6}"
    )
    try:
        for size in arguments.sizes.split(","):
            tokens, overlap = (int(part) for part in size.split(":"))
            parameters = ChunkingParameters(chunk_tokens=tokens, overlap_tokens=overlap)
            scores: list[Score] = []
            for corpus in arguments.corpora.split(","):
                started_s = time.perf_counter()
                found, line = await _corpus(corpus, parameters, (vectors, counter))
                scores += found
                print(f"{size:>16} {corpus:>20} {line} {_row(found)} {time.perf_counter() - started_s:6.1f}", flush=True)
            print(f"{size:>16} {'all questions':>20} {'':>14} {_row(scores)}", flush=True)
    finally:
        await embedder.close()


async def _corpus(name: str, parameters: ChunkingParameters, tools: tuple[Vectors, TokenCounter]) -> tuple[list[Score], str]:
    vectors, counter = tools
    document = _document(name)
    chunks = chunk_document(document, counter, parameters)
    passages = await vectors.of([indexed_text(chunk, document.text) for chunk in chunks], Purpose.PASSAGE)
    questions = _questions(name)
    asked = await vectors.of([question.text for question in questions], Purpose.QUERY)
    mean = sum(counter.count(document.text[chunk.start : chunk.end]) for chunk in chunks) / len(chunks)
    scores: list[Score] = []
    for question, cosines in zip(questions, asked @ passages.T, strict=True):
        best = cast("list[int]", np.argsort(-cosines, kind="stable")[:RETRIEVED].tolist())
        scores.append(score([(chunks[row].start, chunks[row].end) for row in best], question.spans))
    return scores, f"{len(chunks):7} {mean:6.0f}"


def score(retrieved: Sequence[Span], wanted: Sequence[Span]) -> Score:
    """Characters that are both, over those retrieved, those wanted, and those that are either."""
    got, gold = ({place for start, end in spans for place in range(start, end)} for spans in (retrieved, wanted))
    both = len(got & gold)
    return Score(precision=both / max(1, len(got)), recall=both / max(1, len(gold)), iou=both / max(1, len(got | gold)))


def _row(scores: Sequence[Score]) -> str:
    rows = np.array([(one.precision, one.recall, one.iou) for one in scores])
    return "{:10.3f} {:7.3f} {:6.3f}".format(*rows.mean(axis=0))


def _document(name: str) -> ParsedDocument:
    """As plain text: these files are called Markdown and hold none, and their spans are of the text as it is."""
    content = (DATA / "corpora" / f"{name}.md").read_bytes()
    document = parse(Source(content=content, filename=f"{name}.txt", media_type="text/plain"))
    assert document.text == content.decode(), name
    return document


def _questions(corpus: str) -> list[Question]:
    questions: list[Question] = []
    for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        if fields["corpus_id"] == corpus:
            references = cast("list[dict[str, int]]", fields["references"])
            spans = tuple((reference["start_index"], reference["end_index"]) for reference in references)
            questions.append(Question(text=fields["question"], spans=spans))
    return questions


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--sizes", default=SIZES, help="chunk_tokens:overlap_tokens, comma separated")
    parser.add_argument("--cache", type=Path, default=Path("mnemic-data/models"), help="where the converted model lies")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
