"""The indexing room on real things, for histories of what is published."""

from tests.support.indexing import parsers, still

__all__ = ["parsers", "still"]
