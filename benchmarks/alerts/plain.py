"""The floor: posts signed alerts by a plain aiohttp session and keeps nothing: `plain FIRST_URL ENDPOINTS COUNT`."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import uvloop

from benchmarks.alerts.load import Maker
from benchmarks.worker import Clock, tell
from services.alerts.domain.signing import key_of, secret_from, sign

CONNECTIONS = 64
KEY = key_of(secret_from(b"k" * 32))


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> None:
    """Post one alert, signed as Standard Webhooks asks for, and read the answer."""
    webhook_id, timestamp = str(uuid4()), int(datetime.now(UTC).timestamp())
    headers = {
        "content-type": "application/cloudevents+json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(KEY, webhook_id, timestamp, body),
    }
    async with session.post(url, data=body, headers=headers) as answer:
        await answer.read()


def make_session() -> aiohttp.ClientSession:
    """Return a session as one writes it."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def _keep_posting(session: aiohttp.ClientSession, left: Iterator[tuple[str, bytes]]) -> None:
    for url, body in left:
        await post(session, url, body)


async def run(first_url: str, endpoints: int, count: int) -> None:
    """Post all and tell the outcome."""
    maker = Maker()
    urls = [f"{first_url}/ok/{n}" for n in range(endpoints)]
    left = iter([(urls[n % endpoints], maker.make()) for n in range(count)])
    async with make_session() as session:
        clock = Clock()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(_keep_posting(session, left))
        tell(clock.outcome(count))


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
