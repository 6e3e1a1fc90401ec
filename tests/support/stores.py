"""Real stores for tests: SQLite always, PostgreSQL where a server is named. Both run the same tests."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from core.ids import DocumentId, IndexName, TenantId
from core.profile import IndexProfile
from storage import documents, indexes, passages, tenants, vectors
from storage.database import Database, Transaction
from storage.documents import Content
from storage.migrate import upgrade
from storage.passages import NewChunk
from storage.records import DocumentRecord, Envelope, IndexRecord
from tests.support.postgres import migrated_database

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
TENANT = TenantId("default")
MODEL = "space"
VECTOR = np.array([0.5, 0.5, 0.5, 0.5], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A migrated store with three tenants: default, blue and green."""

    url: str
    db: Database


@pytest_asyncio.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Store]:
    if request.param == "sqlite":
        async with _opened(f"sqlite:///{tmp_path / 'mnemic.db'}") as opened:
            yield opened
        return
    with migrated_database(request.getfixturevalue("postgres_server")) as url:
        async with _opened(url) as opened:
            yield opened


@pytest_asyncio.fixture
async def sqlite_store(tmp_path: Path) -> AsyncGenerator[Store]:
    """For what is SQLite's alone."""
    async with _opened(f"sqlite:///{tmp_path / 'mnemic.db'}") as opened:
        yield opened


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[Store]:
    await upgrade(url)
    db = Database.open(url)
    async with db.system_write("tests make their tenants") as tx:
        for tenant in ("default", "blue", "green"):
            await tenants.ensure(tx, TenantId(tenant), AT)
    yield Store(url=url, db=db)
    await db.close()


async def make_index(tx: Transaction, name: str = "handbook") -> IndexRecord:
    await indexes.add(
        tx,
        IndexName(name),
        description="",
        default_acl=None,
        profile=IndexProfile(),
        model=MODEL,
        dimension=4,
        at=AT,
    )
    return await indexes.get(tx, IndexName(name))


async def issue(tx: Transaction, index: IndexRecord, name: str) -> tuple[DocumentRecord, int]:
    """The document, made if need be, and its next number."""
    document_id = DocumentId(name)
    number = (await documents.issue(tx, index.id, [document_id], AT))[document_id]
    found = await documents.find(tx, index.id, document_id)
    assert found is not None
    return found, number


async def publish(
    tx: Transaction, index: IndexRecord, name: str, text: str, *, number: int | None = None
) -> DocumentRecord | None:
    """Flips the document to one whose chunks are the words of `text`; under the next number unless one is given."""
    if number is None:
        _, number = await issue(tx, index, name)
    document = await documents.find(tx, index.id, DocumentId(name))
    assert document is not None
    words = text.split()
    flipped = await documents.publish(
        tx,
        document,
        number=number,
        envelope=Envelope(title=name),
        content=Content(
            digest=text, sha256=text.encode(), media_type="text/plain", parsed_title=None, text=text, chunks=len(words)
        ),
        at=AT,
    )
    if flipped is None:
        return None
    published, version_id = flipped
    await passages.add(tx, document_id=document.row_id, version_id=version_id, rows=_chunks(words, text))
    await vectors.put(tx, MODEL, {word.encode(): VECTOR for word in words}, AT)
    return published


def _chunks(words: list[str], text: str) -> list[NewChunk]:
    rows: list[NewChunk] = []
    start = 0
    for ordinal, word in enumerate(words):
        start = text.index(word, start)
        rows.append(
            NewChunk(
                ordinal=ordinal,
                start=start,
                end=start + len(word),
                page=None,
                heading_path=(),
                text=word,
                context="",
                vector_sha256=word.encode(),
            )
        )
        start += len(word)
    return rows
