"""No body, however it was spoilt, makes the ingest fail, hang or grow: `make fuzz` sends 200,000 of them."""

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import aiohttp
import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from tests.fuzz.mutants import mutants
from tests.integration.ingest.door import Door, open_door, own_config

BODIES = int(os.environ.get("FUZZ_BODIES", "4000"))
SEED = int(os.environ.get("SEED", "1"))
CONNECTIONS = 32
ANSWERS = {202, 207, 400, 403, 408, 413, 415, 422}
SLOWEST_S = 10.0
GROWTH_MB = 100


@pytest.fixture
async def door(backbone: StackConfig) -> AsyncIterator[Door]:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config) as opened:
        yield opened


def memory_mb(door: Door) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{door.keeper.pid}/status").read_text())
    assert found
    return int(found[1]) / 1000


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read where Linux tells of it")
async def test_no_mutated_body_makes_the_ingest_fail_hang_or_grow(door: Door) -> None:
    bodies = islice(mutants(SEED), BODIES)
    statuses: Counter[int] = Counter()
    slowest = 0.0

    async def post(session: aiohttp.ClientSession) -> None:
        nonlocal slowest
        for headers, body in bodies:
            began = time.monotonic()
            try:
                async with session.post("/v1/events", data=body, headers=headers) as answer:
                    await answer.read()
            except aiohttp.ClientError as error:
                raise AssertionError((error, headers, len(body), body[:2000])) from error
            slowest = max(slowest, time.monotonic() - began)
            assert answer.status in ANSWERS, (answer.status, headers, body[:2000])
            statuses[answer.status] += 1

    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(door.config.url_of("ingest"), timeout=timeout, auto_decompress=False) as session:
        before = memory_mb(door)
        await asyncio.gather(*(post(session) for _ in range(CONNECTIONS)))
    after = memory_mb(door)
    print(f"seed {SEED}: {dict(statuses)}; slowest {slowest:.2f} s; memory {before:.0f} to {after:.0f} MB")  # noqa: T201 - what `make fuzz` is for
    assert statuses.total() == BODIES
    assert {202, 400, 415, 422} <= set(statuses)
    assert slowest < SLOWEST_S
    assert after - before < GROWTH_MB
