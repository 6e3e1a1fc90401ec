"""The gate for text that a model wrote: a sentence stands only when its numbers, dates, names and negation are in what it
cites, clause by clause. Otherwise its sources stand instead, word for word. No judgement of style, and no model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from memory.compression.citing import Sentence, Terms
from memory.compression.claims import Claims, Support, claims, clauses, negates, support
from memory.language.prose import plain, sentences

# Of a clause's words that mean something at least so many must be its sources' own: below, it is about something else. Of a few
# words every one: "the tickets were sold out" is made up of tickets that were bought.
WORDS_SHARE_MIN = 0.6
FEW_WORDS = 3
# Of the sources' own length: "we" as "Ida and Bo" takes room, and more than that is no summary.
LENGTH_MAX = 1.25
# "2. Ida: We moved": the number is the material's.
_LISTED = re.compile(r"\A\d{1,3}[.)]\s+")
# What a small model leaks of the JSON around its text.
_JSON_REST = re.compile(r"[\s{}\[\],]+\Z")
_FIRST_PERSON = re.compile(r"\b(?:I|(?i:me|my|mine|we|us|our|ours))\b")
# "Ida: We moved" and "Ida moved" are Ida's alike.
_SPOKEN = re.compile(r"(?:\A|(?<=[.!?] ))([^\W\d_][^:.!?\n]{0,80}):\s+")


class Flaw(StrEnum):
    """Why a sentence may not stand."""

    UNCITED = "uncited"
    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    NEGATION = "negation"
    SPEAKER = "speaker"
    WORDS = "words"
    LONGER = "longer"
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
    """The sentences that stand, and in the place of each other one its sources, each source once, in the order written. A
    source that is cited and not carried is left to be said by whoever asked; what only says a source again is that source."""
    shown: list[Cited] = []
    flaws: list[Flaw] = []
    given: set[int] = set()
    for one in written:
        cites = sorted({cite for cite in one.cites if 0 <= cite < len(sources)})
        text, carried = cleaned(one.text, [sources[cite] for cite in cites], terms)
        held = [cites[place] for place in carried]
        flaw = Flaw.UNCITED if not cites else flaw_of(text, [sources[cite] for cite in held], terms)
        if flaw is None and any(_fold(text) == _fold(one.text) for one in shown):
            continue
        if flaw is None and not any(_fold(text) == _fold(sources[cite].text) for cite in held):
            shown.append(Cited(text=text, sources=tuple(sources[cite] for cite in held), rewritten=True))
        else:
            shown += [as_said(sources[cite]) for cite in held if cite not in given]
            flaws += [] if flaw is None else [flaw]
        given |= set(held)
    return Judged(sentences=tuple(shown), flaws=tuple(flaws))


def as_said(source: Sentence) -> Cited:
    return Cited(text=source.text, sources=(source,), rewritten=False)


def cleaned(text: str, cited: Sequence[Sentence], terms: Terms) -> tuple[str, tuple[int, ...]]:
    """What of a text is about what it cites, and the places of those that it carries. Lost are the number that a source had in
    the material, and sentences of it that its sources share no half with: small talk, and the rest of the JSON."""
    offered = [_terms_of(source, terms) for source in cited]
    known = frozenset[str]().union(*offered)
    whole = _JSON_REST.sub("", plain(_LISTED.sub("", text.strip())))
    said = [whole[start:end] for start, end in sentences(whole)]
    kept = " ".join(one for one in said if clauses(one) and _about(one, known, terms))
    for source in cited:
        own = kept.removeprefix(f"{source.speaker}: ")
        kept = own if own.startswith(source.speaker) or _fold(own) == _fold(source.text) else kept
    matched = {place for clause in clauses(kept) for place in _nearest(_words(terms(clause)), offered)}
    return kept, tuple(sorted(matched))


def flaw_of(text: str, cited: Sequence[Sentence], terms: Terms) -> Flaw | None:
    """The first reason against a sentence, None when it may stand on all that it is given."""
    if not text.strip():
        return Flaw.EMPTY
    if not cited:
        return Flaw.UNCITED
    if len(cited) == 1 and _fold(text) == _fold(cited[0].text):
        return None
    if not any(terms(clause) for clause in clauses(text)):
        return Flaw.EMPTY
    said, offered = claims(text), support("\n".join(f"{one.speaker} {one.text}" for one in cited))
    own = frozenset(word.lower() for one in cited for word in one.speaker.split())
    return _unsupported(said, offered, own) or _of_clauses(text, cited, terms) or _longer(text, cited)


def _unsupported(said: Claims, offered: Support, own: frozenset[str]) -> Flaw | None:
    """`own` are the speakers' names: what they call theirs is theirs."""
    if not said.numbers <= offered.numbers or not said.counts <= offered.counts:
        return Flaw.NUMBER
    if not said.dates <= offered.dates:
        return Flaw.DATE
    if any(name not in offered.words and name.rstrip("s") not in offered.words for name in said.names):
        return Flaw.NAME
    if any(owned not in offered.owned and owned[0] not in own for owned in said.owned):
        return Flaw.NAME
    if said.negated != offered.negated:
        return Flaw.NEGATION
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A clause of a source, with what all of its sentence offers."""

    speaker: str
    terms: frozenset[str]
    negated: bool
    sentence: Support


def _of_clauses(text: str, cited: Sequence[Sentence], terms: Terms) -> Flaw | None:
    """Each clause is held to the clauses of its sources that it has most words of: its numbers and dates are of their
    sentences, it says no to what they say no to, and is nobody else's. What is about none of them is made up."""
    offered = [
        _Part(speaker=one.speaker, terms=_words([*terms(clause), *terms(one.speaker)]), negated=negates(clause), sentence=offer)
        for one, offer in ((one, support(one.text)) for one in cited)
        for clause in clauses(one.text)
    ]
    known = frozenset[str]().union(*(_terms_of(one, terms) for one in cited))
    speakers = {one.speaker for one in cited}
    if len(speakers) > 1 and _FIRST_PERSON.search(text):
        return Flaw.SPEAKER  # whose "my" it is
    for clause in clauses(_SPOKEN.sub(r"\1 ", plain(text))):
        if not _about(clause, known, terms):
            return Flaw.WORDS
        about = _words(terms(clause)).difference(*(terms(one) for one in speakers))
        nearest = [offered[place] for place in _nearest(about, [part.terms for part in offered])]
        said_by = next((one for one in speakers if len(speakers) > 1 and clause.startswith(one)), None)
        flaw = _of_clause(clause, nearest, said_by) if nearest else None
        if flaw is not None:
            return flaw
    return None


