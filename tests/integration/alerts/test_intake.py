"""What becomes of records: once each, nothing swallowed, nobody forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from lanewatch.stack import StackConfig, Topics
from services.alerts.consumer import AlertsHandler
from shared.consumption import OffsetsMovedError
from tests.integration.alerts.receiver import Got, Receiver, accept
from tests.integration.alerts.service import Service, answering, decided, lane_changed, running
from tests.integration.alerts.waiting import eventually


@asynccontextmanager
async def reading(config: StackConfig, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=config.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def test_duplicates_on_the_topic_make_one_delivery(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    await service.subscribe(inbox.url)
    body = lane_changed("DE")
    again = msgspec.json.encode(dict(reversed(msgspec.json.decode(body).items())))
    await service.publish(body, body)
    await inbox.wait_for(1)
    await service.publish(again, partition=1)
    await service.publish(body, partition=2)
    await service.publish(lane_changed("FR"))
    await inbox.wait_for(2)

    async def are_counted() -> bool:
        return bool((await service.get("/v1/audit"))["duplicates"] == 3)

    await eventually(are_counted)
    assert [got.body for got in inbox.got] == [body, lane_changed("FR")]


async def test_what_is_no_alert_or_another_under_a_known_id_goes_to_the_dead_letters(
    service: Service, receiver: Receiver
) -> None:
    inbox = receiver.inbox()
    await service.subscribe(inbox.url)
    body, other = lane_changed("DE"), lane_changed("DE", headline="Something else")
    await service.publish(body)
    await inbox.wait_for(1)
    # The poison is found where PostgreSQL finds it: its text holds no NUL.
    poison = lane_changed("XX").replace(b'"headline":"', b'"headline":"\\u0000')
    await service.publish(b"not JSON", other, poison, None, lane_changed("FR"), key=b"k")
    await inbox.wait_for(2)
    assert [got.body for got in inbox.got] == [body, lane_changed("FR")]
    letters: list[Any] = []
    async with reading(service.config, service.config.topics.dead_letters_alerts) as consumer:
        while len(letters) < 4:
            letters.append(await asyncio.wait_for(consumer.getone(), 10))
    by_body = {letter.value: dict(letter.headers) for letter in letters}
    assert set(by_body) == {b"not JSON", other, poison, None}
    assert b"malformed" in by_body[b"not JSON"]["reason"]
    assert b"same source and id" in by_body[other]["reason"]
    assert by_body[other]["pointer"] == b"/id"
    assert b"no value" in by_body[None]["reason"]
    assert all(letter.key == b"k" for letter in letters)

    async def are_published() -> bool:
        return bool((await service.get("/v1/audit"))["dead_letters_unpublished"] == 0)

    await eventually(are_published)
    assert (await service.get("/v1/audit"))["dead_letters"] == 4


async def test_the_lanes_read_model_never_goes_back(service: Service) -> None:
    async def are_read(lanes: int, records: int) -> bool:
        found = await service.get("/v1/audit")
        return bool((found["lanes"], found["records_read"]) == (lanes, records))

    await service.publish(lane_changed("DE", 1), lane_changed("DE", 3, state="flowing"), partition=0)
    await eventually(lambda: are_read(1, 2))
    await service.publish(lane_changed("DE", 2, state="constrained"), lane_changed("FR", 1), partition=1)
    await eventually(lambda: are_read(2, 4))
    germany, france = (await service.get("/v1/lanes"))["items"]
    assert (germany["lane_id"], germany["state"], germany["sequence"]) == ("dysprosium-magnets/CN/DE", "flowing", 3)
    assert germany["reasons"][0]["figures"] == {"left_kg": "0"}
    assert france["destination"] == "FR"
    assert await service.get("/v1/lanes/dysprosium-magnets/CN/DE") == germany
    assert (await service.get("/v1/lanes", state="flowing"))["items"] == [germany]


async def test_a_subscription_gets_every_alert_recorded_after_it_and_none_before(
    service: Service, receiver: Receiver
) -> None:
    async def publish() -> None:
        for number in range(150):
            await service.publish(decided("DE"), partition=0)
            if number % 10 == 0:
                await asyncio.sleep(0.02)

    publishing = asyncio.create_task(publish())
    created: list[dict[str, Any]] = []
    while not publishing.done():
        created.append(await service.subscribe(receiver.inbox(f"s{len(created)}").url))
        await asyncio.sleep(0.05)
    await publishing

    async def are_recorded() -> bool:
        return bool((await service.get("/v1/audit"))["records_read"] == 150)

    await eventually(are_recorded)
    numbers = [row.alert_no for row in await service.sql("SELECT alert_no FROM alerts.alert ORDER BY alert_no")]
    sizes = []
    for subscription in created:
        rows = await service.sql(
            "SELECT alert_no FROM alerts.delivery WHERE subscription_id = :id ORDER BY alert_no",
            id=subscription["subscription_id"],
        )
        got = [row.alert_no for row in rows]
        assert got == numbers[len(numbers) - len(got) :]
        sizes.append(len(got))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 2, "all were created at one moment, so nothing was shown"


async def test_a_process_whose_partition_was_taken_over_changes_nothing(service: Service) -> None:
    topic = service.config.topics.decisions
    handler = AlertsHandler(service.app.state.engine, topic, lambda: None)
    await service.publish(lane_changed("DE"), partition=0)

    async def is_read() -> bool:
        return dict(await handler.positions([0])) == {0: 1}

    await eventually(is_read)
    late: Any = ConsumerRecord(topic, 0, 0, 0, 0, b"k", lane_changed("FR"), None, 1, 1, ())
    with pytest.raises(OffsetsMovedError):
        await handler.handle([late], {0: (0, 1)})
    with pytest.raises(OffsetsMovedError):
        await handler.bury(late, ValueError("x"), {0: (0, 1)})
    found = await service.get("/v1/audit")
    assert found["lanes"] == 1
    assert found["dead_letters"] == 0


async def test_two_processes_share_the_work_and_double_nothing(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer, receiver: Receiver
) -> None:
    async def take_a_while(got: Got, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.02)
        return await accept(got, request)

    inboxes = [receiver.inbox(f"s{number}", take_a_while) for number in range(10)]
    async with (
        running(fresh_config, producer, alerts_instance_id="one") as one,
        running(fresh_config, producer, alerts_instance_id="two") as two,
    ):
        for inbox in inboxes:
            await one.subscribe(inbox.url)
        for number in range(60):
            await one.publish(lane_changed("DE" if number % 2 else "FR", number), partition=number % 2)
            await asyncio.sleep(0.01)  # so that more comes while some is under way
        for inbox in inboxes:
            await inbox.wait_for(60, 30)

        async def are_delivered() -> bool:
            return bool((await two.get("/v1/audit"))["deliveries_by_state"] == {"delivered": 600})

        await eventually(are_delivered)
    for inbox in inboxes:
        assert len(inbox.ids) == len(set(inbox.ids)) == 60
        for lane in ("DE", "FR"):
            sequences = [g.event["data"]["sequence"] for g in inbox.got if g.event["data"]["lane_id"].endswith(lane)]
            assert sequences == sorted(sequences)


@pytest.mark.parametrize("alerts_settings", [{"alerts_poll_s": 30.0, "alerts_lease_s": 90.0}])
async def test_what_is_new_is_sent_without_waiting_for_a_poll(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    created = await service.subscribe(inbox.url)
    for sequence in range(1, 31):
        await service.publish(lane_changed("DE", sequence))
        await inbox.wait_for(sequence, 5)
    # Another process, which sends nothing itself, asks for a ping.
    async with answering(service.config, service.config.database) as other:
        await other.api.post(f"/v1/subscriptions/{created['subscription_id']}/ping")
        await inbox.wait_for(31, 5)
