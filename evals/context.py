"""How complete a context is, through the HTTP API of the real service: `python evals/run.py context`. At each budget the
share of questions whose gold evidence is wholly inside, for the context call and for a naive fill: the results of the same
retriever in their order, each with its date and speaker or title, up to the first that has no room.

LoCoMo's development conversations (each a user's memory; evidence are turns, all of a question's), and a sample of
financebench (evidence are pages; one counts as inside when a passage of it is). Questions without evidence are left out.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from evals.datasets import Document, load
from evals.memory import remember
from evals.provenance import provenance
from evals.service import Json, Service, as_object, rows_of, serve
from evals.talks import UNANSWERABLE, Talk, locomo
from inference.vocabularies import CarriedVocabularies

BUDGETS = (350, 500, 750, 1_400, 2_000)
TOKENIZER = "o200k_base"
RESULTS = 100
INDEX = "eval-context-financebench"
PAGES = 400  # of financebench beside the gold ones
SEED = 8321
DROP_MAX = 0.01
BASELINE = Path(__file__).resolve().parent / "baselines" / "context.json"
ARMS: Mapping[str, Json] = {"context": {}, "context, all": {"adaptive": False}}

Count = Callable[[str], int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question. `scope` is what both calls are told of where to look; `gold` are ids, all of which must be inside."""

    text: str
    gold: frozenset[str]
    scope: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a naive fill takes: a result's id and its line."""

    id: str
    line: str


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    figures: dict[str, Mapping[str, Mapping[str, float]]] = {}
    counted: dict[str, int] = {}
    with _folder(options.data) as data, serve(data) as address:
        service = Service(address)
        for name, prepare in (("locomo", _locomo), ("financebench", _financebench)):
            if name not in options.sets:
                continue
            cases, naive = prepare(service, options.questions)
            counted[name] = len(cases)
            print(f"{name}: {len(cases)} questions …", flush=True)
            figures[name] = measure(service, cases, naive)
            print(table(figures[name]), flush=True)
    content = {"figures": figures, "questions": counted, "tokenizer": TOKENIZER, **provenance()}
    if options.write_baselines:
        BASELINE.write_text(json.dumps(content, indent=1) + "\n")
        print("wrote", BASELINE.name)
        return 0
    fallen = drops(figures)
    print("\n".join(["fallen by more than 0.01 since the committed baselines:", *fallen]) if fallen else "no figure fell")
    return 1 if fallen else 0


def measure(
    service: Service, cases: Sequence[Case], naive: Callable[[Case], Sequence[Result]]
) -> Mapping[str, Mapping[str, float]]:
    """The share of complete contexts by arm and budget."""
    count = CarriedVocabularies().named(TOKENIZER).count
    inside: dict[str, dict[str, list[bool]]] = {arm: {str(budget): [] for budget in BUDGETS} for arm in (*ARMS, "naive")}
    for case in cases:
        results = naive(case)
        for budget in BUDGETS:
            for arm, extra in ARMS.items():
                inside[arm][str(budget)].append(case.gold <= _told(service, case, budget, extra))
            inside["naive"][str(budget)].append(case.gold <= filled(results, budget, count))
    return {arm: {budget: round(fmean(found), 4) for budget, found in by_budget.items()} for arm, by_budget in inside.items()}


def filled(results: Sequence[Result], budget: int, count: Count) -> frozenset[str]:
    """The ids of the results up to the first that has no room."""
    taken: set[str] = set()
    used = 0
    for one in results:
        used += count(one.line)
        if used > budget:
            break
        taken.add(one.id)
    return frozenset(taken)


def _told(service: Service, case: Case, budget: int, extra: Json) -> frozenset[str]:
    body: Json = {"query": case.text, "tokens_max": budget, "tokenizer": TOKENIZER, **case.scope, **extra}
    answer = service.post("/v1/context", body)
    assert not answer["degraded"], answer["degraded"]
    assert int(str(as_object(answer["tokens"])["total"])) <= budget, answer["tokens"]
    return frozenset(str(one["id"]) for one in rows_of(answer["citations"]))


