"""The hot route stands behind the same guard as all others, and fails as they do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest.api import endpoint
from services.ingest.main import front
from services.ingest.settings import IngestSettings
from tests.support.senders import write_senders
from tests.support.tokens import bearer, token, write_keys

STRUCTURED = {"content-type": "application/cloudevents+json"}


def client(settings: IngestSettings) -> httpx.AsyncClient:
    # A service that is not started has no Kafka; what is asked here ends before that, or is refused for it.
    return httpx.AsyncClient(transport=httpx.ASGITransport(front(settings)), base_url="http://ingest")


@pytest.fixture
def guarded(tmp_path: Path) -> IngestSettings:
    return IngestSettings(auth_keys_file=write_keys(tmp_path))


async def test_without_a_token_no_event_is_looked_at(guarded: IngestSettings) -> None:
    async with client(guarded) as ingest:
        answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="lanewatch"')
        answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED | bearer(token("events:read")))
        assert answer.status_code == 403
        answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED | bearer(token("events:write")))
        assert answer.status_code == 400


async def test_other_routes_are_served_by_the_app(guarded: IngestSettings) -> None:
    async with client(guarded) as ingest:
        assert (await ingest.get("/health/live")).status_code == 200
        assert (await ingest.put("/v1/events")).status_code == 401
    async with client(IngestSettings()) as ingest:
        assert (await ingest.put("/v1/events")).status_code == 405


async def test_what_anybody_sends_unsigned_shuts_no_other_door(tmp_path: Path) -> None:
    settings = IngestSettings(ingest_senders_file=write_senders(tmp_path), ingest_max_requests=4)
    is_over = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await is_over.wait()

    unsigned = {"notification-signature": "sha256=" + "0" * 64}
    async with client(settings) as ingest:
        posts = [
            asyncio.create_task(ingest.post(f"/v1/callbacks/{name}", content=slowly(), headers=unsigned))
            for name in ("nobody", "nobody", "carrier", "carrier")
        ]
        await asyncio.wait(posts, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED)
        is_over.set()
        told = sorted([(await post).status_code for post in posts])
    assert answer.status_code == 400, "it was looked at"
    assert told == [401, 503, 503, 503]


async def test_a_failure_nobody_foresaw_is_told_as_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(endpoint, "read_structured", fail)
    async with client(IngestSettings()) as ingest:
        answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["status"] == 500
