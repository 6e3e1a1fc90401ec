"""The whole schema in one place: importing this module makes `metadata` hold every table. For migrations and their tests."""

from storage import cache_tables, memory_tables, tables
from storage.columns import metadata

__all__ = ["cache_tables", "memory_tables", "metadata", "tables"]
