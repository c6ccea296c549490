"""The demo posts again whatever is in doubt, and gives up only on what will never be taken."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from lanewatch.demo import client as client_module
from lanewatch.demo import posting
from lanewatch.demo.client import Client
from lanewatch.demo.posting import FrontDoor
from lanewatch.demo.regulation import event
from lanewatch.stack import StackError
from lanewatch.stack.ports import HOST, free_ports
from shared.cloudevents import Event
from shared.events import ClockTicked

NOW = datetime(2025, 1, 1, tzinfo=UTC)
EVENTS: list[Event[Any]] = [event("/test", f"e{n}", NOW, ClockTicked(now=NOW)) for n in range(3)]

Door = Callable[..., Awaitable[FrontDoor]]


def taken(partition: int, offset: int | None) -> dict[str, Any]:
    return {"status": 202, "receipt": {"partition": partition, "offset": offset}}


AWAY = {"status": 503, "problem": {"title": "Kafka is away"}}


@pytest.fixture
async def door(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    """A front door whose answers are given; the last one is repeated."""
    monkeypatch.setattr(posting, "PAUSE_S", 0.01)
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession() as session:

        async def make(*answers: tuple[int, Any]) -> FrontDoor:
            left = list(answers)

            async def take(request: web.Request) -> web.Response:
                assert request.content_type == "application/cloudevents-batch+json"
                status, body = left.pop(0) if len(left) > 1 else left[0]
                return web.json_response(body, status=status)

            app = web.Application()
            app.router.add_post("/v1/events", take)
            runners.append(web.AppRunner(app))
            await runners[-1].setup()
            port = free_ports(1)[0]
            await web.TCPSite(runners[-1], HOST, port).start()
            return FrontDoor(Client(session, "ingest", f"http://{HOST}:{port}"))

        yield make
        for runner in runners:
            await runner.cleanup()


async def test_all_receipts_are_covered_by_the_places(door: Door) -> None:
    front = await door((202, {"results": [taken(0, 7), taken(1, 2), taken(0, 8)]}))
    assert await front.post(EVENTS) == {"0": 9, "1": 3}
    assert (front.posted, front.repeated) == (3, 0)


async def test_only_what_was_not_taken_is_posted_again(door: Door) -> None:
    front = await door(
        (503, {"title": "busy"}),
        (207, {"results": [taken(0, 7), AWAY, taken(1, None)]}),
        (202, {"results": [taken(0, 8), taken(1, 5)]}),
    )
    assert await front.post(EVENTS) == {"0": 9, "1": 6}
    assert (front.repeated, front.ingest.retries) == (2, 1)


async def test_refused_event_is_an_error_that_names_it(door: Door) -> None:
    refused = {"status": 422, "problem": {"title": "Not in the contract"}}
    front = await door((207, {"results": [taken(0, 7), refused, taken(0, 8)]}))
    with pytest.raises(StackError, match=r"ingest refused /test e1: .*Not in the contract"):
        await front.post(EVENTS)


async def test_refused_batch_is_an_error(door: Door) -> None:
    front = await door((422, {"title": "No event of the batch was accepted"}))
    with pytest.raises(StackError, match="ingest refused POST /v1/events with 422"):
        await front.post(EVENTS)


async def test_service_that_stays_away_is_given_up_within_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_S", 0.2)
    async with aiohttp.ClientSession() as session:
        front = FrontDoor(Client(session, "ingest", f"http://{HOST}:{free_ports(1)[0]}"))
        with pytest.raises(StackError, match=r"ingest did not answer POST /v1/events within 0.2 s: .*refused|Connect"):
            await front.post(EVENTS)
    assert front.ingest.retries > 1
