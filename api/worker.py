"""The loops that work beside the requests, in the same process: run for ever, started again, out loud, when they fail. What
they do is the indexing room's business."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from core.clock import Clock
from core.telemetry import log

PAUSE_S = 1.0
PAUSE_S_MAX = 30.0
# A loop that has run this long since its last failure is sound again.
SOUND_S = 60.0

Loop = Callable[[], Awaitable[None]]


class Workers:
    """Named loops. `run` goes on until it is cancelled."""

    def __init__(self, loops: Mapping[str, Loop], clock: Clock, *, pause_s: float = PAUSE_S) -> None:
        self._loops = loops
        self._clock = clock
        self._pause_s = pause_s
        self._failed_at_s: dict[str, float] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, loop in self._loops.items():
                group.create_task(self._forever(name, loop), name=name)

    def failing(self) -> str | None:
        """The loops that have failed lately, for readyz; None when all are sound."""
        now_s = self._clock.monotonic()
        lately = [name for name, at_s in self._failed_at_s.items() if now_s - at_s < SOUND_S]
        return f"{', '.join(lately)} failed and was started again; see the log" if lately else None

    async def _forever(self, name: str, loop: Loop) -> None:
        pause_s = self._pause_s
        while True:
            started_s = self._clock.monotonic()
            try:
                await loop()
                log.error("worker ended by itself", worker=name, again_in_s=pause_s)
            except Exception:  # noqa: BLE001  # the boundary of the loops: whatever failed, the service goes on and says so
                log.exception("worker failed", worker=name, again_in_s=pause_s)
            self._failed_at_s[name] = self._clock.monotonic()
            if self._clock.monotonic() - started_s > SOUND_S:
                pause_s = self._pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)
