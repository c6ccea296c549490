"""Publishes the outbox in order: one relay at a time, woken by NOTIFY, whatever was left first."""

import asyncio
import time

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import transaction
from shared.errors import RetryableError
from shared.waiting import wait

PUBLISHED = Counter("lanewatch_licensing_published_total", "Outbox rows published", ["topic"])
IS_RELAY = Gauge("lanewatch_licensing_is_relay", "Whether this process is the one that publishes")

BATCH = 1000
STUCK_AFTER_S = 60
IDLE_MS = 5000
"""A relay that is paused loses its lock after so long; while it runs it speaks every second."""
_LOCK = "SELECT pg_try_advisory_lock(hashtext('lanewatch licensing relay'))"
_NEXT = text(
    "SELECT number, topic, key, body, headers FROM licensing.outbox WHERE published_at IS NULL ORDER BY number LIMIT :n"
)
_DONE = text("UPDATE licensing.outbox SET published_at = now() WHERE number = ANY(:numbers)")


class Relay:
    """Moves rows from the outbox to Kafka; rows of one lane keep their order.

    A row's number is taken under its lane's lock, so in one lane numbers follow commits. A crash
    between publishing and noting it publishes a row again; readers know it by the alert's id.
    """

    def __init__(self, engine: AsyncEngine, producer: AIOKafkaProducer, *, poll_s: float = 1.0) -> None:
        self.engine = engine
        self.producer = producer
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
            except (RetryableError, KafkaError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
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
            while not self._stopping.is_set():
                self._wake.clear()
                self._turn_at = time.monotonic()
                published = await self._publish()
                self.waiting_for = None
                if published < BATCH:
                    await wait(self._wake, self.poll_s)
                    await connection.fetchval("SELECT 1", timeout=5)
        finally:
            IS_RELAY.set(0)
            await connection.close(timeout=2)

    async def _publish(self) -> int:
        async with transaction(self.engine) as c:
            rows = (await c.execute(_NEXT, {"n": BATCH})).all()
        if not rows:
            return 0
        sent = [
            await self.producer.send(row.topic, row.body, key=row.key.encode(), headers=_headers(row.headers))
            for row in rows
        ]
        await asyncio.gather(*sent)
        async with transaction(self.engine) as c:
            await c.execute(_DONE, {"numbers": [row.number for row in rows]})
        for row in rows:
            PUBLISHED.labels(row.topic).inc()
        return len(rows)

    async def check_live(self) -> str | None:
        """Return a reason when the relay has not gone round for too long, though nothing is away."""
        idle_s = time.monotonic() - self._turn_at
        return (
            f"the relay has stood still for {idle_s:.0f} s" if idle_s > STUCK_AFTER_S and not self.waiting_for else None
        )

    async def check_ready(self) -> str | None:
        """Return what the relay waits for, if anything."""
        return self.waiting_for


def _headers(text: str | None) -> list[tuple[str, bytes]]:
    found: dict[str, str] = msgspec.json.decode(text) if text else {}
    return [("content-type", b"application/cloudevents+json"), *((k, v.encode()) for k, v in found.items())]


def _dsn(engine: AsyncEngine) -> str:
    return make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
