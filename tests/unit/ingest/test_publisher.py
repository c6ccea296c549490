"""What a producer does is told as receipts and reasons; a producer that is stuck is replaced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    RequestTimedOutError,
)

from services.ingest import publisher as module
from services.ingest.domain.reading import Accepted
from services.ingest.publisher import Publisher, Receipt, TooLargeForKafkaError
from shared.errors import RetryableError

Behaviour = Callable[[bytes], Any]


class ScriptedBatch:
    """Holds so many events and no more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.values: list[bytes] = []

    def append(self, *, value: bytes, **_: object) -> object:
        if len(self.values) == self.room:
            return None
        self.values.append(value)
        return self


class ScriptedProducer:
    """Answers each batch as its behaviour says of its first event: a place, an error of the future or of the send."""

    client = SimpleNamespace(cluster=SimpleNamespace(partitions_for_topic=lambda _: {0}))

    def __init__(self, behaviour: Behaviour, fails_to_start: int = 0, room: int = 1) -> None:
        self.behaviour = behaviour
        self.fails_to_start = fails_to_start
        self.room = room
        self.is_stopped = False
        self.sent: list[bytes] = []

    async def start(self) -> None:
        if self.fails_to_start:
            raise KafkaConnectionError

    async def stop(self) -> None:
        self.is_stopped = True

    async def partitions_for(self, _: str) -> set[int]:
        return {0}

    def create_batch(self) -> ScriptedBatch:
        return ScriptedBatch(self.room)

    async def send_batch(self, batch: ScriptedBatch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        outcome = self.behaviour(batch.values[0])
        self.sent += batch.values
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if isinstance(outcome, int):
            future.set_result(SimpleNamespace(topic=topic, partition=partition, offset=outcome))
        elif outcome is not None:
            future.set_exception(outcome)
        return future


def raising(error: Exception) -> Behaviour:
    def behave(_: bytes) -> Any:
        raise error

    return behave


def event(value: bytes) -> Accepted:
    return Accepted(source="/s", id="i", key="k", value=value)


@pytest.fixture
async def start(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Start a publisher whose producers are these, one after the other."""
    monkeypatch.setattr(module, "RECONNECT_PAUSE_S", 0)
    started: list[Publisher] = []

    async def begin(*producers: ScriptedProducer) -> Publisher:
        publisher = Publisher("nowhere:1", "topic", timeout_s=0.05)
        remaining = iter(producers)
        publisher._make = lambda: next(remaining)
        publisher.start()
        started.append(publisher)
        await until(lambda: publisher._producer is not None)
        return publisher

    yield begin
    for publisher in started:
        await publisher.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - the publisher announces nothing
            await asyncio.sleep(0)


async def test_receipt_is_the_place_that_the_broker_told(start: Callable[..., Any]) -> None:
    publisher = await start(ScriptedProducer(int))
    assert await publisher.publish([event(b"5"), event(b"7")]) == [Receipt("topic", 0, 5), Receipt("topic", 0, 7)]


async def test_place_that_the_broker_forgot_is_left_open(start: Callable[..., Any]) -> None:
    publisher = await start(ScriptedProducer(lambda _: -1))
    assert await publisher.publish([event(b"")]) == [Receipt("topic", 0, None)]


async def test_before_the_first_connection_the_answer_comes_at_once() -> None:
    publisher = Publisher("nowhere:1", "topic", timeout_s=60)
    (result,) = await publisher.publish([event(b"")])
    assert isinstance(result, RetryableError)
    assert await publisher.check()


@pytest.mark.parametrize("error", [KafkaTimeoutError(), RequestTimedOutError(), KafkaConnectionError(), OSError()])
async def test_after_an_event_that_could_not_be_sent_no_later_one_overtakes_it(
    start: Callable[..., Any], error: Exception
) -> None:
    def fail_second(value: bytes) -> Any:
        if value == b"2":
            raise error
        return 1

    producer = ScriptedProducer(fail_second)
    publisher = await start(producer)
    results = await publisher.publish([event(b"1"), event(b"2"), event(b"3")])
    assert [type(result) for result in results] == [Receipt, RetryableError, RetryableError]
    assert producer.sent == [b"1"]
    assert publisher._producer is producer


async def test_broker_that_does_not_answer_is_waited_for_only_so_long(start: Callable[..., Any]) -> None:
    publisher = await start(ScriptedProducer(lambda value: 1 if value == b"1" else None))
    async with asyncio.timeout(1):
        results = await publisher.publish([event(b"1"), event(b"2")])
    assert [type(result) for result in results] == [Receipt, RetryableError]


async def test_event_that_is_too_large_does_not_keep_the_others_back(start: Callable[..., Any]) -> None:
    publisher = await start(producer := ScriptedProducer(lambda _: 1))
    results = await publisher.publish([event(b"1"), event(b"2" * 1_100_000), event(b"3")])
    assert [type(result) for result in results] == [Receipt, TooLargeForKafkaError, Receipt]
    assert producer.sent == [b"1", b"3"]


@pytest.mark.parametrize("room, kind", [(1, TooLargeForKafkaError), (2, RetryableError)])
async def test_only_an_event_that_was_alone_in_its_batch_is_told_that_it_is_too_large(
    start: Callable[..., Any], room: int, kind: type
) -> None:
    publisher = await start(ScriptedProducer(lambda _: MessageSizeTooLargeError(), room=room), ScriptedProducer(int))
    requests = [publisher.begin([event(b"1")]), publisher.begin([event(b"2")])]
    assert isinstance((await requests[0].results())[0], kind)
    assert isinstance((await requests[1].results())[0], RetryableError | TooLargeForKafkaError)


async def test_events_of_one_batch_stand_one_after_the_other(start: Callable[..., Any]) -> None:
    publisher = await start(ScriptedProducer(int, room=2))
    results = await publisher.publish([event(b"10"), event(b"11"), event(b"30")])
    assert [result.offset for result in results] == [10, 11, 30]


async def test_what_waits_behind_a_stuck_batch_is_never_sent_once_its_time_is_up(start: Callable[..., Any]) -> None:
    stuck: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    publisher = await start(producer := ScriptedProducer(lambda _: 7))
    send = producer.send_batch

    async def stick(batch: ScriptedBatch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        await send(batch, topic, partition=partition)
        return stuck

    producer.send_batch = stick  # type: ignore[method-assign]
    results = await publisher.publish([event(b"1"), event(b"2")])
    assert [type(result) for result in results] == [RetryableError, RetryableError]
    producer.send_batch = send  # type: ignore[method-assign]
    stuck.set_result(SimpleNamespace(offset=0))
    assert [type(result) for result in await publisher.publish([event(b"3")])] == [Receipt]
    assert producer.sent == [b"1", b"3"]


async def test_no_more_waits_behind_a_stuck_batch_than_somebody_waits_for(start: Callable[..., Any]) -> None:
    publisher = await start(producer := ScriptedProducer(lambda _: None))
    for _ in range(5):
        await asyncio.gather(*(publisher.publish([event(b"x" * 1000)]) for _ in range(20)))
    publisher.begin([event(b"last")])
    assert producer.sent == [b"x" * 1000]
    assert [len(queue.items) for queue in publisher._queues.values()] == [1]


async def test_only_what_was_handed_over_together_is_kept_back(start: Callable[..., Any]) -> None:
    def fail_first(value: bytes) -> Any:
        return KafkaConnectionError() if value == b"1" else 1

    publisher = await start(producer := ScriptedProducer(fail_first))
    first, second = publisher.begin([event(b"1"), event(b"2")]), publisher.begin([event(b"3")])
    assert [type(result) for result in await first.results()] == [RetryableError, RetryableError]
    assert [type(result) for result in await second.results()] == [Receipt]
    assert producer.sent == [b"1", b"3"]


@pytest.mark.parametrize(
    "behaviour",
    [raising(OutOfOrderSequenceNumber()), lambda _: OutOfOrderSequenceNumber(), lambda _: MessageSizeTooLargeError()],
)
async def test_stuck_producer_is_replaced(start: Callable[..., Any], behaviour: Behaviour) -> None:
    stuck, unreachable, fresh = (
        ScriptedProducer(behaviour),
        ScriptedProducer(lambda _: 1, fails_to_start=1),
        ScriptedProducer(lambda _: 1),
    )
    publisher = await start(stuck, unreachable, fresh)
    (result,) = await publisher.publish([event(b"1")])
    assert isinstance(result, (RetryableError, TooLargeForKafkaError))
    await until(lambda: publisher._producer is fresh)
    assert stuck.is_stopped
    assert unreachable.is_stopped
    assert [type(result) for result in await publisher.publish([event(b"1")])] == [Receipt]


async def test_stop_stops_the_producer(start: Callable[..., Any]) -> None:
    producer = ScriptedProducer(lambda _: 1)
    publisher = await start(producer)
    await publisher.stop()
    assert producer.is_stopped
    assert isinstance((await publisher.publish([event(b"")]))[0], RetryableError)
