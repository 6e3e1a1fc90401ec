"""The keyword arm against bm25s over the same terms, on judged collections: nDCG@10 within 0.01, and no worse than it was."""

import json
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import pytest

from engines.analysis import analyse
from engines.embedded import Tuning
from engines.embedded.recovery import make
from engines.port import Query
from tests.support.engines import collection, everyone, keys, row, watermark

ROOT = Path(__file__).parents[2]
DATA = ROOT / os.environ.get("MNEMIC_EVAL_DATA", "../shared/data") / "retrieval"
HERE = collection()


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def judgments(path: Path) -> dict[str, set[str]]:
    relevant: defaultdict[str, set[str]] = defaultdict(set)
    for line in path.read_text().splitlines()[1:]:
        question, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant[question].add(document)
    return relevant


def ndcg(ranked: list[str], relevant: set[str]) -> float:
    gained = sum(1 / math.log2(rank + 2) for rank, document in enumerate(ranked[:10]) if document in relevant)
    return gained / sum(1 / math.log2(rank + 2) for rank in range(min(10, len(relevant))))


@pytest.mark.data
@pytest.mark.timeout(120)
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no evaluation data in {DATA}")
@pytest.mark.parametrize(
    "dataset, split, floor",
    [("cranfield", "test", 0.375), ("cacm", "test", 0.49), pytest.param("scifact", "train", 0.68, marks=pytest.mark.slow)],
)
def test_the_keyword_arm_ranks_as_well_as_bm25s(tmp_path: Path, dataset: str, split: str, floor: float) -> None:
    documents = lines(DATA / dataset / "corpus.jsonl")
    names = [document["_id"] for document in documents]
    texts = [f"{document['title']}\n{document['text']}" for document in documents]
    opened = make(HERE, tmp_path, Tuning())
    opened.apply([row(key, text) for key, text in enumerate(texts, start=1)], (), watermark(1))
    oracle: Any = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    oracle.index([analyse(text, "english") for text in texts], show_progress=False)
    questions = {question["_id"]: question["text"] for question in lines(DATA / dataset / "queries.jsonl")}
    relevant = judgments(DATA / dataset / "qrels" / f"{split}.tsv")
    ours: list[float] = []
    theirs: list[float] = []
    for name, wanted in relevant.items():
        arms = opened.search(everyone(), Query(collection=HERE, vector=None, text=questions[name], limit=10))
        ours.append(ndcg([names[key - 1] for key in keys(arms.keyword)], wanted))
        scores = oracle.get_scores(analyse(questions[name], "english"))
        theirs.append(ndcg([names[place] for place in np.argsort(-scores, kind="stable")[:10]], wanted))
    print(f"{dataset}: nDCG@10 {np.mean(ours):.4f}, bm25s {np.mean(theirs):.4f}")
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.01)
    assert np.mean(ours) > floor
