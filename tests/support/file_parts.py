"""The ingest in this process, without Kafka, and what a client of files that come in parts asks of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from services.ingest.main import front
from services.ingest.mappings import Mappings, Stored
from services.ingest.settings import IngestSettings
from tests.support.sheet_reading import mapping_of
from tests.support.sheets import DECLARED

LINES = "application/x-ndjson"
PART = {"content-type": "application/partial-upload"}


class KnownMappings(Mappings):
    """Has read one mapping, and follows no topic."""

    known = Stored("erp-1", 7, datetime(2025, 1, 1, tzinfo=UTC), "x", mapping_of(DECLARED))

    def start(self) -> None:
        """Nothing is to be read."""

    @property
    def is_read(self) -> bool:
        """It has been."""
        return True

    def get(self, _: str, name: str) -> Stored | None:
        """Return it."""
        return self.known if name == self.known.name else None


@asynccontextmanager
async def client(settings: IngestSettings) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an ingest that is not started: it has no Kafka, and works off only what it is sent."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front(settings)), base_url="http://ingest") as ingest:
        yield ingest


async def begun(ingest: httpx.AsyncClient, kind: str = LINES, **more: str) -> str:
    """Begin a file and return where it is."""
    told = {"content-type": kind, "upload-complete": "?0", **{n.replace("_", "-"): v for n, v in more.items()}}
    answer = await ingest.post("/v1/files", params={} if kind == LINES else {"mapping": "erp-1"}, headers=told)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def append(
    ingest: httpx.AsyncClient, place: str, offset: int, content: bytes | AsyncIterator[bytes], *, is_last: bool = False
) -> httpx.Response:
    told = PART | {"upload-offset": str(offset), "upload-complete": f"?{is_last:d}"}
    return await ingest.patch(place, content=content, headers=told)


async def job(ingest: httpx.AsyncClient, place: str) -> dict[str, Any]:
    told: dict[str, Any] = (await ingest.get(place)).json()
    return told


async def chunked(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def is_over(ingest: httpx.AsyncClient, place: str) -> bool:
    return (await job(ingest, place))["state"] in ("done", "failed")
