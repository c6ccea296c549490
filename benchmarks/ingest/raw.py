"""The floor of bulk: the bare producer, 500 events at a time, nothing read and nothing answered: `raw EVENTS`."""

import asyncio
import sys

import uvloop

from benchmarks.ingest.load import declared
from benchmarks.worker import Clock, tell
from services.ingest.settings import IngestSettings
from shared.kafka import producing

AT_ONCE = 500


async def produce(events: int) -> None:
    """Produce all events and tell the outcome."""
    settings = IngestSettings()
    bodies = declared(events)
    async with producing(settings.kafka_bootstrap, "floor") as producer:
        clock = Clock()
        for start in range(0, events, AT_ONCE):
            sent = [
                await producer.send(settings.topic_events, body, f"shipment:S-{start + n}".encode())
                for n, body in enumerate(bodies[start : start + AT_ONCE])
            ]
            await asyncio.gather(*sent)
        tell(clock.outcome(events))


if __name__ == "__main__":
    uvloop.run(produce(int(sys.argv[1])))
