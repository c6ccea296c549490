"""What people ask for: tests that look like the real thing, and how long it took that they were told."""

from typing import Any
from uuid import uuid4

import pytest

from services.alerts.domain.pings import TEST_SOURCE
from tests.integration.alerts.past import past
from tests.integration.alerts.receiver import Inbox, Receiver, first
from tests.integration.alerts.service import NOW, Service, lane_changed
from tests.integration.alerts.waiting import eventually


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


@pytest.fixture
def inbox(receiver: Receiver) -> Inbox:
    return receiver.inbox(uuid4().hex)


async def subscribed(service: Service, inbox: Inbox) -> dict[str, Any]:
    """Subscribe to what this test publishes, and no other."""
    return await service.subscribe(inbox.url, commodity_groups=[inbox.url[-32:]])


async def test_an_example_of_a_kind_is_sent_and_marked_as_a_test(service: Service, inbox: Inbox) -> None:
    created = await subscribed(service, inbox)
    path = f"/v1/subscriptions/{created['subscription_id']}/ping"
    answer = await service.api.post(path, json={"kind": "lanewatch.quota.critical"})
    assert answer.status_code == 202, answer.text
    (got,) = await inbox.wait_for(1)
    got.verify(created["secret"])
    assert (got.event["type"], got.event["source"]) == ("lanewatch.quota.critical", TEST_SOURCE)
    assert got.event["data"]["quota_id"]
    assert got.headers["lanewatch-test"] == "true"
    await service.api.post(path)
    plain = (await inbox.wait_for(2))[1]
    assert (plain.event["type"], plain.event["source"]) == ("lanewatch.test.ping", TEST_SOURCE)
    refused = await service.api.post(path, json={"kind": "lanewatch.surprise"})
    assert refused.json()["errors"][0]["pointer"] == "/kind"
    job = await service.api.post(
        f"/v1/subscriptions/{created['subscription_id']}/recoveries",
        json={"since": "2020-01-01T00:00:00Z", "what": "all"},
    )

    async def is_done() -> bool:
        found = await service.get(job.headers["location"])
        return (found["state"], found["total"]) == ("done", 0)

    await eventually(is_done)


async def level(service: Service, created: dict[str, Any], **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = await service.get(f"/v1/subscriptions/{created['subscription_id']}/service-level", **query)
    return found


async def test_the_service_level_tells_how_long_first_deliveries_took(service: Service, inbox: Inbox) -> None:
    inbox.behaviour = first(500, 1)
    created = await subscribed(service, inbox)
    group = inbox.url[-32:]
    accepted_ms = int(NOW.timestamp() * 1000) + 5000
    assert service.producer is not None
    await service.producer.send_and_wait(
        service.config.topics.decisions, lane_changed("DE", group=group), headers=[("accepted-at", b"%d" % accepted_ms)]
    )
    await service.publish(lane_changed("FR", group=group))
    await service.wait_for_states("delivered", "delivered", subscription_id=created["subscription_id"])
    found = await level(service, created)
    assert (found["deliveries"], found["delivered"]) == (2, 2)
    counts = {name: found[f"since_{name}"]["count"] for name in ("occurrence", "acceptance", "decision")}
    assert counts == {"occurrence": 2, "acceptance": 1, "decision": 2}
    assert 0 < found["since_decision"]["p50_s"] <= found["since_decision"]["max_s"] < 60
    assert found["since_decision"]["within_target"] == 1
    assert found["since_occurrence"]["within_target"] == 0, "it happened in 2025"
    took = found["since_occurrence"]["max_s"] - found["since_acceptance"]["max_s"]
    assert took == pytest.approx(5, abs=2)


async def test_what_is_repeated_or_a_test_or_past_does_not_count(service: Service, inbox: Inbox) -> None:
    created = await subscribed(service, inbox)
    await past(service, created, 3)
    await service.api.post(f"/v1/subscriptions/{created['subscription_id']}/ping")
    await service.publish(lane_changed("DE", group=inbox.url[-32:]))
    await inbox.wait_for(2)
    once = await service.wait_for_states(*["delivered"] * 5, subscription_id=created["subscription_id"])
    before = await level(service, created)
    (delivery,) = [d for d in once if d["lane"] and d["lane"].startswith(inbox.url[-32:])]
    await service.api.post(f"/v1/deliveries/{delivery['delivery_id']}/retry")
    await inbox.wait_for(3)
    await service.wait_for_states(*["delivered"] * 5, subscription_id=created["subscription_id"])
    assert before["since_decision"]["count"] == 1
    assert await level(service, created) == before
