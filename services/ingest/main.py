"""Wires the ingest: `python -m services.ingest.main` serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route

from services.ingest.api.access import ACCESS
from services.ingest.api.app import Front, Signers, make_app
from services.ingest.api.endpoint import EventsEndpoint
from services.ingest.api.file_sheets import FileSheets
from services.ingest.api.file_work import FileWork
from services.ingest.api.files import PATH as FILES
from services.ingest.api.files import Files
from services.ingest.api.handshake import Handshake
from services.ingest.api.in_hand import InHand
from services.ingest.api.limiting import RateLimited
from services.ingest.api.mappings import PATH as MAPPINGS
from services.ingest.api.mappings import PutMapping, ShowMappings
from services.ingest.api.rates import Rates
from services.ingest.api.taking import Desk
from services.ingest.api.uploads import PATH as UPLOADS
from services.ingest.api.uploads import SheetLimits, Uploads
from services.ingest.domain.budgets import Policy
from services.ingest.domain.reading import Limits
from services.ingest.kept_files import KeptFiles
from services.ingest.mappings import Mappings
from services.ingest.publisher import Publisher
from services.ingest.senders import Senders
from services.ingest.settings import IngestSettings
from shared.health import Health
from shared.http import serve
from shared.identity import OPEN, protect
from shared.proxies import BehindProxy
from shared.settings import file_of, read_settings
from shared.telemetry import configure_logging

SERVICE = "ingest"


def build(settings: IngestSettings) -> FastAPI:
    """Return the app of these settings; its lifespan connects and disconnects."""
    return front(settings).app


def front(settings: IngestSettings) -> Front:
    """Return what is served: the app, and before it the route that events come by."""
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
        InHand(settings.ingest_max_requests, settings.ingest_max_bytes, settings.ingest_max_answers_bytes),
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
    mappings = Mappings(settings.kafka_bootstrap, settings.topic_mappings, timeout_s=settings.ingest_mapping_timeout_s)
    sheet_limits = SheetLimits(
        settings.ingest_max_workbook_bytes,
        settings.ingest_max_workbook_expanded_bytes,
        settings.ingest_max_workbooks,
        settings.ingest_max_file_bytes,
    )
    kept = KeptFiles(
        settings.ingest_files_dir,
        max_files=settings.ingest_max_files,
        max_of_client=settings.ingest_max_files_of_client,
        max_bytes=settings.ingest_max_files_bytes,
        expire_s=settings.ingest_files_expire_s,
    )
    sheets = FileSheets(desk, kept, mappings, sheet_limits)
    work = FileWork(kept, sheets)
    health = Health(SERVICE)
    health.add_ready("kafka", publisher.check)
    health.add_ready("mappings", mappings.check)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publisher.start()
        mappings.start()
        work.start()
        health.is_started = True
        try:
            yield
        finally:
            await work.stop()
            await mappings.stop()
            await publisher.stop()

    handshake = Handshake(settings.ingest_webhook_origins.split())
    routes = sheet_routes(desk, mappings, sheet_limits, settings) + file_routes(
        Files(desk, kept, work, sheets, sheet_limits)
    )
    rates = rates_of(settings)
    with file_of("ingest_senders_file"):
        senders = Signers(Senders(settings.ingest_senders_file), rates)
    app = make_app(endpoint, desk, routes, handshake, senders, health, lifespan)
    if rates is None:
        return Front(app, protect(app, settings, ACCESS)(endpoint))
    app.add_middleware(RateLimited, rates=rates, timeout_s=desk.body_timeout_s, applies=is_charged)
    guarded = protect(app, settings, ACCESS)(RateLimited(endpoint, rates, desk.body_timeout_s))
    # Where nobody is asked for a token, clients are told apart by their addresses: those that a proxy here tells.
    return Front(app, BehindProxy(guarded))


def rates_of(settings: IngestSettings) -> Rates | None:
    """Return the budgets that clients have, or None when they may send as much as they like."""
    window_s = settings.ingest_rate_window_s
    requests = Policy("requests", "requests", settings.ingest_rate_requests, window_s)
    events = Policy("events", "events", settings.ingest_rate_events, window_s)
    if not requests.quota and not events.quota:
        return None
    return Rates(requests if requests.quota else None, events if events.quota else None, settings.ingest_rate_clients)


def is_charged(method: str, path: str) -> bool:
    """Return whether requests are charged to whoever sends them; callbacks are once it is known who that is."""
    return path.startswith("/v1/") and ACCESS.scope_of(method, path) != OPEN


def file_routes(files: Files) -> list[Route]:
    """Return the routes for files that come in parts."""
    return [
        Route(FILES, files, methods=["POST", "OPTIONS"]),
        Route(f"{FILES}/{{file}}", files, methods=["GET", "PATCH", "DELETE"]),
    ]


def sheet_routes(desk: Desk, mappings: Mappings, limits: SheetLimits, settings: IngestSettings) -> list[Route]:
    """Return the routes for spreadsheets and their mappings."""
    show = ShowMappings(mappings)
    put = PutMapping(
        desk, mappings, max_bytes=settings.ingest_max_mapping_bytes, max_mappings=settings.ingest_max_mappings
    )
    named = f"{MAPPINGS}/{{name}}"
    return [
        Route(MAPPINGS, show.list, methods=["GET"]),
        Route(named, put, methods=["PUT"]),
        Route(named, show.show, methods=["GET"]),
        Route(named, show.remove, methods=["DELETE"]),
        Route(UPLOADS, Uploads(desk, mappings, limits), methods=["POST"]),
    ]


def main() -> None:
    """Serve until SIGTERM."""
    settings = read_settings(IngestSettings)
    configure_logging(SERVICE, settings.log_level)
    serve(front(settings), settings.bind_host, settings.ingest_port, proxy_headers=False)


if __name__ == "__main__":
    main()
