"""A broker of the test's own, which may be paused and killed."""

import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.kafka import Kafka, kafka_part
from lanewatch.stack.keeper import Keeper


@pytest.fixture
async def broker(kafka: Kafka) -> AsyncIterator[tuple[StackConfig, Keeper]]:
    with tempfile.TemporaryDirectory(prefix="lanewatch-") as folder:
        config = replace(StackConfig.for_tests(Path(folder)), clock="replay")
        keeper = Keeper(kafka_part(config, kafka))
        await keeper.start()
        yield config, keeper
        keeper.kill(signal.SIGCONT)
        await keeper.stop()
