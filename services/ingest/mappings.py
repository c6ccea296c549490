"""Keeps mappings in a compacted topic, and in memory what stands there: a record for each tenant and name.

The ingest has no database. Each process reads the topic from its beginning and follows it; what it was told to keep it
has kept when it has read it back. A mapping's version is the offset of its record.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.sheet.checking import read_mapping
from services.ingest.domain.formats.sheet.mapping import AnyMapping
from shared.errors import RetryableError
from shared.kafka import REQUEST_TIMEOUT_MS, check_broker, producing, stop_client
from shared.running import cancel

log = structlog.get_logger(__name__)

CLIENT_ID = "lanewatch-ingest-mappings"
PAUSE_S = 0.5
POLL_MS = 1_000
QUIET_POLLS = 5


class _Key(msgspec.Struct, frozen=True, array_like=True):
    tenant: str
    name: str


class _Value(msgspec.Struct, frozen=True):
    by: str
    mapping: msgspec.Raw


@dataclass(frozen=True)
class Stored:
    """A mapping as it was put."""

    name: str
    version: int
    at: datetime
    by: str
    mapping: AnyMapping


Known = dict[_Key, Stored]


class Mappings:
    """All tenants' mappings, as far as this process has read them."""

    def __init__(self, bootstrap: str, topic: str, *, timeout_s: float) -> None:
        self._bootstrap = bootstrap
        self._partition = TopicPartition(topic, 0)
        self._timeout_s = timeout_s
        self._known: Known = {}
        self._position = -1
        """Up to which offset everything has been read; -1 until it has been to the end once."""
        self._why_not = "they were not looked for yet"
        self._moved = asyncio.Condition()
        self._follower: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read; returns at once, and `check` says when it is done."""
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Read no more."""
        if self._follower:
            await cancel(self._follower)

    @property
    def is_read(self) -> bool:
        """Whether it is known what there is."""
        return self._position >= 0

    async def check(self) -> str | None:
        """Return why mappings are not known, if so."""
        return None if self.is_read else f"mappings are not read yet: {self._why_not}"

    def of(self, tenant: str) -> list[Stored]:
        """Return a tenant's mappings by name."""
        return [self._known[key] for key in sorted(self._known, key=lambda key: key.name) if key.tenant == tenant]

    def get(self, tenant: str, name: str) -> Stored | None:
        """Return a tenant's mapping."""
        return self._known.get(_Key(tenant, name))

    async def put(self, tenant: str, name: str, by: str, mapping: AnyMapping) -> Stored:
        """Keep a mapping and return it as it stands then. Raises RetryableError when that takes too long."""
        value = _Value(by, msgspec.Raw(msgspec.json.encode(mapping)))
        offset = await self._written(_Key(tenant, name), msgspec.json.encode(value))
        now = datetime.now(UTC)
        return self.get(tenant, name) or Stored(name, offset, now, by, mapping)

    async def remove(self, tenant: str, name: str) -> None:
        """Forget a mapping. Raises RetryableError when that takes too long."""
        await self._written(_Key(tenant, name), None)

    async def _written(self, key: _Key, value: bytes | None) -> int:
        """Write a record, wait until this process has read it, and return its offset."""
        topic, number = self._partition
        try:
            async with asyncio.timeout(self._timeout_s), producing(self._bootstrap, CLIENT_ID) as producer:
                record = await producer.send_and_wait(topic, value, key=msgspec.json.encode(key), partition=number)
                async with self._moved:
                    await self._moved.wait_for(lambda: self._position > record.offset)
        except (KafkaError, OSError, TimeoutError) as error:
            raise RetryableError(f"Kafka did not keep it in time: {type(error).__name__}") from error
        return int(record.offset)

    async def _follow(self) -> None:
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                client_id=CLIENT_ID,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            try:
                await consumer.start()
                await self._read(consumer)
            except (KafkaError, OSError, RetryableError) as error:
                why = str(error) or repr(error)
                if why != self._why_not:
                    log.warning("mappings cannot be read", reason=why)
                self._why_not = why
            except Exception:
                # Whatever the reason, there is nothing to do but to read all of it again: nobody else would.
                log.exception("mappings cannot be read")
            finally:
                await stop_client(consumer)
            await asyncio.sleep(PAUSE_S)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        """Read from the beginning, then on and on. What was known before stays known until all has been read again."""
        if why := await check_broker(consumer, [self._partition.topic]):
            raise RetryableError(why)
        consumer.assign([self._partition])
        await consumer.seek_to_beginning(self._partition)
        found: Known = {}
        end, quiet = await self._end(consumer), 0
        while (position := await consumer.position(self._partition)) < end and quiet < QUIET_POLLS:
            records = await self._fetched(consumer)
            # What stood at the end may have been compacted away: Kafka answers, and brings nothing.
            quiet = 0 if records or await self._end(consumer) != end else quiet + 1
            for record in records:
                _apply(found, record)
        self._known = found
        await self._move(max(position, end))
        while True:
            records = await self._fetched(consumer)
            for record in records:
                _apply(found, record)
            if records:
                await self._move(records[-1].offset + 1)

    async def _end(self, consumer: AIOKafkaConsumer) -> int:
        ends = await consumer.end_offsets([self._partition])
        return int(ends[self._partition])

    async def _fetched(self, consumer: AIOKafkaConsumer) -> list[Any]:
        found = await consumer.getmany(self._partition, timeout_ms=POLL_MS)
        return [record for records in found.values() for record in records]

    async def _move(self, position: int) -> None:
        async with self._moved:
            self._position = position
            self._moved.notify_all()


def _apply(known: Known, record: Any) -> None:
    with contextlib.suppress(msgspec.MsgspecError):
        key = msgspec.json.decode(record.key, type=_Key)
        known.pop(key, None)
        if record.value is None:
            return
        value = msgspec.json.decode(record.value, type=_Value)
        mapping = read_mapping(bytes(value.mapping))
        if not isinstance(mapping, Fault):
            at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
            known[key] = Stored(key.name, record.offset, at, value.by, mapping)
            return
    log.error("a mapping cannot be read and is not known", offset=record.offset)
