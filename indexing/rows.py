"""A live document as the rows that an engine searches: its chunks with vector, keyword text, filter tokens and numbers."""

import numpy as np

from core.errors import Corrupt
from core.filters import acl_tokens, numbers_of, tokens_of
from engines.port import Row
from storage import passages, vectors
from storage.database import Transaction
from storage.records import ChunkRecord, DocumentRecord, IndexRecord

CHUNKS_PER_READ = 2_000


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
            vector = found[digest].astype(np.float32)
            rows.append(
                Row(
                    key=chunk.key,
                    # float16 rounds the norm by up to 1e-3; the engine takes cosines as inner products.
                    vector=(vector / np.linalg.norm(vector)).astype(np.float32),
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
