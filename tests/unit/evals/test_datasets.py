"""Reading the development sets: which questions, which judgments, and what a question says of itself."""

import gzip
import json
from pathlib import Path

import pytest

from evals.datasets import load


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNEMIC_EVAL_DATA", str(tmp_path))
    folder = tmp_path / "retrieval" / "financebench"
    (folder / "qrels").mkdir(parents=True)
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t3M_2018_10K#p1\t1\nq2\tNIKE_2019_10K#p0\t1\n")
    (folder / "queries.jsonl").write_text(
        lines(
            {"_id": "q1", "text": "What did 3M spend?"},
            {"_id": "q2", "text": "How large are inventories?"},
            {"_id": "q3", "text": "Nobody judged this about Nike"},
        )
    )
    (folder / "document_information.jsonl").write_text(
        lines(
            {"doc_name": "3M_2018_10K", "company": "3M", "doc_period": 2018, "doc_type": "10k"},
            {"doc_name": "NIKE_2019_10K", "company": "Nike", "doc_period": 2019, "doc_type": "10k"},
        )
    )
    corpus = lines(
        {"_id": "3M_2018_10K#p1", "title": "3M 2018 10K", "text": "Spending."},
        {"_id": "OTHER_2018_10K#p0", "title": "", "text": "Else."},
    )
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(corpus.encode()))
    return tmp_path


def test_only_judged_questions_are_asked(root: Path) -> None:
    assert root.exists()
    assert [(one.id, one.judgments) for one in load("financebench").questions] == [
        ("q1", {"3M_2018_10K#p1": 1}),
        ("q2", {"NIKE_2019_10K#p0": 1}),
    ]


def test_a_question_is_scoped_only_by_a_company_that_it_spells_out(root: Path) -> None:
    assert root.exists()
    named, unnamed = load("financebench").questions
    assert named.filter == {"eq": ["company", "3M"]}
    assert unnamed.filter is None


def test_pages_carry_what_is_known_of_their_filing(root: Path) -> None:
    assert root.exists()
    first, second = load("financebench").documents()
    assert (first.id, first.text, first.metadata) == (
        "3M_2018_10K#p1",
        "Spending.",
        {"company": "3M", "year": 2018, "type": "10k"},
    )
    assert second.metadata == {}
