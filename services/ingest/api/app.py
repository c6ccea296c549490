"""The app: the hot route beside what every service has, and its place in the OpenAPI document."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.api import callbacks, dcsa, epcis, usage
from services.ingest.api.access import ACCESS
from services.ingest.api.documentation import components, path_item
from services.ingest.api.endpoint import EventsEndpoint
from services.ingest.api.file_documentation import file_paths
from services.ingest.api.foreign_documentation import foreign_paths
from services.ingest.api.handshake import Handshake
from services.ingest.api.limiting import limited
from services.ingest.api.rate_documentation import tell_rates
from services.ingest.api.rates import Rates
from services.ingest.api.sheet_documentation import sheet_paths
from services.ingest.api.taking import Desk, ForeignEndpoint
from services.ingest.domain.senders import Format
from services.ingest.senders import Senders
from shared.health import Health
from shared.http import create_app
from shared.proxies import BehindProxy

PATH = "/v1/events"
FORMATS: dict[Format, str] = {
    "dcsa-2.2": dcsa.PATH_2,
    "dcsa-3.0": dcsa.PATH,
    "epcis-2.0": epcis.PATH,
    "licence-usage": usage.PATH,
}
"""Which route takes the bodies of each foreign format."""


class Signers(NamedTuple):
    """Who can only sign, and how much each may send."""

    known: Senders
    rates: Rates | None


class Front:
    """Serves the hot route before all that is wrapped around every other request; those go on to the app (ASGI).

    What stands before FastAPI's routes must stand before the endpoint by itself: the guard, and nothing else does.
    """

    def __init__(self, app: FastAPI, endpoint: ASGIApp) -> None:
        self.app = app
        # As the server would: behind a proxy on this machine, a redirect leads to where the client came from.
        self._rest = BehindProxy(app)
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == PATH:
            await self._endpoint(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def make_app(
    endpoint: EventsEndpoint,
    desk: Desk,
    sheets: Sequence[Route],
    handshake: Handshake,
    senders: Signers,
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
    foreign = _foreign(desk)
    app.router.routes += foreign
    app.router.routes += _signed(desk, senders, {"cloudevents": endpoint, **_doors(foreign)})
    app.router.routes += sheets
    app.router.routes.append(Route(PATH, handshake.answer, methods=["OPTIONS"]))
    schema = app.openapi()
    schema["paths"] = {PATH: path_item(), **foreign_paths(), **sheet_paths(), **file_paths(), **schema["paths"]}
    schema.setdefault("components", {}).setdefault("schemas", {}).update(components())
    tell_rates(schema, ACCESS, callbacks.PATH)
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
        Route(dcsa.PATH_2, ForeignEndpoint(desk, dcsa.Callback(desk).take, dcsa.refuse_2), methods=["POST"]),
    ]


def _doors(foreign: Sequence[Route]) -> dict[Format, ASGIApp]:
    """Return where signed bodies of each foreign format go: the same way as those that come with a token."""
    posts = {route.path: route.app for route in foreign if "POST" in (route.methods or ())}
    return {format_: posts[path] for format_, path in FORMATS.items()}


def _signed(desk: Desk, senders: Signers, doors: dict[Format, ASGIApp]) -> list[Route]:
    """Return the routes for those who can only sign."""
    within = {format_: limited(app, senders.rates, desk.body_timeout_s) for format_, app in doors.items()}
    door = callbacks.Callbacks(desk, senders.known, within)
    return [
        Route(callbacks.PATH, door, methods=["POST"]),
        Route(callbacks.PATH, callbacks.answers_here, methods=["HEAD"]),
    ]
