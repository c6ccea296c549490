"""Publishes accepted events on Kafka; what it returns a receipt for is in all in-sync replicas."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from services.ingest.domain.media import STRUCTURED_TYPE
from services.ingest.domain.reading import Accepted
from shared.errors import RetryableError
from shared.kafka import check_broker, make_producer

log = structlog.get_logger(__name__)

HEADERS = [("content-type", STRUCTURED_TYPE.encode())]
RECONNECT_PAUSE_S = 0.5
FLUSH_TIMEOUT_S = 3.0
TOO_LARGE = "Kafka does not take an event of this size"


@dataclass(frozen=True)
class Receipt:
    """Where an event stands in Kafka; the offset is None when Kafka knows the event but not its place any more."""

    topic: str
    partition: int
    offset: int | None


class TooLargeForKafkaError(Exception):
    """The topic takes no record of this size."""


Sent = asyncio.Future[Any] | Exception
"""What the producer gave for one event: a future of its place, or why it did not take it."""
Result = Receipt | RetryableError | TooLargeForKafkaError


@dataclass(frozen=True)
class Sending:
    """Events on their way: with which producer, if there was one, and until when to wait."""

    producer: AIOKafkaProducer | None
    sent: Sequence[Sent]
    deadline: float


class Publisher:
    """One producer that all requests share, started and replaced in the background.

    A send that times out may still be written later. That is safe: the event's name makes it count once.
    """

    def __init__(self, bootstrap: str, topic: str, *, timeout_s: float, client_id: str = "lanewatch-ingest") -> None:
        self.topic = topic
        self.timeout_s = timeout_s
        self._make: Callable[[], AIOKafkaProducer] = lambda: make_producer(bootstrap, client_id)
        self._producer: AIOKafkaProducer | None = None
        self._is_broken = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._retired: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to connect; returns at once, and `check` says when it is done."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Send what is in hand, within a bounded time, and disconnect."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._retire()
        if self._retired:
            await asyncio.wait(self._retired, timeout=FLUSH_TIMEOUT_S)

    async def check(self) -> str | None:
        """Return why nothing can be published now, if so."""
        return await check_broker(self._producer, [self.topic]) if self._producer else "Kafka is not connected yet"

    async def publish(self, events: Sequence[Accepted]) -> list[Result]:
        """Send the events in order and wait until all are acknowledged or the time is up."""
        return await self.finish(await self.begin(events))

    async def begin(self, events: Sequence[Accepted]) -> Sending:
        """Hand the events to the producer, in order; `finish` waits for what becomes of them."""
        deadline = asyncio.get_running_loop().time() + self.timeout_s
        producer = self._producer
        if producer is None:
            return Sending(None, [RetryableError("Kafka is not connected")] * len(events), deadline)
        return Sending(producer, await self._send(producer, events, deadline), deadline)

    async def finish(self, sending: Sending) -> list[Result]:
        """Wait until all of it is acknowledged or the time is up."""
        producer = sending.producer
        if producer is None:
            return [one for one in sending.sent if isinstance(one, RetryableError)]
        if futures := [one for one in sending.sent if isinstance(one, asyncio.Future) and not one.done()]:
            await _all_done(futures, sending.deadline)
        return [self._result(one, producer) for one in sending.sent]

    async def _send(self, producer: AIOKafkaProducer, events: Sequence[Accepted], deadline: float) -> list[Sent]:
        """Hand the events to the producer; after one that it could not take, no later one overtakes it."""
        sent: list[Sent] = []
        try:
            async with asyncio.timeout_at(deadline):
                for event in events:
                    try:
                        sent.append(await producer.send(self.topic, event.value, event.key.encode(), headers=HEADERS))
                    except MessageSizeTooLargeError:
                        sent.append(TooLargeForKafkaError(TOO_LARGE))
        except (KafkaError, TimeoutError, OSError) as error:
            sent += [error] * (len(events) - len(sent))
        return sent

    def _result(self, sent: Sent, producer: AIOKafkaProducer) -> Result:
        if isinstance(sent, TooLargeForKafkaError):
            return sent
        if isinstance(sent, Exception):
            return self._refusal(sent, producer)
        if not sent.done():
            sent.add_done_callback(_retrieve)
            return self._refusal(TimeoutError(), producer)
        if error := sent.exception():
            return self._refusal(error, producer)
        place = sent.result()
        return Receipt(place.topic, place.partition, place.offset if place.offset >= 0 else None)

    def _refusal(self, error: BaseException, producer: AIOKafkaProducer) -> Result:
        if isinstance(error, KafkaError) and not isinstance(error, KafkaTimeoutError) and not error.retriable:
            # An idempotent producer gets stuck on the number of the batch that it gave up; a new one does not.
            log.error("producer failed", error=repr(error))
            if producer is self._producer:
                self._is_broken.set()
        if isinstance(error, MessageSizeTooLargeError):
            return TooLargeForKafkaError(TOO_LARGE)
        return RetryableError(f"Kafka did not acknowledge: {type(error).__name__}")

    async def _keep(self) -> None:
        while True:
            self._producer = await self._connected()
            log.info("connected to Kafka", topic=self.topic)
            await self._is_broken.wait()
            self._is_broken.clear()
            self._retire()
            await asyncio.sleep(RECONNECT_PAUSE_S)

    async def _connected(self) -> AIOKafkaProducer:
        while True:
            producer = self._make()
            try:
                await producer.start()
            except BaseException as error:
                await producer.stop()
                if not isinstance(error, Exception):
                    raise
                # Whatever the reason, there is nothing to do but to try again: without this loop nobody would.
                log.warning("Kafka is away", reason=repr(error))
                await asyncio.sleep(RECONNECT_PAUSE_S)
            else:
                return producer

    def _retire(self) -> None:
        """Let the producer finish by itself: stopping waits for what it still has to send."""
        if self._producer:
            task = asyncio.create_task(self._producer.stop())
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)
            self._producer = None


async def _all_done(futures: list[asyncio.Future[Any]], deadline: float) -> None:
    """Wait until all are done or the time is up, the last first: when it is done, the others mostly are."""
    loop = asyncio.get_running_loop()
    for future in reversed(futures):
        if not future.done():
            waiter = loop.create_future()
            timer = loop.call_at(deadline, _wake, waiter)
            future.add_done_callback(lambda _, waiter=waiter: _wake(waiter))
            try:
                await waiter
            finally:
                timer.cancel()
            if loop.time() >= deadline:
                return


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Take note of a late outcome, so that it is not reported as forgotten."""
    if not future.cancelled():
        future.exception()
