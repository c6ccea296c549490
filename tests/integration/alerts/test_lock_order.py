"""Whoever locks several queues takes them in one order, so that no two lock crosswise."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts.background.escalator import Escalator
from services.alerts.background.notifier import Notifier
from shared.database import transaction
from tests.integration.alerts.matched import as_recorded, recorded
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.waiting import eventually

Act: TypeAlias = Callable[[], Coroutine[Any, Any, int]]
URL = "http://127.0.0.1:8999/"
_LOCK = text("SELECT 1 FROM alerts.queue WHERE subscription_id = :id FOR UPDATE")
_WAITS = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def tell_of_two(service: Service, first: str, second: str) -> Act:
    """Have notices to be told: one to the second of two subscriptions, then one to the first."""
    tenants = {first: f"t-{uuid4()}", second: f"t-{uuid4()}"}
    for told in (second, first):
        about = (await service.subscribe(URL))["subscription_id"]
        for which in (told, about):
            await service.sql(
                "UPDATE alerts.subscription SET tenant = :tenant WHERE subscription_id = :id RETURNING 1",
                tenant=tenants[told],
                id=UUID(which),
            )
        await service.sql(
            """INSERT INTO alerts.notice (subscription_id, step, since, happened_at)
            VALUES (:id, 'failing', now(), now()) RETURNING 1""",
            id=UUID(about),
        )
    return Notifier(service.app.state.engine, lambda: None).tell


async def escalate_to_two(service: Service, first: str, second: str) -> Act:
    """Have alerts to be escalated: one to the second of two subscriptions, then one to the first."""
    for told in (second, first):
        group = uuid4().hex
        created = await service.subscribe(URL, commodity_groups=[group])
        path = f"/v1/subscriptions/{created['subscription_id']}/escalation"
        (await service.api.put(path, json={"after_s": 0.000001, "to": told})).raise_for_status()
        await recorded(service.app.state.engine, *as_recorded(lane_changed("DE", group=group)))
    return Escalator(service.app.state.engine, 1, lambda: None).turn


async def waits(engine: AsyncEngine) -> None:
    """Wait until somebody waits for a lock."""

    async def does() -> bool:
        async with transaction(engine) as connection:
            return (await connection.execute(_WAITS)).first() is not None

    await eventually(does, 5, lambda: "nobody waits")


async def lock(connection: AsyncConnection, subscription_id: str) -> None:
    await connection.execute(_LOCK, {"id": UUID(subscription_id)})


@pytest.mark.parametrize("prepare", [tell_of_two, escalate_to_two])
async def test_who_holds_the_first_queue_can_have_the_second(
    api_only: Service, prepare: Callable[[Service, str, str], Coroutine[Any, Any, Act]]
) -> None:
    engine = api_only.app.state.engine
    made = [await api_only.subscribe(URL, kinds=["lanewatch.endpoint.*"]) for _ in range(2)]
    first, second = sorted(created["subscription_id"] for created in made)
    act = await prepare(api_only, first, second)
    async with transaction(engine) as connection:
        await lock(connection, first)
        acting = asyncio.create_task(act())
        await waits(engine)
        # One that has the second already waits for the first: a deadlock, which one of the two pays for.
        await lock(connection, second)
    assert await acting == 2