def _locomo(service: Service, questions: int) -> tuple[list[Case], Callable[[Case], Sequence[Result]]]:
    talks = locomo()
    offset = max(remember(service, talk) for talk in talks)
    cases = [case for talk in talks for case in sampled(list(_asked(talk, offset)), questions // len(talks))]

    def naive(case: Case) -> Sequence[Result]:
        body: Json = {"query": case.text, "user_id": case.scope["user_id"], "k": RESULTS, "types": ["message"]}
        found = rows_of(service.post("/v1/memories:search", body)["results"])
        return [
            Result(id=str(one["message_id"]), line=f"{str(one['occurred_at'])[:10]} {one['speaker']}: {one['text']}\n")
            for one in found
        ]

    return cases, naive


def _asked(talk: Talk, offset: int) -> Iterator[Case]:
    known = {line.id for line in talk.lines}
    scope: Json = {"user_id": talk.id, "min_offset": offset, "sections": {"documents": {"tokens_max": 0}}}
    for one in talk.asked:
        if one.kind != UNANSWERABLE and one.evidence and one.evidence <= known:
            yield Case(text=one.text, gold=one.evidence, scope=scope)


def _financebench(service: Service, questions: int) -> tuple[list[Case], Callable[[Case], Sequence[Result]]]:
    dataset = load("financebench")
    scope: Json = {"indexes": [INDEX], "sections": {"memories": {"tokens_max": 0}}}
    asked = [
        Case(text=one.text, gold=frozenset(name for name, gain in one.judgments.items() if gain > 0), scope=scope)
        for one in dataset.questions
    ]
    cases = sampled([case for case in asked if case.gold], questions)
    gold = frozenset(page for case in cases for page in case.gold)
    documents = {one.id: one for one in dataset.documents() if one.text.strip()}
    others = sampled(sorted(documents.keys() - gold), PAGES)
    service.put_index(INDEX)
    service.ingest(INDEX, (_page(documents[name]) for name in sorted({*gold, *others} & documents.keys())))

    def naive(case: Case) -> Sequence[Result]:
        found = rows_of(service.search({"query": case.text, "indexes": [INDEX], "k": RESULTS})["results"])
        return [Result(id=str(one["document_id"]), line=f"{one['title'] or ''}\n{one['text']}\n") for one in found]

    return cases, naive


def _page(document: Document) -> Json:
    return {"id": document.id, "title": document.title or None, "text": document.text}


def sampled(items: list[T], size: int) -> list[T]:
    """As many of them by chance, the same at every run; all where `size` is 0."""
    return items if size <= 0 or len(items) <= size else random.Random(SEED).sample(items, size)  # noqa: S311  # a sample that repeats


def table(figures: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"{'arm':<16}" + "".join(f"{budget:>9}" for budget in BUDGETS)]
    lines += [f"{arm:<16}" + "".join(f"{row[str(budget)]:>9.4f}" for budget in BUDGETS) for arm, row in figures.items()]
    return "\n".join(lines)


def drops(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """What fell in the context's own arms since the committed baselines."""
    if not BASELINE.exists():
        return []
    committed = json.loads(BASELINE.read_text())["figures"]
    return [
        f"{name} {arm} at {budget}: {now} now, {committed[name][arm][budget]} in {BASELINE.name}"
        for name, arms in figures.items()
        for arm, row in arms.items()
        for budget, now in row.items()
        if arm != "naive" and now < committed.get(name, {}).get(arm, {}).get(budget, 0.0) - DROP_MAX
    ]


@contextmanager
def _folder(given: Path | None) -> Generator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder:
        yield Path(folder) / "data"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evals/run.py context", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help="locomo, financebench; both without an argument")
    parser.add_argument("--questions", type=int, default=0, help="a sample of so many questions of each set; 0 is all")
    parser.add_argument("--data", type=Path, help="a data folder that is kept, instead of one for this run")
    parser.add_argument("--write-baselines", action="store_true", help="write evals/baselines/context.json")
    options = parser.parse_args(arguments)
    options.sets = options.sets or ["locomo", "financebench"]
    return options
