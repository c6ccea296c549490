"""Waits for something within a time, and looks at no clock where there is nothing to wait for.

Almost every body is here before it is asked for. A time-out that is set and taken back each time costs as much as
reading a small body, checking it aside.
"""

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Step = Any
"""What a coroutine hands to the task that runs it, and what it is given back."""


async def within(timeout_s: float, work: Coroutine[Step, Step, T]) -> T:
    """Return what the work gives. Raises TimeoutError when it has to wait, and too long."""
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    async with asyncio.timeout(timeout_s):
        return await _Resumed(work, waits_for)


class _Resumed(Generic[T]):
    """Goes on with work that has begun to wait."""

    def __init__(self, work: Coroutine[Step, Step, T], waits_for: Step) -> None:
        self._work = work
        self._waits_for = waits_for

    def __await__(self) -> Generator[Step, Step, T]:
        """Hand on, in both directions, what passes between the work and the task that runs it (PEP 380)."""
        waits_for = self._waits_for
        while True:
            try:
                given = yield waits_for
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the work's to deal with
                step = partial(self._work.throw, error)
            else:
                step = partial(self._work.send, given)
            try:
                waits_for = step()
            except StopIteration as done:
                value: T = done.value
                return value
