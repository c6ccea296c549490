"""Brings a database to where a log begins: newest schema, regimes and quotas in force, time at the start."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace

from benchmarks.licensing.load import registers
from benchmarks.licensing.ours import VERSIONS, make_handler
from lanewatch.stack import StackConfig
from services.licensing.settings import LicensingSettings
from shared.database import make_engine, upgrade_schema

TOPIC = "benchmark.registers"
BATCH = 500


def settings_of(config: StackConfig) -> LicensingSettings:
    """Return licensing's settings for a stack."""
    return LicensingSettings(
        kafka_bootstrap=config.bootstrap,
        database_url=config.database_url,
        topic_events=config.topics.events,
        topic_decisions=config.topics.decisions,
        topic_dead_letters_licensing=config.topics.dead_letters_licensing,
    )


async def prime(config: StackConfig, start: datetime) -> None:
    """Make the schema and apply the registers; those that are there already count as duplicates."""
    await feed(config, registers(start))


async def feed(config: StackConfig, bodies: Sequence[bytes]) -> None:
    """Hand the bodies to the handler, batch by batch, as of a topic that Kafka does not know."""
    settings = settings_of(config).model_copy(update={"topic_events": TOPIC})
    engine = make_engine(config.database_url, "benchmark")
    await upgrade_schema(engine, "licensing", VERSIONS)
    handler = make_handler(engine, settings)
    first = (await handler.positions([0]))[0]
    records = [SimpleNamespace(partition=0, offset=first + n, timestamp=n, value=body) for n, body in enumerate(bodies)]
    for batch in (records[n : n + BATCH] for n in range(0, len(records), BATCH)):
        await handler.handle(batch, {0: (batch[0].offset, batch[-1].offset + 1)})
    await engine.dispose()
