"""Puts time into the log: a tick each interval, and one in the second in which something is due; each counts once."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.store.due import next_due
from shared import cloudevents
from shared.cloudevents import Event
from shared.database import transaction
from shared.errors import RetryableError
from shared.events import ClockTicked
from shared.kafka import producing
from shared.waiting import wait

SOURCE = "/lanewatch/scheduler"
LOOK_EVERY_S = 2.0
"""So often it is asked what is due next: what was posted since may be due before the next interval."""
SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def interval_of(now: datetime, every_s: float) -> datetime:
    """Return when the interval began that `now` is in: the same for every process."""
    return _EPOCH + timedelta(seconds=(now - _EPOCH).total_seconds() // every_s * every_s)


def tick_at(due: datetime) -> Event[ClockTicked]:
    """Return the tick of a moment; its id is the moment's, so it counts once however many publish it."""
    due = due.astimezone(UTC)
    return Event(
        specversion="1.0",
        id=f"tick-{due.isoformat()}",
        source=SOURCE,
        type=ClockTicked.TYPE,
        time=due,
        data=ClockTicked(now=due),
    )


def to_publish(now: datetime, interval: datetime, due: datetime | None, last: datetime | None) -> datetime | None:
    """Return the latest moment that has come and was not published; its tick brings all that is due until then.

    What is due comes with the next whole second, so that however much is due there is one tick a second at most.
    """
    second = interval_of(now, 1.0)
    moment = second if due is not None and due <= second else interval
    return moment if last is None or moment > last else None


class Scheduler:
    """Publishes the wall clock's ticks to the event topic: one each interval, and one when something is due."""

    def __init__(self, engine: AsyncEngine, bootstrap: str, topic: str, every_s: float) -> None:
        self.engine = engine
        self.bootstrap = bootstrap
        self.topic = topic
        self.every_s = every_s
        self._stopping = asyncio.Event()
        self._last: datetime | None = None

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Publish a tick at the start and then whenever one is due; a broker that is away is waited for."""
        while not self._stopping.is_set():
            with suppress(KafkaError):
                async with producing(self.bootstrap, "lanewatch-scheduler") as producer:
                    while not self._stopping.is_set():
                        await self._turn(producer)
            await wait(self._stopping, 1.0)

    async def _turn(self, producer: AIOKafkaProducer) -> None:
        """Publish what has come, or wait for what comes next."""
        due = await self._due() if self._last is not None else None
        now = datetime.now(UTC)
        interval = interval_of(now, self.every_s)
        moment = to_publish(now, interval, due, self._last)
        if moment is None:
            following = interval + timedelta(seconds=self.every_s)
            if due is not None:
                following = min(following, interval_of(max(due, now), 1.0) + SECOND)
            await wait(self._stopping, max(0.01, min(LOOK_EVERY_S, (following - now).total_seconds())))
            return
        tick = tick_at(moment)
        await producer.send_and_wait(self.topic, cloudevents.write(tick), key=cloudevents.entity_key(tick).encode())
        self._last = moment

    async def _due(self) -> datetime | None:
        """Return what is due after the last tick; while the database is away only the intervals are known."""
        try:
            async with transaction(self.engine) as c:
                return await next_due(c, self._last or _EPOCH)
        except RetryableError:
            return None
