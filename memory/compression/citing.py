"""From messages to the sentences that a summary may be made of: each with its exact span, what speaks for keeping it, and how
it is said when it stands alone. Choosing among them is selection.py's."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from memory.compression.salience import Mark, marks
from memory.compression.sentences import Kind, spans

# A message longer than this is cited from its first sentences only: a pasted log is no conversation.
SENTENCES_PER_MESSAGE_MAX = 2_000
# How many messages later an answer may still come.
_ANSWER_WITHIN = 2
# Of an answering message, the sentences that answer rather than go on.
_ANSWER_SENTENCES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A message as compression sees it. `occurred_s` is seconds since 1970, None where nobody knows; `speaker` is a name or
    what stands for one."""

    message: int
    seq: int
    role: str
    speaker: str
    text: str
    occurred_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """`text` is what stands at `[start, end)` of the message, with a leading "I" said as the speaker's name; `tokens` are its.
    `terms` are its analysed words, repeated as they occur."""

    message: int
    seq: int
    start: int
    end: int
    speaker: str
    text: str
    tokens: int
    marks: frozenset[Mark]
    terms: tuple[str, ...]


Count = Callable[[str], int]
Terms = Callable[[str], Sequence[str]]


def sentences(utterances: Sequence[Utterance], *, count: Count, terms: Terms) -> tuple[Sentence, ...]:
    """Every sentence of the messages, in their order. Pure: the same messages give the same sentences."""
    by_message = [_of(one, count, terms) for one in utterances]
    return tuple(sentence for found in _paired(utterances, by_message) for sentence in found)


def _of(utterance: Utterance, count: Count, terms: Terms) -> list[Sentence]:
    found: list[Sentence] = []
    for span in spans(utterance.text):
        if len(found) == SENTENCES_PER_MESSAGE_MAX:
            break
        source = utterance.text[span.start : span.end]
        text = source if span.kind is Kind.CODE else named(source, utterance.speaker)
        found.append(
            Sentence(
                message=utterance.message,
                seq=utterance.seq,
                start=span.start,
                end=span.end,
                speaker=utterance.speaker,
                text=text,
                tokens=max(1, count(text)),  # a lone control character has no token, but takes a place
                marks=frozenset({Mark.IDENTIFIER}) if span.kind is Kind.CODE else marks(source),
                terms=tuple(terms(source)),
            )
        )
    return found


# The forms of "I" whose verb can be said of somebody else without knowing the language: the rest keep their verb.
_FIRST_PERSON = re.compile(r"(?P<lead>[\"'“(*_]*)(?P<form>I(?:['’](?:m|ve|ll|d)| am| have| do| don['’]t)?|My)(?= )")  # noqa: RUF001  # typed so
_THIRD_PERSON = {
    "i'm": "{} is",
    "i've": "{} has",
    "i'll": "{} will",
    "i'd": "{} would",
    "i am": "{} is",
    "i have": "{} has",
    "i do": "{} does",
    "i don't": "{} doesn't",
    "my": "{}'s",
    "i": "{}",
}
# Verbs whose present takes an s after a name and cannot be taken for their past; others stay as they were said.
_PRESENT = re.compile(
    r" (?:(?:also|always|never|really|still|usually|often|only|just|now) )?"
    r"(?:agree|believe|care|collect|cook|dislike|drink|drive|eat|enjoy|expect|feel|find|follow|forget|get|give|go"
    r"|hate|hope|keep|know|like|live|look|love|make|mean|need|own|plan|play|prefer|remember|see|speak|suggest|take|think|understand|use|visit|walk|want|wear"
    r"|wish|work)(?=[ .,;:!?]|$)"
)


def named(sentence: str, speaker: str) -> str:
    """The sentence with a leading "I" or "My" said as the speaker's name, so that it can stand without its message."""
    match = _FIRST_PERSON.match(sentence)
    if match is None or not speaker:
        return sentence
    said = match["form"].lower().replace("\u2019", "'")
    verb = _PRESENT.match(sentence, match.end()) if said == "i" else None
    rest = sentence[match.end() :] if verb is None else f"{_with_s(verb[0])}{sentence[verb.end() :]}"
    return f"{match['lead']}{_THIRD_PERSON[said].format(speaker)}{rest}"


def _with_s(verb: str) -> str:
    return f"{verb}es" if verb.endswith(("go", "wish")) else f"{verb}s"


def _paired(utterances: Sequence[Utterance], by_message: Sequence[list[Sentence]]) -> Iterator[list[Sentence]]:
    """With ANSWER on the beginning of what follows a question of somebody else, and OPEN on questions that nothing follows."""
    answering: dict[int, int] = {}
    for place, found in enumerate(by_message):
        if found and Mark.QUESTION in found[-1].marks:
            answer = _answer(utterances, place)
            if answer is not None:
                answering[place] = answer
    answers = set(answering.values())
    for place, found in enumerate(by_message):
        begins = _ANSWER_SENTENCES if place in answers else 0
        is_open = bool(found) and Mark.QUESTION in found[-1].marks and place not in answering
        answer_part = [_with(one, Mark.ANSWER) for one in found[:begins]]
        marked = answer_part + found[begins:]
        yield [*marked[:-1], _with(marked[-1], Mark.OPEN)] if is_open else marked


def _with(sentence: Sentence, mark: Mark) -> Sentence:
    return replace(sentence, marks=sentence.marks | {mark})


def _answer(utterances: Sequence[Utterance], place: int) -> int | None:
    """The next message of somebody else, soon after."""
    for later in range(place + 1, min(place + 1 + _ANSWER_WITHIN, len(utterances))):
        if utterances[later].speaker != utterances[place].speaker:
            return later
    return None
