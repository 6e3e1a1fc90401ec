"""The development sets: documents, questions, judgments, as they lie under MNEMIC_EVAL_DATA. No held-out questions."""

import gzip
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evals.metrics import Judgments

# Beside the checkout, wherever that is. MNEMIC_EVAL_DATA is no setting of the service; evals and tests read it.
DATA_DEFAULT = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
# financebench last: it is ten times the others together.
SPLITS: Mapping[str, str] = {
    "cranfield": "test",
    "cacm": "test",
    "scifact": "train",
    "hotpotqa_100": "test",
    "financebench": "dev",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a set."""

    id: str
    title: str
    text: str
    metadata: Mapping[str, str | int] = field(default_factory=dict[str, str | int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A judged question. `filter` is what the question itself says about where to look, in the API's JSON."""

    id: str
    text: str
    judgments: Judgments
    filter: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A set by name; documents are read as they are needed, since financebench is 34 MB."""

    name: str
    split: str
    root: Path
    questions: tuple[Question, ...]

    def documents(self) -> Iterator[Document]:
        filings = _Filings(self.root)
        for row in _rows(self.root, "corpus.jsonl"):
            yield Document(id=row["_id"], title=row.get("title", ""), text=row["text"], metadata=filings.facts(row["_id"]))


def data_root() -> Path:
    return Path(os.environ.get("MNEMIC_EVAL_DATA") or DATA_DEFAULT)


def load(name: str) -> Dataset:
    """The set's judged questions of the split that development may see."""
    root, split = data_root() / "retrieval" / name, SPLITS[name]
    judged: dict[str, dict[str, int]] = {}
    for line in (root / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]:
        question, document, gain = line.split("\t")
        judged.setdefault(question, {})[document] = int(gain)
    filings = _Filings(root)
    questions = tuple(
        Question(id=row["_id"], text=row["text"], judgments=judged[row["_id"]], filter=filings.filter_of(row["text"]))
        for row in _rows(root, "queries.jsonl")
        if row["_id"] in judged
    )
    return Dataset(name=name, split=split, root=root, questions=questions)


def _rows(root: Path, name: str) -> Iterator[dict[str, str]]:
    plain = root / name
    with plain.open("rb") if plain.exists() else gzip.open(root / f"{name}.gz") as lines:
        yield from map(json.loads, lines)


class _Filings:
    """What is known about the filings of financebench besides their text. Nothing for other sets."""

    def __init__(self, root: Path) -> None:
        path = root / "document_information.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self._facts: dict[str, dict[str, str | int]] = {
            row["doc_name"]: {"company": row["company"], "year": int(row["doc_period"]), "type": row["doc_type"]}
            for row in rows
        }
        companies = sorted({str(facts["company"]) for facts in self._facts.values()}, key=len, reverse=True)
        self._named = [(company, re.compile(rf"(?<!\w){re.escape(company)}(?!\w)", re.IGNORECASE)) for company in companies]

    def facts(self, document: str) -> Mapping[str, str | int]:
        """Company, year of the period and type of the filing that a page is of."""
        return self._facts.get(document.partition("#")[0], {})

    def filter_of(self, question: str) -> Mapping[str, object] | None:
        """The company that the question itself spells out, and nothing more: no alias, no judgment is looked at."""
        named = [company for company, pattern in self._named if pattern.search(question)]
        return {"eq": ["company", named[0]]} if named else None
