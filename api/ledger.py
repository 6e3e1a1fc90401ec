"""The text model's spending, written down in the store: a restart does not begin the day anew."""

from datetime import date

from inference.spending import Spent
from storage import spending
from storage.database import Database


class StoredLedger:
    """A Ledger that processes share."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def spent(self, day: date) -> Spent:
        async with self._db.system_read("the text model's cap is over all tenants") as tx:
            tokens, usd = await spending.spent(tx, day)
        return Spent(tokens=tokens, usd=usd)

    async def add(self, day: date, spent: Spent) -> None:
        if spent.tokens or spent.usd:
            async with self._db.system_write("the text model's spending is over all tenants") as tx:
                await spending.add(tx, day, tokens=spent.tokens, usd=spent.usd)
