"""What recall finds of a summary: a leaf's sentences in passages that the embedder reads whole. Parents say sentences of their
leaves again and are not searchable themselves. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.metadata import Value
from memory.compression.citing import Sentence
from memory.compression.tree import Node, Words
from storage.memory_records import SessionRecord
from storage.memory_rows import NewRow

# Below the built-in model's window of 256, special tokens and the speakers' names included.
TOKENS_MAX = 200
# Below 2^17, what a key has room for: a leaf has 750 tokens, and a sentence at least one.
PASSAGES_MAX = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A part of a leaf, in the order of the conversation."""

    body: str
    seq_from: int
    seq_to: int


def passages(leaf: Node, words: Words) -> tuple[Passage, ...]:
    """All sentences of the leaf, each in one passage."""
    return tuple(_passage(part) for part in _parts(leaf.sentences, words))[:PASSAGES_MAX]


def row_of(session: SessionRecord, passage: Passage, digest: bytes) -> NewRow:
    """A passage as a searchable row."""
    fields: dict[str, Value] = {"mem.type": "summary", "mem.level": "summary", "mem.session": session.id}
    if session.agent is not None:
        fields["mem.agent"] = session.agent
    return NewRow(
        level="summary",
        body=passage.body,
        vector_sha256=digest,
        fields=fields,
        seq_from=passage.seq_from,
        seq_to=passage.seq_to,
    )


def _parts(sentences: Sequence[Sentence], words: Words) -> Iterator[list[Sentence]]:
    part: list[Sentence] = []
    tokens = 0
    for one in sentences:
        size = words.count(_said(one))
        if part and tokens + size > TOKENS_MAX:
            yield part
            part, tokens = [], 0
        part.append(one)
        tokens += size
    if part:
        yield part


def _passage(part: Sequence[Sentence]) -> Passage:
    return Passage(body="\n".join(_said(one) for one in part), seq_from=part[0].seq, seq_to=part[-1].seq)


def _said(one: Sentence) -> str:
    return one.text if one.speaker in one.text else f"{one.speaker}: {one.text}"
