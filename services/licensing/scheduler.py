"""Puts time into the log: publishes each tick of the clock once, whichever process runs it."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import cloudevents
from shared.cloudevents import Event
from shared.events import ClockTicked
from shared.kafka import producing
from shared.waiting import wait

SOURCE = "/lanewatch/scheduler"


def tick_at(now: datetime, every_s: float) -> Event[ClockTicked]:
    """Return the tick of the interval that `now` is in: the same for every process, so it counts once."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    due = epoch + timedelta(seconds=(now - epoch).total_seconds() // every_s * every_s)
    return Event(
        specversion="1.0",
        id=f"tick-{due.isoformat()}",
        source=SOURCE,
        type=ClockTicked.TYPE,
        time=due,
        data=ClockTicked(now=due),
    )


class Scheduler:
    """Publishes the wall clock's ticks to the event topic."""

    def __init__(self, bootstrap: str, topic: str, every_s: float) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.every_s = every_s
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Publish a tick at the start and then one each interval; a broker that is away is waited for."""
        while not self._stopping.is_set():
            with suppress(KafkaError):
                async with producing(self.bootstrap, "lanewatch-scheduler") as producer:
                    await self._tick(producer)
            await wait(self._stopping, 1.0)

    async def _tick(self, producer: AIOKafkaProducer) -> None:
        while not self._stopping.is_set():
            now = datetime.now(UTC)
            tick = tick_at(now, self.every_s)
            key = cloudevents.entity_key(tick).encode()
            await producer.send_and_wait(self.topic, cloudevents.write(tick), key=key)
            pause_s = (tick.time + timedelta(seconds=self.every_s) - now).total_seconds()
            await wait(self._stopping, max(0.05, pause_s))
