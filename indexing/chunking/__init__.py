"""Cuts canonical text into chunks for an embedder's window: pure, deterministic, linear. It knows no format and no model."""

from indexing.chunking.chunker import chunk_document
from indexing.chunking.types import CHUNKER_SIGNATURE, Chunk, ChunkingParameters, indexed_text

__all__ = ["CHUNKER_SIGNATURE", "Chunk", "ChunkingParameters", "chunk_document", "indexed_text"]
