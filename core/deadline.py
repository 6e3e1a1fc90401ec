"""The moment by which a caller wants an answer, carried instead of a timeout so that waits add up to one limit."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from core.clock import Clock
from core.errors import TimedOut

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """`at_s` is on the clock's monotonic scale; `budget_s` is what it was to begin with, for messages."""

    clock: Clock
    at_s: float
    budget_s: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> "Deadline":
        return cls(clock=clock, at_s=clock.monotonic() + seconds, budget_s=seconds)

    def remaining_s(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self.at_s - self.clock.monotonic())

    def check(self, what: str) -> None:
        """Raises TimedOut naming `what` when the deadline has passed."""
        if self.remaining_s() <= 0:
            raise self.fault(what)

    def fault(self, what: str) -> TimedOut:
        return TimedOut(
            "deadline.exceeded",
            f"{what} did not finish within {round(self.budget_s * 1000)} ms; "
            "send a larger X-Mnemic-Timeout-Ms (at most 60000) or ask for less.",
        )

    async def wait(self, awaitable: Awaitable[T], what: str) -> T:
        """The awaitable's result, or TimedOut naming `what`."""
        try:
            async with asyncio.timeout(self.remaining_s()):
                return await awaitable
        except TimeoutError as late:
            raise self.fault(what) from late
