"""Quiet hours and digests: what waits is told when its time has come, all of it, once, and in order."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from services.alerts.background.releaser import Releaser
from tests.integration.alerts.matched import as_recorded, deliveries, recorded
from tests.integration.alerts.receiver import Receiver
from tests.integration.alerts.service import Service, lane_changed

NOW = datetime.now(UTC)
QUIET = {
    "from": f"{NOW - timedelta(hours=2):%H:%M}",
    "until": f"{NOW + timedelta(hours=2):%H:%M}",
    "time_zone": "UTC",
}
LATER = "UPDATE alerts.delivery SET due_at = clock_timestamp() WHERE state IN ('resting', 'gathered') RETURNING 1"
DUE = "UPDATE alerts.queue SET release_at = clock_timestamp() WHERE release_at IS NOT NULL RETURNING 1"


async def subscribe(service: Service, url: str | None = "https://example.org/", **more: Any) -> str:
    answer = await service.api.post("/v1/subscriptions", json={"name": "n", "url": url, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["subscription_id"])


async def let_time_pass(service: Service) -> None:
    await service.sql(LATER)
    await service.sql(DUE)


async def states(service: Service, subscription_id: str) -> list[str]:
    return [row.state for row in await deliveries(service.app.state.engine, subscription_id)]


async def test_what_comes_in_quiet_hours_is_sent_in_order_when_they_end(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    mine = await subscribe(service, inbox.url, quiet_hours=QUIET)
    for number in (1, 2):
        await service.publish(lane_changed("DE", number, severity="notice"))
    await service.publish(lane_changed("DE", 3, severity="critical"))
    await inbox.wait_for(1)
    await service.wait_for_states("resting", "resting", "delivered")
    await let_time_pass(service)
    await inbox.wait_for(3)
    await service.wait_for_states(*["delivered"] * 3)
    assert [g.event["data"]["sequence"] for g in inbox.got] == [3, 1, 2], "the critical one breaks through"
    assert [g.headers["lanewatch-sequence"] for g in inbox.got] == ["3", "1", "2"]
    assert await states(service, mine) == ["delivered"] * 3


async def test_a_digest_is_one_message_that_carries_each_alert_as_it_is(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    made = await service.api.post(
        "/v1/subscriptions", json={"name": "n", "url": inbox.url, "digest": {"every_minutes": 1440}}
    )
    bodies = [lane_changed(to, severity="warning") for to in ("DE", "FR", "JP")]
    await service.publish(*bodies, lane_changed("US", severity="critical"))
    await inbox.wait_for(1)
    await service.wait_for_states("gathered", "gathered", "gathered", "delivered")
    await let_time_pass(service)
    _, digest = await inbox.wait_for(2)
    digest.verify(made.json()["secret"])
    assert "lanewatch-sequence" not in digest.headers
    data = digest.event["data"]
    assert (digest.event["type"], data["severity"], data["headline"]) == (
        *("lanewatch.digest", "warning", "3 alerts: 3 warning"),
    )
    assert [each["event"] for each in data["alerts"]] == [msgspec.json.decode(body) for body in bodies]
    assert [each["sequence"] for each in data["alerts"]] == [1, 2, 3]
    listed = await service.wait_for_states("digested", "digested", "digested", "delivered", "delivered")
    assert [d["delivery_id"] for d in listed[:3]] == [each["webhook_id"] for each in data["alerts"]]
    assert {d["digest_delivery_id"] for d in listed[:3]} == {digest.webhook_id}
    others = (await service.get("/v1/alerts", kind="lanewatch.digest"))["items"]
    assert [alert["event"] for alert in others] == [digest.event]


async def test_while_paused_all_is_gathered_and_makes_one_digest(api_only: Service) -> None:
    engine = api_only.app.state.engine
    mine = await subscribe(api_only, digest={"every_minutes": 1}, filter={"destinations": ["DE"]})
    path = f"/v1/subscriptions/{mine}"
    await api_only.api.patch(path, json={"state": "paused"})
    releaser = Releaser(engine, lambda: None)
    for number in range(1, 4):
        (alert,) = as_recorded(lane_changed("DE", 700 + number, severity="info"))
        await recorded(engine, alert)
        await let_time_pass(api_only)
        await releaser.release()
    assert await states(api_only, mine) == ["gathered"] * 3
    await api_only.api.patch(path, json={"state": "active"})
    await asyncio.gather(*(releaser.release() for _ in range(4)))
    *carried, digest = await deliveries(engine, mine)
    assert [row.state for row in carried] == ["digested"] * 3
    assert {row.carried_by for row in carried} == {digest.delivery_id}
    assert (digest.state, digest.sequence, digest.kind) == ("due", None, "lanewatch.digest")


async def test_what_waits_heeds_a_change_of_when_it_is_wanted(api_only: Service) -> None:
    engine = api_only.app.state.engine
    mine = await subscribe(api_only, quiet_hours=QUIET, filter={"destinations": ["FR"]})
    path = f"/v1/subscriptions/{mine}"
    for number, severity in enumerate(("info", "warning"), 1):
        (alert,) = as_recorded(lane_changed("FR", 800 + number, severity=severity))  # type: ignore[arg-type]
        await recorded(engine, alert)
    assert await states(api_only, mine) == ["resting"] * 2
    await api_only.api.patch(path, json={"quiet_hours": QUIET | {"breaks_through": "warning"}})
    assert await states(api_only, mine) == ["resting", "due"]
    await api_only.api.patch(path, json={"digest": {"daily_at": "08:00", "at_once_from": "warning"}})
    assert await states(api_only, mine) == ["gathered", "due"]
    await api_only.api.patch(path, json={"digest": None, "quiet_hours": None})
    assert await states(api_only, mine) == ["due", "due"]


async def test_what_comes_when_quiet_hours_have_just_ended_does_not_overtake_what_waits(api_only: Service) -> None:
    engine = api_only.app.state.engine
    mine = await subscribe(api_only, quiet_hours=QUIET, filter={"destinations": ["JP"]})
    (first,) = as_recorded(lane_changed("JP", 901, severity="info"))
    await recorded(engine, first)
    await let_time_pass(api_only)
    (second,) = as_recorded(lane_changed("JP", 902, severity="critical"))
    await recorded(engine, second)
    assert await states(api_only, mine) == ["resting", "resting"]
    await Releaser(engine, lambda: None).release()
    assert await states(api_only, mine) == ["due", "due"]


async def test_what_a_digest_carries_was_told_when_that_was_accepted(api_only: Service) -> None:
    engine = api_only.app.state.engine
    mine = await subscribe(api_only, digest={"every_minutes": 1440}, filter={"destinations": ["BR"]})
    pulled = await subscribe(api_only, None, filter={"destinations": ["BR"]})
    await recorded(engine, *as_recorded(*(lane_changed("BR", 950 + n, severity="info") for n in range(3))))

    async def level(subscription_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await api_only.get(f"/v1/subscriptions/{subscription_id}/service-level")
        return found

    waiting = await level(mine)
    assert (waiting["deliveries"], waiting["delivered"]) == (3, 0)
    await let_time_pass(api_only)
    await Releaser(engine, lambda: None).release()
    await api_only.sql(
        """UPDATE alerts.delivery SET state = 'delivered', first_accepted_at = clock_timestamp()
        WHERE sequence IS NULL AND subscription_id = :id RETURNING 1""",
        id=UUID(mine),
    )
    told = await level(mine)
    assert (told["deliveries"], told["delivered"]) == (3, 3), "the alerts, and not the digest"
    buckets = told["since_occurrence"]["buckets"]
    assert [bucket["count"] for bucket in buckets] == sorted(bucket["count"] for bucket in buckets)
    assert (buckets[0]["le_s"], buckets[-1]["le_s"], told["since_occurrence"]["count"]) == (0.0025, 604_800, 3)
    await api_only.sql("UPDATE alerts.alert SET happened_at = now() - interval '10 minutes' RETURNING 1")
    counts = {b["le_s"]: b["count"] for b in (await level(mine))["since_occurrence"]["buckets"]}
    assert (counts[300], counts[3600]) == (0, 3)
    assert (await level(pulled))["deliveries"] == 0, "what is only kept was not to be sent"
