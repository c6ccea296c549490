"""The demo's two subscribers: what each wants to hear of, and the secrets that they keep."""

import base64
import secrets
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from lanewatch.demo.client import Client

SECRET_BYTES = 32

WANTED: dict[str, dict[str, Any]] = {
    # Buys magnets from China for a plant in Germany: her own lanes, the world's as a sign, and what authorities do.
    "magnet-buyer": {
        "commodity_groups": ["magnets", "magnets-controlled"],
        "origins": ["CN"],
        "destinations": ["DE", "world"],
        "kinds": ["lanewatch.lane.*", "lanewatch.regime.*", "lanewatch.licence.batch_issued"],
    },
    # Trades all rare-earth goods with several countries: their lanes and the world's, every regime, every batch.
    "rare-earth-trader": {
        "commodity_groups": ["magnets", "magnets-controlled", "rare-earths"],
        "origins": ["CN"],
        "destinations": ["world", "US", "JP", "KR", "IN", "VN", "GB"],
        "kinds": ["lanewatch.lane.*", "lanewatch.regime.*", "lanewatch.licence.batch_issued"],
    },
}
"""By subscriber: the filter. Neither asks for decisions on single shipments, of which there are thousands."""


class Subscriber(msgspec.Struct):
    """What a subscriber remembers of its subscription."""

    secret: str
    port: int
    idempotency_key: str
    """Goes with the port: to ask again with the same one creates nothing twice."""
    subscription_id: str | None = None


class Memory:
    """The subscribers' own file, kept over runs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "subscriptions.json"
        self.subscribers: dict[str, Subscriber] = {}
        if self.path.exists():
            self.subscribers = msgspec.json.decode(self.path.read_bytes(), type=dict[str, Subscriber])

    def secrets_for(self, port: int) -> dict[str, str]:
        """Return each subscriber's secret; made and kept before it is used, so that none is ever lost."""
        for name in WANTED:
            if name not in self.subscribers:
                self.subscribers[name] = Subscriber(_new_secret(), port, _new_key(name))
        self.save()
        return {name: subscriber.secret for name, subscriber in self.subscribers.items()}

    def save(self) -> None:
        """Write the file, at once."""
        draft = self.path.with_suffix(".partial")
        draft.touch(mode=0o600)
        draft.write_bytes(msgspec.json.encode(self.subscribers))
        draft.replace(self.path)


async def subscribe(alerts: Client, memory: Memory, host: str, port: int) -> None:
    """Create what is missing, once; a receiver that moved to another port subscribes anew. Raises StackError."""
    for name, subscriber in memory.subscribers.items():
        if subscriber.port != port:
            await _leave(alerts, subscriber)
            subscriber.port, subscriber.idempotency_key = port, _new_key(name)
            memory.save()
        if subscriber.subscription_id is None:
            subscriber.subscription_id = await _create(alerts, name, subscriber, f"http://{host}:{port}/{name}")
            memory.save()


async def _leave(alerts: Client, subscriber: Subscriber) -> None:
    if subscriber.subscription_id:
        path = f"/v1/subscriptions/{subscriber.subscription_id}"
        await alerts.ask("DELETE", path, (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND))
    subscriber.subscription_id = None


async def _create(alerts: Client, name: str, subscriber: Subscriber, url: str) -> str:
    form = {"name": name, "url": url, "filter": WANTED[name], "secret": subscriber.secret}
    answer = await alerts.ask(
        "POST",
        "/v1/subscriptions",
        (HTTPStatus.OK, HTTPStatus.CREATED),
        json=form,
        headers={"idempotency-key": subscriber.idempotency_key},
    )
    return str(answer.body["subscription_id"])


def _new_key(name: str) -> str:
    return f"{name} {secrets.token_hex(8)}"


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
