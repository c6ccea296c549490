"""The app: the hot route beside what every service has, and its place in the OpenAPI document."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.api import dcsa, epcis, usage
from services.ingest.api.documentation import components, path_item
from services.ingest.api.endpoint import EventsEndpoint
from services.ingest.api.foreign_documentation import foreign_paths
from services.ingest.api.handshake import Handshake
from services.ingest.api.sheet_documentation import sheet_paths
from services.ingest.api.taking import Desk, ForeignEndpoint
from shared.health import Health
from shared.http import create_app

PATH = "/v1/events"


class Shortcut:
    """Serves the hot route before all that FastAPI wraps around every request; anything else goes on to it (ASGI)."""

    def __init__(self, app: ASGIApp, endpoint: EventsEndpoint) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_hot = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == PATH
        await (self._endpoint if is_hot else self._app)(scope, receive, send)


def make_app(
    endpoint: EventsEndpoint,
    desk: Desk,
    sheets: Sequence[Route],
    handshake: Handshake,
    health: Health,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]],
) -> FastAPI:
    """Return the app with its OpenAPI document complete."""
    app = create_app(
        "Lanewatch ingest",
        "Takes trade events in. 202 means that Kafka has the event in all in-sync replicas.",
        health,
        lifespan,
    )
    app.router.routes.append(Route(PATH, endpoint, methods=["POST"]))
    app.add_middleware(Shortcut, endpoint=endpoint)
    app.router.routes += _foreign(desk)
    app.router.routes += sheets
    app.router.routes.append(Route(PATH, handshake.answer, methods=["OPTIONS"]))
    schema = app.openapi()
    schema["paths"] = {PATH: path_item(), **foreign_paths(), **sheet_paths(), **schema["paths"]}
    schema.setdefault("components", {}).setdefault("schemas", {}).update(components())
    return app


def _foreign(desk: Desk) -> list[Route]:
    """Return the routes for what others emit."""
    capture = epcis.Capture(desk)
    return [
        Route(epcis.PATH, ForeignEndpoint(desk, capture.take, epcis.refuse), methods=["POST"]),
        Route(epcis.PATH, capture.discover, methods=["OPTIONS"]),
        Route(f"{epcis.PATH}/{{capture_id}}", capture.show, methods=["GET"]),
        Route(usage.PATH, ForeignEndpoint(desk, usage.Usage(desk).take), methods=["POST"]),
        Route(dcsa.PATH, ForeignEndpoint(desk, dcsa.TrackAndTrace(desk).take, dcsa.refuse), methods=["POST"]),
    ]
