"""The indexing room on real things, without a protocol: SQLite, the engine, the model, the parsers, the projector, the worker.

`stack` works by itself; on `still` nothing happens by itself, so that a test can decide what comes first.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest_asyncio
from prometheus_client import REGISTRY

from api.backends import CountingEmbedder
from api.wire.documents import parse_line
from core.caller import Caller, Grant, Once
from core.clock import Clock, SystemClock
from core.deadline import Deadline
from core.ids import DEFAULT_TENANT, DocumentId, IndexName, JobId, KeyId, Principal, TenantId
from core.limits import MIB, Limits
from core.metadata import Metadata
from core.paging import PageRequest
from core.profile import IndexProfile
from engines.embedded.engine import EmbeddedEngine
from indexing.catalog import Catalog, VectorSpace
from indexing.expansion import Expansion
from indexing.housekeeping import Housekeeper
from indexing.parsing.pool import ParserPool
from indexing.pipeline import Pipeline, PipelineLimits
from indexing.processing import Processing, Reader
from indexing.profiles import ProfileRules
from indexing.projection import Projector
from indexing.publishing import Publisher
from indexing.removal import Removal
from indexing.service import Indexing
from indexing.sources import SourceRules
from indexing.types import KEPT, IndexDefinition, Kept, Submission, SubmitAnswer, SubmitResult, Upload, Wait
from retrieval.service import Retrieval
from retrieval.types import Passage, SearchRequest
from storage import items, tenants
from storage.blobs import Blobs
from storage.database import Database
from storage.items import Claim
from storage.migrate import upgrade
from storage.records import ChunkRecord, DocumentRecord, ItemRecord, JobRecord

HANDBOOK = IndexName("handbook")
OWNER = "test-worker"
ANN, BOB = Principal("user:ann"), Principal("user:bob")
HR, LEGAL = Principal("group:hr"), Principal("group:legal")
FINISH_S = 30.0
JOBS_KEPT = timedelta(days=30)


@dataclass(kw_only=True)
class Stack:
    """The rooms, wired as api/bootstrap.py wires them. Opened with `opened`."""

    folder: Path
    clock: Clock
    db: Database
    blobs: Blobs
    engine: EmbeddedEngine
    embedder: CountingEmbedder
    projector: Projector
    publisher: Publisher
    processing: Processing
    pipeline: Pipeline
    catalog: Catalog
    indexing: Indexing
    retrieval: Retrieval
    housekeeper: Housekeeper
    sources: SourceRules
    working: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    @property
    def roots(self) -> Path:
        """Below here jobs may read."""
        return self.folder / "roots"

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Worker and projector run inside."""
        self.working = [asyncio.create_task(self.projector.run()), asyncio.create_task(self.pipeline.run())]
        try:
            yield
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Worker and projector rest; what they raised is raised."""
        tasks, self.working = self.working, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # --- who asks

    def caller(
        self,
        *principals: Principal,
        grants: Sequence[Grant] = (Grant.READ, Grant.WRITE),
        tenant: str = DEFAULT_TENANT,
        seconds: float = FINISH_S,
        once: Once | None = None,
    ) -> Caller:
        """A user; without principals one that belongs to no group."""
        subject = principals[0] if principals else Principal("user:nobody")
        return Caller(
            tenant=TenantId(tenant),
            key_id=KeyId("key_test"),
            subject=subject,
            principals=frozenset({subject, *principals}),
            grants=frozenset(grants),
            deadline=Deadline.after(self.clock, seconds),
            request_id="req_test",
            once=once,
        )

    def admin(self, tenant: str = DEFAULT_TENANT, *, seconds: float = FINISH_S, once: Once | None = None) -> Caller:
        return self.caller(Principal("user:root"), grants=(Grant.ADMIN,), tenant=tenant, seconds=seconds, once=once)

    # --- what they do

    async def add_tenant(self, tenant: str) -> None:
        async with self.db.system_write("test: a tenant") as tx:
            await tenants.ensure(tx, TenantId(tenant), self.clock.now())

    async def add_index(
        self,
        name: str,
        *,
        tenant: str = DEFAULT_TENANT,
        default_acl: tuple[Principal, ...] | None = None,
        profile: IndexProfile | None = None,
    ) -> None:
        definition = IndexDefinition(default_acl=default_acl, profile=profile)
        await self.catalog.put_index(self.admin(tenant), IndexName(name), definition)

    async def submit(
        self, *submissions: Submission, index: str = HANDBOOK, caller: Caller | None = None, wait: Wait = Wait.INDEXED
    ) -> SubmitAnswer:
        return await self.indexing.submit(caller or self.admin(), IndexName(index), submissions, wait=wait)

    async def put(
        self,
        document: str,
        text: str | bytes,
        *,
        index: str = HANDBOOK,
        caller: Caller | None = None,
        wait: Wait = Wait.INDEXED,
        title: str | None = None,
        metadata: Metadata | None = None,
        acl: Sequence[Principal] | Kept | None = KEPT,
        media_type: str | None = None,
    ) -> SubmitResult:
        """One document, waited for until it can be found unless `wait` says otherwise."""
        one = submission(document, text, title=title, metadata=metadata, acl=acl, media_type=media_type)
        answer = await self.submit(one, index=index, caller=caller, wait=wait)
        return answer.results[0]

    async def delete(self, document: str, *, index: str = HANDBOOK, caller: Caller | None = None) -> int | None:
        """Deletes a document; the offset from which it is gone."""
        asking = caller or self.admin()
        receipt = await self.catalog.delete_document(asking, IndexName(index), DocumentId(document), if_revision=None)
        return receipt.offset

    async def document(self, document: str, *, index: str = HANDBOOK, caller: Caller | None = None) -> DocumentRecord:
        return await self.catalog.document(caller or self.admin(), IndexName(index), DocumentId(document))

    async def ids(self, *, index: str = HANDBOOK, caller: Caller | None = None) -> set[str]:
        """The documents that a caller sees, whatever their status."""
        found = await self.catalog.documents(
            caller or self.admin(), IndexName(index), PageRequest(limit=200), prefix=None, status=None
        )
        return {document.id for document in found.items}

    async def chunks(self, document: str, *, index: str = HANDBOOK) -> tuple[ChunkRecord, ...]:
        page = await self.catalog.chunks(self.admin(), IndexName(index), DocumentId(document), PageRequest(limit=200))
        return page.items

    async def text(self, document: str, *, index: str = HANDBOOK, caller: Caller | None = None) -> str:
        asking = caller or self.admin()
        return (await self.catalog.text(asking, IndexName(index), DocumentId(document), start=0, end=None)).text

    async def head(self, tenant: str = DEFAULT_TENANT) -> int:
        async with self.db.read(TenantId(tenant)) as tx:
            return await tenants.head(tx)

    async def search(
        self,
        query: str,
        *,
        caller: Caller | None = None,
        index: str | None = None,
        condition: object | None = None,
        min_offset: int | None = None,
    ) -> tuple[Passage, ...]:
        """What a search finds once everything committed so far can be found."""
        asking = caller or self.admin()
        request = SearchRequest(
            query=query,
            indexes=None if index is None else (IndexName(index),),
            k=100,
            filter=condition,
            min_offset=await self.head(asking.tenant) if min_offset is None else min_offset,
        )
        return (await self.retrieval.search(asking, request)).results

    async def found(self, query: str, *, caller: Caller | None = None, index: str | None = None) -> set[str]:
        """The documents of `search`."""
        return {passage.document_id for passage in await self.search(query, caller=caller, index=index)}

    # --- jobs

    async def finished(self, job_id: JobId | None, tenant: str = DEFAULT_TENANT) -> JobRecord:
        """The job once it has ended."""
        assert job_id is not None
        asking = self.admin(tenant)
        while not (job := await self.indexing.job(asking, job_id)).state.final:
            asking.deadline.check(f"job {job_id}, {job.state}")
            await asyncio.sleep(0.02)
        return job

    async def items(self, job_id: JobId, tenant: str = DEFAULT_TENANT) -> dict[str, ItemRecord]:
        """The items of a job, by document."""
        found = await self.indexing.items(self.admin(tenant), job_id, PageRequest(limit=200), state=None)
        return {item.document_id: item for item in found.items}

    async def job_count(self) -> int:
        return len((await self.indexing.jobs(self.admin(), PageRequest(limit=200))).items)

    async def claim(self, limit: int = 10) -> tuple[Claim, ...]:
        """Takes what waits, as the worker would; `still` stacks only."""
        now = self.clock.now()
        async with self.db.system_write("test: a worker") as tx:
            return await items.claim(tx, OWNER, now=now, lease_until=now + timedelta(seconds=60), limit=limit)

    async def work(self) -> None:
        """Works off everything that waits, one thing after another; `still` stacks only."""
        while claims := await self.claim():
            for claim in claims:
                await self.pipeline.handle(claim)

    def spool(self, document: str, content: str | bytes, media_type: str | None = None) -> Upload:
        """A file as the transport hands it over."""
        path = self.folder / "spool" / document.replace("/", "_")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Upload(id=DocumentId(document), path=path, size=path.stat().st_size, media_type=media_type)


def submission(
    document: str,
    text: str | bytes,
    *,
    title: str | None = None,
    metadata: Metadata | None = None,
    acl: Sequence[Principal] | Kept | None = KEPT,
    media_type: str | None = None,
) -> Submission:
    return Submission(
        id=DocumentId(document),
        content=text.encode() if isinstance(text, str) else text,
        title=title,
        metadata=metadata or {},
        acl=acl,
        media_type=media_type,
    )


def embedded_passages() -> int:
    """How many passages this process has embedded so far."""
    return int(REGISTRY.get_sample_value("mnemic_embedded_texts_total", {"purpose": "passage"}) or 0)


def parsed_files() -> int:
    """How many files this process has had parsed so far."""
    return int(REGISTRY.get_sample_value("mnemic_parsed_documents_total", {"outcome": "parsed"}) or 0)


@asynccontextmanager
async def opened(
    folder: Path, embedder: CountingEmbedder, pool: ParserPool, *, limits: Limits | None = None, clock: Clock | None = None
) -> AsyncGenerator[Stack]:
    """A stack over `folder`, caught up; opening the same folder again is a restart."""
    limits, clock = limits or Limits(), clock or SystemClock()
    (folder / "roots").mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'mnemic.db'}"
    await upgrade(url)
    async with AsyncExitStack() as closing:
        db = Database.open(url)
        closing.push_async_callback(db.close)
        async with db.system_write("test: a store") as tx:
            store_id = await tenants.store_id(tx, clock.now())
            await tenants.ensure(tx, DEFAULT_TENANT, clock.now())
        engine = EmbeddedEngine(folder / "engine", memory_bytes_max=64 * MIB, threads=2)
        closing.push_async_callback(engine.close)
        projector = Projector(db=db, engine=engine, engine_id="embedded", store_id=store_id, clock=clock)
        made = _wire(_Parts(folder, clock, limits, db, engine, embedder, pool, projector))
        await projector.catch_up()
        closing.push_async_callback(made.stop)
        yield made


@dataclass(frozen=True)
class _Parts:
    folder: Path
    clock: Clock
    limits: Limits
    db: Database
    engine: EmbeddedEngine
    embedder: CountingEmbedder
    pool: ParserPool
    projector: Projector


def _wire(parts: _Parts) -> Stack:
    db, clock, limits = parts.db, parts.clock, parts.limits
    blobs = Blobs(parts.folder / "blobs")
    sources = SourceRules(roots=(parts.folder / "roots",), parse_line=partial(parse_line, limits=limits))
    publisher = Publisher(db=db, blobs=blobs, owner=OWNER, clock=clock)
    reader = Reader(pool=parts.pool, tokenizer=parts.embedder.tokenizer, signature="test/1", limits=limits)
    processing = Processing(
        db=db, blobs=blobs, embedder=parts.embedder, reader=reader, publisher=publisher, owner=OWNER, clock=clock
    )
    pipeline = Pipeline(
        db=db,
        clock=clock,
        owner=OWNER,
        processing=processing,
        expansion=Expansion(db=db, blobs=blobs, sources=sources, owner=OWNER, clock=clock, limits=limits),
        removal=Removal(db=db, projector=parts.projector, owner=OWNER, clock=clock),
        publisher=publisher,
        projector=parts.projector,
        limits=PipelineLimits(),
    )
    return Stack(
        folder=parts.folder,
        clock=clock,
        db=db,
        blobs=blobs,
        engine=parts.engine,
        embedder=parts.embedder,
        projector=parts.projector,
        publisher=publisher,
        processing=processing,
        pipeline=pipeline,
        catalog=_catalog(parts),
        indexing=Indexing(
            db=db,
            blobs=blobs,
            clock=clock,
            limits=limits,
            sources=sources,
            pipeline=pipeline,
            projector=parts.projector,
            signature="test/1",
        ),
        retrieval=Retrieval(db=db, engine=parts.engine, embedder=parts.embedder, progress=parts.projector, limits=limits),
        housekeeper=Housekeeper(db=db, blobs=blobs, clock=clock, jobs_kept=JOBS_KEPT),
        sources=sources,
    )


def _catalog(parts: _Parts) -> Catalog:
    spec = parts.embedder.spec
    return Catalog(
        db=parts.db,
        clock=parts.clock,
        limits=parts.limits,
        projector=parts.projector,
        space=VectorSpace(embedder=spec.name, model=spec.digest, dimension=spec.dimension, tokens_max=spec.tokens_max),
        rules=ProfileRules(
            embedder=spec.name,
            languages=frozenset({"english", "german", "none"}),
            tokens_max=spec.tokens_max,
            default=IndexProfile(range_fields={"year": "number"}),
        ),
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def parsers() -> AsyncGenerator[ParserPool]:
    """One worker for a whole run: its processes belong to the loop that started them, so tests share that too."""
    async with ParserPool.open(workers=1) as pool:
        yield pool


@pytest_asyncio.fixture(loop_scope="session")
async def still(tmp_path: Path, embedder: CountingEmbedder, parsers: ParserPool) -> AsyncGenerator[Stack]:
    """A stack with the index `handbook`, on which nothing happens by itself."""
    async with opened(tmp_path, embedder, parsers) as stack:
        await stack.add_index(HANDBOOK)
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def stack(still: Stack) -> AsyncGenerator[Stack]:
    """A stack at work, with the index `handbook`."""
    async with still.at_work():
        yield still


def once(key: str) -> Once:
    """An Idempotency-Key under which answers are kept as their repr."""
    return Once(key=key, route="test", digest=key.encode(), encode=lambda answer: repr(answer).encode(), status=lambda _: 200)
