"""What every HTTP surface here has in common: problem details, health, metrics, one way to serve."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import FrameType
from typing import Any

import msgspec
import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from shared.errors import CallerError, FieldError, RetryableError
from shared.heads import BoundedHeads
from shared.health import Health
from shared.proxies import BehindProxy
from shared.running import collect_less
from shared.telemetry import CONTENT_TYPE_METRICS, metrics_page

CONTENT_TYPE_PROBLEM = "application/problem+json"

log = structlog.get_logger(__name__)


def problem_response(error: CallerError) -> Response:
    """Return the answer that RFC 9457 describes."""
    return Response(
        msgspec.json.encode(error.problem()), error.status, headers=error.headers, media_type=CONTENT_TYPE_PROBLEM
    )


async def _on_caller_error(_: Request, error: Any) -> Response:
    return problem_response(error)


async def _on_invalid(_: Request, error: Any) -> Response:
    errors = tuple(
        FieldError("/" + "/".join(map(str, e["loc"][1:] if e["loc"][0] == "body" else e["loc"])), _in_words(e))
        for e in error.errors()
    )
    return problem_response(CallerError(422, "The request is not valid", errors=errors))


_WORDS = {"extra_forbidden": "unknown field", "missing": "missing"}


def _in_words(fault: Any) -> str:
    """Return what is wrong with a field, without the library's own words for it."""
    said: str = _WORDS.get(fault["type"], fault["msg"])
    return said.removeprefix("Value error, ")


async def _on_http(_: Request, error: Any) -> Response:
    return problem_response(CallerError(error.status_code, error.detail, headers=dict(error.headers or {})))


async def _on_retryable(request: Request, error: Exception) -> Response:
    log.warning("a dependency is away", path=request.url.path, reason=str(error))
    again = {"retry-after": "2"}
    return problem_response(CallerError(503, "A dependency is away", detail="Try again shortly.", headers=again))


async def _on_unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return problem_response(CallerError(500, "An unexpected error; it was logged"))


def create_app(
    title: str,
    summary: str,
    health: Health,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]],
) -> FastAPI:
    """Return an app with health, metrics and problem details in place; the service adds its routes."""
    app = FastAPI(title=title, summary=summary, version="1", lifespan=lifespan)
    app.include_router(health.router())

    @app.get("/metrics", tags=["health"], response_class=Response)
    async def metrics() -> Response:
        """Metrics in the Prometheus text format."""
        return Response(metrics_page(), media_type=CONTENT_TYPE_METRICS)

    app.add_exception_handler(CallerError, _on_caller_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RetryableError, _on_retryable)
    app.add_exception_handler(Exception, _on_unexpected)
    return app


class Server(uvicorn.Server):
    """Says when it is told to stop, while requests are still in hand: those that would go on for ever can end."""

    def __init__(self, config: uvicorn.Config, on_leaving: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_leaving = on_leaving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        super().handle_exit(sig, frame)
        self._on_leaving()


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    on_leaving: Callable[[], None] = lambda: None,
    proxy_headers: bool = True,
) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand are finished within ten seconds.

    `on_leaving` is called from the signal's handler.
    `proxy_headers`: what a proxy on this machine says of the client is put into every request's scope.
    """
    collect_less()
    config = uvicorn.Config(
        BehindProxy(app) if proxy_headers else app,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    Server(config, on_leaving).run()
