"""A process that stands still ends itself."""

import asyncio

import pytest

from shared.health import Health
from shared.running import Stuck, watch_liveness
from tests.support.running import until


async def test_two_failures_in_a_row_end_it_with_the_reason() -> None:
    health = Health("test")

    async def stands_still() -> str | None:
        return "no progress for 60 s"

    health.add_live("consumer", stands_still)
    with pytest.raises(Stuck, match="consumer: no progress for 60 s"):
        await asyncio.wait_for(watch_liveness(health, every_s=0.01), 5)


async def test_one_failure_between_successes_does_not() -> None:
    health, asked = Health("test"), 0

    async def every_other_time() -> str | None:
        nonlocal asked
        asked += 1
        return "slow" if asked % 2 else None

    health.add_live("consumer", every_other_time)
    watch = asyncio.create_task(watch_liveness(health, every_s=0.001))
    await until(lambda: asked >= 20 or watch.done(), "twenty questions")
    assert not watch.done()
    watch.cancel()
