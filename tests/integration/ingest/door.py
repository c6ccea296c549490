"""The ingest as a process, and what stands on its topic."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from lanewatch.stack import StackConfig, Topics
from lanewatch.stack.config import Clock
from lanewatch.stack.keeper import Keeper
from lanewatch.stack.service import service_part
from tests.support.plain import PLAIN

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@dataclass
class Door:
    """A running ingest, a client of it and a reader of its topic."""

    config: StackConfig
    keeper: Keeper
    client: httpx.AsyncClient
    reader: AIOKafkaConsumer

    @property
    def partitions(self) -> list[TopicPartition]:
        """The partitions of the topic that it publishes to."""
        topic = self.config.topics.events
        return [TopicPartition(topic, number) for number in range(self.config.topics.partitions()[topic])]

    async def ends(self) -> dict[TopicPartition, int]:
        """Return the end offset of each partition."""
        ends: dict[TopicPartition, int] = await self.reader.end_offsets(self.partitions)
        return ends

    async def records_since(self, starts: dict[TopicPartition, int]) -> list[Any]:
        """Return the records from these offsets to the present ends, each partition's in order."""
        ends = await self.ends()
        self.reader.assign(self.partitions)
        for partition, offset in starts.items():
            self.reader.seek(partition, offset)
        records: list[Any] = []
        while len(records) < sum(ends[p] - starts[p] for p in starts):
            for found in (await self.reader.getmany(timeout_ms=1000)).values():
                records += found
        return sorted(records, key=lambda record: (record.partition, record.offset))

    async def post(self, content: bytes, content_type: str = STRUCTURED, **headers: str) -> httpx.Response:
        """Post a body."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/v1/events", content=content, headers={"content-type": content_type, **names})


def own_config(backbone: StackConfig, clock: Clock = "replay") -> StackConfig:
    """Return a config on the backbone's broker with topics and a port of its own."""
    name = f"door-{secrets.token_hex(4)}"
    own = StackConfig.for_tests(backbone.state_dir / name)
    topics = Topics(**{field: f"{name}.{topic}" for field, topic in vars(Topics()).items()})
    return replace(own, kafka_port=backbone.kafka_port, clock=clock, topics=topics)


def ingest_keeper(config: StackConfig, **settings: object) -> Keeper:
    """Return what keeps an ingest of this config running, with these of its settings changed."""
    part = service_part(config, "ingest")
    changed = {f"LANEWATCH_INGEST_{name.upper()}": str(value) for name, value in settings.items()}
    command = replace(part.command, environment={**part.command.environment, **changed})
    return Keeper(replace(part, command=command))


@asynccontextmanager
async def open_door(config: StackConfig, **settings: object) -> AsyncIterator[Door]:
    """Run an ingest for as long as the context lasts; its topics must be there."""
    keeper = ingest_keeper(config, **settings)
    reader = AIOKafkaConsumer(bootstrap_servers=config.bootstrap, enable_auto_commit=False, fetch_max_wait_ms=10)
    async with httpx.AsyncClient(base_url=config.url_of("ingest"), timeout=15, verify=PLAIN) as client:
        await reader.start()
        try:
            await keeper.start()
            yield Door(config, keeper, client, reader)
        finally:
            await keeper.stop()
            await reader.stop()
