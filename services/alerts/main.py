"""Wires the alerts service: `python -m services.alerts.main` serves it."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.alerts.api import (
    escalations,
    evidence,
    pings,
    previews,
    pulling,
    records,
    recoveries,
    service_level,
    signatures,
    subscriptions,
    verification,
    webhook,
)
from services.alerts.api.access import ACCESS
from services.alerts.background.escalator import Escalator
from services.alerts.background.gauges import watch_gauges
from services.alerts.background.mover import Mover
from services.alerts.background.notary import Notary
from services.alerts.background.notifier import Notifier
from services.alerts.background.recoverer import Recoverer
from services.alerts.background.releaser import Releaser
from services.alerts.background.watchdog import Watchdog
from services.alerts.calling import tls
from services.alerts.calling.handshaking import Handshake
from services.alerts.calling.posting import Poster
from services.alerts.calling.resolving import Resolver
from services.alerts.consumer import AlertsHandler
from services.alerts.delivery.dispatcher import Dispatcher
from services.alerts.delivery.hand import Policies
from services.alerts.delivery.limits import Limits
from services.alerts.delivery.sender import Sender
from services.alerts.feed import Feed
from services.alerts.listener import Listener
from services.alerts.places import Places, Turns
from services.alerts.publisher import DeadLetterPublisher
from services.alerts.settings import AlertsSettings
from services.alerts.signing.resealing import reseal_all
from services.alerts.signing.signers import Signers
from services.alerts.signing.vault import NoKeyError
from services.alerts.store import (
    CHANGED_CHANNEL,
    DEAD_CHANNEL,
    DUE_CHANNEL,
    NEWS_CHANNEL,
    NOTICE_CHANNEL,
    RECOVERY_CHANNEL,
    SCHEMA,
    VERSIONS,
)
from shared.consumption import BatchConsumer
from shared.database import check_database, make_engine, upgrade_schema_when_up
from shared.health import Health
from shared.http import create_app, serve
from shared.identity import protect
from shared.kafka import check_broker, make_consumer, start_when_up, stop_client
from shared.running import cancel, or_exit, run_beside, watch_liveness
from shared.settings import read_settings
from shared.telemetry import configure_logging

SERVICE = "alerts"
SUMMARY = "Tells subscribers by signed webhook what changes on their lanes, and keeps a log of every attempt."
WAIT_FOR_DATABASE_S = 86_400.0


def build(settings: AlertsSettings) -> FastAPI:
    """Return the app of these settings; Kafka and PostgreSQL are reached for when it starts."""
    health = Health(SERVICE)
    engine = make_engine(settings.database_url, "lanewatch-alerts")
    health.add_ready("database", lambda: check_database(engine))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            start = asyncio.create_task(or_exit(_start(settings, health, stack, app)))
            yield
            await cancel(start)

    app = create_app("Lanewatch alerts", SUMMARY, health, lifespan)
    app.state.engine, app.state.settings, app.state.vault = engine, settings, settings.vault()
    streams = Places("streams and waiting requests", settings.alerts_streams, settings.alerts_streams_per_tenant)
    app.state.feed, app.state.handshake = Feed(engine, streams), None
    app.state.handshakes, app.state.exports = Places("handshakes", 32, 4), Places("exports", 16, 2)
    app.state.previews = Turns(Places("previews", 8, 2), at_once=1)
    app.include_router(previews.router)
    app.include_router(subscriptions.router)
    app.include_router(pings.router)
    app.include_router(verification.router)
    app.include_router(recoveries.router)
    app.include_router(evidence.router)
    app.include_router(escalations.router)
    app.include_router(signatures.router)
    app.include_router(pulling.router)
    app.include_router(service_level.router)
    app.include_router(records.router)
    app.webhooks.include_router(webhook.router)
    protect(app, settings, ACCESS)
    return app


async def _start(settings: AlertsSettings, health: Health, stack: AsyncExitStack, app: FastAPI) -> None:
    """Start in the background, so that health answers while Kafka or PostgreSQL are still away."""
    engine = app.state.engine
    await upgrade_schema_when_up(engine, SCHEMA, VERSIONS, deadline_s=WAIT_FOR_DATABASE_S)
    poster = await stack.enter_async_context(make_poster(settings))
    policies = Policies(settings.retry_policy(), settings.breaker_policy(), settings.alerts_per_endpoint)
    signers = Signers(app.state.vault, settings.alerts_endpoints)
    app.state.handshake = Handshake(poster, signers)
    sender = Sender(poster, signers, public_url=settings.alerts_public_url)
    dispatcher = Dispatcher(engine, sender, policies, limits(settings), settings.instance())
    publisher = DeadLetterPublisher(engine, settings.kafka_bootstrap, settings.topic_dead_letters_alerts)
    recoverer, notifier = Recoverer(engine), Notifier(engine, dispatcher.wake)

    def may_be_more() -> None:
        dispatcher.wake()
        app.state.feed.wake()

    wakes = {
        DUE_CHANNEL: may_be_more,
        NEWS_CHANNEL: app.state.feed.wake,
        DEAD_CHANNEL: publisher.wake,
        RECOVERY_CHANNEL: recoverer.wake,
        NOTICE_CHANNEL: notifier.wake,
    }
    listener = Listener(settings.database_url, wakes, {CHANGED_CHANNEL: dispatcher.heard_of})
    health.add_live("delivery", dispatcher.check_live)
    health.add_ready("delivery", dispatcher.check_ready)
    run_beside(stack, dispatcher.run(), dispatcher)
    run_beside(stack, publisher.run())
    run_beside(stack, app.state.feed.run())
    run_beside(stack, Releaser(engine, dispatcher.wake).run())
    run_beside(stack, recoverer.run())
    run_beside(stack, Mover(engine).run())
    run_beside(stack, Escalator(engine, settings.alerts_escalate_every_s, dispatcher.wake).run())
    notary = Notary(engine, app.state.vault, settings.alerts_checkpoint_s)
    health.add_note("evidence", notary.check)
    run_beside(stack, notary.run())
    run_beside(stack, notifier.run())
    run_beside(stack, reseal_all(engine, app.state.vault))
    run_beside(stack, listener.run())
    if settings.clock == "wall":
        watchdog = Watchdog(engine, timedelta(seconds=settings.alerts_stuck_after_s), dispatcher.wake)
        run_beside(stack, watchdog.run())
    # What is due is delivered though the broker is away, so the consumer comes last.
    consumer = await start_when_up(
        lambda: make_consumer(settings.kafka_bootstrap, settings.alerts_group, SERVICE, instance_id=settings.instance())
    )
    stack.push_async_callback(stop_client, consumer)
    handler = AlertsHandler(engine, settings.topic_decisions, dispatcher.wake, dispatcher)
    reader = BatchConsumer(consumer, settings.topic_decisions, handler)
    topics = (settings.topic_decisions, settings.topic_dead_letters_alerts)
    health.add_live("consumer", reader.check_live)
    health.add_ready("consumer", reader.check_ready)
    health.add_ready("kafka", lambda: check_broker(consumer, topics))
    run_beside(stack, reader.run(), reader)
    run_beside(stack, watch_gauges(engine, reader))
    run_beside(stack, watch_liveness(health))
    health.is_started = True


def make_poster(settings: AlertsSettings) -> Poster:
    """Return what calls endpoints, within what the settings allow. Raises OSError when the file of CAs is not there."""
    resolver = Resolver(
        servers=settings.alerts_dns_servers,
        timeout_s=settings.alerts_dns_timeout_s,
        most_s=settings.alerts_dns_cache_s,
    )
    return Poster(
        settings.reach(),
        resolver,
        context=tls.make_context(settings.alerts_ca_file),
        connect_timeout_s=settings.alerts_connect_timeout_s,
        attempt_timeout_s=settings.alerts_attempt_timeout_s,
    )


def limits(settings: AlertsSettings) -> Limits:
    """Return how much the process takes in hand."""
    return Limits(
        recovered=settings.alerts_recovered,
        endpoints=settings.alerts_endpoints,
        window=settings.alerts_window,
        lease_s=settings.alerts_lease_s,
        poll_s=settings.alerts_poll_s,
        nudge_after_s=settings.alerts_nudge_after_s,
        stop_grace_s=settings.alerts_stop_grace_s,
    )


def require_key(settings: AlertsSettings) -> None:
    """Raise NoKeyError unless there is a key to seal secrets with."""
    try:
        why = "" if settings.vault().current else "it has no key"
    except (ValueError, OSError) as error:
        why = str(error)
    if why:
        raise NoKeyError(
            f"Secrets cannot be sealed for the database: {_of_key(settings)}{why}. Set "
            "LANEWATCH_ALERTS_SECRETS_KEY_FILE to a file that holds 32 random bytes in base64, as "
            "`openssl rand -base64 32` writes them; keep it as long as the data."
        )


def _of_key(settings: AlertsSettings) -> str:
    """Return which setting brings the key, where one does."""
    if settings.alerts_secrets_key_file is not None:
        return "LANEWATCH_ALERTS_SECRETS_KEY_FILE: "
    return "LANEWATCH_ALERTS_SECRETS_KEYS: " if settings.alerts_secrets_keys.get_secret_value() else ""


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Serve until SIGTERM."""
    settings = read_settings(AlertsSettings)
    configure_logging(SERVICE, settings.log_level)
    require_key(settings)
    _allow_many_connections()
    app = build(settings)
    serve(app, settings.bind_host, settings.alerts_port, on_leaving=app.state.feed.leave)


if __name__ == "__main__":
    main()
