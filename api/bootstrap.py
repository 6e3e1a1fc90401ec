"""The wiring: from settings to a running service and back down again. Everything is made here, in the order that it needs, and
closed in reverse. Which backend a seam gets is api/backends.py; no request is answered here."""

import asyncio
import gc
import hmac
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from api.auth import Auth
from api.backends import CountingEmbedder, choices, database_url, make_embedder, make_engine, make_text_model, make_upstream
from api.caching import caching
from api.contexts import sources_of
from api.data_folder import DataFolder
from api.keys import Keys
from api.ledger import StoredLedger
from api.proxying import Proxy
from api.remembering import Means, make_remembering
from api.services import Caching, Runtime, Services
from api.settings import Settings
from api.wire.documents import parse_line
from api.worker import Workers
from core.clock import Clock
from core.ids import DEFAULT_TENANT
from core.limits import MIB
from core.profile import Fusion, IndexProfile
from core.telemetry import log
from engines.analysis import LANGUAGES
from engines.port import SearchEngine
from indexing.catalog import Catalog, VectorSpace
from indexing.chunking import CHUNKER_SIGNATURE
from indexing.expansion import Expansion
from indexing.feed import Feed
from indexing.housekeeping import Housekeeper
from indexing.parsing.pool import ParserPool
from indexing.parsing.registry import PARSER_SIGNATURE
from indexing.pipeline import Pipeline, PipelineLimits
from indexing.processing import Processing, Reader
from indexing.profiles import ProfileRules
from indexing.projection import Projector
from indexing.publishing import Publisher
from indexing.removal import Removal
from indexing.service import Indexing
from indexing.sources import SourceRules
from inference.port import Label, ModelSpec, TextModel
from inference.scanning.scanner import RuleScanner
from inference.upstream import Upstream
from inference.vocabularies import CarriedVocabularies
from retrieval.arms import together
from retrieval.context import Contexts
from retrieval.context_types import Sources
from retrieval.service import Retrieval
from storage import tenants
from storage.blobs import Blobs
from storage.database import Database
from storage.migrate import upgrade

