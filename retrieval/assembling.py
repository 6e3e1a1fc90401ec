"""From candidates to a context within its budget, and the reason of each that is in or out. Pure, but for counting tokens,
which takes milliseconds of CPU: call it in a thread. Where the candidates come from is retrieval/context.py."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from retrieval import context_errors as errors
from retrieval.budget import Budget, Scales
from retrieval.duplicates import covers
from retrieval.fencing import fence_id
from retrieval.judging import noise, refusals
from retrieval.packing import Entry, Packing, order, pack, unbounded
from retrieval.pieces import Piece, Quota, Quotas, Section
from retrieval.rendering import Marked, Message, body, mark, prefix, tail, turns
from retrieval.stable import tag

INCLUDED, BUDGET = "included", "budget"
# Of the whole budget, what the stable half may take where the request does not say.
STABLE_SHARES: Mapping[Section, float] = {Section.SUMMARY: 0.2, Section.MEMORIES: 0.1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Why a candidate is in or out. `tokens` is what it costs alone; from `would_fit_at` tokens on it is in."""

    marked: Marked
    tokens: int
    included: bool
    reason: str
    would_fit_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The context. `tokens` by section do not have the frame in them; `total` has everything."""

    prefix: str
    tail: str
    turns: tuple[Message, ...]
    etag: str
    total: int
    by_section: Mapping[Section, int]
    judged: tuple[Judged, ...]

    @property
    def text(self) -> str:
        return self.prefix + self.tail

    @property
    def chosen(self) -> tuple[Judged, ...]:
        return tuple(one for one in self.judged if one.included)


def assemble(stable: Sequence[Piece], candidates: Sequence[Piece], budget: Budget) -> Assembled:
    """`stable` belongs to the prefix, best first, and must not depend on the question; `candidates` to the tail, best first
    within each section. Raises Invalid where not even the frame fits, or where minima promise more than there is."""
    scales = Scales(budget)
    _check(budget, scales)
    marked = mark([*stable, *candidates])
    still, moving = marked[: len(stable)], marked[len(stable) :]
    twins = _twins(marked)
    below = budget.tokens_max - scales.frame
    first = _choose(still, twins, _stable_room(budget, below, scales.frame, refusals(still, budget)), scales)
    reasons = refusals(moving, budget)
    if budget.stop:
        reasons |= noise([one for one in moving if one.marker not in reasons])
    room = _Room(
        quotas=_rest(budget.quotas, first),
        tokens=below - first.used,
        reasons=reasons,
        told=first.taken,
        base=scales.frame + first.used,
    )
    return _fitted((first, _choose(moving, twins, room, scales)), scales)


def _check(budget: Budget, scales: Scales) -> None:
    if budget.tokens_max < scales.least:
        raise errors.budget_too_small(budget.tokens_max, scales.least)
    promised = sum(quota.tokens_min for quota in budget.quotas.of.values())
    if promised > budget.tokens_max - scales.least:
        raise errors.minima_too_large(promised, budget.tokens_max - scales.least, budget.tokens_max)


def _twins(marked: Sequence[Marked]) -> dict[str, frozenset[str]]:
    """For each marker those of the pieces that say the same, or are the same thing."""
    places: dict[object, set[str]] = {}
    for one in marked:
        places.setdefault(one.piece.identity, set()).add(one.marker)
    found = covers([one.text for one in marked])
    return {
        one.marker: frozenset(marked[other].marker for other in covered) | (places[one.piece.identity] - {one.marker})
        for one, covered in zip(marked, found, strict=True)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """What one half may take. `told` is what the context says already, `base` what stands beside the room. `shares` are the
    parts of the whole budget that `quotas` stand for, `most` what the request allows whatever the budget."""

    quotas: Quotas
    tokens: int
    reasons: Mapping[str, str]
    base: int
    told: tuple[Marked, ...] = ()
    shares: Mapping[Section, float] = field(default_factory=lambda: MappingProxyType({}))
    most: Quotas | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """One half after packing: what is in, in the order of packing, and the verdict on each."""

    taken: tuple[Marked, ...]
    judged: tuple[Judged, ...]
    used: int
    by_section: Mapping[Section, int]


def _choose(marked: Sequence[Marked], twins: Mapping[str, frozenset[str]], room: _Room, scales: Scales) -> _Half:
    told = {one.marker: one for one in room.told}
    reasons = dict(room.reasons)
    for one in marked:
        if one.marker not in reasons and (twin := min(twins[one.marker] & told.keys(), default=None)):
            reasons[one.marker] = _duplicate_of(told[twin])
    able = [one for one in marked if one.marker not in reasons]
    entries = _entries(able, twins, scales)
    ranking = order(entries, room.quotas)
    packing = pack(entries, ranking, room.quotas, room.tokens)
    whole = unbounded(entries, ranking, room.quotas if room.most is None else room.most)
    reasons |= _verdicts(able, packing, whole)
    at = {able[place].marker: _fits_at(entries[place], place, whole, room) for place in whole.reached}
    return _Half(
        taken=tuple(able[place] for place in packing.reached),
        judged=tuple(_judge(one, reasons[one.marker], at.get(one.marker), scales) for one in marked),
        used=packing.used,
        by_section=packing.by_section,
    )


def _entries(able: Sequence[Marked], twins: Mapping[str, frozenset[str]], scales: Scales) -> list[Entry]:
    places = {one.marker: place for place, one in enumerate(able)}
    return [
        Entry(
            section=one.piece.section,
            cost=scales.cost(one),
            heads=scales.heads(one),
            covered_by=frozenset(places[twin] for twin in twins[one.marker] & places.keys()),
        )
        for one in able
    ]


def _verdicts(able: Sequence[Marked], packing: Packing, whole: Packing) -> dict[str, str]:
    """What does not fit, and would not come in with more tokens, since another that tells it comes first, is a duplicate."""
    told_by = {place: whole.told_by[place] for place in packing.passed if place in whole.told_by} | packing.told_by
    return {
        **{able[place].marker: INCLUDED for place in packing.reached},
        **{able[place].marker: BUDGET for place in packing.passed},
        **{able[place].marker: _duplicate_of(able[twin]) for place, twin in told_by.items()},
    }


def _fits_at(entry: Entry, place: int, whole: Packing, room: _Room) -> int:
    """The budget from which on the piece is in: all before it fit, and its section's share is large enough."""
    at = room.base + whole.reached[place]
    share = room.shares.get(entry.section)
    if share is None:
        return at
    at = max(at, math.ceil(whole.within[place] / share))
    return at if int(share * at) >= whole.within[place] else at + 1  # the share was rounded down


