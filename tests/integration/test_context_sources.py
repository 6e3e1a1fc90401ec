"""A context of which a source is down, late, or refuses the request: the rest is answered, and what is missing is said."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from core.caller import Caller
from core.clock import VirtualClock
from core.deadline import Deadline
from core.errors import Fault, NotFound, TimedOut, Unavailable
from core.ids import IndexName
from core.limits import Limits
from inference.vocabularies import CarriedVocabularies
from retrieval.context import Contexts
from retrieval.context_types import Asked, Context, ContextRequest, Gathered, Source, Sources
from retrieval.pieces import Section
from tests.support.library import Library
from tests.support.pieces import document, fact, message

REQUEST = ContextRequest(query="how many days of leave carry over?", indexes=(IndexName("handbook"),), tokens_max=500)
TURN = message(1, "How much leave is left?", section=Section.RECENT)
DOWN, LATE = Unavailable("storage.unavailable", "the store does not answer."), TimedOut("deadline.exceeded", "too late.")


@dataclass(frozen=True)
class Saying:
    """A source that has one thing to say."""

    gathered: Gathered

    async def gather(self, caller: Caller, asked: Asked) -> Gathered:
        del caller, asked
        return self.gathered


@dataclass(frozen=True)
class Failing:
    """A source that fails."""

    fault: Fault

    async def gather(self, caller: Caller, asked: Asked) -> Gathered:
        del caller, asked
        raise self.fault


class Silent:
    """A source that never answers."""

    async def gather(self, caller: Caller, asked: Asked) -> Gathered:
        del caller, asked
        await asyncio.Event().wait()
        return Gathered()


def contexts(library: Library, sources: Sources) -> Contexts:
    return Contexts(
        db=library.db,
        documents=library.retrieval(),
        sources=sources,
        embedder=library.embedder,
        vocabularies=CarriedVocabularies(),
        progress=library.projector,
        limits=Limits(),
        secret=b"k" * 32,
    )


async def asked(library: Library, sources: Sources, *, within_s: float = 30.0) -> Context:
    """The clock of the deadline stands still, so that a machine that is busy takes no time from what comes behind a wait."""
    await library.put("leave", "Up to five days of unused leave carry over to the next year.")
    await library.project()
    caller = replace(library.caller(), deadline=Deadline.after(VirtualClock(), within_s))
    return await contexts(library, sources).context(caller, REQUEST)


def told(context: Context) -> set[str]:
    return {one.marked.piece.id for one in context.assembled.chosen}


SAYING = Saying(Gathered(pieces=(TURN,)))


@pytest.mark.parametrize("fault", [DOWN, LATE], ids=["down", "late"])
@pytest.mark.parametrize("name", ["recent", "memories", "stable"])
async def test_a_source_that_fails_is_named_and_the_rest_is_answered(library: Library, name: str, fault: Fault) -> None:
    sources = replace(Sources(recent=SAYING, memories=SAYING, stable=Saying(Gathered())), **{name: Failing(fault)})
    context = await asked(library, sources)
    assert context.degraded == (name,)
    assert "leave" in told(context)
    assert context.answerable is None


async def test_a_source_that_never_answers_takes_no_more_than_its_share_of_the_time(library: Library) -> None:
    context = await asked(library, Sources(recent=SAYING, memories=Silent()), within_s=4.0)
    assert context.degraded == ("memories",)
    assert {"leave", TURN.id} <= told(context)


async def test_what_the_request_has_wrong_is_no_degradation(library: Library) -> None:
    missing: Source = Failing(NotFound("memory.no_such_session", "there is no session 'chat'."))
    with pytest.raises(NotFound):
        await asked(library, Sources(recent=missing))


async def test_what_a_source_had_to_leave_out_is_said(library: Library) -> None:
    partial = Saying(Gathered(pieces=(fact(1, "Ann is allergic to peanuts."),), degraded=("dense",), answerable=0.9))
    context = await asked(library, Sources(recent=SAYING, memories=partial))
    assert context.degraded == ("dense",)
    assert context.answerable is None


async def test_the_surer_source_says_how_answerable_the_question_is(library: Library) -> None:
    alone = await asked(library, Sources(recent=SAYING))
    sure = await asked(library, Sources(recent=SAYING, memories=Saying(Gathered(pieces=(document(1, "a"),), answerable=0.99))))
    assert alone.answerable is not None
    assert sure.answerable is not None
    assert 0 < alone.answerable < sure.answerable
