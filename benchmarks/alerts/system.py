"""A running alerts service with receivers, fresh topics and a database of its own, and what is asked of it."""

import asyncio
import json
import re
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from benchmarks.alerts.load import Maker
from benchmarks.ground import fresh_database
from lanewatch.stack import StackConfig, Topics, service_part
from lanewatch.stack.keeper import Keeper
from lanewatch.stack.ports import HOST, free_ports
from lanewatch.stack.process import Command, last_line, spawn
from lanewatch.stack.topics import create_topics
from shared.kafka import producing

POLL_S = 0.02
DEADLINE_S = 600.0


@dataclass
class System:
    """One contender with its surroundings."""

    config: StackConfig
    receiver_url: str
    database: asyncpg.Connection
    api: httpx.AsyncClient
    pid: int

    async def subscribe(self, url: str, **wanted: Sequence[str]) -> None:
        """Create a subscription."""
        form = {"name": url[-40:], "url": url, "filter": wanted}
        (await self.api.post(f"{self.config.url_of('alerts')}/v1/subscriptions", json=form)).raise_for_status()

    async def report(self) -> dict[str, Any]:
        """Return what the receiver got."""
        found: dict[str, Any] = (await self.api.get(f"{self.receiver_url}/report")).json()
        return found

    async def publish(self, maker: Maker, count: int) -> None:
        """Put so many alerts on the topic, as fast as it takes them."""
        async with producing(self.config.bootstrap, "benchmark") as producer:
            for number in range(count):
                await producer.send(self.config.topics.decisions, maker.make(), key=b"%d" % (number % 500))
            await producer.flush()

    async def publish_at(self, maker: Maker, per_second: float, seconds: float) -> None:
        """Put alerts on the topic at even distances, whether or not the ones before have arrived (open loop)."""
        async with producing(self.config.bootstrap, "benchmark") as producer:
            start = time.perf_counter()
            for number in range(round(per_second * seconds)):
                await asyncio.sleep(max(0.0, start + number / per_second - time.perf_counter()))
                await producer.send(self.config.topics.decisions, maker.make(), key=b"%d" % (number % 500))
            await producer.flush()

    async def count(self, statement: str) -> int:
        """Return a figure of the database."""
        return int(await self.database.fetchval(statement))

    async def wait_for(self, statement: str, figure: int) -> None:
        """Wait until a figure of the database is reached."""
        give_up = time.monotonic() + DEADLINE_S
        while await self.count(statement) < figure:
            if time.monotonic() > give_up:
                raise TimeoutError(statement)
            await asyncio.sleep(POLL_S)

    def peak_mb(self) -> float:
        """Return the most memory that the service ever took (VmHWM)."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1000 if found else float("nan")


@asynccontextmanager
async def receiving(config: StackConfig, port: int | None = None) -> AsyncIterator[str]:
    """Run a receiver and yield its URL."""
    port = port or free_ports(1)[0]
    command = Command((sys.executable, "-m", "benchmarks.alerts.receiver", str(port)), config.log_dir / "receiver.log")
    async with _process(command), httpx.AsyncClient() as client:
        url = f"http://{HOST}:{port}"
        await _until_answers(client, f"{url}/begin")
        yield url


@asynccontextmanager
async def serving(config: StackConfig, *, database: str | None = None, **settings: str) -> AsyncIterator[System]:
    """Run the service; on a database of its own unless one is named, whose schema is then kept."""
    async with AsyncExitStack() as stack:
        if database is None:
            config = await stack.enter_async_context(fresh_database(config))
        else:
            config = replace(config, database=database)
        config = await own_topics(config)
        part = service_part(config, "alerts")
        group = {"LANEWATCH_ALERTS_GROUP": config.topics.decisions, "LANEWATCH_ALERTS_LEASE_S": "5"}
        environment = {**part.command.environment, **group, **settings}
        keeper = Keeper(replace(part, command=replace(part.command, environment=environment)))
        url = await stack.enter_async_context(receiving(config))
        await keeper.start()
        stack.push_async_callback(keeper.stop)
        connection = await asyncpg.connect(config.database_url.replace("+asyncpg", ""))
        stack.push_async_callback(connection.close)
        api = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        await _until_answers(api, f"{config.url_of('alerts')}/health/ready")
        yield System(config, url, connection, api, keeper.pid or 0)


@asynccontextmanager
async def bare(config: StackConfig, endpoints: int) -> AsyncIterator[System]:
    """Run the bare consume-and-post loop."""
    config = await own_topics(config)
    log = config.log_dir / f"bare-{secrets.token_hex(3)}.log"
    async with receiving(config) as url, httpx.AsyncClient() as api:
        argv = (sys.executable, "-m", "benchmarks.alerts.bare", url, str(endpoints))
        environment = {**config.environment(), "LANEWATCH_ALERTS_GROUP": config.topics.decisions}
        async with _process(Command(argv, log, environment)) as process:
            await _until(lambda: last_line(log) == "ready")
            await asyncio.sleep(1)
            connection: Any = None
            yield System(config, url, connection, api, process.pid)


@asynccontextmanager
async def _process(command: Command) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await spawn(command)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def own_topics(config: StackConfig) -> StackConfig:
    """Return the config with topics of its own."""
    name = f"alerts-{secrets.token_hex(3)}"
    topics = Topics(**{field: f"{name}.{topic}" for field, topic in vars(Topics()).items()})
    await create_topics(config.bootstrap, topics)
    return replace(config, topics=topics)


async def _until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError
        await asyncio.sleep(POLL_S)


async def _until_answers(client: httpx.AsyncClient, url: str) -> None:
    give_up = time.monotonic() + DEADLINE_S
    while True:
        try:
            if (await client.get(url)).status_code == 200:  # noqa: PLR2004
                return
        except (httpx.TransportError, json.JSONDecodeError):
            pass
        if time.monotonic() > give_up:
            raise TimeoutError(url)
        await asyncio.sleep(POLL_S)
