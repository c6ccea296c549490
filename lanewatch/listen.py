"""`lanewatch listen`: a receiver that prints webhooks, checks them, and can be made to fail."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import typer
from aiohttp import web

from lanewatch.receiving import Checks, Course, Refused, key_of, secret_of
from lanewatch.stack.errors import StackError
from lanewatch.stack.ports import HOST, require_free

HANDSHAKE = "lanewatch.endpoint.verification"


@dataclass(frozen=True)
class Answering:
    """How to answer what is right: with a status, after so many seconds."""

    status: int = HTTPStatus.NO_CONTENT
    delay_s: float = 0.0


@dataclass
class _Listener:
    checks: Checks
    answering: Answering
    course: Course = field(default_factory=Course)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            by = self.checks.check(body, headers)
            alert = json.loads(body)
        except (Refused, ValueError) as error:
            typer.secho(f"refused: {error}", fg="red")
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        if isinstance(alert, dict) and alert.get("type") == HANDSHAKE:
            typer.secho("asked whether this endpoint wants alerts: it does", bold=True)
            return web.Response(text=str(alert.get("data", {}).get("challenge", "")))
        _print(alert, headers, by)
        await asyncio.sleep(self.answering.delay_s)
        if HTTPStatus.OK <= self.answering.status < HTTPStatus.MULTIPLE_CHOICES:
            # What was not taken comes again, and is no double then.
            for remark in self.course.note(request.path, headers):
                typer.secho(f"  ! {remark}", fg="yellow")
        else:
            typer.secho(f"  answered {self.answering.status}", fg="yellow")
        return web.Response(status=self.answering.status)


def listen(port: int, secrets: Sequence[str], keys: Sequence[str], answering: Answering) -> None:
    """Take webhooks on the port until ctrl-C. Raises StackError for what is no secret or key; OSError for the port."""
    listener = _Listener(Checks(*_read(secrets, keys)), answering)
    app = web.Application()
    app.router.add_post("/{path:.*}", listener.take)
    checks = "signatures are checked" if secrets or keys else "signatures are not checked: no --secret, no --key"
    app.on_startup.append(_says(f"Listening on http://{HOST}:{port}/ ({checks}); ctrl-C ends it."))
    require_free(port, "listen", "--port")
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


def _read(secrets: Sequence[str], keys: Sequence[str]) -> tuple[list[Any], list[Any]]:
    try:
        found = [secret_of(secret) for secret in secrets]
    except ValueError:
        raise StackError(
            "--secret is no signing secret: whsec_ and base64, as the subscription's answer showed it."
        ) from None
    try:
        return found, [key_of(key) for key in keys]
    except ValueError:
        raise StackError("--key is no public key: whpk_ and base64, as GET /v1/signing-keys shows it.") from None


def _says(what: str) -> Callable[[web.Application], Awaitable[None]]:
    async def say(_: web.Application) -> None:
        typer.echo(what)

    return say


_MARKS = {
    "lanewatch-test": "a test",
    "lanewatch-recovery": "recovered",
    "lanewatch-escalated-from": "nobody acknowledged it in time",
}


def _print(alert: Any, headers: dict[str, str], by: Sequence[str]) -> None:
    said = alert if isinstance(alert, dict) else {}
    data = said.get("data", {})
    marks = ["signature verified by " + " and ".join(by) if by else "not verified"]
    marks += [mark for name, mark in _MARKS.items() if name in headers]
    if headers.get("lanewatch-attempt", "1") != "1":
        marks.append(f"attempt {headers['lanewatch-attempt']}")
    typer.secho(f"{said.get('time', '')}  {said.get('type', '?')}  ({', '.join(marks)})", bold=True)
    typer.echo(f"  {data['headline'] if 'headline' in data else body_of(data or alert)}")
    for reason in data.get("reasons", ()):
        typer.echo(f"  - {reason['says']}")


def body_of(data: Any) -> str:
    """Return what to show of an alert that has no headline."""
    return json.dumps(data, ensure_ascii=False)