def _of_clause(clause: str, nearest: Sequence[_Part], said_by: str | None) -> Flaw | None:
    said = claims(clause)
    if not said.numbers <= frozenset[str]().union(*(part.sentence.numbers for part in nearest)):
        return Flaw.NUMBER
    if not said.dates <= frozenset[str]().union(*(part.sentence.dates for part in nearest)):
        return Flaw.DATE
    if said.negated not in {part.negated for part in nearest}:
        return Flaw.NEGATION
    return Flaw.SPEAKER if said_by and said_by not in {part.speaker for part in nearest} else None


def _about(text: str, known: frozenset[str], terms: Terms) -> bool:
    """Whether enough of its words are the sources' own. A text without any that means something is about anything."""
    words = _words(terms(text))
    return len(words & known) >= len(words) * (1.0 if len(words) <= FEW_WORDS else WORDS_SHARE_MIN)


def _words(terms: Sequence[str]) -> frozenset[str]:
    """Those that are words: numbers are held to more than being there."""
    return frozenset(term for term in terms if term.isalpha())


def _nearest(words: frozenset[str], offered: Sequence[frozenset[str]]) -> tuple[int, ...]:
    """The places of those that have most of these words, none when none has any."""
    shared = [len(words & one) for one in offered]
    most = max(shared, default=0)
    return tuple(place for place, count in enumerate(shared) if count == most) if most else ()


def _longer(text: str, cited: Sequence[Sentence]) -> Flaw | None:
    return Flaw.LONGER if len(text) > LENGTH_MAX * sum(len(one.text) for one in cited) else None


def _terms_of(one: Sentence, terms: Terms) -> frozenset[str]:
    return frozenset([*one.terms, *terms(one.speaker)])


def _fold(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?")
