"""The alerts service in the test's own process, and alerts as licensing publishes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast

import httpx
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from sqlalchemy import text

from lanewatch.stack import StackConfig
from services.alerts.main import build
from services.alerts.settings import AlertsSettings
from services.alerts.store import SCHEMA, VERSIONS
from shared.cloudevents import alert, write
from shared.database import transaction, upgrade_schema
from shared.events import FlowState, LaneChanged, Reason, Scope, Severity, ShipmentDecided
from tests.integration.alerts.waiting import eventually

KEY = "bGFuZXdhdGNoIGtleSBmb3IgdGVzdHMsIDMyIGJ5dGU="
GROUP = "dysprosium-magnets"
NOW = datetime(2025, 4, 4, 9, tzinfo=UTC)
_numbers = count(1)


def scope(destination: str = "DE", group: str = GROUP, origin: str = "CN", exporter: str | None = None) -> Scope:
    return Scope(commodity_groups=(group,), origin=origin, destinations=(destination,), exporter=exporter)


def lane_changed(
    destination: str = "DE",
    sequence: int = 1,
    *,
    state: FlowState = "restricted",
    severity: Severity = "critical",
    group: str = GROUP,
    id: str | None = None,
    headline: str = "Dysprosium magnets to Germany are restricted",
) -> bytes:
    """Return an alert about a lane as it stands on the topic."""
    lane = f"{group}/CN/{destination}"
    data = LaneChanged(
        scope=scope(destination, group),
        severity=severity,
        headline=headline,
        lane_id=lane,
        sequence=sequence,
        previous="flowing",
        state=state,
        since=NOW,
        reasons=(Reason(rule="regime", says="No. 18 requires a licence", figures={"left_kg": "0"}),),
        caused_by="/customs evt-1",
    )
    event = alert("lanewatch.lane.changed", id=id or f"{lane}:{sequence}", time=NOW, key=lane, data=data)
    return write(event)


def decided(destination: str = "DE", *, outcome: str = "held", exporter: str | None = None) -> bytes:
    """Return an alert about a shipment as it stands on the topic."""
    number = next(_numbers)
    data = ShipmentDecided(
        scope=scope(destination, exporter=exporter),
        severity="warning",
        headline="A shipment was decided",
        decision_id=f"dec-{number}",
        shipment_id=f"shp-{number}",
        outcome=cast("Any", outcome),
        reasons=(),
        net_mass_kg="100",
        policy_version="1",
        caused_by=f"/customs evt-{number}",
    )
    key = f"{GROUP}/CN/{destination}"
    return write(alert(f"lanewatch.decision.{outcome}", id=f"dec-{number}", time=NOW, key=key, data=data))


@dataclass
class Service:
    app: FastAPI
    api: httpx.AsyncClient
    config: StackConfig
    producer: AIOKafkaProducer | None

    async def publish(self, *bodies: bytes | None, partition: int | None = None, key: bytes = b"lane") -> None:
        """Put records on the decisions topic; those of one call keep their order."""
        assert self.producer is not None
        sent = [
            await self.producer.send(self.config.topics.decisions, body, key=key, partition=partition)
            for body in bodies
        ]
        for acknowledgement in sent:
            await acknowledgement

    async def subscribe(self, url: str, name: str = "Magnets", **wanted: Any) -> dict[str, Any]:
        """Create a subscription and return it with its secret."""
        answer = await self.api.post("/v1/subscriptions", json={"name": name, "url": url, "filter": wanted})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        """Return deliveries, the oldest first."""
        found: list[dict[str, Any]] = (await self.get("/v1/deliveries", **query))["items"]
        return found[::-1]

    async def wait_for_states(self, *states: str, deadline_s: float = 15, **query: Any) -> list[dict[str, Any]]:
        """Wait until the deliveries, the oldest first, stand like that."""
        found: list[dict[str, Any]] = []

        async def stands() -> bool:
            found[:] = await self.deliveries(**query)
            return [d["state"] for d in found] == list(states)

        await eventually(stands, deadline_s, lambda: str([d["state"] for d in found]))
        return found

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with transaction(self.app.state.engine) as connection:
            return list((await connection.execute(text(statement), values)).all())


def settings_of(config: StackConfig, **changes: Any) -> AlertsSettings:
    """Return settings for a test: quick retries, short waits, a consumer group of its own."""
    quick = {
        "alerts_group": config.database,
        "alerts_retry_delays_s": (0.1, 0.1, 0.1),
        "alerts_breaker_rest_s": 0.1,
        "alerts_breaker_rest_max_s": 0.3,
        "alerts_poll_s": 0.05,
        "alerts_stop_grace_s": 0.5,
        "alerts_allow_networks": "127.0.0.1",
        "alerts_secrets_keys": KEY,
    }
    names = config.topics.environment() | {
        "LANEWATCH_KAFKA_BOOTSTRAP": config.bootstrap,
        "LANEWATCH_DATABASE_URL": config.database_url,
        "LANEWATCH_ALERTS_PORT": config.alerts_port,
    }
    named: dict[str, Any] = {name.removeprefix("LANEWATCH_").lower(): value for name, value in names.items()}
    return AlertsSettings(**(named | quick | changes))


@asynccontextmanager
async def running(config: StackConfig, producer: AIOKafkaProducer, **changes: Any) -> AsyncIterator[Service]:
    """Run the service until the end of the block."""
    app = build(settings_of(config, **changes))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://alerts") as api,
    ):
        said = [""]

        async def is_ready() -> bool:
            answer = await api.get("/health/ready")
            said[0] = answer.text
            return answer.status_code == 200

        await eventually(is_ready, 30, lambda: said[0])
        yield Service(app, api, config, producer)


@asynccontextmanager
async def answering(config: StackConfig, database: str) -> AsyncIterator[Service]:
    """Answer the API over a database, without Kafka and without sending."""
    config = replace(config, database=database)
    app = build(settings_of(config))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:
        await upgrade_schema(app.state.engine, SCHEMA, VERSIONS)
        async with httpx.AsyncClient(transport=transport, base_url="http://alerts") as api:
            yield Service(app, api, config, None)
    finally:
        await app.state.engine.dispose()
