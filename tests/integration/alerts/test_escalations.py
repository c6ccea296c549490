"""What nobody acknowledges in time is told to a second subscription, once, whatever process looks."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.alerts.escalator import Escalator
from tests.integration.alerts.receiver import Inbox, Receiver, hang
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.waiting import eventually


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


@pytest.fixture
def inbox(receiver: Receiver) -> Inbox:
    return receiver.inbox(uuid4().hex)


@pytest.fixture
def second(receiver: Receiver) -> Inbox:
    return receiver.inbox(uuid4().hex)


def path(created: Mapping[str, Any], what: str) -> str:
    return f"/v1/subscriptions/{created['subscription_id']}/{what}"


async def subscribed(service: Service, inbox: Inbox) -> dict[str, Any]:
    return await service.subscribe(inbox.url, commodity_groups=[inbox.url[-32:]])


async def escalating(service: Service, inbox: Inbox, second: Inbox, after_s: float = 0.3) -> dict[str, Any]:
    created, other = await subscribed(service, inbox), await subscribed(service, second)
    form = {"after_s": after_s, "to": other["subscription_id"]}
    answer = await service.api.put(path(created, "escalation"), json=form)
    assert answer.status_code == 200, answer.text
    assert await service.get(path(created, "escalation")) == form | {"min_severity": "critical"}
    return created


async def awaited(service: Service, created: dict[str, Any], count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def are() -> bool:
        found[:] = (await service.get(path(created, "unacknowledged")))["items"]
        return len(found) == count

    await eventually(are, said=lambda: str(found))
    return found


async def test_what_nobody_acknowledges_is_told_to_the_second_once(
    service: Service, inbox: Inbox, second: Inbox
) -> None:
    created = await escalating(service, inbox, second)
    group = inbox.url[-32:]
    await service.publish(lane_changed("DE", group=group), lane_changed("FR", group=group, severity="notice"))
    (told,) = await second.wait_for(1)
    assert told.event["data"]["lane_id"] == f"{group}/CN/DE"
    assert told.headers["lanewatch-escalated-from"] in {g.webhook_id for g in inbox.got}
    assert told.webhook_id not in {g.webhook_id for g in inbox.got}
    (open_one,) = await awaited(service, created, 1)
    assert open_one["escalated_at"] is not None
    said = {"who": "Second shift", "note": "called the plant"}
    answer = await service.api.post(f"/v1/deliveries/{told.webhook_id}/acknowledge", json=said)
    assert answer.json() | said == answer.json()
    await awaited(service, created, 0)
    later = await service.api.post(f"/v1/deliveries/{open_one['delivery_id']}/acknowledge", json={"who": "First"})
    assert later.json()["who"] == "Second shift", "the first one stands, for either delivery"
    assert len(second.got) == 1


async def test_what_is_acknowledged_in_time_is_told_to_nobody_else(
    service: Service, inbox: Inbox, second: Inbox
) -> None:
    created = await escalating(service, inbox, second, after_s=3600)
    await service.publish(lane_changed("DE", group=inbox.url[-32:]))
    (waiting,) = await awaited(service, created, 1)
    assert waiting["escalates_at"] > waiting["created_at"]
    answer = await service.api.post(f"/v1/deliveries/{waiting['delivery_id']}/acknowledge", json={"who": "Anna"})
    assert answer.status_code == 200
    await awaited(service, created, 0)
    soon = "UPDATE alerts.escalation SET after_s = 0.001 WHERE subscription_id = :id RETURNING 1"
    await service.sql(soon, id=UUID(created["subscription_id"]))
    escalator = Escalator(service.app.state.engine, 1, lambda: None)
    await escalator.turn()
    assert second.got == []
    assert await awaited(service, created, 0) == []


async def test_what_was_never_accepted_is_told_to_the_second_too_and_by_one_of_many_processes(
    service: Service, inbox: Inbox, second: Inbox
) -> None:
    inbox.behaviour = hang
    await escalating(service, inbox, second)
    escalators = [Escalator(service.app.state.engine, 1, lambda: None) for _ in range(3)]
    await service.publish(lane_changed("DE", group=inbox.url[-32:]))

    async def is_told() -> bool:
        await asyncio.gather(*(escalator.turn() for escalator in escalators))
        return bool(second.got)

    await eventually(is_told)
    await asyncio.gather(*(escalator.turn() for escalator in escalators))
    assert [got.headers["lanewatch-attempt"] for got in second.got] == ["1"]


async def test_a_second_subscription_that_is_gone_is_named(service: Service, inbox: Inbox, second: Inbox) -> None:
    created = await escalating(service, inbox, second)
    form = await service.get(path(created, "escalation"))
    await service.api.delete(f"/v1/subscriptions/{form['to']}")
    await service.publish(lane_changed("DE", group=inbox.url[-32:]))

    async def is_named() -> bool:
        found = (await service.get(path(created, "unacknowledged")))["items"]
        return [a["failure"] for a in found] == ["the subscription that it was to go to was deleted"]

    await eventually(is_named)
    assert (await service.api.delete(path(created, "escalation"))).status_code == 204
    assert (await service.api.get(path(created, "escalation"))).status_code == 404


async def test_it_goes_to_another_subscription_of_the_tenants_own(service: Service, inbox: Inbox) -> None:
    created = await subscribed(service, inbox)
    for to in (created["subscription_id"], str(uuid4())):
        answer = await service.api.put(path(created, "escalation"), json={"after_s": 60, "to": to})
        assert answer.json()["errors"][0]["pointer"] == "/to"
