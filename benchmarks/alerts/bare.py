"""The floor of latency: consumes decisions and posts each, signed, as it comes; keeps nothing: `bare URL ENDPOINTS`."""

import asyncio
import sys

import uvloop

from benchmarks.alerts.plain import make_session, post
from services.alerts.settings import AlertsSettings
from shared.kafka import make_consumer


async def run(first_url: str, endpoints: int) -> None:
    """Consume and post until the process is ended."""
    settings = AlertsSettings()
    consumer = make_consumer(settings.kafka_bootstrap, settings.alerts_group, "bare")
    await consumer.start()
    consumer.subscribe([settings.topic_decisions])
    print("ready", flush=True)
    posts: set[asyncio.Task[None]] = set()
    number = 0
    async with make_session() as session:
        async for record in consumer:
            task = asyncio.create_task(post(session, f"{first_url}/ok/{number % endpoints}", record.value))
            number += 1
            posts.add(task)
            task.add_done_callback(posts.discard)


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2])))
