"""Waits for a condition with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]],
    deadline_s: float = 15,
    said: Callable[[], str] = lambda: "the condition did not come true",
) -> None:
    """Return as soon as the condition holds; fails at the deadline. The longer it takes the less often it is asked."""
    began = time.monotonic()
    while True:
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return
        waited_s = time.monotonic() - began
        assert waited_s < deadline_s, said()
        await asyncio.sleep(min(max(0.01, waited_s / 20), 0.1))
