"""A small service without a protocol: real store, real engine, real projector, real embedder, and documents put straight into
the records. Projection happens only when `project` is called, so a test can look at the time between."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from core.caller import Caller, Grant
from core.clock import SystemClock
from core.deadline import Deadline
from core.ids import DocumentId, IndexName, KeyId, Principal, TenantId
from core.limits import Limits
from core.metadata import Value
from core.profile import IndexProfile
from engines.embedded.engine import EmbeddedEngine
from engines.port import Collection, Row, Watermark
from indexing.projection import Projector
from inference.port import Embedder, Purpose
from retrieval.service import Retrieval
from retrieval.types import SearchRequest, SearchResult
from storage import documents, indexes, migrate, passages, tenants, vectors
from storage.database import Database, Transaction
from storage.documents import Content
from storage.passages import NewChunk
from storage.records import DocumentRecord, Envelope, IndexRecord
from tests.support.postgres import some_store

TENANT = TenantId("acme")
ANN, BOB = Principal("user:ann"), Principal("user:bob")


class Library:
    """Opened with `async with`. Documents are of the index `handbook` unless another is named."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self.embedder = embedder
        self.clock = SystemClock()
        self.db: Database
        self.engine: EmbeddedEngine
        self.projector: Projector

    async def __aenter__(self) -> Self:
        url = self._stack.enter_context(some_store(self._folder / "store.db"))
        await migrate.upgrade(url)
        self.db = Database.open(url)
        self._stack.push_async_callback(self.db.close)
        self.engine = EmbeddedEngine(self._folder / "engine", memory_bytes_max=1 << 28, threads=2)
        self._stack.push_async_callback(self.engine.close)
        async with self.db.system_write("test: a tenant") as tx:
            store_id = await tenants.store_id(tx, self.clock.now())
            await tenants.ensure(tx, TENANT, self.clock.now())
        self.projector = Projector(db=self.db, engine=self.engine, engine_id="embedded", store_id=store_id, clock=self.clock)
        await self.add_index("handbook")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def add_index(self, name: str, profile: IndexProfile | None = None, model: str | None = None) -> IndexRecord:
        async with self.db.write(TENANT) as tx:
            await indexes.add(
                tx,
                IndexName(name),
                description="",
                default_acl=None,
                profile=profile or IndexProfile(),
                model=model or self.embedder.spec.digest,
                dimension=self.embedder.spec.dimension,
                at=self.clock.now(),
            )
            return await indexes.get(tx, IndexName(name))

    async def put(
        self,
        id_: str,
        *texts: str,
        index: str = "handbook",
        acl: Sequence[Principal] | None = None,
        metadata: Mapping[str, Value] | None = None,
        title: str | None = None,
    ) -> int:
        """Publishes a version with these chunks; the version's row id. Not searchable before `project`."""
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        embedded = await self.embedder.embed(texts, Purpose.PASSAGE)
        async with self.db.write(TENANT) as tx:
            record = await indexes.get(tx, IndexName(index))
            number = (await documents.issue(tx, record.id, [DocumentId(id_)], self.clock.now()))[DocumentId(id_)]
            found = await documents.find(tx, record.id, DocumentId(id_))
            assert found is not None
            flipped = await documents.publish(
                tx,
                found,
                number=number,
                envelope=Envelope(title=title, acl=None if acl is None else tuple(acl), metadata=metadata or {}),
                content=_content(texts),
                at=self.clock.now(),
            )
            assert flipped is not None
            document, version_id = flipped
            await passages.add(tx, document_id=document.row_id, version_id=version_id, rows=_chunks(texts, digests))
            await vectors.put(tx, record.model, dict(zip(digests, embedded, strict=True)), self.clock.now())
        return version_id

    async def restrict(self, id_: str, acl: Sequence[Principal]) -> None:
        """Changes who may see a document, in the records alone."""
        async with self.db.write(TENANT) as tx:
            document, number = await self._next(tx, id_)
            envelope = replace(document.envelope, acl=tuple(acl))
            await documents.change_envelope(tx, document, number=number, envelope=envelope, at=self.clock.now())

    async def describe(self, id_: str, metadata: Mapping[str, Value]) -> None:
        """Changes a document's metadata, in the records alone."""
        async with self.db.write(TENANT) as tx:
            document, number = await self._next(tx, id_)
            envelope = replace(document.envelope, metadata=metadata)
            await documents.change_envelope(tx, document, number=number, envelope=envelope, at=self.clock.now())

    async def delete(self, id_: str) -> None:
        """Deletes a document, in the records alone."""
        async with self.db.write(TENANT) as tx:
            document, number = await self._next(tx, id_)
            await documents.retract(tx, document, number=number, at=self.clock.now())

    async def project(self) -> None:
        """Brings the engine to where the records are."""
        await self.projector.catch_up()

    async def haunt(self, texts: Mapping[int, str]) -> None:
        """Puts rows into the engine, by key, that no record knows: what a crash or a bug might leave behind."""
        async with self.db.read(TENANT) as tx:
            collection = Collection.of_index(await indexes.get(tx, IndexName("handbook")))
        embedded = await self.embedder.embed(list(texts.values()), Purpose.PASSAGE)
        rows = [
            Row(key=key, vector=vector, text=text, tokens=("acl=*",))
            for (key, text), vector in zip(texts.items(), embedded, strict=True)
        ]
        watermark = await self.engine.durable(collection) or Watermark(store_id="", offset=0, token="")
        await self.engine.apply(collection, upserts=rows, deletes=(), watermark=watermark)

    def retrieval(self, embedder: Embedder | None = None) -> Retrieval:
        return Retrieval(
            db=self.db,
            engine=self.engine,
            embedder=embedder or self.embedder,
            progress=self.projector,
            limits=Limits(),
        )

    def caller(self, *principals: Principal, grants: Sequence[Grant] = (Grant.READ,), seconds: float = 30) -> Caller:
        return Caller(
            tenant=TENANT,
            key_id=KeyId("key_test"),
            subject=principals[0] if principals else ANN,
            principals=frozenset(principals or {ANN}),
            grants=frozenset(grants),
            deadline=Deadline.after(self.clock, seconds),
            request_id="req_test",
        )

    async def search(self, request: SearchRequest, *principals: Principal) -> SearchResult:
        return await self.retrieval().search(self.caller(*principals), request)

    async def _next(self, tx: Transaction, id_: str) -> tuple[DocumentRecord, int]:
        index = await indexes.get(tx, IndexName("handbook"))
        number = (await documents.issue(tx, index.id, [DocumentId(id_)], self.clock.now()))[DocumentId(id_)]
        found = await documents.find(tx, index.id, DocumentId(id_))
        assert found is not None, id_
        return found, number


def _content(texts: Sequence[str]) -> Content:
    body = "\n".join(texts)
    return Content(
        digest=hashlib.sha256(body.encode()).hexdigest(),
        sha256=hashlib.sha256(body.encode()).digest(),
        media_type="text/plain",
        parsed_title=None,
        text=body,
        chunks=len(texts),
    )


def _chunks(texts: Sequence[str], digests: Sequence[bytes]) -> list[NewChunk]:
    rows: list[NewChunk] = []
    start = 0
    for ordinal, (text, digest) in enumerate(zip(texts, digests, strict=True)):
        end = start + len(text)
        rows.append(
            NewChunk(
                ordinal=ordinal,
                start=start,
                end=end,
                page=None,
                heading_path=("Part",),
                text=text,
                context="",
                vector_sha256=digest,
            )
        )
        start = end + 1
    return rows
