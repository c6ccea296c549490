"""`lanewatch listen`: a receiver that prints webhooks and checks their signature when it has the secret."""

import base64
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import typer
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lanewatch.stack.errors import StackError
from lanewatch.stack.ports import HOST, require_free

LEAST_BYTES = 24
"""Of a signing secret, by the Standard Webhooks specification."""


def listen(port: int, secret: str | None) -> None:
    """Take webhooks on the port until ctrl-C. Raises OSError when the port is taken."""
    app = web.Application()
    app["webhook"] = _webhook(secret) if secret else None
    app.router.add_post("/{path:.*}", _take)
    checks = "signatures are checked" if secret else "signatures are not checked: no --secret"
    app.on_startup.append(_says(f"Listening on http://{HOST}:{port}/ ({checks}); ctrl-C ends it."))
    require_free(port, "listen", "--port")
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


def _webhook(secret: str) -> Webhook:
    """Return the checker of signatures. Raises StackError when that cannot be a secret."""
    try:
        is_long_enough = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) >= LEAST_BYTES
    except ValueError:
        is_long_enough = False
    if not is_long_enough:
        raise StackError("--secret is no signing secret: whsec_ and base64, as the subscription's answer showed it.")
    return Webhook(secret)


def _says(what: str) -> Callable[[web.Application], Awaitable[None]]:
    async def say(_: web.Application) -> None:
        typer.echo(what)

    return say


async def _take(request: web.Request) -> web.Response:
    body = await request.read()
    webhook: Webhook | None = request.app["webhook"]
    try:
        if webhook is not None:
            webhook.verify(body, dict(request.headers))
        alert = json.loads(body)
    except (WebhookVerificationError, ValueError) as error:
        typer.secho(f"refused: {error}", fg="red")
        return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
    _print(alert, is_verified=webhook is not None)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _print(alert: dict[str, Any], *, is_verified: bool) -> None:
    data = alert.get("data", {})
    mark = "signature verified" if is_verified else "not verified"
    typer.secho(f"{alert.get('time', '')}  {alert.get('type', '?')}  ({mark})", bold=True)
    typer.echo(f"  {data.get('headline', body_of(data))}")
    for reason in data.get("reasons", ()):
        typer.echo(f"  - {reason['says']}")


def body_of(data: Any) -> str:
    """Return what to show of an alert that has no headline."""
    return json.dumps(data, ensure_ascii=False)