def _duplicate_of(twin: Marked) -> str:
    return f"duplicate_of:{twin.piece.id}"


def _judge(one: Marked, reason: str, at: int | None, scales: Scales) -> Judged:
    return Judged(
        marked=one,
        tokens=scales.cost(one),
        included=reason == INCLUDED,
        reason=reason,
        would_fit_at=at if reason == BUDGET else None,
    )


def _stable_room(budget: Budget, tokens: int, base: int, reasons: Mapping[str, str]) -> _Room:
    """What the stable half may take: the summary's own maximum, or shares of the whole."""
    shares = dict(STABLE_SHARES)
    given = {section: budget.quotas.quota(section).tokens_max for section in shares}
    if given[Section.SUMMARY] is not None:
        del shares[Section.SUMMARY]
    quotas: dict[Section, Quota] = {}
    for section, most in given.items():
        share = int(shares[section] * budget.tokens_max) if section in shares else None
        quotas[section] = Quota(tokens_max=min(one for one in (share, most) if one is not None))
    return _Room(
        quotas=Quotas(of=quotas),
        tokens=tokens,
        reasons=reasons,
        base=base,
        shares=shares,
        most=Quotas(of={section: Quota(tokens_max=most) for section, most in given.items()}),
    )


def _rest(quotas: Quotas, first: _Half) -> Quotas:
    """The quotas of the tail: what the prefix has taken of a section counts."""
    left: dict[Section, Quota] = {}
    for section, quota in quotas.of.items():
        spent = first.by_section.get(section, 0)
        most = None if quota.tokens_max is None else max(0, quota.tokens_max - spent)
        left[section] = Quota(tokens_min=max(0, quota.tokens_min - spent), tokens_max=most)
    return Quotas(of=left)


def _fitted(halves: tuple[_Half, _Half], scales: Scales) -> Assembled:
    """Renders, counts the whole, and takes the last piece away for as long as that is over the budget: the sum of the parts may
    miss by a token where a tokenizer looks over a line's end, or where the fence's number has more tokens than another."""
    first, second = halves
    still, moving = list(first.taken), list(second.taken)
    while True:
        rendered = _rendered(still, moving, scales.budget)
        total = scales.total(rendered.prefix, rendered.tail, rendered.turns)
        if total <= scales.budget.tokens_max:
            break
        assert still or moving, (total, scales.budget.tokens_max)
        (moving or still).pop()
    kept = {one.marker for one in (*still, *moving)}
    by_section = {section: first.by_section.get(section, 0) + second.by_section.get(section, 0) for section in Section}
    return Assembled(
        prefix=rendered.prefix,
        tail=rendered.tail,
        turns=rendered.turns,
        etag=rendered.etag,
        total=total,
        by_section={section: tokens for section, tokens in by_section.items() if tokens},
        judged=tuple(
            one if not one.included or one.marked.marker in kept else replace(one, included=False, reason=BUDGET)
            for one in (*first.judged, *second.judged)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rendered:
    prefix: str
    tail: str
    turns: tuple[Message, ...]
    etag: str


def _rendered(still: Sequence[Marked], moving: Sequence[Marked], budget: Budget) -> _Rendered:
    form = budget.form
    inside, beside, said = body(still, form), body(moving, form), turns(moving, form)
    front = prefix(inside, form, fence_id(budget.secret, f"stable {budget.scope}", [inside]))
    texts = [inside, beside, *(one.content for one in said)]
    return _Rendered(
        prefix=front,
        tail=tail(beside, form, fence_id(budget.secret, f"tail {budget.scope}", texts)),
        turns=said,
        etag=tag(rules=f"{form} {budget.scope} {prefix('', form, '')}", pieces=[one.piece for one in still], text=front),
    )
