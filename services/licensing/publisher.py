"""Publishes the outbox in order: one relay at a time, woken by NOTIFY, whatever was left first."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from prometheus_client import Counter, Gauge
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import cloudevents
from shared.cloudevents import Event
from shared.database import LOST_CONNECTION, transaction
from shared.errors import RetryableError
from shared.events import PipelinePulse
from shared.kafka import producing
from shared.waiting import wait

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

log = structlog.get_logger(__name__)

PUBLISHED = Counter("lanewatch_licensing_published_total", "Outbox rows published", ["topic"])
IS_RELAY = Gauge("lanewatch_licensing_is_relay", "Whether this process is the one that publishes")

BATCH = 1000
STUCK_AFTER_S = 60
IDLE_MS = 5000
"""A relay that is paused loses its lock after so long; while it runs it speaks every second."""
_LOCK = "SELECT pg_try_advisory_lock(hashtext('lanewatch licensing relay'))"
PULSE_EVERY_S = 1.0
_CLOCK = text("SELECT clock FROM licensing.register")
_NEXT = text(
    "SELECT number, topic, key, body, headers FROM licensing.outbox WHERE published_at IS NULL ORDER BY number LIMIT :n"
)
_DONE = text("""
    UPDATE licensing.outbox o SET published_at = now(), failure = d.failure
    FROM unnest(CAST(:numbers AS bigint[]), CAST(:failures AS text[])) AS d(number, failure) WHERE o.number = d.number
""")


class Relay:
    """Moves rows from the outbox to Kafka; rows of one lane keep their order.

    A row's number is taken under its lane's lock, so in one lane numbers follow commits. A crash
    between publishing and noting it publishes a row again; readers know it by the alert's id.
    Where a pulse's topic is given, the clock is published there whenever it moved and nothing is left to publish.
    """

    def __init__(
        self, engine: AsyncEngine, bootstrap: str, *, pulse_topic: str | None = None, poll_s: float = 1.0
    ) -> None:
        self.pulse_topic = pulse_topic
        self._clock: datetime | None = None
        self._clock_read_at = 0.0
        self.engine = engine
        self.bootstrap = bootstrap
        self.poll_s = poll_s
        self.waiting_for: str | None = None
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._turn_at = time.monotonic()

    def stop(self) -> None:
        """Let the rows in hand be published, then end `run`."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Publish until `stop`; takes over when the relay of another process ends."""
        while not self._stopping.is_set():
            try:
                await self._lead()
            except (RetryableError, KafkaError, OSError, asyncpg.PostgresError, *LOST_CONNECTION) as error:
                self.waiting_for = f"{type(error).__name__}: {error}"
                self._turn_at = time.monotonic()
                await wait(self._stopping, 0.25)

    async def _lead(self) -> None:
        """Hold the lock on a connection of its own; the lock goes with the connection."""
        settings = {"application_name": "lanewatch-licensing-relay", "idle_session_timeout": str(IDLE_MS)}
        connection = await asyncpg.connect(_dsn(self.engine), timeout=5, server_settings=settings)
        try:
            if not await connection.fetchval(_LOCK):
                self._turn_at = time.monotonic()
                self.waiting_for = None
                await wait(self._stopping, self.poll_s)
                return
            IS_RELAY.set(1)
            await connection.add_listener("lanewatch_outbox", lambda *_: self._wake.set())
            async with producing(self.bootstrap, "lanewatch-licensing") as producer:
                await self._relay(connection, producer)
        finally:
            IS_RELAY.set(0)
            await connection.close(timeout=2)

    async def _relay(self, connection: "Connection", producer: AIOKafkaProducer) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            self._turn_at = time.monotonic()
            published = await self._publish(producer)
            self.waiting_for = None
            if published < BATCH:
                if self.pulse_topic is not None:
                    await self._pulse(producer, self.pulse_topic)
                await wait(self._wake, self.poll_s)
                await connection.fetchval("SELECT 1", timeout=5)

    async def _publish(self, producer: AIOKafkaProducer) -> int:
        async with transaction(self.engine) as c:
            rows = (await c.execute(_NEXT, {"n": BATCH})).all()
        if not rows:
            return 0
        failures = await _send(producer, rows)
        async with transaction(self.engine) as c:
            await c.execute(_DONE, {"numbers": [row.number for row in rows], "failures": failures})
        for row in rows:
            PUBLISHED.labels(row.topic).inc()
        return len(rows)

    async def _pulse(self, producer: AIOKafkaProducer, topic: str) -> None:
        """Tell that the clock moved, which only a tick that was taken in and worked out can do."""
        if time.monotonic() - self._clock_read_at < PULSE_EVERY_S:
            return
        async with transaction(self.engine) as c:
            clock = (await c.execute(_CLOCK)).scalar_one()
        self._clock_read_at = time.monotonic()
        before, self._clock = self._clock, clock
        if before is None or clock == before:
            return
        await producer.send_and_wait(topic, cloudevents.write(_pulse_of(clock)), key=b"pulse")

    async def check_live(self) -> str | None:
        """Return a reason when the relay has not gone round for too long, though nothing is away."""
        idle_s = time.monotonic() - self._turn_at
        return (
            f"the relay has stood still for {idle_s:.0f} s" if idle_s > STUCK_AFTER_S and not self.waiting_for else None
        )

    async def check_ready(self) -> str | None:
        """Return what the relay waits for, if anything."""
        return self.waiting_for


def _pulse_of(clock: datetime) -> Event[PipelinePulse]:
    (kind,) = PipelinePulse.TYPES
    return cloudevents.alert(
        kind, id=f"pulse-{clock.isoformat()}", time=clock, key="pulse", data=PipelinePulse(clock=clock)
    )


async def _send(producer: AIOKafkaProducer, rows: Sequence[Any]) -> list[str | None]:
    """Send the rows in order; return why one can never be sent, since it must not hold up those behind it."""
    failures: list[str | None] = []
    sent = []
    for row in rows:
        try:
            sent.append(await producer.send(row.topic, row.body, key=row.key.encode(), headers=_headers(row.headers)))
            failures.append(None)
        except MessageSizeTooLargeError as error:
            log.critical("an alert is too large to be published", number=row.number, bytes=len(row.body))
            failures.append(str(error))
    await asyncio.gather(*sent)
    return failures


def _headers(text: str | None) -> list[tuple[str, bytes]]:
    found: dict[str, str] = msgspec.json.decode(text) if text else {}
    return [("content-type", b"application/cloudevents+json"), *((k, v.encode()) for k, v in found.items())]


def _dsn(engine: AsyncEngine) -> str:
    return make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
