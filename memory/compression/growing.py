"""How a session's tree grows: which of its stored nodes still stand, which messages the others need, and the tree with those
made anew. Pure: reading and writing are service.py's."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from memory.compression import tree
from memory.compression.citing import Sentence, Utterance
from memory.compression.salience import Mark
from memory.compression.tree import FAN_OUT, Node, Words
from storage.memory_records import MessageRecord
from storage.summaries import NewSummary, State, StoredSentence, SummaryRecord

Range = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What is to be done at the leaves. `tail_from` is where the conversation is to be cut anew, None when its end is covered;
    `renewed` are leaves before that whose range stays and whose sentences are chosen again."""

    leaves: tuple[SummaryRecord, ...]
    renewed: tuple[Range, ...]
    tail_from: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node in the tree, and its row where it is stored already."""

    node: Node
    row_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """The whole tree, leaves first. `gone` are rows that no place of it has."""

    levels: tuple[tuple[Place, ...], ...]
    gone: tuple[int, ...]

    @property
    def nodes(self) -> tuple[tuple[Node, ...], ...]:
        return tuple(tuple(place.node for place in level) for level in self.levels)

    @property
    def fresh(self) -> tuple[Node, ...]:
        return tuple(place.node for level in self.levels for place in level if place.row_id is None)


def plan(stored: Sequence[SummaryRecord], head_seq: int, usable: frozenset[State]) -> Growth:
    """The last leaf is open: it is cut again, from its first message, as soon as more was said than it covers. Only nodes in
    one of the `usable` states stand."""
    leaves = tuple(one for one in stored if one.level == 0)
    if not leaves:
        return Growth(leaves=(), renewed=(), tail_from=1 if head_seq else None)
    *closed, last = leaves
    stands = last.state in usable and last.seq_to >= head_seq
    kept = leaves if stands else tuple(closed)
    renewed = tuple((one.seq_from, one.seq_to) for one in kept if one.state not in usable)
    return Growth(leaves=kept, renewed=renewed, tail_from=None if stands else last.seq_from)


def grow(
    growth: Growth,
    stored: Sequence[SummaryRecord],
    said: Mapping[Range, Sequence[Utterance]],
    tail: Sequence[Utterance],
    *,
    usable: frozenset[State],
    words: Words,
) -> Grown:
    """The tree: stored nodes where they stand, others made from `said` (by range) and `tail`."""
    leaves = [_leaf(one, said, usable, words) for one in growth.leaves]
    leaves += [Place(node=node) for node in tree.leaves(tail, words)]
    known = {(one.level, one.seq_from, one.cover): one for one in stored if one.level and one.state in usable}
    levels = [tuple(leaves)] if leaves else []
    while levels and len(levels[-1]) > 1:
        children = levels[-1]
        levels.append(tuple(_parent(children[at : at + FAN_OUT], known) for at in range(0, len(children), FAN_OUT)))
    kept = {place.row_id for level in levels for place in level}
    return Grown(levels=tuple(levels), gone=tuple(one.row_id for one in stored if one.row_id not in kept))


def _leaf(record: SummaryRecord, said: Mapping[Range, Sequence[Utterance]], usable: frozenset[State], words: Words) -> Place:
    if record.state in usable:
        return Place(node=node_of(record), row_id=record.row_id)
    return Place(node=renewed_leaf((record.seq_from, record.seq_to), said[record.seq_from, record.seq_to], words))


def renewed_leaf(span: Range, said: Sequence[Utterance], words: Words) -> Node:
    """A leaf of what is left of its range. It stays, empty, when that is nothing: its neighbours keep their parents."""
    if not said:
        return Node(level=0, seq_from=span[0], seq_to=span[1], sentences=(), cover=tree.cover(()), closed=True)
    return replace(tree.leaf(said, words, closed=True), seq_from=span[0], seq_to=span[1])


def _parent(children: Sequence[Place], known: Mapping[tuple[int, int, bytes], SummaryRecord]) -> Place:
    first = children[0].node
    cover = hashlib.sha256(b"".join(child.node.cover for child in children)).digest()
    found = known.get((first.level + 1, first.seq_from, cover))
    if found is not None and found.seq_to == children[-1].node.seq_to:
        return Place(node=node_of(found), row_id=found.row_id)
    return Place(node=tree.parent([child.node for child in children]))


def node_of(record: SummaryRecord) -> Node:
    sentences = tuple(_sentence(one) for one in record.sentences)
    return Node(
        level=record.level,
        seq_from=record.seq_from,
        seq_to=record.seq_to,
        sentences=sentences,
        cover=record.cover,
        closed=True,
    )


def new_summary(node: Node) -> NewSummary:
    return NewSummary(
        level=node.level,
        seq_from=node.seq_from,
        seq_to=node.seq_to,
        sentences=tuple(_stored(one) for one in node.sentences),
        cover=node.cover,
    )


def utterance(message: MessageRecord) -> Utterance:
    """A message as compression sees it; who has no name is called by the role."""
    return Utterance(
        message=message.row_id,
        seq=message.seq,
        role=message.role.value,
        speaker=message.speaker or message.role.value.capitalize(),
        text=message.content,
        occurred_s=None if message.occurred_at is None else message.occurred_at.timestamp(),
    )


def _sentence(one: StoredSentence) -> Sentence:
    return Sentence(
        message=one.message,
        seq=one.seq,
        start=one.start,
        end=one.end,
        speaker=one.speaker,
        text=one.text,
        tokens=one.tokens,
        marks=frozenset(Mark(mark) for mark in one.marks),
        terms=one.terms,
    )


def _stored(one: Sentence) -> StoredSentence:
    return StoredSentence(
        message=one.message,
        seq=one.seq,
        start=one.start,
        end=one.end,
        speaker=one.speaker,
        text=one.text,
        tokens=one.tokens,
        marks=tuple(sorted(one.marks)),
        terms=one.terms,
    )
