"""The same alerts without an open port: by a cursor, by waiting, and as a stream that breaks and goes on."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from services.alerts.api.streaming import AlertStream
from services.alerts.feed import Feed
from tests.integration.alerts.matched import as_recorded, deliveries, recorded
from tests.integration.alerts.receiver import Receiver
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.waiting import eventually
from tests.support.plain import PLAIN
from tests.support.running import running


async def subscribe(api: httpx.AsyncClient, url: str | None = None, **wanted: Any) -> str:
    answer = await api.post("/v1/subscriptions", json={"name": "n", "url": url, "filter": wanted})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["subscription_id"])


async def test_what_is_pulled_is_what_was_sent(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    mine = await subscribe(service.api, inbox.url)
    await service.publish(*(lane_changed(to) for to in ("DE", "FR", "JP", "US", "IT")))
    await inbox.wait_for(5)
    pulled: list[dict[str, Any]] = []
    after = 0
    while page := (await service.get(f"/v1/subscriptions/{mine}/alerts", after=after, limit=2))["items"]:
        pulled += page
        after = page[-1]["sequence"]
    assert [each["sequence"] for each in pulled] == [1, 2, 3, 4, 5]
    assert {each["webhook_id"]: each["event"] for each in pulled} == {g.webhook_id: g.event for g in inbox.got}
    raw = (await service.api.get(f"/v1/subscriptions/{mine}/alerts")).content
    assert all(got.body in raw for got in inbox.got), "byte for byte"


async def test_whoever_waits_is_answered_when_the_next_alert_comes(service: Service) -> None:
    mine = await subscribe(service.api, destinations=["DE"])
    path = f"/v1/subscriptions/{mine}/alerts"
    asked = asyncio.create_task(service.api.get(path, headers={"prefer": "wait=20"}))
    await eventually(lambda: service.app.state.feed.places.count == 1)
    await service.publish(lane_changed("FR"))
    await service.publish(lane_changed("DE"))
    answer = await asyncio.wait_for(asked, 10)
    assert [each["event"]["data"]["lane_id"][-2:] for each in answer.json()["items"]] == ["DE"]
    assert answer.headers["preference-applied"] == "wait=20"
    again = await service.api.get(path, params={"after": 1}, headers={"prefer": "wait=1"})
    assert again.json() == {"items": [], "next": 1}
    assert service.app.state.feed.places.count == 0


class Stream:
    """Reads a stream event by event."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self.lines = lines
        self.comments = 0

    async def next(self) -> dict[str, str] | None:
        """Return the next event; None when the stream has ended."""
        found: dict[str, str] = {}
        async for line in self.lines:
            if not line and "data" in found:
                return found
            name, _, value = line.partition(":")
            self.comments += line.startswith(":")
            found[name] = value.lstrip()
        return None


@asynccontextmanager
async def streaming(url: str, subscription_id: str, **headers: str) -> AsyncIterator[Stream]:
    async with (
        httpx.AsyncClient(base_url=url, timeout=30, verify=PLAIN) as client,
        client.stream("GET", f"/v1/subscriptions/{subscription_id}/stream", headers=headers) as answer,
    ):
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        yield Stream(answer.aiter_lines())


