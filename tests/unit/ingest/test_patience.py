"""What is there at once is given at once; what is not is waited for, but only so long."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from services.ingest.api.patience import within

BRIEF_S = 0.01
LONG_S = 60.0


async def test_what_is_there_is_given_whatever_the_time() -> None:
    async def there() -> int:
        return 7

    assert await within(0, there()) == 7


async def test_what_comes_in_time_is_given_however_often_it_waits() -> None:
    async def slow() -> list[int]:
        return [await asyncio.sleep(0, number) for number in range(5)] + [await asyncio.sleep(BRIEF_S, 5)]

    assert await within(LONG_S, slow()) == [0, 1, 2, 3, 4, 5]


async def test_what_does_not_come_is_given_up_and_cleans_up() -> None:
    ends: list[str] = []

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ends.append("cleaned up")

    with pytest.raises(TimeoutError):
        await within(BRIEF_S, never())
    assert ends == ["cleaned up"]


@pytest.mark.parametrize("pauses", [0, 1, 3])
async def test_a_failure_is_the_callers(pauses: int) -> None:
    async def fails() -> None:
        for _ in range(pauses):
            await asyncio.sleep(0)
        raise KeyError("own")

    with pytest.raises(KeyError):
        await within(LONG_S, fails())


async def test_a_failure_of_what_is_waited_for_reaches_the_work() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def takes_it() -> str:
        try:
            await future
        except OSError as error:
            return str(error)
        return "nothing"

    asyncio.get_running_loop().call_soon(future.set_exception, OSError("gone"))
    assert await within(LONG_S, takes_it()) == "gone"


async def test_cancelling_the_caller_cancels_the_work() -> None:
    ends: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def caller() -> Coroutine[Any, Any, None] | None:
        await within(LONG_S, work())
        return None

    task = asyncio.create_task(caller())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends == ["cancelled"]
