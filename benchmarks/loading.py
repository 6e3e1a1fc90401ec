"""A store of any size without hours of embedding: real text, SYNTHETIC vectors, written through storage/ as ingestion writes
them. The service then starts on it and projects it into its engine itself; nothing here touches the engine.

Text: windows over the pages of financebench (or over the sample files where that is absent), so that postings have the lengths
of real ones. Vectors: points around random centres, since uniform noise has no neighbours and would flatter no index.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from core.ids import DEFAULT_TENANT, DocumentId, IndexName, Principal
from core.profile import IndexProfile
from evals.datasets import load
from storage import documents, indexes, migrate, passages, tenants, vectors
from storage.database import Database, Transaction
from storage.documents import Content
from storage.passages import NewChunk
from storage.records import Envelope, IndexRecord

INDEX = IndexName("bench")
CHUNKS_PER_DOCUMENT = 10
DOCUMENTS_PER_TRANSACTION = 100
WORDS_PER_CHUNK = 130  # about 200 of the embedder's tokens
CENTRES = 2_000
SPREAD = np.float32(0.9)  # the noise's norm to the centre's: points of one centre have cosines around 0.55
BUCKETS = 100  # `bucket` = 7 admits 1 %
GROUPS = 10  # a caller in three groups sees 30 %
SEED = 8321


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The vector space to pretend: the default embedder's."""

    model: str
    dimension: int


async def load_store(url: str, space: Space, *, chunks: int) -> None:
    """An empty store becomes one with index `bench` of that many chunks (a multiple of CHUNKS_PER_DOCUMENT)."""
    assert chunks % CHUNKS_PER_DOCUMENT == 0, chunks
    await migrate.upgrade(url)
    db = Database.open(url)
    try:
        index = await _index(db, space)
        source = _Source(space.dimension)
        for first in range(0, chunks // CHUNKS_PER_DOCUMENT, DOCUMENTS_PER_TRANSACTION):
            numbers = range(first, min(first + DOCUMENTS_PER_TRANSACTION, chunks // CHUNKS_PER_DOCUMENT))
            async with db.write(DEFAULT_TENANT) as tx:
                await _add(tx, index, numbers, source)
    finally:
        await db.close()


def questions(count: int) -> list[str]:
    """Six to fourteen words in a row out of the pages: every word has postings, most have long ones."""
    words, chance = _words(), Random(SEED)
    starts = [chance.randrange(len(words) - 20) for _ in range(count)]
    return [" ".join(words[start : start + chance.randint(6, 14)]) for start in starts]


async def _index(db: Database, space: Space) -> IndexRecord:
    async with db.system_write("benchmark: the default tenant") as tx:
        await tenants.ensure(tx, DEFAULT_TENANT, _now())
    async with db.write(DEFAULT_TENANT) as tx:
        await indexes.add(
            tx,
            INDEX,
            description="synthetic vectors",
            default_acl=None,
            profile=IndexProfile(),
            model=space.model,
            dimension=space.dimension,
            at=_now(),
        )
        return await indexes.get(tx, INDEX)


async def _add(tx: Transaction, index: IndexRecord, numbers: Sequence[int], source: "_Source") -> None:
    ids = {number: DocumentId(f"page/{number:07d}") for number in numbers}
    issued = await documents.issue(tx, index.id, list(ids.values()), _now())
    found = await documents.find_many(tx, index.id, list(ids.values()))
    for number, id_ in ids.items():
        texts = source.texts(number)
        body = "\n\n".join(texts)
        flipped = await documents.publish(
            tx,
            found[id_],
            number=issued[id_],
            envelope=Envelope(
                title=f"Page {number}",
                acl=(Principal(f"group:g{number % GROUPS}"),),
                metadata={"bucket": number % BUCKETS, "half": number % 2},
            ),
            content=Content(
                digest=f"bench-{number}",
                sha256=hashlib.sha256(body.encode()).digest(),
                media_type="text/plain",
                parsed_title=None,
                text=body,
                chunks=len(texts),
            ),
            at=_now(),
        )
        assert flipped is not None
        document, version_id = flipped
        digests = [hashlib.sha256(f"{number}/{place}/{text}".encode()).digest() for place, text in enumerate(texts)]
        await passages.add(tx, document_id=document.row_id, version_id=version_id, rows=list(_chunks(texts, digests)))
        await vectors.put(tx, index.model, dict(zip(digests, source.vectors(len(texts)), strict=True)), _now())


def _chunks(texts: Sequence[str], digests: Sequence[bytes]) -> Iterator[NewChunk]:
    start = 0
    for ordinal, (text, digest) in enumerate(zip(texts, digests, strict=True)):
        yield NewChunk(
            ordinal=ordinal,
            start=start,
            end=start + len(text),
            page=ordinal + 1,
            heading_path=(),
            text=text,
            context="",
            vector_sha256=digest,
        )
        start += len(text) + 2


class _Source:
    """Texts and vectors in the order they are asked for, the same at every run."""

    def __init__(self, dimension: int) -> None:
        self._words = _words()
        self._chance = np.random.default_rng(SEED)
        self._centres = _unit(self._chance.standard_normal((CENTRES, dimension), dtype=np.float32))

    def texts(self, number: int) -> list[str]:
        """Windows a little apart from those of the last round over the words, so that no two chunks are the same."""
        size = CHUNKS_PER_DOCUMENT * WORDS_PER_CHUNK
        rounds, place = divmod(number * size, len(self._words) - 2 * size)
        start = place + rounds * 37
        return [" ".join(self._words[at : at + WORDS_PER_CHUNK]) for at in range(start, start + size, WORDS_PER_CHUNK)]

    def vectors(self, count: int) -> NDArray[np.float32]:
        """[count, dimension], each of norm 1."""
        centres = self._centres[self._chance.integers(0, CENTRES, count)]
        noise = _unit(self._chance.standard_normal(centres.shape, dtype=np.float32))
        return _unit(centres + SPREAD * noise)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _words() -> list[str]:
    return " ".join(document.text for document in load("financebench").documents()).split()


def _now() -> datetime:
    return datetime.now(UTC)


def store_url(data: Path) -> str:
    """Where a service with that data folder keeps its records."""
    return f"sqlite:///{data / 'mnemic.db'}"
