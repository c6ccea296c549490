"""From the first event to the first webhook over the whole stack, as the README tells it, and the audit of it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from lanewatch.stack import Stack, StackConfig
from lanewatch.stack.ports import free_ports
from lanewatch.stack.postgres import connect
from tests.support.plain import PLAIN
from tests.support.running import until
from tests.support.trade import declared, regime

LANEWATCH = Path(sys.executable).with_name("lanewatch")
CLOUDEVENT = {"content-type": "application/cloudevents+json"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10, verify=PLAIN) as client:
        yield client


async def command(config: StackConfig, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        LANEWATCH, *words, env={**os.environ, **config.environment()}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@asynccontextmanager
async def listening(config: StackConfig, log: Path, *words: str) -> AsyncIterator[str]:
    """Run `lanewatch listen` and yield its address."""
    port = free_ports(1)[0]
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            LANEWATCH, "listen", "--port", str(port), *words, stdout=out, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    await until(lambda: "Listening" in log.read_text(), "the listener")
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    await process.wait()


async def test_a_subscriber_is_told_why_a_lane_is_restricted(
    stack: Stack, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    config, log = stack.config, tmp_path / "listen.log"
    secret = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"
    async with listening(config, log, "--secret", secret) as url:
        wanted = {"commodity_groups": ["magnets-controlled"], "kinds": ["lanewatch.lane.*"], "origins": ["MM"]}
        form = {"name": "magnets", "url": url, "filter": wanted, "secret": secret}
        made = await client.post(f"{config.url_of('alerts')}/v1/subscriptions", json=form)
        assert made.status_code == 201, made.text
        asked = await client.post(f"{config.url_of('alerts')}{made.headers['location']}/verify")
        assert asked.json()["verified_at"], asked.text
        body = regime("first-webhook", origin="MM", title="Announcement No. 18")
        posted = await client.post(f"{config.url_of('ingest')}/v1/events", content=body, headers=CLOUDEVENT)
        assert posted.status_code == 202, posted.text
        await until(lambda: "signature verified" in log.read_text(), "the webhook")
        became = await client.get(posted.json()["outcome"])
        assert became.json()["status"] == "decided"

        async def is_counted() -> bool:
            level = await client.get(f"{config.url_of('alerts')}{made.headers['location']}/service-level")
            return bool(level.json()["since_acceptance"]["count"] >= 1)

        await until(is_counted, "the time since the event was accepted")
    told = log.read_text()
    assert "lanewatch.lane.changed" in told
    assert "Announcement No. 18 requires a licence since 2025-04-04; there is no valid licence" in told


async def test_the_listener_refuses_what_is_signed_with_another_secret(
    stack: Stack, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    log = tmp_path / "listen.log"
    async with listening(stack.config, log, "--secret", "whsec_" + "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Ro") as url:
        alerts = stack.config.url_of("alerts")
        made = (await client.post(f"{alerts}/v1/subscriptions", json={"name": "n", "url": url})).json()
        await client.post(f"{alerts}/v1/subscriptions/{made['subscription_id']}/ping")
        await until(lambda: "refused" in log.read_text(), "the refusal")
        await client.delete(f"{alerts}/v1/subscriptions/{made['subscription_id']}")
    assert "signature verified" not in log.read_text()


async def ping_by_kind(client: httpx.AsyncClient, alerts: str) -> None:
    """Let alerts make an alert itself, of a kind that licensing makes, too."""
    form = {"name": "tested", "url": "http://127.0.0.1:18999/", "filter": {"origins": ["XX"]}}
    made = await client.post(f"{alerts}/v1/subscriptions", json=form)
    assert made.status_code == 201, made.text
    path = f"{alerts}{made.headers['location']}"
    tested = await client.post(f"{path}/ping", json={"kind": "lanewatch.lane.changed"})
    assert tested.status_code == 202, tested.text
    assert (await client.delete(path)).status_code == 204


async def test_the_audit_is_clean_and_sees_a_gap(stack: Stack, client: httpx.AsyncClient) -> None:
    config = stack.config
    for body in (regime("audited", origin="KP"), declared("audited-1", origin="KP")):
        posted = await client.post(f"{config.url_of('ingest')}/v1/events", content=body, headers=CLOUDEVENT)
        assert posted.status_code == 202
    await ping_by_kind(client, config.url_of("alerts"))

    async def is_quiet() -> dict[str, Any] | None:
        code, out = await command(config, "audit", "--json")
        found: dict[str, Any] = json.loads(out)
        assert (code, found["is_clean"]) == (0, True), found
        counts = {line["what"].strip(): line["count"] for line in found["lines"]}
        return counts if counts["not read yet"] == counts["not published yet"] == 0 else None

    counts = await until(is_quiet, "everything to be read", 60)
    assert counts["events accepted by Kafka"] >= 2
    connection = await connect(config, config.database)
    try:
        await connection.execute("UPDATE licensing.consumer_offset SET duplicates = duplicates + 1 WHERE partition = 0")
        code, out = await command(config, "audit")
        assert code == 1
        assert "read and without an end" in out
        assert "GAP" in out
    finally:
        await connection.execute("UPDATE licensing.consumer_offset SET duplicates = duplicates - 1 WHERE partition = 0")
        await connection.close()
