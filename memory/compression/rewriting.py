"""A text model says the chosen sentences in its own words, and each of its sentences is held to what it cites. What it cannot
do, or must not say, is said in the sources' words. Asked only by who asks for it: it takes seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from core.errors import Fault
from core.telemetry import log
from inference.port import Prompt, TextModel
from memory.compression.citing import Sentence
from memory.compression.faithfulness import Cited, Written, as_said, judge
from memory.compression.tree import Words

# Of what is left until the deadline: judging and answering want some too.
TIME_SHARE = 0.8
ANSWER_TOKENS_MAX = 4_096
NO_MODEL = "no_text_model"
NOTHING_STANDS = "unfaithful"
OVER_BUDGET = "over_budget"

INSTRUCTION = (
    "Rewrite the numbered sentences of a conversation as a shorter summary in plain sentences of the third person. Every "
    "sentence that you write names in `cites` the numbers of the sentences it is taken from. Use only what they say: no new "
    "number, date or name, and keep every 'not'. Keep their order."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenSentence:
    """A sentence of the model, and the numbers of those it stands on, from 1."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    text: str
    cites: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenSummary:
    """What the model is asked for."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    sentences: tuple[RewrittenSentence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """What came of it: nothing with a `fallback`, which is a fault's code or one of this module's words."""

    sentences: tuple[Cited, ...] = ()
    fallback: str | None = None


async def rewrite(
    model: TextModel | None, chosen: Sequence[Sentence], tokens_max: int, *, words: Words, within_s: float
) -> Rewriting:
    """The chosen in the model's words, in the order of the conversation and within the budget. No chosen sentence is lost: one
    that the model left out stands as it was said."""
    if model is None:
        return Rewriting(fallback=NO_MODEL)
    material = "\n".join(f"{place + 1}. {one.speaker}: {one.text}" for place, one in enumerate(chosen))
    prompt = Prompt(instruction=INSTRUCTION, material=material, tokens_out_max=min(2 * tokens_max + 256, ANSWER_TOKENS_MAX))
    try:
        completion = await model.complete(prompt, RewrittenSummary, within_s=within_s * TIME_SHARE)
    except Fault as fault:  # down, too slow, over the cap, nonsense: the extractive summary is there already
        log.warning("summary_not_rewritten", code=fault.code, detail=fault.message)
        return Rewriting(fallback=fault.code)
    written = [Written(text=one.text, cites=tuple(cite - 1 for cite in one.cites)) for one in completion.answer.sentences]
    return held(written, chosen, tokens_max, words)


def held(written: Sequence[Written], chosen: Sequence[Sentence], tokens_max: int, words: Words) -> Rewriting:
    """What of it stands, completed by what it left out."""
    verdict = judge(written, chosen, words.terms)
    flaws = sorted(flaw.value for flaw in verdict.flaws)
    log.info("summary_rewritten", written=len(written), stood=len(written) - len(flaws), flaws=flaws)
    judged = verdict.sentences
    if not any(one.rewritten for one in judged):
        return Rewriting(fallback=NOTHING_STANDS)
    said = {source for one in judged for source in one.sources}
    shown = sorted([*judged, *(as_said(one) for one in chosen if one not in said)], key=_place)
    if sum(words.count(one.text) for one in shown) > tokens_max:
        return Rewriting(fallback=OVER_BUDGET)
    return Rewriting(sentences=tuple(shown))


def _place(one: Cited) -> tuple[int, int]:
    return one.sources[0].seq, one.sources[0].start
