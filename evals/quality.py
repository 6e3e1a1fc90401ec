"""The development sets through the real service: ingested, asked in every mode, measured. The command line is run.py."""

import argparse
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from evals.datasets import SPLITS, Dataset, Document, Question, load
from evals.oracle import Oracle
from evals.report import Ranked, SetResult, drops, measure, table, write_baseline
from evals.service import Address, Json, Service, rows_of, serve

MODES = ("keyword", "dense", "hybrid")
DEPTH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    results: list[SetResult] = []
    with _service(options.url, options.key) as service:
        for name in options.sets:
            print(f"{name}: ingesting and asking …", flush=True)
            results.append(evaluate(service, load(name), _fusion(options)))
    print(table(results))
    if options.write_baselines:
        for result in results:
            print("wrote", write_baseline(result).name)
        return 0
    fallen = [line for result in results for line in drops(result)]
    print("\n".join(["fallen by more than 0.01 since the committed baselines:", *fallen]) if fallen else "no figure fell")
    return 1 if fallen else 0


def evaluate(service: Service, dataset: Dataset, fusion: Mapping[str, object] | None = None) -> SetResult:
    """One set from its documents to its figures."""
    documents = {document.id: document for document in dataset.documents()}
    index = f"eval-{dataset.name}"
    service.put_index(index)
    started = time.perf_counter()
    counts = service.ingest(index, (_body(document) for document in documents.values() if _text(document)))
    ingested = time.perf_counter()
    ranked = {mode: _ask(service, index, dataset.questions, {"mode": mode, "fusion": fusion}) for mode in MODES}
    asked = time.perf_counter()
    if any(question.filter for question in dataset.questions):
        ranked["hybrid+company"] = _ask(service, index, dataset.questions, {"mode": "hybrid", "fusion": fusion}, scoped=True)
    oracle = Oracle({document.id: f"{document.title}\n{document.text}" for document in documents.values()})
    ranked["bm25s"] = {question.id: oracle.rank(question.text, DEPTH) for question in dataset.questions}
    judgments = {question.id: question.judgments for question in dataset.questions}
    state = service.index(index)
    print(f"  {counts}, {ingested - started:.0f} s to ingest", flush=True)
    return SetResult(
        name=dataset.name,
        split=dataset.split,
        questions=len(dataset.questions),
        documents=int(str(state["documents"])),
        chunks=int(str(state["chunks"])),
        seconds={"ingest": round(ingested - started, 1), "search": round(asked - ingested, 1)},
        figures={arm: measure(lists, judgments) for arm, lists in ranked.items()},
    )


def _ask(
    service: Service, index: str, questions: Sequence[Question], how: Mapping[str, object], *, scoped: bool = False
) -> Ranked:
    """Document ids by question, best first: one result a document, its best chunk."""
    found: dict[str, Sequence[str]] = {}
    for question in questions:
        body: Json = {"query": question.text, "indexes": [index], "k": DEPTH, "group_by_document": True, **how}
        if scoped:
            body["filter"] = question.filter
        answer = service.search(body)
        assert not answer["degraded"], answer["degraded"]
        found[question.id] = [str(one["document_id"]) for one in rows_of(answer["results"])]
    return found


def _text(document: Document) -> str:
    """In cacm many have a title and no text: there the title is the text. Two of cranfield are empty and stay out."""
    return (document.text if document.text.strip() else document.title).strip()


def _body(document: Document) -> Json:
    title = document.title if document.text.strip() else None
    return {"id": document.id, "title": title or None, "text": _text(document), "metadata": dict(document.metadata)}


def _fusion(options: argparse.Namespace) -> Mapping[str, object] | None:
    if options.fusion is None and options.dense_weight is None:
        return None
    weight = {} if options.dense_weight is None else {"dense_weight": options.dense_weight}
    return {"kind": options.fusion or "convex", **weight}


@contextmanager
def _service(url: str | None, key: str | None) -> Generator[Service]:
    if url:
        yield Service(Address(url=url, key=key or ""))
        return
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder, serve(Path(folder) / "data") as address:
        yield Service(address)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evals/run.py", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"which sets, of {', '.join(SPLITS)}; all without an argument")
    parser.add_argument("--url", help="a service that runs already, instead of one started for this")
    parser.add_argument("--key", help="its operator key")
    parser.add_argument("--fusion", choices=["convex", "rrf"], help="instead of the default")
    parser.add_argument("--dense-weight", type=float, help="instead of the default")
    parser.add_argument("--write-baselines", action="store_true", help="write evals/baselines/ instead of comparing with it")
    options = parser.parse_args(arguments)
    options.sets = options.sets or list(SPLITS)
    if unknown := [name for name in options.sets if name not in SPLITS]:
        parser.error(f"no such set: {', '.join(unknown)}; the sets are {', '.join(SPLITS)}")
    return options
