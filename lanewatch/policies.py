"""`lanewatch policy`: asks licensing about monitoring rules, and rolls a rulebook out through the front door."""

import asyncio
import contextlib
import hashlib
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import httpx
import msgspec

from lanewatch.demo.client import Client
from lanewatch.demo.posting import FrontDoor
from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers
from services.licensing.domain.monitoring.translated import Compiled
from shared.cloudevents import Event, read_trade_event, write
from shared.errors import PermanentError
from shared.events import PolicyRolledOut, Rulebook

SOURCE = "/lanewatch/policy"
TIMEOUT_S = 30.0
DECIDED_S = 60.0
MOST_AT_ONCE = 1000


class Plan(NamedTuple):
    """A rulebook that is about to be rolled out: its event, what became of it before, and what it changes."""

    event: Event[PolicyRolledOut]
    body: Path
    status: dict[str, Any]
    diff: dict[str, Any]


class Licensing:
    """Asks licensing's API."""

    def __init__(self, config: StackConfig) -> None:
        self._url = config.url_of("licensing")
        self._headers = headers(config)

    def get(self, path: str, **params: Any) -> Any:
        """Return an answer. Raises StackError for a refusal, and when licensing is away."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: bytes, **params: Any) -> Any:
        """Return the answer for a JSON body. Raises StackError as `get` does."""
        return self._ask("POST", path, params=params, content=body, headers={"content-type": "application/json"})

    def _ask(
        self, method: str, path: str, params: dict[str, Any], headers: dict[str, str] | None = None, **sent: Any
    ) -> Any:
        asked = {name: value for name, value in params.items() if value is not None}
        try:
            response = httpx.request(
                method,
                self._url + path,
                params=asked,
                timeout=TIMEOUT_S,
                headers={**self._headers, **(headers or {})},
                **sent,
            )
        except httpx.TransportError as error:
            raise StackError("This needs the running stack: lanewatch up, with the same ports.") from error
        if response.is_success:
            return response.json()
        raise StackError(_problem(response))


def _problem(response: httpx.Response) -> str:
    try:
        problem = response.json()
        parts = [problem["title"], *(f"{each['pointer']}: {each['detail']}" for each in problem.get("errors", ()))]
    except (ValueError, KeyError, TypeError):
        return f"Licensing answered with status {response.status_code}."
    return ". ".join(filter(None, (*parts, problem.get("detail", ""))))


def costs(compiled: Compiled) -> dict[str, Any]:
    """Return what a rulebook takes, as licensing tells it."""
    from services.licensing.api import policy_answers  # noqa: PLC0415 - it takes a while

    found = policy_answers.checked(compiled, {})
    del found["is_version_free"]
    return found


def versions(config: StackConfig) -> list[dict[str, Any]]:
    """Return all rulebooks that were rolled out, the latest to begin first. Raises StackError."""
    found: list[dict[str, Any]] = Licensing(config).get("/v1/policies")["items"]
    return found


def show(config: StackConfig, version: str) -> dict[str, Any]:
    """Return a rulebook with its rules. Raises StackError."""
    found: dict[str, Any] = Licensing(config).get(f"/v1/policies/{quote(version, safe='')}")
    return found


def diff(config: StackConfig, rulebook: Rulebook, against: str | None) -> dict[str, Any]:
    """Return what a rulebook changes of another, of the one in force by default. Raises StackError."""
    found: dict[str, Any] = Licensing(config).post("/v1/policies/diff", msgspec.json.encode(rulebook), against=against)
    return found


def findings(config: StackConfig, rule: str | None, *, failed: bool, limit: int) -> list[dict[str, Any]]:
    """Return the latest findings, of those that failed or of all. Raises StackError."""
    licensing, cursor = Licensing(config), ""
    found: list[dict[str, Any]] = []
    asked = {"rule": rule, "failed": "true" if failed else None}
    while len(found) < limit:
        wanted = min(MOST_AT_ONCE, limit - len(found))
        page = licensing.get("/v1/findings", **asked, limit=wanted, cursor=cursor)
        found += page["items"]
        if (cursor := page["next"]) is None:
            break
    return found


def plan(config: StackConfig, rulebook: Rulebook, by: str, reason: str) -> Plan:
    """Return what rolling a rulebook out would do. Raises StackError when it cannot be rolled out.

    The event's id comes from version and content, and its first wording is kept on disk: whoever
    repeats a roll-out that was cut short posts the same event, which counts once.
    """
    licensing, body = Licensing(config), msgspec.json.encode(rulebook)
    digest = hashlib.sha256(msgspec.json.encode(rulebook, order="sorted")).hexdigest()[:16]
    event_id = f"{rulebook.version}:{digest}"
    # Asked in this order: a version that this very event takes meanwhile is then told as decided.
    checked = licensing.post("/v1/policies/check", body)
    status = licensing.get("/v1/events", source=SOURCE, id=event_id)
    if status.get("retracted_by"):
        raise StackError(f"{rulebook.version} was taken back by {status['retracted_by']}; give it another version.")
    if not checked["is_version_free"] and status["status"] == "waiting":
        raise StackError(f"A rulebook {rulebook.version} was rolled out that is another one; give it another version.")
    path = config.state_dir / "roll-outs" / f"{digest}.json"
    return Plan(_event(path, event_id, rulebook, by, reason), path, status, licensing.post("/v1/policies/diff", body))


def _event(path: Path, event_id: str, rulebook: Rulebook, by: str, reason: str) -> Event[PolicyRolledOut]:
    """Return the event that was written down before, or a new one. Raises StackError for what the contract refuses."""
    new: Event[PolicyRolledOut] = Event(
        specversion="1.0",
        id=event_id,
        source=SOURCE,
        type=PolicyRolledOut.TYPE,
        time=datetime.now(UTC),
        data=PolicyRolledOut(**msgspec.structs.asdict(rulebook), by=by, reason=reason),
    )
    try:
        checked = read_trade_event(write(new))
        return read_trade_event(path.read_bytes()) if path.exists() else checked  # type: ignore[return-value] # its type
    except PermanentError as error:
        raise StackError(f"{error.pointer or 'The event'}: {error.reason}.") from error


def roll_out(config: StackConfig, planned: Plan) -> dict[str, Any]:
    """Post the event and return what became of it. Raises StackError when it is not taken or not decided in time."""
    if planned.status["status"] != "waiting":
        return planned.status
    event = _written_down(planned)
    asyncio.run(_post(config, event))
    return _decided(Licensing(config), event)


def _written_down(planned: Plan) -> Event[Any]:
    """Return the event in its first wording: another run may have written it down since the plan was made."""
    planned.body.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=planned.body.parent, suffix=".part") as part:
        part.write(write(planned.event))
        part.flush()
        with contextlib.suppress(FileExistsError):
            os.link(part.name, planned.body)
    return read_trade_event(planned.body.read_bytes())


async def _post(config: StackConfig, event: Event[Any]) -> None:
    async with aiohttp.ClientSession(headers=headers(config)) as session:
        await FrontDoor(Client(session, "ingest", config.url_of("ingest"))).post([event])


def _decided(licensing: Licensing, event: Event[Any]) -> dict[str, Any]:
    give_up = time.monotonic() + DECIDED_S
    while True:
        found: dict[str, Any] = licensing.get("/v1/events", source=event.source, id=event.id)
        if found["status"] != "waiting":
            return found
        if time.monotonic() > give_up:
            raise StackError(
                f"Posted, but licensing has not decided it within {DECIDED_S:g} s; the same command looks again."
            )
        time.sleep(0.2)
