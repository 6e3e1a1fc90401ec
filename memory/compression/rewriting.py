"""A text model says the chosen sentences in its own words, and each of its sentences is held to what it cites. What it cannot
do, or must not say, is said in the sources' words. Asked only by who asks for it: it takes seconds."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from core.errors import Corrupt, Fault
from core.telemetry import log
from inference.port import Prompt, TextModel
from memory.compression.citing import Sentence
from memory.compression.faithfulness import Cited, Written, as_said, judge
from memory.compression.tree import Words

# Of what is left until the deadline: judging and answering want some too.
TIME_SHARE = 0.8
ANSWER_TOKENS_MAX = 4_096
# Asked for at once. A small model follows some sentences and no long list of them; a large one is asked a few times more.
PART_SENTENCES = 3
# What JSON takes for one sentence besides its words.
FRAME_TOKENS = 40
NO_MODEL = "no_text_model"
NOTHING_STANDS = "unfaithful"
UNCHANGED = "unchanged"
OVER_BUDGET = "over_budget"

INSTRUCTION = (
    "Shorten the numbered sentences of a conversation and join those that belong together. Use their own words and add "
    "nothing. `cites` has the numbers of the sentences that `text` is taken from. Keep every name, number, date and 'not'."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenSentence:
    """A sentence of the model, and the numbers of those it stands on, from 1."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    cites: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenSummary:
    """What the model is asked for."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    sentences: tuple[RewrittenSentence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """What came of it. `fallback` says why nothing did, or not all: a fault's code, or one of this module's words."""

    sentences: tuple[Cited, ...] = ()
    fallback: str | None = None


async def rewrite(
    model: TextModel | None, chosen: Sequence[Sentence], tokens_max: int, *, words: Words, within_s: float
) -> Rewriting:
    """The chosen in the model's words, in the order of the conversation and within the budget. No chosen sentence is lost: one
    that the model left out stands as it was said."""
    if model is None:
        return Rewriting(fallback=NO_MODEL)
    until_s = asyncio.get_running_loop().time() + within_s * TIME_SHARE
    written: list[Written] = []
    fallback: str | None = None
    for first in range(0, len(chosen), PART_SENTENCES):
        part = chosen[first : first + PART_SENTENCES]
        left_s = max(0.0, until_s - asyncio.get_running_loop().time())
        try:
            completion = await model.complete(_prompt(part), RewrittenSummary, within_s=left_s)
        except Fault as fault:  # down, too slow, over the cap, nonsense: the extractive summary is there already
            log.warning("summary_not_rewritten", code=fault.code, detail=fault.message, first=first, chosen=len(chosen))
            fallback = fault.code
            if isinstance(fault, Corrupt):
                continue  # of these sentences; it may know what to do with the next
            break
        for one in completion.answer.sentences:
            cites = tuple(first + cite - 1 for cite in one.cites if 1 <= cite <= len(part))
            written.append(Written(text=one.text, cites=cites))
    rewriting = held(written, chosen, tokens_max, words)
    return rewriting if fallback is None else replace(rewriting, fallback=fallback)


def held(written: Sequence[Written], chosen: Sequence[Sentence], tokens_max: int, words: Words) -> Rewriting:
    """What of it stands, completed by what it left out."""
    verdict = judge(written, chosen, words.terms)
    flaws = sorted(flaw.value for flaw in verdict.flaws)
    stood = sum(one.rewritten for one in verdict.sentences)
    log.info("summary_rewritten", written=len(written), stood=stood, flaws=flaws)
    judged = verdict.sentences
    if not stood:
        return Rewriting(fallback=UNCHANGED if written and not flaws else NOTHING_STANDS)
    said = {source for one in judged for source in one.sources}
    shown = sorted([*judged, *(as_said(one) for one in chosen if one not in said)], key=_place)
    if sum(words.count(one.text) for one in shown) > tokens_max:
        return Rewriting(fallback=OVER_BUDGET)
    return Rewriting(sentences=tuple(shown))


def _prompt(part: Sequence[Sentence]) -> Prompt:
    """`shape` lets a server that follows a schema write no citation of what is not there, and nothing without one."""
    material = "\n".join(f"{place}. {one.speaker}: {one.text}" for place, one in enumerate(part, start=1))
    cites: Mapping[str, object] = {
        "type": "array",
        "minItems": 1,
        "maxItems": len(part),
        "items": {"type": "integer", "enum": list(range(1, len(part) + 1))},
    }
    sentence: Mapping[str, object] = {
        "type": "object",
        "properties": {"cites": cites, "text": {"type": "string"}},
        "required": ["cites", "text"],
        "additionalProperties": False,
    }
    shape: Mapping[str, object] = {
        "type": "object",
        "properties": {"sentences": {"type": "array", "minItems": 1, "maxItems": len(part), "items": sentence}},
        "required": ["sentences"],
        "additionalProperties": False,
    }
    tokens_out_max = 2 * sum(one.tokens for one in part) + FRAME_TOKENS * len(part)
    return Prompt(
        instruction=INSTRUCTION, material=material, tokens_out_max=min(tokens_out_max, ANSWER_TOKENS_MAX), shape=shape
    )


def _place(one: Cited) -> tuple[int, int]:
    return one.sources[0].seq, one.sources[0].start
