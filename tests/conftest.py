"""What all tests share: one real Kafka and PostgreSQL for the session, and fresh databases and topics in them."""

import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from lanewatch.stack import Stack, StackConfig, Topics
from lanewatch.stack.kafka import Kafka, installed
from lanewatch.stack.topics import create_topics
from tests.support.fresh import fresh
from tests.support.in_memory import keep_files_in_memory

TESTS = Path(__file__).parent
KINDS = ("unit", "contract", "integration", "e2e", "faults")

# Each run draws the same examples, so more of them would show no more; `make fuzz` draws many others.
settings.register_profile("repeatable", max_examples=40, derandomize=True, print_blob=True, deadline=None)
settings.register_profile("many", max_examples=1000, print_blob=True, deadline=None)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    keep_files_in_memory()
    # A broker lives for minutes here: optimising its code takes more time than it saves.
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share whole files out to processes; those that use one stack go to one process, so that no second is started.

    What takes long comes first; the stack, which runs to the end of its process once it is started, comes late.
    """
    on_stack = {item.path for item in items if "stack" in getattr(item, "fixturenames", ())}
    for item in items:
        parts = item.path.relative_to(TESTS).parts
        if parts[0] in KINDS:
            item.add_marker(parts[0])
        group = "demo" if "demo" in parts else "stack" if item.path in on_stack else "/".join(parts)
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: (item.path.relative_to(TESTS).parts[0] in {"unit", "contract"}, item.path in on_stack))


@pytest.fixture(scope="session")
def kafka() -> Kafka:
    """Kafka's program, downloaded on first use."""
    return installed(lambda *_: None)


@pytest.fixture(scope="session")
async def backbone(kafka: Kafka) -> AsyncIterator[StackConfig]:
    """Kafka and PostgreSQL, shared by the session; `.bootstrap`, `.database_url`, `.environment()`."""
    with tempfile.TemporaryDirectory(prefix="lanewatch-") as folder:
        config = replace(StackConfig.for_tests(Path(folder)), services=())
        async with Stack(config, kafka=kafka):
            yield config


@pytest.fixture(scope="session")
async def stack(kafka: Kafka) -> AsyncIterator[Stack]:
    """A whole stack of its own, shared by the session; a test that kills a part waits until it serves again."""
    with tempfile.TemporaryDirectory(prefix="lanewatch-") as folder:
        async with Stack(replace(StackConfig.for_tests(Path(folder)), clock="replay"), kafka=kafka) as running:
            yield running


@pytest.fixture
async def fresh_config(backbone: StackConfig) -> AsyncIterator[StackConfig]:
    """The backbone with a new database, new topics and new ports for services, used by no other test."""
    async with fresh(backbone) as config:
        yield config


@pytest.fixture
async def bare_config(backbone: StackConfig) -> AsyncIterator[StackConfig]:
    """As `fresh_config`, with nothing in the database."""
    async with fresh(backbone, is_bare=True) as config:
        yield config


@pytest.fixture
async def database_url(fresh_config: StackConfig) -> str:
    """SQLAlchemy's URL of a new, empty database."""
    return fresh_config.database_url


@pytest.fixture
async def fresh_topics(fresh_config: StackConfig) -> Topics:
    """New, empty topics; services of `fresh_config` use them."""
    await create_topics(fresh_config.bootstrap, fresh_config.topics)
    return fresh_config.topics
