"""`lanewatch listen`: a receiver that prints webhooks and checks their signature when it has the secret."""

import json
from http import HTTPStatus
from typing import Any

import typer
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

HOST = "127.0.0.1"


def listen(port: int, secret: str | None) -> None:
    """Take webhooks on the port until ctrl-C. Raises OSError when the port is taken."""
    app = web.Application()
    app["webhook"] = Webhook(secret) if secret else None
    app.router.add_post("/{path:.*}", _take)
    typer.echo(f"Listening on http://{HOST}:{port}/ " + ("" if secret else "(signatures are not checked: no --secret)"))
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


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
