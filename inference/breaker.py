"""A circuit breaker: after some failures in a row nothing is tried for a while, then one attempt decides. No retries; those
are the endpoint's."""

from collections.abc import Generator
from contextlib import contextmanager

from core.clock import Clock
from core.errors import Unavailable

FAILURES_MAX = 5
OPEN_S = 60.0


class Breaker:
    """Of one process and one endpoint. Closed: everything passes. Open: nothing does. After `open_s` one attempt passes: its
    success closes the breaker, its failure opens it again."""

    def __init__(self, name: str, clock: Clock, *, failures_max: int = FAILURES_MAX, open_s: float = OPEN_S) -> None:
        self._name = name
        self._clock = clock
        self._failures_max = failures_max
        self._open_s = open_s
        self._failures = 0
        self._opened_s = 0.0
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._failures >= self._failures_max

    @contextmanager
    def attempt(self) -> Generator[None]:
        """Around one attempt: Unavailable while open. A fault inside counts as a failure; being cancelled counts as nothing."""
        deciding = self._enter()
        try:
            yield
        except Exception:
            self._failures += 1
            self._opened_s = self._clock.monotonic()
            raise
        else:
            self._failures = 0
        finally:
            if deciding:
                self._trying = False

    def _enter(self) -> bool:
        if not self.is_open:
            return False
        left_s = self._opened_s + self._open_s - self._clock.monotonic()
        if left_s > 0 or self._trying:
            raise Unavailable(
                "inference.breaker_open",
                f"{self._name} failed {self._failures} times in a row and is left alone for {self._open_s:g} s.",
                retry_after_s=max(1, round(left_s)),
            )
        self._trying = True
        return True
