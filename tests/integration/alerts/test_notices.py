"""A tenant is told how its endpoints fare: each change once, by its other subscriptions, and no one else is."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.alerts.background.notifier import Notifier
from tests.integration.alerts.receiver import Inbox, Receiver, accept, status
from tests.integration.alerts.service import Service, lane_changed

KINDS = ["lanewatch.endpoint.*"]


def kinds(inbox: Inbox) -> list[str]:
    return [g.event["type"].removeprefix("lanewatch.endpoint.") for g in inbox.got]


@pytest.mark.parametrize(
    "alerts_settings",
    [
        {
            "alerts_retry_delays_s": (0.05, 0.05),
            "alerts_breaker_failures": 2,
            "alerts_disable_after_s": 0.4,
            "alerts_disable_tries": 4,
        }
    ],
)
async def test_each_change_is_told_once_to_whoever_asks_for_it(service: Service, receiver: Receiver) -> None:
    failing = receiver.inbox("failing", status(503))
    created = await service.subscribe(failing.url, "Magnets", kinds=["lanewatch.lane.*", *KINDS])
    ops, all_kinds, stranger = (receiver.inbox(name) for name in ("ops", "all", "stranger"))
    told = await service.subscribe(ops.url, kinds=KINDS)
    await service.subscribe(all_kinds.url, origins=["JP"])
    other = await service.subscribe(stranger.url, kinds=KINDS)
    await service.sql(
        "UPDATE alerts.subscription SET tenant = 'other' WHERE subscription_id = :id RETURNING 1",
        id=UUID(other["subscription_id"]),
    )
    await service.publish(lane_changed("DE"), lane_changed("FR"), lane_changed("US"))
    await ops.wait_for(2)
    assert kinds(ops) == ["failing", "disabled"]
    failing.behaviour = accept
    await service.api.patch(f"/v1/subscriptions/{created['subscription_id']}", json={"state": "active"})
    await ops.wait_for(3)
    assert kinds(ops) == ["failing", "disabled", "recovered"]
    await service.wait_for_states(*["delivered"] * 3, subscription_id=created["subscription_id"])
    assert all_kinds.got == stranger.got == []
    assert {g.event["type"] for g in failing.got} == {"lanewatch.lane.changed"}, "never about itself"
    event = ops.got[0].verify(told["secret"])
    assert event["data"]["subscription_id"] == created["subscription_id"]
    assert (event["data"]["name"], event["data"]["last_error"]) == ("Magnets", "status 503")
    assert event["data"]["waiting"] == 3
    await _is_the_tenants_own(service)


async def _is_the_tenants_own(service: Service) -> None:
    shown = (await service.get("/v1/alerts", kind="lanewatch.endpoint.failing"))["items"]
    assert len(shown) == 1
    await service.sql("UPDATE alerts.alert SET tenant = 'other' WHERE tenant IS NOT NULL RETURNING 1")
    assert (await service.get("/v1/alerts", kind="lanewatch.endpoint.failing"))["items"] == []
    assert (await service.api.get(f"/v1/alerts/{shown[0]['alert_no']}")).status_code == 404


async def test_several_processes_tell_a_notice_once(api_only: Service) -> None:
    created = await api_only.subscribe("http://127.0.0.1:9999/nobody")
    await api_only.subscribe("http://127.0.0.1:9999/told", kinds=KINDS)
    await api_only.sql(
        """INSERT INTO alerts.notice (subscription_id, step, since, happened_at)
        SELECT :id, 'failing', :now, :now FROM generate_series(1, 20) RETURNING 1""",
        id=UUID(created["subscription_id"]),
        now=datetime.now(UTC),
    )
    notifiers = [Notifier(api_only.app.state.engine, lambda: None) for _ in range(3)]
    told = [count for _ in range(3) for count in await asyncio.gather(*(n.tell() for n in notifiers))]
    assert sum(told) == 20
    assert len(await api_only.deliveries()) == 20
