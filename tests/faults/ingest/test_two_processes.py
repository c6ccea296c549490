"""The broker of two processes is killed under the load of 64 clients that send in all ways: nothing told is lost.

`KILLS` says how often; `make soak` kills more often than `make test`.
"""

import asyncio
import json
import os
import re
import secrets
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.kafka import Kafka, kafka_part
from lanewatch.stack.keeper import Keeper
from lanewatch.stack.ports import free_ports
from lanewatch.stack.topics import create_topics
from shared.examples import trade_event
from tests.integration.ingest.door import BATCH, STRUCTURED, Door, open_door
from tests.support.running import until

KILLS = int(os.environ.get("KILLS", "1"))
CLIENTS = 64
PRODUCE_TIMEOUT_S = 0.5
BOUND_S = 10.0
"""For any answer, on a machine with two cores where 64 clients, two processes and a starting broker run."""
MEMORY_MB = 150
LINES = "application/x-ndjson"
MORE = 1_000
AWAY = (429, 503)


@pytest.fixture
async def broker(kafka: Kafka) -> AsyncIterator[tuple[StackConfig, Keeper]]:
    with tempfile.TemporaryDirectory(prefix="lanewatch-") as folder:
        config = replace(StackConfig.for_tests(Path(folder)), clock="replay")
        keeper = Keeper(kafka_part(config, kafka))
        await keeper.start()
        await create_topics(config.bootstrap, config.topics)
        yield config, keeper
        await keeper.stop()


@pytest.fixture
async def doors(broker: tuple[StackConfig, Keeper]) -> AsyncIterator[list[Door]]:
    config, _ = broker
    others = replace(config, state_dir=config.state_dir / "second", ingest_port=free_ports(1)[0])
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                open_door(each, produce_timeout_s=PRODUCE_TIMEOUT_S, files_dir=config.state_dir / "files")
            )
            for each in (config, others)
        ]


@dataclass
class Load:
    """What clients sent, and what they were told of it."""

    doors: list[Door]
    accepted: dict[str, bytes] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    longest_s: float = 0.0
    is_running: bool = True
    name: str = field(default_factory=lambda: secrets.token_hex(3))
    numbers: "count[int]" = field(default_factory=count)

    def events(self, number: int) -> dict[str, bytes]:
        """Return new events by their ids, as they are sent."""
        ids = [f"{self.name}-{next(self.numbers)}" for _ in range(number)]
        return {id_: json.dumps({**trade_event("trade.quota.closed"), "id": id_}).encode() for id_ in ids}

    async def ask(self, door: Door, method: str, path: str, content: bytes, **headers: str) -> httpx.Response:
        """Ask and note how long it took; an answer that comes too late, or is none that is documented, is a fault."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        began = time.monotonic()
        answer = await door.client.request(method, path, content=content, headers=names)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.statuses[answer.status_code] += 1
        assert answer.status_code in (200, 201, 202, 204, 207, 409, *AWAY), answer.text
        if answer.status_code in AWAY:
            assert int(answer.headers["retry-after"]) > 0
            await asyncio.sleep(0.05)
        return answer

    async def single(self, door: Door) -> None:
        events = self.events(1)
        ((_, body),) = events.items()
        if (await self.ask(door, "POST", "/v1/events", body, content_type=STRUCTURED)).status_code == 202:
            self.accepted |= events

    async def batch(self, door: Door) -> None:
        events = self.events(10)
        body = b"[" + b",".join(events.values()) + b"]"
        answer = await self.ask(door, "POST", "/v1/events", body, content_type=BATCH)
        results = answer.json().get("results", [])
        self._taken(events, [result["index"] for result in results if result["status"] == 202])

    async def lines(self, door: Door) -> None:
        events = self.events(50)
        body = b"".join(event + b"\n" for event in events.values())
        answer = await self.ask(door, "POST", "/v1/events", body, content_type=LINES)
        if answer.headers["content-type"] == LINES:
            told = [json.loads(line) for line in answer.text.splitlines()]
            self._taken(events, [each["line"] - 1 for each in told if each.get("status") == 202])

    async def file(self, door: Door) -> None:
        """Send a file in parts, each to the other process; it goes on until all of it is taken."""
        events = self.events(120)
        body = b"".join(event + b"\n" for event in events.values())
        begun = await self.ask(door, "POST", "/v1/files", b"", content_type=LINES, upload_complete="?0")
        if begun.status_code != 201:
            return
        place, offset = begun.headers["location"], 0
        for turn in count():
            part = body[offset : offset + 20_000]
            is_last = offset + len(part) == len(body)
            told = {"upload_offset": str(offset), "upload_complete": f"?{is_last:d}"}
            door = self.doors[turn % 2]
            answer = await self.ask(door, "PATCH", place, part, content_type="application/partial-upload", **told)
            if answer.status_code == 200:
                assert answer.json()["accepted"] == len(events)
                self.accepted |= events
                return
            assert int(answer.headers.get("upload-offset", offset)) >= offset
            offset = int(answer.headers.get("upload-offset", offset))

    def _taken(self, events: dict[str, bytes], places: list[int]) -> None:
        ids = list(events)
        self.accepted |= {ids[place]: events[ids[place]] for place in places}

    async def client(self, number: int) -> None:
        """Be one client until the load ends."""
        singles = [self.single] * 5
        kinds: Sequence[Callable[[Door], Awaitable[None]]] = [*singles, self.batch, self.lines, self.file]
        while self.is_running:
            await kinds[number % len(kinds)](self.doors[number // len(kinds) % 2])

    async def goes_on(self) -> None:
        """Wait until more is accepted."""
        goal = len(self.accepted) + MORE
        await until(lambda: len(self.accepted) >= goal, f"{MORE} more events", 30)


@pytest.mark.timeout(60 + 20 * KILLS)
async def test_nothing_told_is_lost_when_the_broker_of_two_processes_is_killed(
    broker: tuple[StackConfig, Keeper], doors: list[Door]
) -> None:
    _, kafka = broker
    starts = await doors[0].ends()
    load = Load(doors)
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(load.client(number))
        await load.goes_on()
        for _ in range(KILLS):
            kafka.kill()
            away = load.statuses[503]
            await until(lambda seen=away: load.statuses[503] > seen, "a refusal")  # type: ignore[misc] # seen is an int
            await kafka.wait_ready()
            await load.goes_on()
        load.is_running = False
    await assert_stored(doors[0], starts, load)
    memory = [memory_mb(door) for door in doors]
    print(  # noqa: T201 - for `make soak`
        f"killed {KILLS} times: {len(load.accepted):,} events accepted by two processes, {dict(load.statuses)}; "
        f"the longest answer took {load.longest_s:.1f} s; {' and '.join(f'{each:.0f}' for each in memory)} MB"
    )
    assert load.longest_s < BOUND_S
    assert max(memory) < MEMORY_MB


async def assert_stored(door: Door, starts: Any, load: Load) -> None:
    """Assert that all that was acknowledged stands on the topic, to the byte, however often it was sent."""
    stored: dict[str, set[bytes]] = defaultdict(set)
    for record in await door.records_since(starts):
        stored[json.loads(record.value)["id"]].add(record.value)
    assert len(load.accepted) > MORE
    assert {id_: stored[id_] for id_ in load.accepted} == {id_: {body} for id_, body in load.accepted.items()}


def memory_mb(door: Door) -> float:
    """Return the most memory that the ingest has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{door.keeper.pid}/status").read_text())
    assert found
    return int(found[1]) / 1000
