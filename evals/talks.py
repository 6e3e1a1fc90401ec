"""The development conversations with their questions, as recall sees them: LoCoMo's two speakers, BEAM's user and assistant.
Messages in order with the ids that the gold evidence names. Nothing of the held-out conversations."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.datasets import data_root

TIERS = ("100K", "500K")
UNANSWERABLE = "5"  # of LoCoMo's categories: a trap, whose "evidence" answers another question
# The generator of BEAM left these at the end of what the user says.
_MARKER = re.compile(r"\s*->->\s*\d+\s*,\s*\d+\s*$")
_LOCOMO_TIME = "%I:%M %p on %d %B, %Y"
_ANCHOR = "%B-%d-%Y"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message. `session` is the conversation's own part, such as LoCoMo's D3."""

    id: str
    session: str
    role: str
    speaker: str | None
    text: str
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question: its kind (category or ability), and the messages that prove its answer; none when it has no answer."""

    id: str
    kind: str
    text: str
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation with its questions. `id` is fit to be a user's."""

    id: str
    lines: tuple[Line, ...]
    asked: tuple[Asked, ...]


def locomo(root: Path | None = None) -> tuple[Talk, ...]:
    folder = (root or data_root()) / "memory" / "locomo"
    asked: dict[str, list[Asked]] = {}
    for row in _lines(folder / "questions.jsonl"):
        asked.setdefault(row["sample_id"], []).append(_asked(row, str(row["category"])))
    rows: list[dict[str, Any]] = json.loads((folder / "conversations.json").read_text(encoding="utf-8"))
    return tuple(
        Talk(
            id=f"locomo-{row['sample_id']}",
            lines=tuple(_spoken(row["conversation"])),
            asked=tuple(asked.get(row["sample_id"], ())),
        )
        for row in rows
    )


def beam(tier: str, root: Path | None = None) -> tuple[Talk, ...]:
    folder = (root or data_root()) / "memory" / "beam"
    asked: dict[str, list[Asked]] = {}
    for row in _lines(folder / f"questions_{tier}.jsonl"):
        asked.setdefault(row["conversation_id"], []).append(_asked(row, row["type"]))
    with gzip.open(folder / f"conversations_{tier}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return tuple(
        Talk(
            id=f"beam-{row['conversation_id']}",
            lines=tuple(_chatted(row["batches"])),
            asked=tuple(asked.get(row["conversation_id"], ())),
        )
        for row in rows
    )


def _spoken(said: Mapping[str, Any]) -> Iterator[Line]:
    for number in range(1, len(said)):
        for one in said.get(f"session_{number}") or ():
            at = datetime.strptime(said[f"session_{number}_date_time"].upper(), _LOCOMO_TIME).replace(tzinfo=UTC)
            yield Line(
                id=one["dia_id"],
                session=f"D{number}",
                role="user",
                speaker=one["speaker"],
                text=one["text"],
                occurred_at=at,
            )


def _chatted(batches: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    at: datetime | None = None
    for batch in batches:
        for one in batch["messages"]:
            at = _anchor(one.get("time_anchor")) or at
            text = _MARKER.sub("", one["content"])
            if text.strip():
                yield Line(
                    id=str(one["id"]), session=f"B{batch['batch']}", role=one["role"], speaker=None, text=text, occurred_at=at
                )


def _anchor(text: str | None) -> datetime | None:
    return None if not text else datetime.strptime(text, _ANCHOR).replace(tzinfo=UTC)


def _asked(row: Mapping[str, Any], kind: str) -> Asked:
    return Asked(id=row["id"], kind=kind, text=row["question"], evidence=frozenset(map(str, row["evidence"])))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
