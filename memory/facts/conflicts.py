"""The one gate that every write of a fact passes, whoever writes. Pure: from a statement and what is known, a verdict.

    buried                                                     refused
    the same again, while it holds                             noop, one more proof
    nearly the same (cosine, numbers, names, yes or no)        merged, one more proof
    one value at a time, later, trusted no less                superseded, both kept
    one value at a time, earlier than what is known            added, as closed history
    many values                                                added
    "no longer", "I misspoke"                                  superseded, and its stretch closed (or void)
    trusted less than what it contradicts                      challenged

A proof trusted less than the fact is not counted, so that nobody weakens a fact by repeating it; one trusted more takes
the place of the earlier ones. So a fact's trust is the least of the proofs that it rests on.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import takewhile

from memory.facts.statements import Cardinality, Statement, Status, comparable, fold, triple_of
from memory.facts.timeline import UNDATED, Entry, Place, arrange

NEAR_COSINE_MIN = 0.93
NEW = 0  # stands for the statement among the ids of facts, which begin at 1

_FILLER_WORDS = (
    "a an and are at be by for has have how in is it my of on our that the them there they this to was were who with"
)
_FILLERS = frozenset(_FILLER_WORDS.split())
# Words that a text may have more without speaking of another thing: light verbs, emphasis.
_LIGHT_WORDS = (
    "take takes taking go goes going get gets getting do does doing having make makes making being play playing how each "
    "one very really quite so too also just always often usually generally please like likes much lot truly actually"
)
_LIGHT = frozenset(_LIGHT_WORDS.split())
_ENDINGS = frozenset(["", "s", "es", "d", "ed", "e", "y", "ies", "ing", "ning", "ting", "ly"])
_IN_TIME = frozenset({Status.ACTIVE, Status.SUPERSEDED, Status.CHALLENGED})


class Outcome(StrEnum):
    """What the gate did with a statement."""

    ADDED = "added"
    MERGED = "merged"
    SUPERSEDED = "superseded"
    NOOP = "noop"
    CHALLENGED = "challenged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A fact as the gate sees it. `[valid_from, valid_to)` is when it holds, `seen_at` when it was last said; a `withdrawn` one
    never held.
    """

    id: int
    entity: str
    attribute: str
    value: str
    text: str
    polarity: bool
    cardinality: Cardinality
    status: Status
    trust: int
    valid_from: datetime | None
    valid_to: datetime | None
    seen_at: datetime | None
    superseded_by: int | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """How a known fact stands from now on."""

    id: int
    status: Status
    valid_to: datetime | None
    superseded_by: int | None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A known fact that the statement only repeats. `counts`: it is one more proof."""

    id: int
    counts: bool
    trust: int
    valid_from: datetime | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to write. `status`, `valid_to` and `superseded_by` are the new fact's, where there is one (`NEW` in a revision's
    `superseded_by` is its id).
    """

    outcome: Outcome
    status: Status = Status.ACTIVE
    valid_to: datetime | None = None
    superseded_by: int | None = None
    proof: Proof | None = None
    revisions: tuple[Revision, ...] = ()
    related: tuple[int, ...] = ()


def judge(
    new: Statement, known: Sequence[Known], *, buried: bool = False, similarity: Mapping[int, float] | None = None
) -> Verdict:
    """What becomes of `new`. `known` holds every fact of its slot and whatever else may say nearly the same, with its
    `similarity` (cosine of the texts) where that was measured; `buried`: a tombstone forbids it.
    """
    if buried:
        return Verdict(outcome=Outcome.REFUSED)
    slot = [fact for fact in known if in_slot(fact, new)]
    repeated = _repeated(new, slot)
    if repeated:
        return _proved(Outcome.NOOP, new, repeated, known)
    near = _near(new, known, similarity or {})
    if near:
        return _proved(Outcome.MERGED, new, near, known)
    return _placed(new, slot)


def begun(new: Statement, known: Sequence[Known]) -> Statement:
    """The statement with the beginning that what is known leaves it: "I moved last month" was not before the last time in that
    month that somebody said to live elsewhere."""
    if new.begun_by is None or new.valid_from is None or not new.polarity or new.cardinality is not Cardinality.ONE:
        return new
    told = [
        at
        for fact in known
        if in_slot(fact, new) and fact.polarity and fact.status in {Status.ACTIVE, Status.SUPERSEDED} and not fact.withdrawn
        if fold(fact.value) != fold(new.value)
        if (at := fact.seen_at or fact.valid_from) is not None and new.valid_from < at <= new.begun_by
    ]
    return replace(new, valid_from=max(told)) if told else new


def in_slot(fact: Known, new: Statement | Known) -> bool:
    """Whether the two are about the same attribute of the same entity; where there may be many values, the same value."""
    if (
        fold(fact.entity) != fold(new.entity)
        or fold(fact.attribute) != fold(new.attribute)
        or fact.cardinality != new.cardinality
    ):
        return False
    return fact.cardinality is Cardinality.ONE or fold(fact.value) == fold(new.value)


