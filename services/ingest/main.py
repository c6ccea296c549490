"""Wires the ingest: `python -m services.ingest.main` serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.ingest.api.access import ACCESS
from services.ingest.api.app import make_app
from services.ingest.api.endpoint import EventsEndpoint
from services.ingest.api.handshake import Handshake
from services.ingest.api.in_hand import InHand
from services.ingest.api.taking import Desk
from services.ingest.domain.reading import Limits
from services.ingest.publisher import Publisher
from services.ingest.settings import IngestSettings
from shared.health import Health
from shared.http import serve
from shared.identity import protect
from shared.telemetry import configure_logging

SERVICE = "ingest"


def build(settings: IngestSettings) -> FastAPI:
    """Return the app of these settings; its lifespan connects and disconnects."""
    publisher = Publisher(settings.kafka_bootstrap, settings.topic_events, timeout_s=settings.ingest_produce_timeout_s)
    limits = Limits(
        event_bytes=settings.ingest_max_event_bytes,
        batch_bytes=settings.ingest_max_batch_bytes,
        batch_items=settings.ingest_max_batch_items,
        is_clock_taken=settings.clock == "replay",
    )
    desk = Desk(
        publisher,
        limits,
        InHand(settings.ingest_max_requests, settings.ingest_max_bytes),
        licensing_url=settings.licensing_url.rstrip("/"),
        body_timeout_s=settings.ingest_body_timeout_s,
        max_expansion=settings.ingest_max_expansion,
    )
    endpoint = EventsEndpoint(
        desk.publisher,
        desk.limits,
        desk.in_hand,
        licensing_url=desk.licensing_url,
        body_timeout_s=desk.body_timeout_s,
        max_expansion=desk.max_expansion,
    )
    health = Health(SERVICE)
    health.add_ready("kafka", publisher.check)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publisher.start()
        health.is_started = True
        try:
            yield
        finally:
            await publisher.stop()

    app = make_app(endpoint, desk, Handshake(settings.ingest_webhook_origins.split()), health, lifespan)
    protect(app, settings, ACCESS)
    return app


def main() -> None:
    """Serve until SIGTERM."""
    settings = IngestSettings()
    configure_logging(SERVICE, settings.log_level)
    serve(build(settings), settings.bind_host, settings.ingest_port)


if __name__ == "__main__":
    main()
