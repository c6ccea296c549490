"""Waiting for an event no longer than so long, in a way that can always be cancelled."""

import asyncio


async def wait(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait until the event is set; return whether it was within `timeout_s` seconds.

    Not by `asyncio.wait_for`: before Python 3.12 it can swallow a cancellation that comes at the same moment.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
