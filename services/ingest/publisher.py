"""Publishes accepted events on Kafka; what it returns a receipt for is in all in-sync replicas."""

import asyncio
import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from services.ingest.domain.media import STRUCTURED_TYPE
from services.ingest.domain.partitioning import place_of
from services.ingest.domain.reading import Accepted
from services.ingest.sending import Patience, Receipt, Result, Sending, TooLargeForKafkaError
from shared.errors import RetryableError
from shared.kafka import MAX_RECORD_BYTES, check_broker, make_producer

__all__ = ["Publisher", "Receipt", "Result", "Sending", "TooLargeForKafkaError"]

log = structlog.get_logger(__name__)

HEADERS = [("content-type", STRUCTURED_TYPE.encode())]
RECONNECT_PAUSE_S = 0.5
FLUSH_TIMEOUT_S = 3.0
ROOM_BYTES = 200
"""Of a record beside its key and value: the headers and what the format adds."""
TOO_LARGE = "Kafka does not take an event of this size"


class _Item(NamedTuple):
    """One event in a partition's queue, and whom to tell what became of it."""

    key: bytes
    value: bytes
    sending: Sending
    place: int


@dataclass
class _Queue:
    """What is to go to one partition, in order, and the task that sends it while there is something."""

    items: deque[_Item] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class Publisher:
    """One producer that all requests share, started and replaced in the background.

    Each partition has a queue and one batch on its way: while it is, the next one gathers. So events of all requests
    travel together, in the order in which they were handed over, and none overtakes another of its key.
    An event whose time is up before it was sent is never sent; one whose batch was sent may still be written.
    That is safe: the event's name makes it count once.
    """

    def __init__(self, bootstrap: str, topic: str, *, timeout_s: float, client_id: str = "lanewatch-ingest") -> None:
        self.topic = topic
        self.timeout_s = timeout_s
        self._make: Callable[[], AIOKafkaProducer] = lambda: make_producer(bootstrap, client_id)
        self._producer: AIOKafkaProducer | None = None
        self._queues: defaultdict[int, _Queue] = defaultdict(_Queue)
        self._patience = Patience()
        self._is_broken = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._retired: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to connect; returns at once, and `check` says when it is done."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Send what is in hand, within a bounded time, and disconnect."""
        if tasks := [queue.task for queue in self._queues.values() if queue.task]:
            await asyncio.wait(tasks, timeout=self.timeout_s)
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
        return await self.begin(events).results()

    def begin(self, events: Sequence[Accepted]) -> Sending:
        """Queue the events in order; what is returned tells what becomes of them."""
        sending = Sending(len(events), asyncio.get_running_loop().time() + self.timeout_s)
        partitions = self._partition_count()
        touched: set[int] = set()
        for index, event in enumerate(events):
            key, number = place_of(event.key)
            if not partitions:
                sending.settle(index, RetryableError("Kafka is not connected"))
            elif len(event.value) + len(key) + ROOM_BYTES > MAX_RECORD_BYTES:
                sending.settle(index, TooLargeForKafkaError(TOO_LARGE))
            else:
                partition = number % partitions
                self._queues[partition].items.append(_Item(key, event.value, sending, index))
                touched.add(partition)
        for partition in touched:
            self._move(partition, self._queues[partition])
        if not sending.is_over:
            self._patience.watch(sending)
        return sending

    def _partition_count(self) -> int:
        """Return how many partitions the topic has; 0 while there is no connection."""
        known = self._producer.client.cluster.partitions_for_topic(self.topic) if self._producer else None
        return len(known or ())

    def _move(self, partition: int, queue: _Queue) -> None:
        """See to it that what is in a queue is sent."""
        # Behind a batch that gets stuck no more is kept than somebody still waits for.
        while queue.items[0].sending.is_over:
            queue.items.popleft()
        if queue.task is None:
            queue.task = asyncio.create_task(self._drain(partition, queue))

    async def _drain(self, partition: int, queue: _Queue) -> None:
        """Send batch after batch until the queue is empty."""
        try:
            while queue.items:
                await self._send_next(partition, queue.items)
        finally:
            queue.task = None

    async def _send_next(self, partition: int, items: deque[_Item]) -> None:
        producer = self._producer
        if producer is None:
            _settle(list(items), RetryableError("Kafka is not connected"))
            items.clear()
            return
        batch = producer.create_batch()
        taken = _fill(batch, items)
        if not taken:
            return
        try:
            place = await (await producer.send_batch(batch, self.topic, partition=partition))
        except (KafkaError, OSError) as error:
            result = self._refusal(error, producer, is_alone=len(taken) == 1)
            _settle(taken + _taken_out(items, {item.sending for item in taken}), result)
        else:
            for number, item in enumerate(taken):
                offset = place.offset + number if place.offset >= 0 else None
                item.sending.settle(item.place, Receipt(self.topic, partition, offset))

    def _refusal(self, error: Exception, producer: AIOKafkaProducer, *, is_alone: bool) -> Result:
        if isinstance(error, KafkaError) and not isinstance(error, KafkaTimeoutError) and not error.retriable:
            # An idempotent producer gets stuck on the number of the batch that it gave up; a new one does not.
            log.error("producer failed", error=repr(error))
            if producer is self._producer:
                self._is_broken.set()
        # Of several no one is known to be too large: the topic may have a lower limit than a batch.
        if isinstance(error, MessageSizeTooLargeError) and is_alone:
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
                with contextlib.suppress(UnknownTopicOrPartitionError):  # `check` tells of it
                    await producer.partitions_for(self.topic)
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


def _fill(batch: Any, items: deque[_Item]) -> list[_Item]:
    """Move as many events as fit from the queue into the batch, and throw away those whose time is up."""
    taken: list[_Item] = []
    now_ms = time.time_ns() // 1_000_000
    while items:
        item = items[0]
        if not item.sending.is_over:
            # The first is taken whatever its size.
            if batch.append(key=item.key, value=item.value, timestamp=now_ms, headers=HEADERS) is None:
                break
            taken.append(item)
        items.popleft()
    return taken


def _taken_out(items: deque[_Item], sendings: set[Sending]) -> list[_Item]:
    """Take what was handed over with a failed event out of the queue, so that nothing of it overtakes that event."""
    out = [item for item in items if item.sending in sendings]
    if out:
        kept = [item for item in items if item.sending not in sendings]
        items.clear()
        items.extend(kept)
    return out


def _settle(items: Sequence[_Item], result: Result) -> None:
    for item in items:
        item.sending.settle(item.place, result)
