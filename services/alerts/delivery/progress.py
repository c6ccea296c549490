"""How the loops of a sender come on, and whether they stand still though the database is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from shared.errors import RetryableError

log = structlog.get_logger(__name__)

BACKOFF_S = 0.25
STUCK_AFTER_S = 30.0


class Progress:
    """Does the work of some loops piece by piece, and takes note of each."""

    def __init__(self, loops: Iterable[str]) -> None:
        self.waiting_for: str | None = None
        self._at = dict.fromkeys(loops, time.monotonic())

    async def attempt(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do a piece of a loop's work; False, after a pause, when the database is away."""
        try:
            await work()
        except RetryableError as error:
            self.waiting_for = str(error)
            log.warning("delivery waits for the database", loop=name, reason=str(error))
            await asyncio.sleep(BACKOFF_S)
            return False
        self.waiting_for = None
        self._at[name] = time.monotonic()
        return True

    def why_stuck(self) -> str | None:
        """Return a reason when a loop stands still though the database is there."""
        idle_s = {name: time.monotonic() - at for name, at in self._at.items()}
        if self.waiting_for:
            return None
        stuck = [f"{name} for {s:.0f} s" for name, s in idle_s.items() if s > STUCK_AFTER_S]
        return f"no progress: {', '.join(stuck)}" if stuck else None