def rearranged(facts: Sequence[Known], *, outside: bool = False) -> tuple[Revision, ...]:
    """What must change among the facts of one slot so that all stand as their dates and trust say: after one of them was
    rejected, restored or withdrawn. `outside`: what was ended by a fact that is not among them stays ended.
    """
    timed = [fact for fact in facts if fact.status in _IN_TIME and not fact.withdrawn]
    if not timed:
        return ()
    exclusive = timed[0].cardinality is Cardinality.ONE
    places = arrange(_entries(timed, facts if outside else None), exclusive=exclusive)
    return tuple(revision for fact in timed if (revision := _revision(fact, places[fact.id])))


def contradictions(slot: Sequence[Known]) -> Mapping[int, tuple[int, ...]]:
    """By fact of one whole slot, those that speak against it: what is challenged by it, and says otherwise of a moment when it
    held; and what says the opposite of the same value and ended it, or withdrew it. Another value later is a change, and no
    contradiction.
    """
    timed = [fact for fact in slot if fact.status in _IN_TIME]
    found = {fact.id: tuple(other.id for other in timed if _speaks_against(other, fact)) for fact in timed}
    return {row: others for row, others in found.items() if others}


def _speaks_against(other: Known, fact: Known) -> bool:
    if other.withdrawn:
        return False
    same_value = fold(other.value) == fold(fact.value)
    if fact.superseded_by == other.id:
        return same_value and other.polarity != fact.polarity
    if other.status is not Status.CHALLENGED or not competes(fact, other):
        return False
    moments = (other.valid_from or UNDATED, other.seen_at or other.valid_from or UNDATED)
    return any((fact.valid_from or UNDATED) <= at and (fact.valid_to is None or at < fact.valid_to) for at in moments)


def _proved(outcome: Outcome, new: Statement, fact: Known, known: Sequence[Known]) -> Verdict:
    """A repetition can move what holds: its fact now has another weight, or was said after what had ended it."""
    proof = _proof(new, fact)
    proven = replace(fact, trust=proof.trust, valid_from=proof.valid_from, seen_at=proof.seen_at)
    slot = [proven if other.id == fact.id else other for other in known if in_slot(other, fact)]
    return Verdict(
        outcome=outcome, proof=proof, revisions=rearranged(slot, outside=True) if proof.counts else (), related=(fact.id,)
    )


def _repeated(new: Statement, slot: Sequence[Known]) -> Known | None:
    """The fact that says exactly this and holds when the statement says it."""
    same = [fact for fact in slot if _says(fact, new) and fact.status in _IN_TIME and not fact.withdrawn]
    at = new.valid_from or UNDATED
    begun_first = sorted(same, key=lambda fact: ((fact.valid_from or UNDATED) > at, -fact.trust, fact.id))
    return next((fact for fact in begun_first if _covers(fact, new, slot)), None)


def _says(fact: Known, new: Statement) -> bool:
    return fact.polarity == new.polarity and triple_of(fact.entity, fact.attribute, fact.value) == triple_of(
        new.entity, new.attribute, new.value
    )


def _covers(fact: Known, new: Statement, slot: Sequence[Known]) -> bool:
    """Whether the fact held at the statement's moment, or the statement only says that it held before, with nothing between."""
    if fact.status is Status.CHALLENGED and new.trust > fact.trust:
        return False  # now it has a voice that counts
    at, start = new.valid_from or UNDATED, fact.valid_from or UNDATED
    if at >= start:
        return fact.valid_to is None or at < fact.valid_to or at <= (fact.seen_at or start)
    between = (other for other in slot if competes(other, fact) and at <= (other.valid_from or UNDATED) <= start)
    return fact.status is not Status.CHALLENGED and not any(between)


def competes(other: Known, fact: Known) -> bool:
    """Whether the two cannot both be so at a time."""
    if other.status not in {Status.ACTIVE, Status.SUPERSEDED} or other.withdrawn:
        return False
    if fold(other.value) == fold(fact.value):
        return other.polarity != fact.polarity
    return other.polarity and fact.polarity


def _near(new: Statement, known: Sequence[Known], similarity: Mapping[int, float]) -> Known | None:
    close = [
        fact
        for fact in known
        if fact.status is Status.ACTIVE
        and similarity.get(fact.id, -1.0) >= NEAR_COSINE_MIN
        and fold(fact.entity) == fold(new.entity)
        and fold(fact.attribute) == fold(new.attribute)
        and fact.polarity == new.polarity
        and comparable(fact.text, new.text)
        and _values_alike(fact, new)
        and (fact.valid_from or UNDATED) <= (new.valid_from or UNDATED)
    ]
    return max(close, key=lambda fact: similarity[fact.id], default=None)


