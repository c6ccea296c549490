"""Reading a topic in micro-batches whose offsets are committed in the reader's own database transaction.

Kafka's group only shares out the partitions. What was read is known by the offsets that the
handler writes beside its effects, so an effect and its offset are there together or not at all.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import PermanentError, RetryableError
from shared.merging import Merger
from shared.running import cancel
from shared.waiting import wait

log = structlog.get_logger(__name__)

Record: TypeAlias = Any
"""An `aiokafka.ConsumerRecord` with bytes for key and value; the library publishes no types."""
Advance: TypeAlias = dict[int, tuple[int, int]]
"""By partition: the offset that must be stored now, and the one to store instead."""

LOOKED_AT_ONCE = 8
"""So many records are looked at before whoever waits for an answer has his turn."""


class OffsetsMovedError(Exception):
    """Another process has read on: this one's partitions were taken over while it slept."""


class Handler(Protocol):
    """What a service does with records; each method is one transaction."""

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the stored offset of each partition; one that was never read starts at 0."""

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:
        """Apply the records and store the offsets; return how many of them it refused.

        Raises RetryableError to be called again with the same records, OffsetsMovedError when the
        stored offsets are not the expected ones. Anything else is a fault of some record in it.
        """

    async def bury(self, record: Record, error: Exception, advance: Advance) -> None:
        """Write one record to the dead letters with the reason, and store the offset."""


class Halted(Exception):
    """Reading on would do harm: a person must look."""


class DeadLetterLimit:
    """Halts when more than `share` of the last `window` records (a few more, batches are not cut) died.

    It is there for a bad release. What a handler refuses for what stands in it counts only where `counts_refused`:
    of a topic that others fill it says something of them, and stops nobody else.
    """

    def __init__(self, share: float = 0.5, window: int = 200, *, counts_refused: bool = True) -> None:
        self.share = share
        self.window = window
        self.counts_refused = counts_refused
        self._batches: deque[tuple[int, int]] = deque()
        self._records = 0
        self._dead = 0

    def count(self, records: int, dead: int, refused: int = 0) -> None:
        """Take note of an outcome. Raises Halted when the limit is passed."""
        dead += refused if self.counts_refused else 0
        self._batches.append((records, dead))
        self._records += records
        self._dead += dead
        while self._records - self._batches[0][0] >= self.window:
            gone, gone_dead = self._batches.popleft()
            self._records -= gone
            self._dead -= gone_dead
        if self._records >= self.window and self._dead > self.share * self._records:
            raise Halted(f"{self._dead} of the last {self._records} records went to the dead letters")


class BatchConsumer(ConsumerRebalanceListener):  # type: ignore[misc] # the library publishes no types
    """Feeds a handler from one topic until told to stop; finds poison by splitting batches.

    `look_at` does for a record that comes soon what needs no database; it is called while the batch before waits.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        handler: Handler,
        *,
        max_records: int = 500,
        limit: DeadLetterLimit | None = None,
        look_at: Callable[[Record], None] | None = None,
        stuck_after_s: float = 30.0,
    ) -> None:
        self.consumer = consumer
        self.topic = topic
        self.handler = handler
        self.max_records = max_records
        self.limit = limit or DeadLetterLimit()
        self.look_at = look_at
        self.stuck_after_s = stuck_after_s
        self.halted: str | None = None
        self.waiting_for: str | None = None
        self._merger = Merger()
        self._batch_size = max_records
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
        """Read until `stop`. Returns early, with `halted` set, when reading on would do harm."""
        self.consumer.subscribe([self.topic], listener=self)
        while not self._stopping.is_set():
            try:
                await self._turn()
            except OffsetsMovedError:
                log.warning("partitions were taken over", topic=self.topic)
                self._reassigned.set()
            except (RetryableError, KafkaError) as error:
                self.waiting_for = str(error)
                log.warning("waiting to try again", topic=self.topic, reason=self.waiting_for, batch=self._batch_size)
                # A batch too large to be done in time would come again for ever; a smaller one gets through.
                self._batch_size = max(1, self._batch_size // 2)
                self._reassigned.set()
                await wait(self._stopping, 0.25)
            except Halted as halt:
                self.halted = str(halt)
                log.critical("consumer halted", topic=self.topic, reason=self.halted)
                return

    async def _turn(self) -> None:
        if self._reassigned.is_set():
            await self._reposition()
        records = self._merger.take(self._batch_size)
        if not records:
            await self._fetch()
            records = self._merger.take(self._batch_size)
        if self._reassigned.is_set():
            return
        if records:
            await self._settle_looking_ahead(records)
            self._batch_size = min(self.max_records, self._batch_size * 2)
        self.waiting_for = None

    async def _settle_looking_ahead(self, records: Sequence[Record]) -> None:
        """Settle a batch, and use the time in which the database works for the next one."""
        ahead = asyncio.create_task(self._look_ahead())
        try:
            await self._settle(records)
        finally:
            await cancel(ahead)

    async def _look_ahead(self) -> None:
        for tp in self._hungry():
            self._take_in(await self.consumer.getmany(tp, max_records=self.max_records), [tp])
            await asyncio.sleep(0)
        if self.look_at is None:
            return
        for number, record in enumerate(self._merger.upcoming(self._batch_size), start=1):
            # Whatever is wrong with a record is told when its turn comes.
            with suppress(Exception):
                self.look_at(record)
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _hungry(self) -> list[TopicPartition]:
        return [TopicPartition(self.topic, p) for p in self._merger.hungry(self.max_records)]

    async def _fetch(self) -> None:
        """Fetch for the partitions that have little in hand."""
        hungry = self._hungry()
        if hungry:
            self._take_in(await self.consumer.getmany(*hungry, timeout_ms=200), hungry)
        else:
            await wait(self._stopping, 0.2)

    def _take_in(self, fetched: dict[TopicPartition, list[Record]], asked: Sequence[TopicPartition]) -> None:
        """Note what a fetch brought, and how far each partition could be read."""
        for tp, records in fetched.items():
            self._merger.add(tp.partition, records)
        for tp in asked:
            if tp in self.consumer.assignment():
                self._merger.note_end(tp.partition, self.consumer.highwater(tp))

    async def _reposition(self) -> None:
        self._reassigned.clear()
        assigned = sorted(self.consumer.assignment())
        positions = await self.handler.positions([tp.partition for tp in assigned]) if assigned else {}
        self._merger = Merger(positions)
        ends = await self.consumer.end_offsets(assigned) if assigned else {}
        for tp in assigned:
            position = positions[tp.partition]
            if ends[tp] < position:
                raise Halted(f"{self.topic} {tp.partition} ends at {ends[tp]}, {position} were read: was it restored?")
            try:
                self.consumer.seek(tp, position)
            except KafkaError:
                self._reassigned.set()

    def _advance(self, records: Sequence[Record]) -> Advance:
        last = {r.partition: r.offset + 1 for r in records}
        return {p: (self._merger.positions[p], offset) for p, offset in sorted(last.items())}

    async def _settle(self, records: Sequence[Record]) -> None:
        advance = self._advance(records)
        try:
            refused = await self.handler.handle(records, advance)
        except (RetryableError, OffsetsMovedError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, some record brings it about
            if len(records) > 1:
                middle = len(records) // 2
                await self._settle(records[:middle])
                await self._settle(records[middle:])
                return
            await self._bury(records[0], error, advance)
            return
        self._done(advance)
        self.limit.count(len(records), 0, refused)

    async def _bury(self, record: Record, error: Exception, advance: Advance) -> None:
        self.limit.count(1, 1)
        reason = error.reason if isinstance(error, PermanentError) else repr(error)
        place = {"topic": self.topic, "partition": record.partition, "offset": record.offset}
        log.error("record buried", reason=reason, exc_info=error, **place)
        await self.handler.bury(record, error, advance)
        self._done(advance)

    def _done(self, advance: Advance) -> None:
        self._merger.positions.update({p: to for p, (_, to) in advance.items()})
        self._progress_at = time.monotonic()

    async def lag(self) -> int:
        """Return how many records of the assigned partitions are still to be read."""
        positions = dict(self._merger.positions)
        assigned = [TopicPartition(self.topic, p) for p in positions]
        if not assigned:
            return 0
        ends = await self.consumer.end_offsets(assigned)
        return sum(max(0, ends[tp] - positions[tp.partition]) for tp in assigned)

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
