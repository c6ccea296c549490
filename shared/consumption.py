"""Reading a topic in micro-batches whose offsets are committed in the reader's own database transaction.

Kafka's group only shares out the partitions. What was read is known by the offsets that the
handler writes beside its effects, so an effect and its offset are there together or not at all.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import PermanentError, RetryableError
from shared.waiting import wait

log = structlog.get_logger(__name__)

Record: TypeAlias = Any
"""An `aiokafka.ConsumerRecord` with bytes for key and value; the library publishes no types."""
Advance: TypeAlias = dict[int, tuple[int, int]]
"""By partition: the offset that must be stored now, and the one to store instead."""


class OffsetsMovedError(Exception):
    """Another process has read on: this one's partitions were taken over while it slept."""


class Handler(Protocol):
    """What a service does with records; each method is one transaction."""

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the stored offset of each partition; one that was never read starts at 0."""

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:
        """Apply the records and store the offsets; return how many went to the dead letters.

        Raises RetryableError to be called again with the same records, OffsetsMovedError when the
        stored offsets are not the expected ones. Anything else is a fault of some record in it.
        """

    async def bury(self, record: Record, error: Exception, advance: Advance) -> None:
        """Write one record to the dead letters with the reason, and store the offset."""


class Halted(Exception):
    """Too large a share of the records would go to the dead letters: a person must look."""


class DeadLetterLimit:
    """Halts when more than `share` of the last `window` records went to the dead letters."""

    def __init__(self, share: float = 0.5, window: int = 200) -> None:
        self.share = share
        self._recent: deque[int] = deque(maxlen=window)

    def count(self, records: int, dead: int) -> None:
        """Take note of an outcome. Raises Halted when the limit is passed."""
        self._recent.extend([1] * dead + [0] * (records - dead))
        if len(self._recent) == self._recent.maxlen and sum(self._recent) > self.share * len(self._recent):
            raise Halted(f"{sum(self._recent)} of the last {len(self._recent)} records went to the dead letters")


class BatchConsumer(ConsumerRebalanceListener):  # type: ignore[misc] # the library publishes no types
    """Feeds a handler from one topic until told to stop; finds poison by splitting batches."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        handler: Handler,
        *,
        max_records: int = 500,
        limit: DeadLetterLimit | None = None,
        stuck_after_s: float = 30.0,
    ) -> None:
        self.consumer = consumer
        self.topic = topic
        self.handler = handler
        self.max_records = max_records
        self.limit = limit or DeadLetterLimit()
        self.stuck_after_s = stuck_after_s
        self.halted: str | None = None
        self.waiting_for: str | None = None
        self._positions: dict[int, int] = {}
        self._reassigned = asyncio.Event()
        self._stopping = asyncio.Event()
        self._progress_at = time.monotonic()

    # Kafka calls these two while it rebalances; the stored offsets are looked up in the loop, where
    # a database that is away can be waited for.
    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:  # noqa: ARG002 - Kafka's signature
        """Forget what was read so far; what is in hand fails at the stored offsets if it was taken over."""
        self._reassigned.set()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:  # noqa: ARG002 - Kafka's signature
        """Look up where to read on."""
        self._reassigned.set()

    def stop(self) -> None:
        """Let the batch in hand finish, then end `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Read until `stop`. Returns early, with `halted` set, when the dead-letter limit is passed."""
        self.consumer.subscribe([self.topic], listener=self)
        while not self._stopping.is_set():
            try:
                if self._reassigned.is_set():
                    await self._reposition()
                fetched = await self.consumer.getmany(timeout_ms=200, max_records=self.max_records)
                if self._reassigned.is_set():
                    continue
                await self._settle(self._in_order(fetched))
                self.waiting_for = None
            except OffsetsMovedError:
                log.warning("partitions were taken over", topic=self.topic)
                self._reassigned.set()
            except (RetryableError, KafkaError) as error:
                self.waiting_for = str(error)
                self._reassigned.set()
                await wait(self._stopping, 0.25)
            except Halted as halt:
                self.halted = str(halt)
                log.critical("consumer halted", topic=self.topic, reason=self.halted)
                return

    async def _reposition(self) -> None:
        self._reassigned.clear()
        partitions = sorted(tp.partition for tp in self.consumer.assignment())
        self._positions = await self.handler.positions(partitions) if partitions else {}
        for partition, offset in self._positions.items():
            try:
                self.consumer.seek(TopicPartition(self.topic, partition), offset)
            except KafkaError:
                self._reassigned.set()

    def _in_order(self, fetched: dict[TopicPartition, list[Record]]) -> list[Record]:
        """Merge the partitions by the time they were written; inside one the order stays."""
        fresh = (
            [r for r in records if r.offset >= self._positions.get(tp.partition, r.offset + 1)]
            for tp, records in fetched.items()
        )
        return list(heapq.merge(*fresh, key=lambda r: (r.timestamp, r.partition)))

    def _advance(self, records: Sequence[Record]) -> Advance:
        last = {r.partition: r.offset + 1 for r in records}
        return {p: (self._positions[p], offset) for p, offset in sorted(last.items())}

    async def _settle(self, records: Sequence[Record]) -> None:
        if not records:
            return
        advance = self._advance(records)
        try:
            dead = await self.handler.handle(records, advance)
        except (RetryableError, OffsetsMovedError, asyncio.CancelledError):
            raise
        except Exception as error:
            if len(records) > 1:
                middle = len(records) // 2
                await self._settle(records[:middle])
                await self._settle(records[middle:])
                return
            self.limit.count(1, 1)
            reason = error.reason if isinstance(error, PermanentError) else repr(error)
            log.exception(
                "record buried",
                topic=self.topic,
                partition=records[0].partition,
                offset=records[0].offset,
                reason=reason,
            )
            await self.handler.bury(records[0], error, advance)
            self._done(advance)
            return
        self._done(advance)
        self.limit.count(len(records), dead)

    def _done(self, advance: Advance) -> None:
        self._positions.update({p: to for p, (_, to) in advance.items()})
        self._progress_at = time.monotonic()

    async def lag(self) -> int:
        """Return how many records of the assigned partitions are still to be read."""
        assigned = [TopicPartition(self.topic, p) for p in self._positions]
        if not assigned:
            return 0
        ends = await self.consumer.end_offsets(assigned)
        return sum(max(0, ends[tp] - self._positions.get(tp.partition, ends[tp])) for tp in assigned)

    async def check_live(self) -> str | None:
        """Return a reason when there is something to read and nothing was read for too long.

        A dependency that is away is no reason: a restart would not bring it back.
        """
        idle_s = time.monotonic() - self._progress_at
        if self.halted or self.waiting_for or idle_s < self.stuck_after_s:
            return None
        try:
            async with asyncio.timeout(1):
                behind = await self.lag()
        except (KafkaError, TimeoutError):
            return None
        if behind == 0:
            self._progress_at = time.monotonic()
            return None
        return f"no progress for {idle_s:.0f} s with {behind} records to read"

    async def check_ready(self) -> str | None:
        """Return why nothing is being read now, if so."""
        return self.halted or self.waiting_for
