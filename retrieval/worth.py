"""In which order passages and memories are worth a context's room, where the order of retrieval says how near they are to the
question. Pure.

Passages: what the question names in words of the title ("Boeing", "leave") is more likely of that document. Without it, at 350,
500, 750, 1,400 and 2,000 tokens 0.571, 0.607, 0.714, 0.839 and 0.875 of financebench's 56 development questions had their
pages inside; with it 0.607, 0.661, 0.750, 0.857, 0.893.

Memories: chosen by hand among some forty settings, by packing LoCoMo's 760 development questions offline: a longer message
proves a little more than a short one of the same score; a question proves less than what answers it, so the message behind a
question that was found gains; and where the best hits are of one session, that session's others are more likely to
belong to it. The last two took completeness at 350 tokens from 0.671 to 0.690, at 500 from 0.716 to 0.728. An order learned
with sixteen features, conversation by conversation left out, was no better; preferring what is short, to get more of it in,
loses: at 500 tokens 0.728 became 0.652 of 400 questions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.pieces import Kind, Piece

LENGTH_POWER = 0.1
QUESTION_SHARE = 0.9
ANSWER_GAIN = 0.2
SESSION_GAIN = 0.2
# The hits that tell in which session the talk was about it.
LEADING = 10

# A session and the place of a message in it.
Spot = tuple[str, int]


# What a title gains that the question names, whatever the number of its words.
NAMED_GAIN = 0.3
# Words that name nothing.
_COMMON = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "so",
        "that",
        "the",
        "their",
        "there",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "you",
        "your",
        "am",
        "auf",
        "aus",
        "bei",
        "das",
        "dem",
        "den",
        "der",
        "des",
        "die",
        "ein",
        "eine",
        "einen",
        "einer",
        "es",
        "für",
        "hat",
        "ich",
        "im",
        "ist",
        "kann",
        "man",
        "mit",
        "nach",
        "nicht",
        "oder",
        "sie",
        "sind",
        "um",
        "und",
        "unser",
        "von",
        "war",
        "warum",
        "wann",
        "was",
        "welche",
        "welcher",
        "wem",
        "wen",
        "wenn",
        "wer",
        "wie",
        "wir",
        "wird",
        "wo",
        "zu",
        "zum",
        "zur",
    ]
)
_WORD = re.compile(r"\w+")


def by_title(pieces: Sequence[Piece], query: str) -> tuple[Piece, ...]:
    """Passages, best first: those whose title has a word of the question that not all titles have gain. Scores stay."""
    titles = {piece.title: _words(piece.title) for piece in pieces}
    everywhere = frozenset[str].intersection(*titles.values()) if titles else frozenset[str]()
    asked = _words(query) - everywhere

    def worth(piece: Piece) -> float:
        return piece.score * (1 + NAMED_GAIN if titles[piece.title] & asked else 1.0)

    return tuple(sorted(pieces, key=worth, reverse=True))


def by_worth(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Memories, best first, equals in the order given; scores stay what they are."""
    found = _found(pieces)
    return tuple(sorted(pieces, key=lambda one: _worth(one, found), reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was found, as far as it says something of its neighbours. Scores are shares of the best."""

    best: float
    questions: Mapping[Spot, float]
    sessions: Mapping[str, float]
    leading: frozenset[str | None]


def _found(pieces: Sequence[Piece]) -> _Found:
    messages = [one for one in pieces if one.kind is Kind.MESSAGE]
    best = max((one.score for one in messages), default=0.0) or 1.0
    leading = sorted(messages, key=lambda one: one.score, reverse=True)[:LEADING]
    sessions: dict[str, float] = {}
    for one in leading:
        sessions[one.owner] = sessions.get(one.owner, 0.0) + one.score / best / LEADING
    return _Found(
        best=best,
        questions={(one.owner, one.position): one.score / best for one in messages if _asks(one)},
        sessions=sessions,
        leading=frozenset(one.chunk for one in leading),
    )


def _worth(piece: Piece, found: _Found) -> float:
    worth = piece.score * max(1, len(piece.text)) ** LENGTH_POWER
    if piece.kind is not Kind.MESSAGE:
        return worth
    around = found.sessions.get(piece.owner, 0.0)
    if piece.chunk in found.leading:
        around -= piece.score / found.best / LEADING
    answers = found.questions.get((piece.owner, piece.position - 1), 0.0)
    share = QUESTION_SHARE if _asks(piece) else 1.0
    return worth * share * (1 + ANSWER_GAIN * answers) * (1 + SESSION_GAIN * around)


def _asks(piece: Piece) -> bool:
    return piece.text.rstrip().endswith("?")


def _words(text: str | None) -> frozenset[str]:
    return frozenset(word for found in _WORD.findall(text or "") if (word := found.casefold()) not in _COMMON)