async def test_a_stream_that_breaks_again_and_again_loses_and_doubles_nothing_and_ends_when_the_service_stops(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    bodies = [lane_changed("DE", number) for number in range(1, 61)]

    async def publish() -> None:
        for body in bodies:
            await producer.send(fresh_topics.decisions, body, partition=0)
            await asyncio.sleep(0.01)  # so that it goes on while clients come and go

    named = {"LANEWATCH_ALERTS_GROUP": fresh_config.database, "LANEWATCH_ALERTS_HEARTBEAT_S": "0.2"}
    async with running(fresh_config, "alerts", **named) as program:
        async with httpx.AsyncClient(base_url=program.url, verify=PLAIN) as api:
            mine = await subscribe(api)
        publishing = asyncio.create_task(publish())
        got: list[dict[str, str]] = []
        while len(got) < len(bodies):
            last = got[-1]["id"] if got else "0"
            async with streaming(program.url, mine, **{"last-event-id": last}) as stream:
                for _ in range(7):
                    if len(got) < len(bodies) and (event := await stream.next()):
                        got.append(event)
        await publishing
        assert [int(event["id"]) for event in got] == list(range(1, 61))
        assert [msgspec.json.decode(event["data"])["event"] for event in got] == list(map(msgspec.json.decode, bodies))
        assert {event["event"] for event in got} == {"lanewatch.lane.changed"}
        async with streaming(program.url, mine) as stream:
            ending = asyncio.create_task(stream.next())
            await eventually(lambda: stream.comments > 1)
            program.signal(signal.SIGTERM)
            assert await asyncio.wait_for(ending, 8) is None, "an end, not a break"
        assert await asyncio.wait_for(program.process.wait(), 20) == -signal.SIGTERM


@pytest.fixture
async def feed(api_only: Service) -> AsyncIterator[Feed]:
    found: Feed = api_only.app.state.feed
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()


class Client:
    """A client of a stream, at the level of the server."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(self, message: Any) -> None:
        if len(self.sent) >= self.takes:
            await asyncio.sleep(3600)
        self.sent.append(message)


async def serve(service: Service, subscription_id: str, client: Client, ends_at: float | None = None) -> None:
    stream = AlertStream(service.app, "default", UUID(subscription_id), 0, ends_at)
    stream.slow_after_s = 0.3
    await asyncio.wait_for(stream({"type": "http"}, client.receive, client.send), 10)


async def test_a_client_that_takes_nothing_is_cut_off_and_costs_one_page(api_only: Service, feed: Feed) -> None:
    mine = await subscribe(api_only.api, destinations=["ES"])
    await recorded(api_only.app.state.engine, *as_recorded(*(lane_changed("ES", 300 + n) for n in range(120))))
    client = Client(takes=3)
    await serve(api_only, mine, client)
    assert client.sent[-1]["body"].count(b"\nevent: ") == 50
    assert feed.places.count == 0


async def test_a_stream_ends_with_its_token_or_its_subscription(api_only: Service, feed: Feed) -> None:
    mine = await subscribe(api_only.api, destinations=["PT"])
    await recorded(api_only.app.state.engine, *as_recorded(lane_changed("PT", 401)))
    client = Client(takes=100)
    await serve(api_only, mine, client, ends_at=time.monotonic() + 0.3)
    assert b"id: 1\n" in b"".join(message.get("body", b"") for message in client.sent)
    assert client.sent[-1]["more_body"] is False
    serving = asyncio.create_task(serve(api_only, mine, client))
    await eventually(lambda: feed.places.count == 1)
    assert (await api_only.api.delete(f"/v1/subscriptions/{mine}")).status_code == 204
    feed.wake()
    await serving
    assert len(await deliveries(api_only.app.state.engine, mine)) == 1


async def test_there_are_no_more_streams_than_allowed_of_one_tenant_and_of_all(api_only: Service, feed: Feed) -> None:
    path = f"/v1/subscriptions/{await subscribe(api_only.api)}"

    async def refusals() -> set[tuple[int, str]]:
        async with asyncio.timeout(5):  # A stream that is served has no end.
            answers = [
                await api_only.api.get(f"{path}/stream"),
                await api_only.api.get(f"{path}/alerts?after=9999", headers={"prefer": "wait=1"}),
            ]
        return {(answer.status_code, answer.headers["retry-after"]) for answer in answers}

    with ExitStack() as taken:
        for _ in range(200):
            taken.enter_context(feed.places.taken("default"))
        assert await refusals() == {(429, "5")}
    with ExitStack() as taken:
        for number in range(1000):
            taken.enter_context(feed.places.taken(f"tenant {number % 10}"))
        assert await refusals() == {(503, "5")}
    assert feed.places.count == 0


async def test_what_is_costly_is_done_one_after_the_other_and_by_no_tenant_alone(api_only: Service) -> None:
    state, mine = api_only.app.state, await subscribe(api_only.api)

    async def answer(what: str) -> int:
        async with asyncio.timeout(10):
            if what == "preview":
                return (await api_only.api.post("/v1/subscriptions/preview", json={"filter": {}})).status_code
            return (await api_only.api.get(f"/v1/subscriptions/{mine}/evidence")).status_code

    async with state.previews.turn("other"):
        first, second = (asyncio.create_task(answer("preview")) for _ in range(2))
        await eventually(lambda: state.previews.places.count == 3)
        assert await answer("preview") == 429
        assert not first.done()
    assert (await first, await second) == (200, 200)
    with state.exports.taken("default"):
        assert await answer("evidence") == 200
        with state.exports.taken("default"):
            assert await answer("evidence") == 429
    assert (state.exports.count, state.previews.places.count) == (0, 0)
