"""`lanewatch listen`: a receiver that prints webhooks, checks them, and can be made to fail."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
            typer.secho(refused_line(error, request.rel_url.raw_path, headers), fg="red")
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
    marks = ["signature verified by " + " and ".join(by) if by else "not verified"]
    marks += [mark for name, mark in _MARKS.items() if name in headers]
    if headers.get("lanewatch-attempt", "1") != "1":
        marks.append(f"attempt {headers['lanewatch-attempt']}")
    typer.secho(f"{_title(alert)}  ({', '.join(marks)})", bold=True)
    for line in lines_of(alert):
        typer.echo(f"  {line}")


def lines_of(alert: Any) -> list[str]:
    """Return what to show of an alert below its title; of a digest each alert that it carries, too."""
    data = _part(alert, "data")
    said = [str(data["headline"]) if "headline" in data else json.dumps(data or alert, ensure_ascii=False)]
    said += [f"- {_part(reason).get('says', reason)}" for reason in _items(data, "reasons")]
    for each in _items(data, "alerts"):
        event = _part(each, "event")
        said.append(f"{_part(each).get('sequence', '?')}. {_title(event)}")
        said += [f"   {line}" for line in lines_of(event)]
    return said


def refused_line(error: Exception, path: str, headers: Mapping[str, str]) -> str:
    """Return how to say that a webhook may not be believed; nothing in it is shown."""
    return f"refused at {path}, webhook-id {headers.get('webhook-id') or 'missing'}: {error}"


def _title(alert: Any) -> str:
    said = _part(alert)
    return f"{said.get('time', '')}  {said.get('type', '?')}"


def _part(of: Any, name: str | None = None) -> dict[str, Any]:
    """Return an object, or one in it; an empty one where there is none, since anything may come."""
    found = of if name is None else _part(of).get(name)
    return found if isinstance(found, dict) else {}


def _items(data: dict[str, Any], name: str) -> list[Any]:
    found = data.get(name)
    return found if isinstance(found, list) else []