def _values_alike(fact: Known, new: Statement) -> bool:
    """What a cosine is blind to: the text is a frame around a value, so "the status is open" is near "the status is closed".

    One value at a time must have the same words, or an update would be lost. Where there are many, one side may say more than
    the other in words that name nothing; any other makes it another thing ("a half marathon" is no marathon). Nor may they
    compare the other way round. What is missed stands twice, what is merged falsely is lost.
    """
    if new.cardinality is Cardinality.ONE:
        return frozenset(_words(fact.value)) == frozenset(_words(new.value))
    left, right = _words(fact.text), _words(new.text)
    more = [word for word in left if not any(_varies(word, other) for other in right)]
    less = [word for word in right if not any(_varies(word, other) for other in left)]
    return not (more and less) and _LIGHT.issuperset([*more, *less]) and ("than" not in left or left == right)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", fold(text)) if word not in _FILLERS]


def _varies(word: str, other: str) -> bool:
    """Whether the two are forms of one word."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False)))
    endings = {_undoubled(one[shared:], one[shared - 1 : shared]) for one in (word, other)}
    return word == other or (shared >= 3 and endings <= _ENDINGS)


def _undoubled(ending: str, last: str) -> str:
    """Without a consonant that a stem doubles before its ending: swim, swim-ming."""
    return ending[1:] if len(ending) > 1 and ending[0] == last else ending


def _proof(new: Statement, fact: Known) -> Proof:
    kept = Proof(id=fact.id, counts=False, trust=fact.trust, valid_from=fact.valid_from, seen_at=fact.seen_at)
    if new.trust < fact.trust:
        return kept
    if new.trust > fact.trust:
        return replace(kept, counts=True, trust=new.trust, valid_from=new.valid_from, seen_at=new.valid_from)
    start, seen = fact.valid_from or UNDATED, fact.seen_at or fact.valid_from or UNDATED
    at = new.valid_from or UNDATED
    return replace(kept, counts=True, valid_from=_dated(min(start, at)), seen_at=_dated(max(seen, at)))


def _placed(new: Statement, slot: Sequence[Known]) -> Verdict:
    timed = [fact for fact in slot if fact.status in _IN_TIME and not fact.withdrawn]
    last = max((fact.id for fact in timed), default=0) + 1
    mine = Entry(
        id=NEW,
        order=last,
        value=fold(new.value),
        polarity=new.polarity,
        trust=new.trust,
        start=new.valid_from,
        seen=new.valid_from,
    )
    places = arrange([*_entries(timed, slot), mine], exclusive=new.cardinality is Cardinality.ONE)
    revisions = tuple(revision for fact in timed if (revision := _revision(fact, places[fact.id])))
    if new.withdraws:
        revisions = tuple(_void(revision) if revision.superseded_by == NEW else revision for revision in revisions)
    return _verdict(places[NEW], revisions, timed)


def _verdict(mine: Place, revisions: tuple[Revision, ...], timed: Iterable[Known]) -> Verdict:
    ended = tuple(revision.id for revision in revisions if revision.superseded_by == NEW)
    if mine.challenged:
        outcome, status = Outcome.CHALLENGED, Status.CHALLENGED
        ended = tuple(fact.id for fact in timed if fact.status is Status.ACTIVE)
    elif mine.ended_by is not None:
        outcome, status, ended = Outcome.ADDED, Status.SUPERSEDED, (mine.ended_by,)
    else:
        outcome, status = Outcome.SUPERSEDED if ended else Outcome.ADDED, Status.ACTIVE
    return Verdict(
        outcome=outcome,
        status=status,
        valid_to=mine.end,
        superseded_by=mine.ended_by,
        revisions=revisions,
        related=ended,
    )


def _void(revision: Revision) -> Revision:
    return replace(revision, withdrawn=True)


def _entries(timed: Iterable[Known], slot: Iterable[Known] | None) -> list[Entry]:
    """What ended one of them and is not of the slot, where that is given, keeps it ended."""
    of_slot = None if slot is None else {None, *(fact.id for fact in slot)}
    return [_entry(fact, outside=of_slot is not None and fact.superseded_by not in of_slot) for fact in timed]


def _entry(fact: Known, *, outside: bool) -> Entry:
    return Entry(
        id=fact.id,
        order=fact.id,
        value=fold(fact.value),
        polarity=fact.polarity,
        trust=fact.trust,
        start=fact.valid_from,
        seen=fact.seen_at,
        until=fact.valid_to if outside else None,
        until_by=fact.superseded_by if outside else None,
    )


def _revision(fact: Known, place: Place) -> Revision | None:
    status = Status.CHALLENGED if place.challenged else Status.ACTIVE if place.ended_by is None else Status.SUPERSEDED
    if (status, place.end, place.ended_by) == (fact.status, fact.valid_to, fact.superseded_by):
        return None
    return Revision(id=fact.id, status=status, valid_to=place.end, superseded_by=place.ended_by)


def _dated(at: datetime) -> datetime | None:
    return None if at == UNDATED else at
