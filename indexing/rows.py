"""What the store holds as the rows that an engine searches, with vector, keyword text, filter tokens and numbers: the chunks of
a live document, and the rows of memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import Corrupt
from core.filters import OCCURRED_AT, acl_tokens, numbers_of, tokens_of
from engines.port import Row
from storage import passages, vectors
from storage.database import Transaction
from storage.memory_rows import MemoryRow
from storage.records import ChunkRecord, DocumentRecord, IndexRecord

CHUNKS_PER_READ = 2_000


async def rows_of_memory(tx: Transaction, index: IndexRecord, found: Sequence[MemoryRow]) -> list[Row]:
    """Rows of memory as they are stored, which is as they are searched."""
    known = await vectors.get(tx, index.model, list({row.vector_sha256 for row in found}))
    missing = [row.key for row in found if row.vector_sha256 not in known]
    if missing:
        raise Corrupt(
            "indexing.vector_missing",
            f"{len(missing)} rows of memory, the first with key {missing[0]}, lack vectors in the store; restore a backup",
        )
    return [
        Row(
            key=row.key,
            vector=_unit(known[row.vector_sha256]),
            text=row.body,
            tokens=row.tokens,
            numbers={} if row.occurred is None else {OCCURRED_AT: (row.occurred,)},
        )
        for row in found
    ]


async def rows_of_version(tx: Transaction, document: DocumentRecord, index: IndexRecord) -> list[Row]:
    """Every row of the document's live version."""
    assert document.live_version_id is not None
    fields = document.fields()
    tokens = (*tokens_of(fields), *acl_tokens(document.envelope.acl))
    numbers = {field: numbers_of(fields, field, kind) for field, kind in index.profile.ranged.items()}
    rows: list[Row] = []
    while len(rows) < document.chunks:
        page = await passages.vectors_of(tx, document.live_version_id, len(rows), CHUNKS_PER_READ)
        found = await vectors.get(tx, index.model, [digest for _, digest in page])
        if not page or any(digest not in found for _, digest in page):
            raise Corrupt(
                "indexing.vector_missing",
                f"document {document.id!r} lacks chunks or vectors in the store; send it again to index {index.name!r}",
            )
        for chunk, digest in page:
            rows.append(
                Row(
                    key=chunk.key,
                    vector=_unit(found[digest]),
                    text=keyword_text(document, chunk),
                    tokens=tokens,
                    numbers=numbers,
                )
            )
    return rows


def keyword_text(document: DocumentRecord, chunk: ChunkRecord) -> str:
    """What the keyword arm indexes: the text that was embedded, and the title where a later change of it is not in there."""
    title = document.title or ""
    renamed = title if title not in chunk.context else ""
    return "\n".join(part for part in (renamed, chunk.context, chunk.text) if part)


def _unit(stored: NDArray[np.float16]) -> NDArray[np.float32]:
    """float16 rounds the norm by up to 1e-3; the engine takes cosines as inner products."""
    vector = stored.astype(np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)
