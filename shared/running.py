"""Running a service's parts side by side: what fails or stands still ends the process, what stops finishes first."""

import asyncio
import gc
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol

import structlog

from shared.health import Health

log = structlog.get_logger(__name__)

STOP_WITHIN_S = 20.0
LOOK_EVERY_S = 10.0
COLLECT_AFTER = 100_000
"""So many more containers must be made than were freed: more than a batch makes, and frees by itself."""


class Stoppable(Protocol):
    """A part that can finish what it has in hand."""

    def stop(self) -> None:
        """Finish soon."""


class Stuck(Exception):
    """The process has made no progress for so long that a fresh one is better."""


def run_beside(stack: AsyncExitStack, work: Coroutine[Any, Any, None], stops: Stoppable | None = None) -> None:
    """Run a part until the stack unwinds; then let it finish what is in hand within a bound."""
    task = asyncio.create_task(or_exit(work))

    async def end() -> None:
        if stops is not None:
            stops.stop()
            await asyncio.wait([task], timeout=STOP_WITHIN_S)
        await cancel(task)

    stack.push_async_callback(end)


async def or_exit(work: Coroutine[Any, Any, None]) -> None:
    """End the process when a part fails in a way nobody foresaw: a fresh one is better than half a one."""
    try:
        await work
    except Exception:
        log.exception("a part failed; leaving")
        signal.raise_signal(signal.SIGTERM)


def collect_less() -> None:
    """Leave what was imported out of garbage collection, and collect between batches rather than in them.

    By default every 700 new containers start a look for cycles, which took a fifth of a batch's time and found none.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def watch_liveness(health: Health, *, every_s: float = LOOK_EVERY_S) -> None:
    """Ask the liveness checks again and again. Raises Stuck when they fail twice in a row."""
    failed_before = False
    while True:
        await asyncio.sleep(every_s)
        reasons = await health.why_not_live()
        if reasons and failed_before:
            raise Stuck("; ".join(reasons))
        failed_before = bool(reasons)
