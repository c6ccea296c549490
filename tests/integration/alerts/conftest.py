"""An alerts service in this process on fresh topics and a fresh database, and receivers to deliver to."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from lanewatch.stack.postgres import connect, create_database, drop_database
from lanewatch.stack.topics import create_topics
from shared.kafka import make_producer
from tests.integration.alerts.receiver import Receiver
from tests.integration.alerts.service import Service, answering, running
from tests.support.fresh import fresh


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as started:
        yield started


@pytest.fixture(scope="session")
async def producer(backbone: StackConfig) -> AsyncIterator[AIOKafkaProducer]:
    made = make_producer(backbone.bootstrap, "tests")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def alerts_settings() -> dict[str, Any]:
    """Override to run the service with other settings."""
    return {}


@pytest.fixture
async def service(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer, alerts_settings: dict[str, Any]
) -> AsyncIterator[Service]:
    async with running(fresh_config, producer, **alerts_settings) as started:
        yield started


@pytest.fixture(scope="module")
async def shared_service(backbone: StackConfig, producer: AIOKafkaProducer) -> AsyncIterator[Service]:
    """A service that a module's tests share: each looks at subscriptions of its own only."""
    async with fresh(backbone) as config:
        await create_topics(config.bootstrap, config.topics)
        async with running(config, producer) as started:
            yield started


@pytest.fixture(scope="module")
async def api_only(backbone: StackConfig) -> AsyncIterator[Service]:
    """The API on a database that a module's tests only ask; nothing is consumed or sent."""
    name = f"test_{secrets.token_hex(6)}"
    server = await connect(backbone, "postgres")
    try:
        await create_database(server, name)
        async with answering(backbone, name) as started:
            yield started
        await drop_database(server, name)
    finally:
        await server.close()
