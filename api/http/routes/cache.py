"""The cache over HTTP: look up, store, judge, invalidate, and what an admin sets up."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.http.operation import Ask, NoQuery, Operation, PageQuery, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.cache_examples import (
    ENTRY,
    EXPIRED,
    FOUND,
    LOOKUP,
    MISMATCH,
    NAMESPACE,
    NO_ENTRY,
    NO_GROUP,
    NOT_JUDGED,
    ONE_OF,
    RANGE,
    RESPONSE_INVALID,
    RESPONSE_LARGE,
    SOURCE_AHEAD,
    STATS,
    STORE,
    TOKEN,
)
from api.http.routes.sessions import NO_USER
from api.http.routes.troubles import BODY, ONCE
from api.services import Services
from api.wire.cache import (
    FeedbackIn,
    FeedbackOut,
    ImportIn,
    ImportOut,
    InvalidateIn,
    InvalidateOut,
    LookupIn,
    LookupOut,
    StoreIn,
    StoreOut,
    feedback_out,
    import_out,
    import_request,
    invalidate_out,
    judged,
    lookup_out,
    lookup_request,
    store_out,
    store_request,
    target,
)
from api.wire.cache_upkeep import (
    EntryList,
    NamespaceIn,
    NamespaceOut,
    StatsOut,
    entry_list,
    namespace_out,
    namespace_record,
    stats_out,
)
from api.wire.indexes import Name
from api.wire.schema import Shape
from cache.importing import Imported
from cache.types import Stored
from cache.upkeep import Figures, Invalidated, Judgement, Listed
from core.caller import Grant
from core.paging import Page
from storage.cache_records import NamespaceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsQuery(NoQuery):
    """Which namespace."""

    namespace: Name = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesQuery(PageQuery):
    """A page of entries, of one namespace or of all."""

    namespace: Name | None = None


async def _lookup(services: Services, ask: Ask[LookupIn, NoQuery]) -> LookupOut:
    found = await services.caching.cache.lookup(ask.caller, lookup_request(ask.body))
    return lookup_out(found, services.projector.indexed(ask.caller.tenant))


async def _store(services: Services, ask: Ask[StoreIn, NoQuery]) -> Stored:
    return await services.caching.cache.store(ask.caller, store_request(ask.body))


async def _import(services: Services, ask: Ask[ImportIn, NoQuery]) -> Imported:
    return await services.caching.importing.run(ask.caller, import_request(ask.body))


async def _feedback(services: Services, ask: Ask[FeedbackIn, NoQuery]) -> Judgement:
    body = ask.body
    return await services.caching.upkeep.feedback(
        ask.caller, lookup_id=body.lookup_id, entry=judged(body), correct=body.correct
    )


async def _invalidate(services: Services, ask: Ask[InvalidateIn, NoQuery]) -> Invalidated:
    return await services.caching.upkeep.invalidate(ask.caller, target(ask.body), dry_run=ask.body.dry_run)


async def _stats(services: Services, ask: Ask[None, StatsQuery]) -> Figures:
    return await services.caching.upkeep.stats(ask.caller, ask.query.namespace)


async def _entries(services: Services, ask: Ask[None, EntriesQuery]) -> Page[Listed]:
    return await services.caching.upkeep.entries(ask.caller, ask.query.page(), namespace=ask.query.namespace)


async def _set_up(services: Services, ask: Ask[NamespaceIn, NoQuery]) -> NamespaceRecord:
    return await services.caching.upkeep.set_up(ask.caller, namespace_record(ask.path["namespace"], ask.body))


async def _settings(services: Services, ask: Ask[None, NoQuery]) -> NamespaceRecord:
    return await services.caching.upkeep.settings(ask.caller, ask.path["namespace"])


def _same(found: LookupOut) -> LookupOut:
    return found


_NAMESPACE_OUT: Mapping[str, object] = {"name": "support", **NAMESPACE}

LOOK = Operation(
    method="POST",
    path="/v1/cache:lookup",
    name="lookUp",
    summary="Look an answer up",
    description="Exact, normalised, then semantic. A miss carries a `lease`: generate the answer and store it with the lease. "
    "Who asks the same meanwhile waits for it, until `wait_ms` or the deadline, and then hears `pending`. `audit` withholds a "
    "hit to have it checked: generate, and store with the `lookup_id`. `wrong_rate_max` can only lower the namespace's. A hit "
    "writes nothing.",
    tag="Cache",
    needs=Grant.READ,
    body=JsonBody(Shape(LookupIn), LOOKUP),
    query=Shape(NoQuery),
    run=_lookup,
    present=alone(_same),
    answer=Shape(LookupOut),
    answer_example=FOUND,
    troubles=(*BODY, NO_USER, NO_GROUP, RANGE),
)
KEEP = Operation(
    method="POST",
    path="/v1/cache:store",
    name="storeAnswer",
    summary="Store an answer",
    description="Tool calls, errors, refusals, truncated answers and answers to questions of the moment are not kept: "
    "`stored` is false and `reason` says why, as when a source changed meanwhile. With `lookup_id` the answer is compared with "
    "what that lookup had found; `equals_cached` says what that came to where the caller knows better.",
    tag="Cache",
    needs=Grant.WRITE,
    body=JsonBody(Shape(StoreIn), STORE),
    query=Shape(NoQuery),
    run=_store,
    present=alone(store_out),
    answer=Shape(StoreOut),
    answer_example={"entry_id": "ent_0000000000042", "stored": True, "reason": None},
    once=True,
    troubles=(*BODY, NO_USER, NO_GROUP, RESPONSE_INVALID, RESPONSE_LARGE, EXPIRED, SOURCE_AHEAD, TOKEN, MISMATCH, ONCE),
)
IMPORT = Operation(
    method="POST",
    path="/v1/cache:import",
    name="importAnswers",
    summary="Store known questions and answers",
    description="A warm start. Items of one `answer` are the same answer, said again or to another question.",
    tag="Cache",
    needs=Grant.WRITE,
    body=JsonBody(
        Shape(ImportIn),
        {
            "namespace": "support",
            "scope": "tenant",
            "items": [{"query": "How do I reset my password?", "response": "Under Settings, Security.", "answer": "faq-17"}],
        },
    ),
    query=Shape(NoQuery),
    run=_import,
    present=alone(import_out),
    answer=Shape(ImportOut),
    answer_example={"stored": 1, "results": [{"entry_id": "ent_0000000000042", "stored": True, "reason": None}]},
    once=True,
    troubles=(*BODY, NO_USER, NO_GROUP, RESPONSE_INVALID, RESPONSE_LARGE, ONCE),
)
JUDGE = Operation(
    method="POST",
    path="/v1/cache:feedback",
    name="judgeAnswer",
    summary="Say whether a cached answer was right",
    description="The same is judged once. An entry with two wrong answers is quarantined.",
    tag="Cache",
    needs=Grant.WRITE,
    body=JsonBody(Shape(FeedbackIn), {"lookup_id": "bG9va3VwIGlk", "correct": False}),
    query=Shape(NoQuery),
    run=_feedback,
    present=alone(feedback_out),
    answer=Shape(FeedbackOut),
    answer_example={"entry_id": "ent_0000000000042", "counted": True, "quarantined": False},
    once=True,
    troubles=(*BODY, NO_ENTRY, NOT_JUDGED, TOKEN, ONE_OF, ONCE),
)
INVALIDATE = Operation(
    method="POST",
    path="/v1/cache:invalidate",
    name="invalidateAnswers",
    summary="Take cached answers out",
    description="By source, tag, namespace or query; those that the caller may look into, an admin all. `dry_run` only counts.",
    tag="Cache",
    needs=Grant.WRITE,
    body=JsonBody(
        Shape(InvalidateIn), {"by": {"source": {"type": "document", "index": "handbook", "id": "hr/leave.md"}}, "dry_run": True}
    ),
    query=Shape(NoQuery),
    run=_invalidate,
    present=alone(invalidate_out),
    answer=Shape(InvalidateOut),
    answer_example={"matched": 3, "removed": 0, "dry_run": True},
    once=True,
    troubles=(*BODY, ONE_OF, ONCE),
)
FIGURES = Operation(
    method="GET",
    path="/v1/cache/stats",
    name="cacheStats",
    summary="A namespace of the cache in numbers",
    tag="Cache",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(StatsQuery),
    run=_stats,
    present=alone(stats_out),
    answer=Shape(StatsOut),
    answer_example=STATS,
)
ENTRIES = Operation(
    method="GET",
    path="/v1/cache/entries",
    name="listCacheEntries",
    summary="List cached answers",
    description="Those of the scopes that the caller may look into, without those that rest on what it may not see.",
    tag="Cache",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(EntriesQuery),
    run=_entries,
    present=alone(entry_list),
    answer=Shape(EntryList),
    answer_example={"items": [ENTRY], "next_cursor": None},
)
SET_UP = Operation(
    method="PUT",
    path="/v1/admin/cache/{namespace}",
    name="putCacheNamespace",
    summary="Set a namespace of the cache up",
    description="What is absent is as by default. `threshold` is the least cosine, of mode static alone; mode verified learns "
    "its own.",
    tag="Cache",
    needs=Grant.ADMIN,
    body=JsonBody(Shape(NamespaceIn), NAMESPACE),
    query=Shape(NoQuery),
    run=_set_up,
    present=alone(namespace_out),
    answer=Shape(NamespaceOut),
    answer_example=_NAMESPACE_OUT,
    troubles=(*BODY, RANGE),
)
SETTINGS = Operation(
    method="GET",
    path="/v1/admin/cache/{namespace}",
    name="getCacheNamespace",
    summary="Show how a namespace of the cache is set up",
    tag="Cache",
    needs=Grant.ADMIN,
    body=NoBody(),
    query=Shape(NoQuery),
    run=_settings,
    present=alone(namespace_out),
    answer=Shape(NamespaceOut),
    answer_example=_NAMESPACE_OUT,
)

OPERATIONS = (LOOK, KEEP, IMPORT, JUDGE, INVALIDATE, FIGURES, ENTRIES, SET_UP, SETTINGS)
