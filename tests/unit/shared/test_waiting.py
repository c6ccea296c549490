"""Waiting ends by the event, by the time, or by a cancellation, which is never swallowed."""

import asyncio

import pytest

from shared.waiting import wait


async def test_it_says_whether_the_event_came() -> None:
    event = asyncio.Event()
    assert await wait(event, 0.01) is False
    event.set()
    assert await wait(event, 10) is True


async def test_a_cancellation_at_the_very_moment_of_the_event_is_not_swallowed() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(wait(event, 10))
    await asyncio.sleep(0)
    event.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
