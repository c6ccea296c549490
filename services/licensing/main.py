"""Wires licensing together and serves it: `python -m services.licensing.main`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI

from services.licensing.api.routes import router
from services.licensing.consumer import EventHandler
from services.licensing.domain.policy import read_policy
from services.licensing.publisher import Relay
from services.licensing.scheduler import Scheduler
from services.licensing.settings import LicensingSettings
from shared.consumption import BatchConsumer, DeadLetterLimit
from shared.database import check_database, make_engine, upgrade_schema_when_up
from shared.health import Health
from shared.http import create_app, serve
from shared.kafka import check_broker, make_consumer, make_producer, start_when_up
from shared.telemetry import configure_logging

log = structlog.get_logger(__name__)
SUMMARY = "Applies regimes, licences and quotas over an exact ledger and works out for every lane whether goods flow."


def build(settings: LicensingSettings) -> FastAPI:
    """Return the service; Kafka and PostgreSQL are reached for when it starts."""
    health = Health("licensing")
    engine = make_engine(settings.database_url, "lanewatch-licensing")
    policy = read_policy(settings.licensing_policy.read_bytes())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            start = asyncio.create_task(_start(settings, health, stack, app))
            stack.push_async_callback(_cancel, start)
            yield
            await _cancel(start)

    app = create_app("Lanewatch licensing", SUMMARY, health, lifespan)
    app.state.engine, app.state.policy, app.state.settings = engine, policy, settings
    app.include_router(router)
    return app


async def _start(settings: LicensingSettings, health: Health, stack: AsyncExitStack, app: FastAPI) -> None:
    """Start in the background, so that health answers while Kafka or PostgreSQL are still away."""
    engine = app.state.engine
    await upgrade_schema_when_up(engine, "licensing", Path(__file__).parent / "store" / "versions", deadline_s=3600)
    producer = await start_when_up(lambda: make_producer(settings.kafka_bootstrap, "lanewatch-licensing"))
    stack.push_async_callback(producer.stop)
    consumer = await start_when_up(
        lambda: make_consumer(
            settings.kafka_bootstrap,
            settings.licensing_group,
            "lanewatch-licensing",
            instance_id=settings.licensing_instance_id,
        )
    )
    stack.push_async_callback(consumer.stop)
    topics = (settings.topic_decisions, settings.topic_dead_letters_licensing)
    handler = EventHandler(engine, app.state.policy, settings.topic_events, topics)
    limit = DeadLetterLimit(settings.licensing_dead_letter_share)
    reader = BatchConsumer(
        consumer, settings.topic_events, handler, max_records=settings.licensing_max_batch, limit=limit
    )
    relay = Relay(engine, producer)
    workers: list[BatchConsumer | Relay | Scheduler] = [reader, relay]
    if settings.clock == "wall":
        workers.append(Scheduler(producer, settings.topic_events, settings.tick_every_s))
    health.add_live("consumer", reader.check_live)
    health.add_live("relay", relay.check_live)
    health.add_ready("consumer", reader.check_ready)
    health.add_ready("relay", relay.check_ready)
    health.add_ready("database", lambda: check_database(engine))
    health.add_ready("kafka", lambda: check_broker(producer, [settings.topic_events, *topics]))
    for worker in workers:
        task = asyncio.create_task(_or_exit(worker.run()))
        stack.push_async_callback(_finish, worker, task)
    health.is_started = True


async def _or_exit(work: Coroutine[Any, Any, None]) -> None:
    """End the process when a worker fails in a way nobody foresaw: a fresh one is better than half a one."""
    try:
        await work
    except Exception:
        log.exception("a worker failed; leaving")
        signal.raise_signal(signal.SIGTERM)


async def _finish(worker: BatchConsumer | Relay | Scheduler, task: asyncio.Task[None]) -> None:
    """Let what is in hand be finished within a bound."""
    worker.stop()
    await asyncio.wait([task], timeout=8)
    await _cancel(task)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Serve licensing with the settings of the environment."""
    settings = LicensingSettings()
    configure_logging("licensing", settings.log_level)
    serve(build(settings), settings.bind_host, settings.licensing_port)


if __name__ == "__main__":
    main()
