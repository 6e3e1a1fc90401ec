"""What the text model has cost, a row a day, over all tenants. What it may cost is inference/spending.py's."""

from datetime import date

from sqlalchemy import select

from storage.database import Transaction
from storage.memory_tables import text_model_days
from storage.statements import upsert


async def spent(tx: Transaction, day: date) -> tuple[int, float]:
    """(tokens, US dollars) of the day so far."""
    statement = select(text_model_days.c.tokens, text_model_days.c.usd).where(text_model_days.c.day == day.isoformat())
    row = (await tx.execute(statement)).first()
    return (0, 0.0) if row is None else (row.tokens, row.usd)


async def add(tx: Transaction, day: date, *, tokens: int, usd: float) -> None:
    """Adds to the day in one statement: processes that spend at once lose nothing."""
    statement = upsert(tx, text_model_days).values(day=day.isoformat(), tokens=tokens, usd=usd)
    more = {"tokens": text_model_days.c.tokens + tokens, "usd": text_model_days.c.usd + usd}
    await tx.execute(statement.on_conflict_do_update(index_elements=["day"], set_=more))
