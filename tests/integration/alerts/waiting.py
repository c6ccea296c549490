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
    """Return as soon as the condition holds; fails at the deadline."""
    give_up = time.monotonic() + deadline_s
    while True:
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return
        assert time.monotonic() < give_up, said()
        await asyncio.sleep(0.01)
