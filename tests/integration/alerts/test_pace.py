"""An endpoint gets no more a second and at a time than it asks for, and others do not wait for it."""

import asyncio
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from services.alerts.store import workers
from shared.database import transaction
from tests.integration.alerts.receiver import Receiver, accept, hang
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.waiting import eventually

PLACES = ("DE", "FR", "JP", "US", "GB", "IT", "ES", "NL")


@pytest.mark.parametrize("rate", [8.0, 1.5])
async def test_no_second_holds_more_than_asked_for_and_others_do_not_wait(
    service: Service, receiver: Receiver, rate: float
) -> None:
    paced, free = receiver.inbox("paced"), receiver.inbox("free")
    form = {"name": "paced", "url": paced.url, "max_per_second": rate}
    created = (await service.api.post("/v1/subscriptions", json=form)).json()
    assert created["max_per_second"] == rate
    await service.subscribe(free.url)
    count = 3 if rate < 2 else 8
    await service.publish(*(lane_changed(to) for to in PLACES[: count - 1]))
    await free.wait_for(count - 1)
    assert len(paced.got) < count - 1
    await paced.wait_for(count - 1)
    # One that comes later, when the endpoint is in nobody's hands, keeps the distance too.
    await service.publish(lane_changed(PLACES[count - 1]))
    await paced.wait_for(count)
    await service.wait_for_states(*["delivered"] * count, subscription_id=created["subscription_id"])
    statement = """SELECT started_at FROM alerts.attempt JOIN alerts.delivery USING (delivery_id)
        WHERE delivery.subscription_id = :id ORDER BY started_at"""
    started = [row.started_at for row in await service.sql(statement, id=UUID(created["subscription_id"]))]
    # They are put down a moment after their token was taken.
    assert min((b - a).total_seconds() for a, b in pairwise(started)) >= 0.7 / rate
    assert (started[-1] - started[0]).total_seconds() >= (count - 1.2) / rate


async def test_no_more_are_under_way_than_asked_for(service: Service, receiver: Receiver) -> None:
    paced, free = receiver.inbox("paced", hang), receiver.inbox("free")
    form = {"name": "paced", "url": paced.url, "max_in_flight": 2}
    created = (await service.api.post("/v1/subscriptions", json=form)).json()
    await service.subscribe(free.url)
    await service.publish(*(lane_changed(to) for to in PLACES))
    await free.wait_for(len(PLACES))
    await paced.wait_for(2)
    await asyncio.sleep(0.1)
    assert len(paced.got) == 2
    change = {"max_in_flight": 3}
    answer = await service.api.patch(f"/v1/subscriptions/{created['subscription_id']}", json=change)
    assert (answer.json()["max_in_flight"], answer.json()["state"]) == (3, "active")
    await paced.wait_for(3)


async def test_the_bound_can_be_lifted(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    form = {"name": "paced", "url": inbox.url, "max_per_second": 0.001, "max_in_flight": 5}
    path = f"/v1/subscriptions/{(await service.api.post('/v1/subscriptions', json=form)).json()['subscription_id']}"
    await service.publish(lane_changed("DE"), lane_changed("FR"))
    await inbox.wait_for(1)
    await service.wait_for_states("delivered", "due")
    changed = (await service.api.patch(path, json={"max_per_second": None})).json()
    assert (changed["max_per_second"], changed["max_in_flight"]) == (None, 5)
    await inbox.wait_for(2)


@pytest.mark.parametrize("wrong", [{"max_per_second": 0}, {"max_per_second": -1}, {"max_in_flight": 0}])
async def test_a_bound_that_lets_nothing_through_is_refused(api_only: Service, wrong: dict[str, float]) -> None:
    form = {"name": "paced", "url": "http://127.0.0.1:9999/"} | wrong
    assert (await api_only.api.post("/v1/subscriptions", json=form)).status_code == 422


async def test_a_process_that_dies_takes_its_pace_along(api_only: Service) -> None:
    form = {"name": "paced", "url": "http://127.0.0.1:9999/", "max_per_second": 0.1}
    created = (await api_only.api.post("/v1/subscriptions", json=form)).json()
    values = {"id": UUID(created["subscription_id"]), "dead": uuid4()}
    await api_only.sql("UPDATE alerts.queue SET worker_id = :dead WHERE subscription_id = :id RETURNING 1", **values)
    async with transaction(api_only.app.state.engine) as connection:
        await workers.sweep(connection)
    statement = """SELECT worker_id, extract(epoch FROM paced_until - clock_timestamp()) AS wait_s FROM alerts.queue
        WHERE subscription_id = :id"""
    (row,) = await api_only.sql(statement, id=values["id"])
    assert row.worker_id is None
    assert 9 < row.wait_s <= 10


async def test_first_attempts_do_not_wait_behind_what_is_tried_again(service: Service, receiver: Receiver) -> None:
    inbox, other = receiver.inbox(), receiver.inbox("other")
    form = {"name": "back", "url": inbox.url, "max_in_flight": 1}
    created = (await service.api.post("/v1/subscriptions", json=form)).json()
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.api.patch(path, json={"state": "paused"})
    await service.publish(*(lane_changed("DE", 1, group=f"old-{n}") for n in range(100)))
    await eventually(lambda: _count(service, 100))
    # As if each had been tried: an endpoint that comes back with a backlog.
    await service.sql("UPDATE alerts.delivery SET attempts = 1, step = 1 RETURNING 1")
    await service.subscribe(other.url)
    await service.publish(lane_changed("DE", 1, group="new"))
    await other.wait_for(1)
    inbox.behaviour = accept
    await service.api.patch(path, json={"state": "active"})
    await inbox.wait_for(101)
    assert inbox.ids.index("new/CN/DE:1") < 5, "it waited behind the backlog"
    old = [alert_id for alert_id in inbox.ids if alert_id != "new/CN/DE:1"]
    assert old == [f"old-{n}/CN/DE:1" for n in range(100)]


async def _count(service: Service, count: int) -> bool:
    (row,) = await service.sql("SELECT count(*) FROM alerts.delivery")
    return bool(row[0] == count)
