"""The gate for text that a model wrote: a sentence stands only when its numbers, dates, names and negation are in what it
cites. Otherwise its sources stand instead, word for word. No judgement of style, and no model."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from memory.compression.citing import Sentence, Terms
from memory.compression.claims import Claims, Support, claims, support

# Of the words that mean something at least so many must be its sources' own: below, the sentence is about something else.
WORDS_SHARE_MIN = 0.5


class Flaw(StrEnum):
    """Why a sentence may not stand."""

    UNCITED = "uncited"
    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    NEGATION = "negation"
    WORDS = "words"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A sentence of a model, and which of the sentences it was given it says it stands on, by place."""

    text: str
    cites: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A sentence that may be shown: `sources` are what it stands on, never empty. `text` is a source's own unless
    `rewritten`."""

    text: str
    sources: tuple[Sentence, ...]
    rewritten: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of a rewriting. `flaws` has one for each sentence that was replaced."""

    sentences: tuple[Cited, ...]
    flaws: tuple[Flaw, ...]


def judge(written: Sequence[Written], sources: Sequence[Sentence], terms: Terms) -> Judged:
    """The sentences that stand, and in the place of each other one its sources, each source once, in the order written."""
    shown: list[Cited] = []
    flaws: list[Flaw] = []
    given: set[int] = set()
    for one in written:
        cites = tuple(sorted({cite for cite in one.cites if 0 <= cite < len(sources)}))
        flaw = flaw_of(one.text, [sources[cite] for cite in cites], terms)
        if flaw is None:
            shown.append(Cited(text=one.text.strip(), sources=tuple(sources[cite] for cite in cites), rewritten=True))
            given |= set(cites)
            continue
        flaws.append(flaw)
        shown += [as_said(sources[cite]) for cite in cites if cite not in given]
        given |= set(cites)
    return Judged(sentences=tuple(shown), flaws=tuple(flaws))


def as_said(source: Sentence) -> Cited:
    return Cited(text=source.text, sources=(source,), rewritten=False)


def flaw_of(text: str, cited: Sequence[Sentence], terms: Terms) -> Flaw | None:
    """The first reason against a sentence, None when it may stand."""
    if not text.strip():
        return Flaw.EMPTY
    if not cited:
        return Flaw.UNCITED
    said, offered = claims(text), support("\n".join(f"{one.speaker} {one.text}" for one in cited))
    return _unsupported(said, offered) or _foreign(text, cited, terms)


def _unsupported(said: Claims, offered: Support) -> Flaw | None:
    if not said.numbers <= offered.numbers:
        return Flaw.NUMBER
    if not said.dates <= offered.dates:
        return Flaw.DATE
    if any(name not in offered.words and name.rstrip("s") not in offered.words for name in said.names):
        return Flaw.NAME
    if said.negated != offered.negated:
        return Flaw.NEGATION
    return None


def _foreign(text: str, cited: Sequence[Sentence], terms: Terms) -> Flaw | None:
    words = set(terms(text))
    offered = {term for one in cited for term in (*one.terms, *terms(one.speaker))}
    return Flaw.WORDS if words and len(words & offered) < WORDS_SHARE_MIN * len(words) else None
