"""A warm start: questions and answers that are known already, stored as if they had been asked. Items said to have one answer
are one answer group; no label is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cache import errors
from cache.placing import place
from cache.service import Cache, Rooms
from cache.storing import check
from cache.types import Question, Scope, Stored, StoreRequest
from core.caller import Caller, Grant
from core.errors import Invalid, TooLarge
from storage import cache_entries, idempotency
from storage.cache_records import SourceName

# Items of one transaction: one commit's wait on the disk for all of them, and the only writer held for 24 ms (median of 24 on a
# loaded machine, 14 of them CPU of the event loop).
AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`answer` names the answer: items of one name are one answer, and known to differ from the others."""

    query: str
    response: object
    sources: tuple[SourceName, ...] = ()
    tags: tuple[str, ...] = ()
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """Items of one partition."""

    namespace: str
    items: tuple[Item, ...]
    request: Mapping[str, object] = field(default_factory=dict[str, object])
    scope: Scope = Scope.PRIVATE
    group: str | None = None
    user: str | None = None
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of each item, in order."""

    results: tuple[Stored, ...]

    @property
    def stored(self) -> int:
        """Entries: two answers to the very same question make one."""
        return len({one.entry for one in self.results if one.entry is not None})


class Importing:
    """Stores many."""

    def __init__(self, parts: Rooms, cache: Cache) -> None:
        self._parts = parts
        self._cache = cache

    async def run(self, caller: Caller, request: ImportRequest) -> Imported:
        """Each item by itself: what is refused says why. What no item may be is a fault, and then nothing is stored."""
        caller.require(Grant.WRITE)
        stores = [_store(request, item) for item in request.items]
        for number, one in enumerate(stores):
            try:
                check(one, self._parts.limits)
                place(caller, one.question, embedder=self._parts.embedding.model)
            except (Invalid, TooLarge) as fault:
                raise errors.in_item(number, fault) from fault
        await self._parts.embedding.warm([one.question.query for one in stores], caller.deadline)
        results = await self._stored(caller, stores)
        imported = Imported(results=tuple(results))
        async with self._parts.db.write(caller.tenant) as tx:
            for entries in _answers(request, results):
                await cache_entries.gather(tx, entries)
            await idempotency.remember(tx, caller, imported)
        return imported

    async def _stored(self, caller: Caller, stores: Sequence[StoreRequest]) -> list[Stored]:
        """What became of each. Of several answers to the very same question the last counts, for all of them."""
        last = list({one.question.query: one for one in stores}.values())
        told: dict[str, Stored] = {}
        for start in range(0, len(last), AT_ONCE):
            some = last[start : start + AT_ONCE]
            told |= zip([one.question.query for one in some], await self._cache.store_all(caller, some), strict=True)
        return [told[one.question.query] for one in stores]


def _store(request: ImportRequest, item: Item) -> StoreRequest:
    question = Question(
        namespace=request.namespace,
        query=item.query,
        request=request.request,
        scope=request.scope,
        group=request.group,
        user=request.user,
    )
    return StoreRequest(question=question, response=item.response, sources=item.sources, tags=item.tags, ttl_s=request.ttl_s)


def _answers(request: ImportRequest, results: list[Stored]) -> list[list[int]]:
    """The entries of each answer that was named."""
    named: dict[str, list[int]] = {}
    for item, stored in zip(request.items, results, strict=True):
        if item.answer is not None and stored.entry is not None:
            named.setdefault(item.answer, []).append(stored.entry)
    return list(named.values())
