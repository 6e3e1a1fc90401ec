"""How well `answerable` of a context is calibrated, through the HTTP API of the real service: `python evals/run.py answerable`.

Questions of scifact, hotpotqa_100 and financebench are each asked of two indexes, of which one lacks the documents that prove
its answer; those of LoCoMo's development conversations, category 5 included, which has no answer by design, of their user's
memory. Both again with the other source beside them, which has nothing to say. Said is what the service answers, observed
whether a document or turn that proves the answer is in the context. `--fit` prints the weights of retrieval/answerability.py.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from evals.cache_prior import fit
from evals.context import sampled
from evals.datasets import load
from evals.memory import calibrated, remember
from evals.provenance import provenance
from evals.service import Json, Service, as_object, rows_of, serve
from evals.talks import UNANSWERABLE, locomo
from retrieval.answerability import features, log_odds_of
from retrieval.types import Signals

# Questions of a set, and documents beside those that prove them.
SIZES: Mapping[str, tuple[int, int]] = {"scifact": (200, 500), "hotpotqa_100": (100, 1_000), "financebench": (60, 300)}
TALKS_QUESTIONS = 60  # of each conversation
TOKENS_MAX = 2_000
RESULTS = 40
RECALLED = 100
BINS = 10
FOLDS = 5
TALKS = "locomo"
FEATURES = ("cosine", "stands_out", "words_stand_out", "agreed")
BASELINE = Path(__file__).resolve().parent / "baselines" / "answerable.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question asked somewhere. `alone` is where it is asked, `beside` what is asked too in the second round."""

    set: str
    text: str
    gold: frozenset[str]
    alone: Json
    beside: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the service said of it alone and with another source beside, and whether it was so."""

    case: Case
    alone: tuple[float, bool]
    both: tuple[float, bool]

    @property
    def of_memory(self) -> bool:
        return self.case.set == TALKS


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder, serve(options.data or Path(folder) / "data") as address:
        service = Service(address)
        said = [_ask(service, case) for case in [*_documents(service), *_talks(service)]]
        fitted = fitting(service, said) if options.fit else None
    figures = {name: reliability([one.alone for one in said if one.case.set == name]) for name in (*SIZES, TALKS)}
    figures["documents alone"] = reliability([one.alone for one in said if not one.of_memory])
    figures["documents, memory beside"] = reliability([one.both for one in said if not one.of_memory])
    figures["memory, documents beside"] = reliability([one.both for one in said if one.of_memory])
    figures["all, both sources asked"] = reliability([one.both for one in said])
    print(table(figures))
    if fitted:
        print(json.dumps(fitted, indent=1))
    if options.write_baselines:
        BASELINE.write_text(json.dumps({"figures": figures, "fit": fitted, **provenance()}, indent=1) + "\n")
        print("wrote", BASELINE.name)
    return 0


def reliability(pairs: Sequence[tuple[float, bool]]) -> Json:
    """Brier score beside that of the base rate, AUC, the expected calibration error, and its bins of a tenth each."""
    bins: list[Json] = []
    error = 0.0
    for place in range(BINS):
        own = [(said, so) for said, so in pairs if min(int(said * BINS), BINS - 1) == place]
        if own:
            predicted, observed = fmean(said for said, _ in own), fmean(float(so) for _, so in own)
            error += len(own) / len(pairs) * abs(predicted - observed)
            bins.append({"predicted": round(predicted, 3), "observed": round(observed, 3), "questions": len(own)})
    return {**calibrated(pairs), "ece": round(error, 4), "bins": bins}


def fitting(service: Service, said: Sequence[Said]) -> Json:
    """The weights of all, and what weights say that were fitted without the fifth, or the set, that is asked. Each source is
    fitted on its own questions, and, half as heavy together, on those of the other, of which it has nothing."""
    found = np.array([features(_signals(service, one.case)) for one in said])
    recalled = np.array([[log_odds_of(_recalled(service, one.case))] for one in said])
    texts = sorted({one.case.text for one in said})
    folds = np.array([texts.index(one.case.text) % FOLDS for one in said])
    sets = np.array([one.case.set for one in said])
    own = np.array([not one.of_memory for one in said])
    documents = _Rows(found=found, so=_so(said, own), weights=_balanced(own), own=own)
    memories = _Rows(found=recalled, so=_so(said, ~own), weights=_balanced(~own), own=~own)
    return {
        "documents": dict(zip((*FEATURES, "intercept"), documents.fitted(), strict=True)),
        "memories": dict(zip(("slope", "intercept"), memories.fitted(), strict=True)),
        "documents, a fifth left out": reliability(documents.unseen(folds)),
        "documents, a set left out": reliability(documents.unseen(sets)),
        "memories, a fifth left out": reliability(memories.unseen(folds)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """What a source is fitted on. `own` are those that are asked of it."""

    found: NDArray[np.float64]
    so: NDArray[np.float64]
    weights: NDArray[np.float64]
    own: NDArray[np.bool_]

    def fitted(self) -> list[float]:
        return [round(float(one), 3) for one in fit(self.found, self.so, self.weights)]

    def unseen(self, groups: NDArray[np.generic]) -> list[tuple[float, bool]]:
        pairs: list[tuple[float, bool]] = []
        for group in np.unique(groups[self.own]):
            inside = groups == group
            weights = fit(self.found[~inside], self.so[~inside], self.weights[~inside])
            asked = inside & self.own
            said = 1 / (1 + np.exp(-(self.found[asked] @ weights[:-1] + weights[-1])))
            pairs += [(float(one), bool(was)) for one, was in zip(said, self.so[asked], strict=True)]
        return pairs


def _so(said: Sequence[Said], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.array([one.alone[1] for one in said], np.float64) * own


def _balanced(own: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(own, 1.0, 0.5 * own.sum() / (~own).sum())


def _documents(service: Service) -> Iterator[Case]:
    for name, (questions, others) in SIZES.items():
        dataset = load(name)
        asked = [(one, frozenset(id_ for id_, gain in one.judgments.items() if gain > 0)) for one in dataset.questions]
        asked = sampled([(one, gold) for one, gold in asked if gold], questions)
        documents = {one.id: one for one in dataset.documents() if one.text.strip()}
        all_gold = frozenset(id_ for _, gold in asked for id_ in gold) & documents.keys()
        kept = {*all_gold, *sampled(sorted(documents.keys() - all_gold), others)}
        for half in (0, 1):
            index = f"answerable-{name.replace('_', '-')}-{half}"
            gone = frozenset(id_ for place, (_, gold) in enumerate(asked) if place % 2 == half for id_ in gold)
            service.put_index(index)
            rows = (documents[id_] for id_ in sorted(kept - gone))
            service.ingest(index, ({"id": one.id, "title": one.title or None, "text": one.text} for one in rows))
            for one, gold in asked:
                alone: Json = {"indexes": [index], "sections": {"memories": {"tokens_max": 0}}}
                yield Case(set=name, text=one.text, gold=gold, alone=alone, beside={"indexes": [index], "user_id": _USER})


_USER = locomo()[0].id


def _talks(service: Service) -> Iterator[Case]:
    index = "answerable-scifact-0"
    for talk in locomo():
        offset = remember(service, talk)
        for one in sampled(list(talk.asked), TALKS_QUESTIONS):
            gold = frozenset[str]() if one.kind == UNANSWERABLE else one.evidence
            asked: Json = {"user_id": talk.id, "min_offset": offset}
            alone: Json = {**asked, "sections": {"documents": {"tokens_max": 0}}}
            yield Case(set=TALKS, text=one.text, gold=gold, alone=alone, beside={**asked, "indexes": [index]})


def _ask(service: Service, case: Case) -> Said:
    return Said(case=case, alone=_answer(service, case, case.alone), both=_answer(service, case, case.beside))


def _answer(service: Service, case: Case, where: Json) -> tuple[float, bool]:
    answer = service.post("/v1/context", {"query": case.text, "tokens_max": TOKENS_MAX, **where})
    assert not answer["degraded"], answer["degraded"]
    cited = {str(one["id"]) for one in rows_of(answer["citations"])}
    return float(str(answer["answerable"])), bool(case.gold & cited)


def _signals(service: Service, case: Case) -> Sequence[Signals]:
    found = service.search({"query": case.text, "indexes": case.beside["indexes"], "k": RESULTS})
    return [_signal(as_object(one["signals"])) for one in rows_of(found["results"])]


def _recalled(service: Service, case: Case) -> float:
    body: Json = {"query": case.text, "user_id": case.beside["user_id"], "k": RECALLED, "types": ["message", "fact"]}
    return float(str(service.post("/v1/memories:search", body)["answerable"]))


def _signal(told: Json) -> Signals:
    def number(name: str) -> float | None:
        return None if told[name] is None else float(str(told[name]))

    def rank(name: str) -> int | None:
        return None if told[name] is None else int(str(told[name]))

    return Signals(
        dense=number("dense"),
        dense_rank=rank("dense_rank"),
        keyword=number("keyword"),
        keyword_rank=rank("keyword_rank"),
        fused=number("fused") or 0.0,
    )


def table(figures: Mapping[str, Json]) -> str:
    lines = [f"{'':<26}{'n':>6}{'so':>8}{'Brier':>8}{'base':>8}{'ECE':>8}{'AUC':>8}"]
    for name, one in figures.items():
        told = (one["proven"], one["brier"], one["brier_of_base_rate"], one["ece"], one["auc"])
        lines.append(f"{name:<26}{one['questions']!s:>6}" + "".join(f"{float(str(value)):>8.3f}" for value in told))
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evals/run.py answerable", description=__doc__)
    parser.add_argument("--data", type=Path, help="a data folder that is kept, instead of one for this run")
    parser.add_argument("--fit", action="store_true", help="fit the weights of documents, and print them")
    parser.add_argument("--write-baselines", action="store_true", help="write evals/baselines/answerable.json")
    return parser.parse_args(arguments)
