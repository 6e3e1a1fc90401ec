"""The whole schema in one place: importing this module makes `metadata` hold every table. For migrations and their tests."""

from storage import memory_tables, tables
from storage.columns import metadata

__all__ = ["memory_tables", "metadata", "tables"]