DISK_FREE_BYTES_MIN = 64 * MIB
# Garbage is looked for after so many objects more; among what survived that, after so many such looks. With Python's 700 and
# 10 it took 1.5 ms of each context call, and held everything for 50 ms now and then while a long session's tree was read.
GARBAGE = (5_000, 20, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What everything else stands on."""

    settings: Settings
    folder: DataFolder
    clock: Clock
    operator_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backends:
    """The backends behind the seams."""

    database: Database
    embedder: CountingEmbedder
    engine: SearchEngine
    vocabularies: CarriedVocabularies
    model: TextModel | None
    upstream: Upstream | None


async def migrate(settings: Settings, folder: DataFolder) -> None:
    """Brings the store to this version, before anything listens."""
    await upgrade(database_url(settings, folder))


def _settle() -> None:
    """What is there now stays until the end: the garbage collector need not walk it again. It did, for 130 ms of every twelfth
    context call (benchmarks/context.py)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


async def live(foundation: Foundation, runtime: Runtime, *, ready: Callable[[], None]) -> None:
    """Starts everything, serves through `runtime`, works until cancelled, closes everything."""
    async with AsyncExitStack() as stack:
        backends = await _open(foundation, runtime, stack)
        runtime.lacks("index", "catching up with the records")
        services, workers = await _assemble(foundation, backends, stack)
        await services.projector.catch_up()
        _settle()
        checks = {"worker": workers.failing, "disk": partial(_disk, foundation.folder.path)}
        runtime.serve(services, checks)
        ready()
        async with together() as group:
            # Behind the start, which it would slow, and before the first context call, which would wait for it.
            group.create_task(asyncio.to_thread(backends.vocabularies.named, None))
            await workers.run()


async def _open(foundation: Foundation, runtime: Runtime, stack: AsyncExitStack) -> _Backends:
    settings, folder = foundation.settings, foundation.folder
    for choice in choices(settings):
        log.info("backend", seam=choice.seam, backend=choice.backend, why=choice.why)
    runtime.has("service")
    database = Database.open(database_url(settings, folder))
    stack.push_async_callback(database.close)
    runtime.lacks("embedder", "loading the model; the first start converts it once")
    embedder = await asyncio.to_thread(make_embedder, settings, folder)
    stack.push_async_callback(embedder.close)
    runtime.has("embedder")
    runtime.lacks("engine", "opening")
    engine = make_engine(settings, folder)
    stack.push_async_callback(engine.close)
    runtime.has("engine")
    model = make_text_model(settings, ledger=StoredLedger(database), clock=foundation.clock)
    if model is not None:
        stack.push_async_callback(model.close)
    upstream = make_upstream(settings)
    if upstream is not None:
        stack.push_async_callback(upstream.close)
    return _Backends(
        database=database,
        embedder=embedder,
        engine=engine,
        vocabularies=CarriedVocabularies(),
        model=model,
        upstream=upstream,
    )


async def _store_id(database: Database, clock: Clock) -> str:
    async with database.system_write("a store has an identity, and a default tenant") as tx:
        store_id = await tenants.store_id(tx, clock.now())
        await tenants.ensure(tx, DEFAULT_TENANT, clock.now())
    return store_id


async def _assemble(foundation: Foundation, backends: _Backends, stack: AsyncExitStack) -> tuple[Services, Workers]:
    database, clock, settings = backends.database, foundation.clock, foundation.settings
    store_id = await _store_id(database, clock)
    owner = foundation.folder.identity()
    projector = Projector(db=database, engine=backends.engine, engine_id=owner, store_id=store_id, clock=clock)
    limits, spec = settings.limits.values(), backends.embedder.spec
    fusion = Fusion(kind=settings.search.fusion, dense_weight=settings.search.dense_weight)
    ingestion = await stack.enter_async_context(_ingestion(foundation, backends, projector, owner))
    rules = ProfileRules(
        embedder=spec.name, languages=LANGUAGES, tokens_max=spec.tokens_max, default=IndexProfile(fusion=fusion)
    )
    retrieval = Retrieval(db=database, engine=backends.engine, embedder=backends.embedder, progress=projector, limits=limits)
    cached, cache_work = await stack.enter_async_context(_cache(foundation, backends, retrieval, projector))
    remembering = make_remembering(
        Means(
            database=database,
            engine=backends.engine,
            embedder=backends.embedder,
            counter=await asyncio.to_thread(backends.embedder.tokenizer.load),
            progress=projector,
            limits=limits,
            clock=clock,
            recall=settings.recall.values(),
            triggers=settings.compression.values(),
            model=backends.model,
            substrates=(cached.users,),
            scanner=RuleScanner([Label(one) for one in settings.scanners.labels()]),
        )
    )
    keys = Keys(database, clock)
    services = Services(
        database=database,
        catalog=Catalog(db=database, clock=clock, limits=limits, projector=projector, space=_space(spec), rules=rules),
        indexing=ingestion.indexing,
        retrieval=retrieval,
        contexts=_contexts(foundation, backends, documents=retrieval, sources=sources_of(remembering), progress=projector),
        remembering=remembering,
        caching=cached,
        proxy=Proxy(cached.cache, backends.upstream, clock),
        projector=projector,
        feed=Feed(db=database, progress=projector),
        keys=keys,
        auth=Auth(keys, foundation.operator_key, clock),
        limits=limits,
        fusion=fusion,
        clock=clock,
        spool=foundation.folder.spool(),
    )
    return services, Workers({**ingestion.work, **remembering.work, **cache_work, "projector": projector.run}, clock)


def _contexts(
    foundation: Foundation, backends: _Backends, *, documents: Retrieval, sources: Sources, progress: Projector
) -> Contexts:
    return Contexts(
        db=backends.database,
        documents=documents,
        sources=sources,
        embedder=backends.embedder,
        vocabularies=backends.vocabularies,
        progress=progress,
        limits=foundation.settings.limits.values(),
        secret=hmac.digest(foundation.operator_key.encode(), b"mnemic: fences of contexts", "sha256"),
        model=backends.model,
    )


def _cache(
    foundation: Foundation, backends: _Backends, retrieval: Retrieval, projector: Projector
) -> AbstractAsyncContextManager[tuple[Caching, Mapping[str, Callable[[], Awaitable[None]]]]]:
    return caching(
        database=backends.database,
        embedder=backends.embedder,
        retrieval=retrieval,
        progress=projector,
        clock=foundation.clock,
        limits=foundation.settings.cache.values(),
    )


def _space(spec: ModelSpec) -> VectorSpace:
    return VectorSpace(embedder=spec.name, model=spec.digest, dimension=spec.dimension, tokens_max=spec.tokens_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ingestion:
    indexing: Indexing
    work: dict[str, Callable[[], Awaitable[None]]]


@asynccontextmanager
async def _ingestion(
    foundation: Foundation, backends: _Backends, projector: Projector, owner: str
) -> AsyncGenerator[_Ingestion]:
    settings, clock, database = foundation.settings, foundation.clock, backends.database
    limits = settings.limits.values()
    blobs = Blobs(foundation.folder.blobs)
    sources = SourceRules(roots=settings.ingest_roots, parse_line=partial(parse_line, limits=limits))
    signature = f"{PARSER_SIGNATURE}/{CHUNKER_SIGNATURE}"
    publisher = Publisher(db=database, blobs=blobs, owner=owner, clock=clock)
    async with ParserPool.open(workers=settings.parsers) as pool:
        reader = Reader(pool=pool, tokenizer=backends.embedder.tokenizer, signature=signature, limits=limits)
        pipeline = Pipeline(
            db=database,
            clock=clock,
            owner=owner,
            processing=Processing(
                db=database,
                blobs=blobs,
                embedder=backends.embedder,
                reader=reader,
                publisher=publisher,
                owner=owner,
                clock=clock,
            ),
            expansion=Expansion(db=database, blobs=blobs, sources=sources, owner=owner, clock=clock, limits=limits),
            removal=Removal(db=database, projector=projector, owner=owner, clock=clock),
            publisher=publisher,
            projector=projector,
            limits=PipelineLimits(),
        )
        indexing = Indexing(
            db=database,
            blobs=blobs,
            clock=clock,
            limits=limits,
            sources=sources,
            pipeline=pipeline,
            projector=projector,
            signature=signature,
        )
        housekeeper = Housekeeper(db=database, blobs=blobs, clock=clock, jobs_kept=timedelta(days=settings.jobs_kept_days))
        yield _Ingestion(indexing=indexing, work={"pipeline": pipeline.run, "housekeeper": housekeeper.run})


def _disk(folder: Path) -> str | None:
    free = shutil.disk_usage(folder).free
    return None if free >= DISK_FREE_BYTES_MIN else f"{free} bytes are free in {folder}; {DISK_FREE_BYTES_MIN} are needed"
