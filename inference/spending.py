"""What a text model may cost in a day, and what it has cost. Days are UTC's. A request is refused before it is sent when the
most it can cost would pass the cap; what it did cost is written down after it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from core.clock import Clock
from core.errors import Limited


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens in and out together, and money."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(tokens=self.tokens + other.tokens, usd=self.usd + other.usd)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(tokens=self.tokens - other.tokens, usd=self.usd - other.usd)


NOTHING = Spent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens; 0 for a model of one's own."""

    usd_per_million_in: float = 0.0
    usd_per_million_out: float = 0.0

    def spent(self, tokens_in: int, tokens_out: int) -> Spent:
        usd = (tokens_in * self.usd_per_million_in + tokens_out * self.usd_per_million_out) / 1_000_000
        return Spent(tokens=tokens_in + tokens_out, usd=usd)


FREE = Price()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most of a day; `usd` None is no bound on money."""

    tokens: int
    usd: float | None = None

    def admits(self, spent: Spent) -> bool:
        return spent.tokens <= self.tokens and (self.usd is None or spent.usd <= self.usd)


class Ledger(Protocol):
    """Where the days' spending is written down. `add` is atomic: several processes may share a ledger."""

    async def spent(self, day: date) -> Spent: ...

    async def add(self, day: date, spent: Spent) -> None: ...


class ProcessLedger:
    """A ledger that ends with its process: for tools and tests. The service's is in the store."""

    def __init__(self) -> None:
        self._days: dict[date, Spent] = {}

    async def spent(self, day: date) -> Spent:
        return self._days.get(day, NOTHING)

    async def add(self, day: date, spent: Spent) -> None:
        self._days[day] = self._days.get(day, NOTHING) + spent


@dataclass(slots=True)
class Bill:
    """What a request will be charged: nothing before it is sent, its most while nobody knows better."""

    spent: Spent = NOTHING


class Purse:
    """Holds requests to the cap, those under way included. Processes that share a ledger see each other's finished requests;
    each can overshoot by no more than what the others have under way."""

    def __init__(self, cap: Cap, ledger: Ledger, clock: Clock) -> None:
        self._cap = cap
        self._ledger = ledger
        self._clock = clock
        self._under_way = NOTHING
        self._entrance = asyncio.Lock()

    @asynccontextmanager
    async def pay(self, most: Spent) -> AsyncGenerator[Bill]:
        """Around one request: Limited when it might pass the cap. What stands on the bill at the end is charged, however it
        ends: an endpoint that did not answer in time may have worked all the same."""
        now = self._clock.now()
        async with self._entrance:
            before = await self._ledger.spent(now.date())
            if not self._cap.admits(before + self._under_way + most):
                raise _over(self._cap, before, most, now)
            self._under_way += most
        bill = Bill()
        try:
            yield bill
        finally:
            self._under_way -= most
            await self._ledger.add(now.date(), bill.spent)


def _over(cap: Cap, before: Spent, most: Spent, now: datetime) -> Limited:
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), tzinfo=now.tzinfo)
    money = "" if cap.usd is None else f" and {cap.usd:g} USD"
    return Limited(
        "inference.spend_cap",
        f"a request of up to {most.tokens} tokens ({most.usd:.4f} USD) would pass today's cap of {cap.tokens} tokens{money}; "
        f"{before.tokens} tokens ({before.usd:.4f} USD) are spent. Raise MNEMIC_TEXT_MODEL__TOKENS_PER_DAY_MAX or "
        "MNEMIC_TEXT_MODEL__USD_PER_DAY_MAX, or wait for midnight UTC.",
        retry_after_s=max(1, round((midnight - now).total_seconds())),
    )
