"""The demo's receiver takes what is signed, refuses what is not, and knows what it has seen."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks.webhooks import Webhook

from lanewatch.demo.receiver import Receiver
from lanewatch.demo.subscribing import Memory
from lanewatch.stack import StackError
from lanewatch.stack.ports import HOST, free_ports

PORT = 4711


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "receiver")


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
async def running(memory: Memory, heard: list[str]) -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver(memory.path.parent, memory.secrets_for(PORT), lambda alert: heard.append(alert["id"]))
    port = free_ports(1)[0]
    await receiver.start(HOST, port)
    yield receiver, f"http://{HOST}:{port}"
    await receiver.stop()


async def send(url: str, secret: str, webhook_id: str, alert_id: str, **over: str) -> int:
    body = json.dumps({"source": "/lanewatch/licensing", "id": alert_id})
    now = datetime.now(UTC)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, now, body),
        **over,
    }
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status


async def test_signed_webhook_is_taken_and_told_once(
    running: tuple[Receiver, str], memory: Memory, heard: list[str]
) -> None:
    receiver, url = running
    secrets = memory.secrets_for(PORT)
    assert await send(f"{url}/magnet-buyer", secrets["magnet-buyer"], "w1", "a1") == 204
    assert await send(f"{url}/magnet-buyer", secrets["magnet-buyer"], "w1", "a1") == 204
    assert await send(f"{url}/rare-earth-trader", secrets["rare-earth-trader"], "w2", "a1") == 204
    assert heard == ["a1"]
    assert (receiver.verified, receiver.repeated, receiver.doubled, receiver.forged) == (3, 1, 0, 0)


async def test_same_alert_under_another_id_is_a_double(running: tuple[Receiver, str], memory: Memory) -> None:
    receiver, url = running
    secret = memory.secrets_for(PORT)["magnet-buyer"]
    for webhook_id in ("w1", "w2"):
        await send(f"{url}/magnet-buyer", secret, webhook_id, "a1")
    assert receiver.doubled == 1


@pytest.mark.parametrize(
    "over",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "garbage"},
        {"webhook-timestamp": "1"},
        {"webhook-id": "x"},
    ],
)
async def test_forged_webhook_is_refused_and_counted(
    running: tuple[Receiver, str], memory: Memory, heard: list[str], over: dict[str, str]
) -> None:
    receiver, url = running
    status = await send(f"{url}/magnet-buyer", memory.secrets_for(PORT)["magnet-buyer"], "w1", "a1", **over)
    assert (status, receiver.forged, heard) == (400, 1, [])


async def test_secret_of_another_subscriber_does_not_open(running: tuple[Receiver, str], memory: Memory) -> None:
    receiver, url = running
    assert await send(f"{url}/magnet-buyer", memory.secrets_for(PORT)["rare-earth-trader"], "w1", "a1") == 400
    assert await send(f"{url}/stranger", memory.secrets_for(PORT)["magnet-buyer"], "w1", "a1") == 404
    assert receiver.received == {}


async def test_receiver_and_its_secrets_outlive_a_restart(running: tuple[Receiver, str], memory: Memory) -> None:
    _, url = running
    secrets = memory.secrets_for(PORT)
    await send(f"{url}/magnet-buyer", secrets["magnet-buyer"], "w1", "a1")
    with (memory.path.parent / "received.jsonl").open("ab") as file:
        file.write(b'["magnet-buyer","cut o')
    again = Memory(memory.path.parent)
    told: list[Any] = []
    assert again.secrets_for(PORT) == secrets
    assert set(Receiver(memory.path.parent, secrets, told.append).received) == {"w1"}


async def test_port_that_is_taken_is_said(running: tuple[Receiver, str], memory: Memory) -> None:
    _, url = running
    port = int(url.rpartition(":")[2])
    other = Receiver(memory.path.parent, memory.secrets_for(PORT), lambda _: None)
    with pytest.raises(StackError, match=f"cannot listen on port {port}"):
        await other.start(HOST, port)
