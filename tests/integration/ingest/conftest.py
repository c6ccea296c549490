"""One ingest for the folder: each test looks only at what it added to the topic."""

from collections.abc import AsyncIterator

import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from tests.integration.ingest.door import Door, open_door, own_config
from tests.support.senders import write_senders


@pytest.fixture(scope="session")
async def door(backbone: StackConfig, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config, senders_file=write_senders(tmp_path_factory.mktemp("senders"))) as opened:
        yield opened


@pytest.fixture(scope="session")
async def strict_door(backbone: StackConfig) -> AsyncIterator[Door]:
    """Small limits, and the wall clock."""
    config = own_config(backbone, "wall")
    await create_topics(config.bootstrap, config.topics)
    async with open_door(
        config, max_event_bytes=4_000, max_batch_bytes=20_000, body_timeout_s=0.5, max_requests=4
    ) as opened:
        yield opened
