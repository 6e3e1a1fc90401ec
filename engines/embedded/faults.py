"""The one border where what FAISS, Tantivy and the disk raise becomes a Fault."""

from collections.abc import Generator
from contextlib import contextmanager

from core.errors import Unavailable


@contextmanager
def backend(doing: str) -> Generator[None]:
    """Turns a vendor's failure inside into Unavailable. Tantivy raises ValueError for everything, FAISS RuntimeError."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        raise Unavailable(
            "engine.backend_failed",
            f"the embedded engine failed {doing}: {type(error).__name__}: {error}. "
            "Look at the free space and the permissions of the data folder; nothing that was acknowledged is lost.",
            retry_after_s=5,
        ) from error
