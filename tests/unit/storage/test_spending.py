"""What the text model has cost is added up by day, and survives the process."""

import asyncio
from datetime import date

import pytest

from api.ledger import StoredLedger
from inference.spending import NOTHING, Spent
from storage.database import Database
from tests.support.stores import Store, sqlite_store, store

__all__ = ["sqlite_store", "store"]

TODAY, TOMORROW = date(2026, 5, 1), date(2026, 5, 2)


async def test_a_days_spending_adds_up_apart_from_other_days(store: Store) -> None:
    ledger = StoredLedger(store.db)
    assert await ledger.spent(TODAY) == NOTHING
    await asyncio.gather(*(ledger.add(TODAY, Spent(tokens=10, usd=0.25)) for _ in range(8)))
    await ledger.add(TOMORROW, Spent(tokens=1))
    await ledger.add(TODAY, NOTHING)
    assert (await ledger.spent(TODAY)).tokens == 80
    assert (await ledger.spent(TODAY)).usd == pytest.approx(2.0)
    assert await ledger.spent(TOMORROW) == Spent(tokens=1)


async def test_a_restart_does_not_begin_the_day_anew(sqlite_store: Store) -> None:
    await StoredLedger(sqlite_store.db).add(TODAY, Spent(tokens=10))
    again = Database.open(sqlite_store.url)
    assert await StoredLedger(again).spent(TODAY) == Spent(tokens=10)
    await again.close()
