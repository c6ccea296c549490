"""Wires licensing together and serves it: `python -m services.licensing.main`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.api import calendars, explanations, forecasts, policies, routes, supplies
from services.licensing.api.access import ACCESS
from services.licensing.api.addresses import AddressesAsSent
from services.licensing.consumer import EventHandler
from services.licensing.domain.policy import Policy, read_policy
from services.licensing.publisher import Relay
from services.licensing.scheduler import Scheduler
from services.licensing.settings import LicensingSettings
from shared.consumption import BatchConsumer, DeadLetterLimit
from shared.database import check_database, make_engine, upgrade_schema_when_up
from shared.health import Health
from shared.http import create_app, serve
from shared.identity import protect
from shared.kafka import check_broker, make_consumer, start_when_up, stop_client
from shared.running import cancel, or_exit, run_beside, watch_liveness
from shared.settings import file_of, read_settings
from shared.telemetry import configure_logging

SUMMARY = "Applies regimes, licences and quotas over an exact ledger and works out for every lane whether goods flow."


def build(settings: LicensingSettings) -> FastAPI:
    """Return the service; Kafka and PostgreSQL are reached for when it starts."""
    health = Health("licensing")
    # No batch takes long; one that does may be a process that was stopped in the middle of a statement.
    engine = make_engine(settings.database_url, "lanewatch-licensing", transaction_timeout_s=10)
    with file_of("licensing_policy"):
        policy = read_policy(settings.licensing_policy.read_bytes())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            stack.push_async_callback(app.state.engine.dispose)
            start = asyncio.create_task(or_exit(_start(settings, policy, engine, health, stack)))
            yield
            await cancel(start)

    app = create_app("Lanewatch licensing", SUMMARY, health, lifespan)
    # Questions have connections of their own: however many come, they take none from what decides.
    app.state.engine = make_engine(settings.database_url, "lanewatch-licensing-api")
    app.state.policy, app.state.settings = policy, settings
    app.add_middleware(AddressesAsSent)
    app.include_router(routes.router)
    app.include_router(calendars.router)
    # Before the things themselves: their ids may hold slashes.
    app.include_router(forecasts.router)
    app.include_router(supplies.router)
    app.include_router(policies.router)
    app.include_router(explanations.router)
    protect(app, settings, ACCESS)
    return app


async def _start(
    settings: LicensingSettings, policy: Policy, engine: AsyncEngine, health: Health, stack: AsyncExitStack
) -> None:
    """Start in the background, so that health answers while Kafka or PostgreSQL are still away."""
    health.add_ready("database", lambda: check_database(engine))
    await upgrade_schema_when_up(engine, "licensing", Path(__file__).parent / "store" / "versions", deadline_s=3600)
    # Where the log brings the time, its clock says nothing of how far this is behind.
    pulse_topic = settings.topic_decisions if settings.clock == "wall" else None
    relay = Relay(engine, settings.kafka_bootstrap, pulse_topic=pulse_topic)
    run_beside(stack, relay.run(), relay)
    consumer = await start_when_up(
        lambda: make_consumer(
            settings.kafka_bootstrap,
            settings.licensing_group,
            "lanewatch-licensing",
            instance_id=settings.licensing_instance_id,
        )
    )
    stack.push_async_callback(stop_client, consumer)
    topics = (settings.topic_decisions, settings.topic_dead_letters_licensing)
    handler = EventHandler(engine, policy, settings.topic_events, topics)
    limit = DeadLetterLimit(settings.licensing_dead_letter_share, counts_refused=False)
    reader = BatchConsumer(
        consumer,
        settings.topic_events,
        handler,
        max_records=settings.licensing_max_batch,
        limit=limit,
        look_at=handler.look_at,
    )
    run_beside(stack, reader.run(), reader)
    if settings.clock == "wall":
        scheduler = Scheduler(engine, settings.kafka_bootstrap, settings.topic_events, settings.tick_every_s)
        run_beside(stack, scheduler.run(), scheduler)
    health.add_live("consumer", reader.check_live)
    health.add_live("relay", relay.check_live)
    health.add_ready("consumer", reader.check_ready)
    health.add_ready("relay", relay.check_ready)
    health.add_ready("kafka", lambda: check_broker(consumer, [settings.topic_events, *topics]))
    run_beside(stack, watch_liveness(health))
    health.is_started = True


def main() -> None:
    """Serve licensing with the settings of the environment."""
    settings = read_settings(LicensingSettings)
    configure_logging("licensing", settings.log_level)
    serve(build(settings), settings.bind_host, settings.licensing_port)


if __name__ == "__main__":
    main()
