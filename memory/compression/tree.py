"""The tree of a session's summaries: which nodes there are, what each is made of, and which sentences answer a budget. Pure:
nothing is kept here. Every sentence of every level is one of a message, with its span: a parent chooses among the sentences
of its children, which are the source's own, so nothing drifts from level to level."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.errors import Invalid
from memory.compression.citing import Count, Sentence, Terms, Utterance, sentences
from memory.compression.segments import Turn, segments
from memory.compression.selection import select

FAN_OUT = 8
# A node keeps half of what it is made of: a leaf of its messages, a parent of its children. Twice as much as any budget that
# the level is asked for, so that the choice over the whole session has something to choose from.
KEPT = 0.5
# But no more than this: so many tokens say the gist of any number of children.
NODE_TOKENS_MAX = 3_000
# A level is asked only when it holds this many times the budget; with 2 the choice at 16:1 kept 0.02 fewer answers.
ROOM = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node and what it stands on. `cover` is a digest of every message in `[seq_from, seq_to]`: another digest, another node.
    A node that is not `closed` is at the end of the session and will be another as soon as more is said."""

    level: int
    seq_from: int
    seq_to: int
    sentences: tuple[Sentence, ...]
    cover: bytes
    closed: bool

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What compression needs to know of language, given by whoever wires: how many tokens a text has, its analysed words."""

    count: Count
    terms: Terms


def turns(utterances: Sequence[Utterance], words: Words) -> list[Turn]:
    """The messages as segmentation sees them."""
    return [
        Turn(seq=one.seq, occurred_s=one.occurred_s, tokens=words.count(one.text), terms=words.terms(one.text))
        for one in utterances
    ]


def leaves(utterances: Sequence[Utterance], words: Words) -> Iterator[Node]:
    """A leaf for each segment, in order of time."""
    for segment in segments(turns(utterances, words)):
        yield leaf(utterances[segment.start : segment.end], words, closed=segment.closed)


def leaf(utterances: Sequence[Utterance], words: Words, *, closed: bool) -> Node:
    """A leaf of exactly these messages."""
    candidates = sentences(utterances, count=words.count, terms=words.terms)
    return Node(
        level=0,
        seq_from=utterances[0].seq,
        seq_to=utterances[-1].seq,
        sentences=select(candidates, _budget(candidates)),
        cover=cover(utterances),
        closed=closed,
    )


def parents(children: Sequence[Node]) -> Iterator[Node]:
    """The next level: one node for every eight."""
    for start in range(0, len(children), FAN_OUT):
        yield parent(children[start : start + FAN_OUT])


def parent(children: Sequence[Node]) -> Node:
    """A node of these children, in order of time."""
    candidates = tuple(one for child in children for one in child.sentences)
    return Node(
        level=children[0].level + 1,
        seq_from=children[0].seq_from,
        seq_to=children[-1].seq_to,
        sentences=select(candidates, _budget(candidates)),
        cover=hashlib.sha256(b"".join(child.cover for child in children)).digest(),
        closed=len(children) == FAN_OUT and all(child.closed for child in children),
    )


def levels(utterances: Sequence[Utterance], words: Words) -> tuple[tuple[Node, ...], ...]:
    """The whole tree, leaves first, up to the level of one node."""
    if not utterances:
        return ()
    tree = [tuple(leaves(utterances, words))]
    while len(tree[-1]) > 1:
        tree.append(tuple(parents(tree[-1])))
    return tuple(tree)


def cover(utterances: Sequence[Utterance]) -> bytes:
    """SHA-256 of who said what, when and in which place."""
    digest = hashlib.sha256()
    for one in utterances:
        said = repr((one.message, one.seq, one.role, one.speaker, one.text, one.occurred_s))
        digest.update(said.encode("utf-8", "surrogatepass"))
    return digest.digest()


def answer(tree: Sequence[Sequence[Node]], tokens_max: int, source: Callable[[], Sequence[Sentence]]) -> tuple[Sentence, ...]:
    """The best sentences within the budget: of the highest level that holds enough to choose from, or of the `source`, which is
    read only when not even the leaves do. Invalid when not one sentence is short enough."""
    for level in reversed(tree):
        if enough(sum(node.tokens for node in level), tokens_max):
            candidates: Sequence[Sentence] = [one for node in level for one in node.sentences]
            chosen = select(candidates, tokens_max)
            if chosen:
                return chosen
    candidates = source()
    chosen = select(candidates, tokens_max)
    if not chosen and candidates:
        raise too_small(tokens_max, min(one.tokens for one in candidates))
    return chosen


def enough(held: int, tokens_max: int) -> bool:
    """Whether a level that holds so many tokens has enough to choose from."""
    return held >= tokens_max * ROOM


def too_small(tokens_max: int, least: int) -> Invalid:
    return Invalid(
        "memory.summary_budget",
        f"a summary of {tokens_max} tokens has no room for any sentence of this session: the shortest has {least} tokens. "
        f"Ask for {least} or more.",
    )


def _budget(candidates: Sequence[Sentence]) -> int:
    """Half of it, and at least the shortest sentence, so that no node of a session is empty."""
    if not candidates:
        return 0
    tokens = [one.tokens for one in candidates]
    return max(min(int(sum(tokens) * KEPT), NODE_TOKENS_MAX), min(tokens))
