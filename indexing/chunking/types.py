"""What chunking is asked for and what it answers."""

from dataclasses import dataclass

from core.limits import CHUNKS_PER_DOCUMENT_MAX
from core.profile import CHUNK_OVERLAP_DEFAULT, CHUNK_TOKENS_DEFAULT

# Bump when chunks come out differently: stored documents are then cut again when they are next submitted.
CHUNKER_SIGNATURE = "mnemic-chunker/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkingParameters:
    """All in the embedder's tokens. `chunk_tokens` is what a chunk aims at, `tokens_max` what context, text, the special
    tokens and `reserved_tokens` (a model's passage prefix) together never exceed."""

    chunk_tokens: int = CHUNK_TOKENS_DEFAULT
    overlap_tokens: int = CHUNK_OVERLAP_DEFAULT
    tokens_max: int = 256
    reserved_tokens: int = 0
    chunks_max: int = CHUNKS_PER_DOCUMENT_MAX

    def __post_init__(self) -> None:
        assert self.tokens_max >= 16, self.tokens_max
        assert self.chunk_tokens >= 1, self.chunk_tokens
        assert 0 <= self.overlap_tokens <= self.chunk_tokens // 2, (self.overlap_tokens, self.chunk_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """`[start, end)` in code points of the canonical text, which is what is returned.

    `context` is indexed before it and not returned: title, headings above, and the header of a table that is continued.
    `page` is that of its first character.
    """

    ordinal: int
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]
    context: str


def indexed_text(chunk: Chunk, text: str) -> str:
    """What is embedded and analysed for a chunk of this canonical text."""
    body = text[chunk.start : chunk.end]
    return f"{chunk.context}\n\n{body}" if chunk.context else body
