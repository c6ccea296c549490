"""Past deliveries are made once more: the right ones, behind what is new, with progress that adds up."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.alerts.background.recoverer import Recoverer
from services.alerts.domain.recovery import AT_ONCE
from tests.integration.alerts.past import past
from tests.integration.alerts.receiver import Inbox, Receiver, hang, status
from tests.integration.alerts.service import NOW, Service, lane_changed
from tests.integration.alerts.waiting import eventually

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


async def subscribed(service: Service, inbox: Inbox) -> dict[str, Any]:
    """Subscribe to what the test publishes and no other does; return it with a filter to list its deliveries."""
    return await service.subscribe(inbox.url, commodity_groups=[inbox.url[-32:]])


async def deliveries(service: Service, created: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    return await service.deliveries(subscription_id=created["subscription_id"], limit=500, **query)


@pytest.fixture
def inbox(receiver: Receiver) -> Inbox:
    return receiver.inbox(uuid4().hex)


async def recover(service: Service, created: dict[str, Any], **form: Any) -> str:
    """Ask for a recovery and return its address."""
    path = f"/v1/subscriptions/{created['subscription_id']}/recoveries"
    answer = await service.api.post(path, json={"since": LONG_AGO} | form)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


async def finished(service: Service, job: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def is_done() -> bool:
        found.update(await service.get(job))
        return bool(found["state"] == "done")

    await eventually(is_done, said=lambda: str(found))
    return found


async def test_what_was_given_up_comes_again_under_its_id_and_is_counted(service: Service, inbox: Inbox) -> None:
    created = await subscribed(service, inbox)
    await past(service, created, 5, "delivered")
    lost = {d["delivery_id"] for d in (await deliveries(service, created))[1::2]}
    await service.sql(
        "UPDATE alerts.delivery SET state = 'exhausted' WHERE delivery_id = ANY (:ids) RETURNING 1", ids=list(lost)
    )
    job = await recover(service, created)
    done = await finished(service, job)
    assert (done["total"], done["taken"], done["delivered"], done["failed"], done["done"]) == (2, 2, 2, 0, 2)
    assert {g.webhook_id for g in inbox.got} == lost
    assert {g.headers["lanewatch-recovery"] for g in inbox.got} == {done["recovery_id"]}
    assert {d["state"] for d in await deliveries(service, created)} == {"delivered"}
    again = await recover(service, created, what="all")
    assert (await finished(service, again))["delivered"] == 5
    listed = await service.get(f"/v1/subscriptions/{created['subscription_id']}/recoveries")
    assert [r["state"] for r in listed["items"]] == ["done", "done"]


async def test_it_takes_what_lies_between_the_given_times_and_after_the_given_delivery(
    service: Service, inbox: Inbox
) -> None:
    created = await subscribed(service, inbox)
    await past(service, created, 10)
    await past(service, created | {"subscription_id": str(uuid4())}, 4)
    sent = await deliveries(service, created)

    async def recovered(**form: Any) -> list[int]:
        inbox.got.clear()
        await finished(service, await recover(service, created, what="all", in_order=True, **form))
        places = {d["delivery_id"]: place for place, d in enumerate(sent, start=1)}
        return sorted(places[g.webhook_id] for g in inbox.got)

    fourth = (NOW + timedelta(seconds=4)).isoformat()
    assert await recovered(since=fourth) == [4, 5, 6, 7, 8, 9, 10]
    assert await recovered(since=fourth, until=(NOW + timedelta(seconds=6)).isoformat()) == [4, 5]
    assert await recovered(since=None, after=sent[7]["delivery_id"]) == [9, 10]


async def test_what_waits_is_tried_at_once_in_its_place(service: Service, inbox: Inbox) -> None:
    created = await subscribed(service, inbox)
    await past(service, created, 1, "delivered")
    await service.sql(
        """UPDATE alerts.delivery SET state = 'waiting', due_at = now() + interval '1 day',
        order_key = 'lane-1', last_attempt_at = now() WHERE subscription_id = :id RETURNING 1""",
        id=created["subscription_id"],
    )
    job = await recover(service, created)
    assert (await finished(service, job))["delivered"] == 1
    assert [d["state"] for d in await deliveries(service, created)] == ["delivered"]


async def test_in_order_one_of_a_lane_is_under_way_and_new_alerts_do_not_wait_for_it(
    service: Service, inbox: Inbox
) -> None:
    inbox.behaviour = hang
    created = await subscribed(service, inbox)
    await past(service, created, 30, "exhausted")
    await recover(service, created, in_order=True)
    first_of_each = await inbox.wait_for(3)
    assert {g.event["id"] for g in first_of_each} == {"past-1", "past-2", "past-3"}
    inbox.behaviour = status(204)
    await service.publish(lane_changed(group=inbox.url[-32:]))
    got = await inbox.wait_for(4)
    assert got[3].event["type"] == "lanewatch.lane.changed"


async def test_a_bounded_part_is_in_the_queue_and_new_alerts_go_before_it(service: Service, inbox: Inbox) -> None:
    inbox.behaviour = hang
    created = await subscribed(service, inbox)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.api.patch(path, json={"state": "paused"})
    await past(service, created, AT_ONCE + 200, "exhausted")
    job = await recover(service, created)

    async def is_full() -> bool:
        return bool((await service.get(job))["taken"] == AT_ONCE)

    await eventually(is_full)
    await service.publish(*(lane_changed(to, group=inbox.url[-32:]) for to in ("DE", "FR")))
    await eventually(lambda: _due(service, created, AT_ONCE + 2))
    await service.api.patch(path, json={"state": "active"})
    got = await inbox.wait_for(6)
    assert [g.event["id"].startswith("past") for g in got] == [False, False, True, True, True, True]
    assert (await service.get(job))["total"] == AT_ONCE + 200


async def _due(service: Service, created: dict[str, Any], count: int) -> bool:
    statement = "SELECT count(*) FROM alerts.delivery WHERE state = 'due' AND subscription_id = :id"
    ((due,),) = await service.sql(statement, id=created["subscription_id"])
    return bool(due == count)


async def test_a_stopped_one_takes_nothing_more_and_another_may_begin(service: Service, inbox: Inbox) -> None:
    inbox.behaviour = hang
    created = await subscribed(service, inbox)
    await past(service, created, 3, "exhausted")
    job = await recover(service, created)
    await inbox.wait_for(1)
    refused = await service.api.post(job.rpartition("/")[0], json={"since": LONG_AGO})
    assert refused.status_code == 409
    stopped = (await service.api.patch(job, json={"state": "stopped"})).json()
    assert (stopped["state"], stopped["taken"]) == ("stopped", 3)
    assert await recover(service, created) != job


async def test_what_is_given_up_again_is_told(service: Service, inbox: Inbox) -> None:
    inbox.behaviour = status(500)
    created = await subscribed(service, inbox)
    # One: with more failures the endpoint would be left alone, and nothing given up.
    await past(service, created, 1, "exhausted")
    done = await finished(service, await recover(service, created))
    assert (done["delivered"], done["failed"]) == (0, 1)


async def test_two_processes_take_each_alert_once(api_only: Service) -> None:
    created = await api_only.subscribe("http://127.0.0.1:8999/")
    await past(api_only, created, AT_ONCE + 500, "exhausted")
    job = await recover(api_only, created)
    two = [Recoverer(api_only.app.state.engine) for _ in range(2)]
    for _ in range(3):
        await asyncio.gather(*(one.turn() for one in two))
    assert (await api_only.get(job))["taken"] == AT_ONCE
    await api_only.sql("UPDATE alerts.delivery SET state = 'cancelled' WHERE state = 'due' RETURNING 1")
    await asyncio.gather(*(one.turn() for one in two))
    assert (await api_only.get(job))["taken"] == AT_ONCE + 500


async def test_what_was_kept_without_an_endpoint_comes_when_there_is_one_again(service: Service, inbox: Inbox) -> None:
    created = await subscribed(service, inbox)
    subscription = f"/v1/subscriptions/{created['subscription_id']}"
    await past(service, created, 2, "kept")
    await past(service, created, 1, "delivered")
    kept, _, delivered = await deliveries(service, created)
    await service.api.patch(subscription, json={"url": None})
    for delivery in (kept, delivered):
        answer = await service.api.post(f"/v1/deliveries/{delivery['delivery_id']}/retry")
        assert (answer.status_code, "no endpoint" in answer.json()["title"]) == (409, True)
    refused = await service.api.post(f"{subscription}/recoveries", json={"since": LONG_AGO, "what": "all"})
    assert (refused.status_code, "no endpoint" in refused.json()["title"]) == (409, True)
    assert [d["state"] for d in await deliveries(service, created)] == ["kept", "kept", "delivered"]
    await service.api.patch(subscription, json={"url": inbox.url})
    answer = await service.api.post(f"/v1/deliveries/{kept['delivery_id']}/retry")
    assert answer.status_code == 202
    await inbox.wait_for(1)
    done = await finished(service, await recover(service, created))
    assert (done["total"], done["delivered"]) == (1, 1)
    assert len({g.webhook_id for g in inbox.got}) == len(inbox.got) == 2


async def test_a_recovery_ends_with_its_endpoint(api_only: Service) -> None:
    created = await api_only.subscribe("http://127.0.0.1:8999/")
    await past(api_only, created, 3, "exhausted")
    job = await recover(api_only, created)
    recoverer = Recoverer(api_only.app.state.engine)
    await recoverer.turn()
    await api_only.api.patch(f"/v1/subscriptions/{created['subscription_id']}", json={"url": None})
    await recoverer.turn()
    assert (await api_only.get(job))["state"] == "stopped"
    assert {d["state"] for d in await deliveries(api_only, created)} == {"exhausted"}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"since": LONG_AGO, "after": str(uuid4())},
        {"since": LONG_AGO, "until": LONG_AGO},
        {"since": "2025-01-01T00:00:00"},
        {"after": str(uuid4())},
    ],
)
async def test_what_begins_nowhere_is_refused(api_only: Service, form: dict[str, Any]) -> None:
    created = await api_only.subscribe("http://127.0.0.1:8999/")
    answer = await api_only.api.post(f"/v1/subscriptions/{created['subscription_id']}/recoveries", json=form)
    assert answer.status_code == 422, answer.text
    other = await api_only.api.post(f"/v1/subscriptions/{uuid4()}/recoveries", json={"since": LONG_AGO})
    assert other.status_code == 404
