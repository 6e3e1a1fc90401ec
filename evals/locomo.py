"""The development conversations of LoCoMo as compression sees them: turns in order with their times, and the questions that say
which turns are evidence. Without question category 5, which has no answer by design."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.datasets import data_root

UNANSWERABLE = 5
_WORD = re.compile(r"\w+")
_TIME = "%I:%M %p on %d %B, %Y"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one of the two said, and when their session began."""

    id: str
    speaker: str
    text: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with its answer's words, and the turns that prove it."""

    category: int
    answer: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One pair's sessions after each other, as one long talk."""

    id: str
    turns: tuple[Turn, ...]
    asked: tuple[Asked, ...]


def conversations(root: Path | None = None) -> tuple[Conversation, ...]:
    folder = (root or data_root()) / "memory" / "locomo"
    rows: list[dict[str, Any]] = json.loads((folder / "conversations.json").read_text(encoding="utf-8"))
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return tuple(_conversation(row, questions) for row in rows)


def words(text: str) -> str:
    """Folded, with single blanks, and one at each end: for looking an answer up in a text."""
    return f" {' '.join(_WORD.findall(text.lower()))} "


def _conversation(row: Mapping[str, Any], questions: Sequence[Mapping[str, Any]]) -> Conversation:
    said: Mapping[str, Any] = row["conversation"]
    turns: list[Turn] = []
    for number in range(1, len(said)):
        session = said.get(f"session_{number}")
        if session:
            at = datetime.strptime(said[f"session_{number}_date_time"].upper(), _TIME).replace(tzinfo=UTC)
            turns += [Turn(id=one["dia_id"], speaker=one["speaker"], text=one["text"], occurred_at=at) for one in session]
    known = {turn.id for turn in turns}
    asked = tuple(
        Asked(
            category=one["category"],
            answer=str(one["answer"]),
            evidence=tuple(turn for turn in one["evidence"] if turn in known),
        )
        for one in questions
        if one["sample_id"] == row["sample_id"] and one["category"] != UNANSWERABLE
    )
    return Conversation(id=row["sample_id"], turns=tuple(turns), asked=asked)
