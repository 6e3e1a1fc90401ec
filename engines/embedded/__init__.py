"""The engine that needs no server: FAISS and Tantivy in one process, over one folder."""

from engines.embedded.engine import EmbeddedEngine
from engines.embedded.tuning import Tuning

__all__ = ["EmbeddedEngine", "Tuning"]
