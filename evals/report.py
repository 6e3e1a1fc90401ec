"""Figures of a run as a table, as baseline files, and against the committed ones. Measures no service."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import cast

from evals.metrics import all_found, ndcg, recall
from evals.provenance import provenance

BASELINES = Path(__file__).resolve().parent / "baselines"
DROP_MAX = 0.01  # STYLE 17: what may be noise; more is a change that somebody has to explain

Ranked = Mapping[str, Sequence[str]]
Figures = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetResult:
    """`figures` by arm (`keyword`, `dense`, `hybrid`, `bm25s`, …) and measure; `seconds` of ingestion and of searching."""

    name: str
    split: str
    questions: int
    documents: int
    chunks: int
    seconds: Mapping[str, float]
    figures: Figures


def measure(ranked: Ranked, judgments: Mapping[str, Mapping[str, int]]) -> Mapping[str, float]:
    """Means over the questions of `ranked`."""
    pairs = [(ranked[question], judgments[question]) for question in ranked]
    return {
        "ndcg@10": round(fmean(ndcg(found, wanted, 10) for found, wanted in pairs), 4),
        "recall@100": round(fmean(recall(found, wanted, 100) for found, wanted in pairs), 4),
        "all@10": round(fmean(all_found(found, wanted, 10) for found, wanted in pairs), 4),
    }


def table(results: Sequence[SetResult]) -> str:
    """One line an arm and set; the last column is what hybrid gains over the better of its arms."""
    lines = [f"{'set':<14}{'questions':>10}{'arm':>18}{'nDCG@10':>10}{'R@100':>9}{'all@10':>9}{'gain':>9}"]
    for result in results:
        for arm, figures in result.figures.items():
            gain = f"{gain_of(result.figures):+.4f}" if arm == "hybrid" else ""
            lines.append(
                f"{result.name:<14}{result.questions:>10}{arm:>18}{figures['ndcg@10']:>10.4f}"
                f"{figures['recall@100']:>9.4f}{figures['all@10']:>9.4f}{gain:>9}"
            )
    return "\n".join(lines)


def gain_of(figures: Figures) -> float:
    """nDCG@10 of hybrid over the better of its arms."""
    return figures["hybrid"]["ndcg@10"] - max(figures[arm]["ndcg@10"] for arm in ("keyword", "dense"))


def write_baseline(result: SetResult, folder: Path = BASELINES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    content = {
        "set": result.name,
        "split": result.split,
        "questions": result.questions,
        "documents": result.documents,
        "chunks": result.chunks,
        "seconds": dict(result.seconds),
        "figures": {arm: dict(figures) for arm, figures in result.figures.items()},
        **provenance(),
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def drops(result: SetResult, folder: Path = BASELINES) -> Sequence[str]:
    """A line for every committed figure that this run misses by more than DROP_MAX, or does not have."""
    path = folder / f"{result.name}.json"
    if not path.exists():
        return []
    committed = cast("Figures", json.loads(path.read_text())["figures"])
    found: list[str] = []
    for arm, figures in committed.items():
        for measure_, before in figures.items():
            now = result.figures.get(arm, {}).get(measure_)
            if now is None or now < before - DROP_MAX:
                found.append(f"{result.name} {arm} {measure_}: {now} now, {before} in {path.name}")
    return found
