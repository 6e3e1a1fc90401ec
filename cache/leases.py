"""Who generates an answer that is not there, while the others wait for it: a lease with a fencing token. Pure; kept by
storage/cache_rows.py.

Tokens of one question only grow. A leader that was slow and lost its lease holds a lower token than the one who took over, so
its store is refused however late it comes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LEASE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Held until `until`; stale once another has taken over or it was fulfilled."""

    token: int
    until: datetime

    def live(self, at: datetime) -> bool:
        return at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What an asker gets: `granted` means it generates; otherwise it waits for who does, until `lease.until` at most."""

    lease: Lease
    granted: bool


def claim(held: Lease | None, at: datetime, *, seconds: float = LEASE_S) -> Claim:
    """A new lease where none is live, else the one that is."""
    if held is not None and held.live(at):
        return Claim(lease=held, granted=False)
    token = 1 if held is None else held.token + 1
    return Claim(lease=Lease(token=token, until=at + timedelta(seconds=seconds)), granted=True)


def refusal(given: int, held: Lease | None, at: datetime) -> str | None:
    """Why a store under the lease `given` is refused: `lease_lost` to a later one, `lease_expired` by time; None when it
    holds."""
    if held is None or given != held.token:
        return "lease_lost"
    return None if held.live(at) else "lease_expired"
