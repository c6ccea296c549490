"""A subscription is changed for every alert after the change, exactly, and not over somebody else's change."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.alerts.changing import change
from services.alerts.domain.filters import Filter
from services.alerts.store import subscriptions
from services.alerts.store.subscriptions import NewSubscription
from shared.database import transaction
from tests.integration.alerts.matched import alert, as_recorded, deliveries, record, recorded
from tests.integration.alerts.receiver import Receiver, status
from tests.integration.alerts.service import Service, lane_changed

URL = "https://example.org/hook"
PLACES = ("DE", "FR", "JP")


async def test_each_alert_is_matched_by_the_filter_that_was_in_force_when_it_was_recorded(api_only: Service) -> None:
    engine = api_only.app.state.engine
    async with transaction(engine) as connection:
        made = await subscriptions.create(connection, NewSubscription("n", URL, Filter(), None, None))
    assert made is not None
    in_force: list[tuple[int, Filter]] = [(0, Filter())]
    places: dict[int, str] = {}
    done = asyncio.Event()

    async def recording(worker: int) -> None:
        for turn in range(25):
            to = PLACES[(worker + turn) % 3]
            async with transaction(engine) as connection:
                for number in await record(connection, alert(to), alert(to)):
                    places[number] = to

    async def changing() -> None:
        for turn in range(30):
            wanted = Filter(destinations=(PLACES[turn % 3],)) if turn % 4 else Filter()
            async with transaction(engine) as connection:
                fields = {"filter": wanted}
                kwargs: dict[str, Any] = {"versions": None, "now": datetime.now(UTC)}
                await change(connection, "default", made.subscription_id, fields, **kwargs)
                last = await connection.execute(text("SELECT coalesce(max(alert_no), 0) FROM alerts.alert"))
                in_force.append((last.scalar_one(), wanted))
            await asyncio.sleep(0)
        done.set()

    await asyncio.gather(changing(), *(recording(worker) for worker in range(3)))
    found = {row.alert_no for row in await deliveries(engine, made.subscription_id)}
    expected = set()
    for number, to in places.items():
        (_, wanted) = [each for each in in_force if each[0] < number][-1]
        if not wanted.destinations or to in wanted.destinations:
            expected.add(number)
    assert found == expected
    between = {sum(1 for number in places if number > since) for since, _ in in_force}
    assert len(between) > 5, "no change came between alerts, so nothing was shown"


async def test_two_editors_do_not_overwrite_each_other(api_only: Service) -> None:
    created = await api_only.api.post("/v1/subscriptions", json={"name": "n", "url": URL})
    path = created.headers["location"]
    tag = created.headers["etag"]
    assert tag == '"1"'
    first = await api_only.api.patch(path, json={"name": "first"}, headers={"if-match": tag})
    second = await api_only.api.patch(path, json={"name": "second"}, headers={"if-match": tag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.headers["content-type"] == "application/problem+json"
    shown = await api_only.api.get(path)
    assert (shown.json()["name"], shown.headers["etag"]) == ("first", first.headers["etag"])
    for tags in (f'"77", {first.headers["etag"]}', "*"):
        assert (await api_only.api.patch(path, json={"name": "x"}, headers={"if-match": tags})).status_code in (
            200,
            412,
        )
    assert (await api_only.api.patch(path, json={"name": "x"}, headers={"if-match": "W/1"})).status_code == 412


async def test_what_is_not_named_stays(api_only: Service) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    quiet = {"from": "22:00", "until": "06:30", "time_zone": "Europe/Berlin", "days": ["mon", "fri"]}
    form = {
        "name": "n",
        "url": URL,
        "filter": {"origins": ["CN"]},
        "ordering": "none",
        "expires_at": soon,
        "digest": {"daily_at": "08:00", "time_zone": "Asia/Tokyo"},
        "quiet_hours": quiet,
        "format": "slack",
    }
    created = (await api_only.api.post("/v1/subscriptions", json=form)).json()
    path = f"/v1/subscriptions/{created['subscription_id']}"
    changed = (await api_only.api.patch(path, json={"name": "m", "digest": None})).json()
    expected = created | {"name": "m", "digest": None, "version": 2, "secret": None}
    assert changed == expected == await api_only.get(path)
    assert changed["quiet_hours"]["from"] == "22:00"
    back = (await api_only.api.patch(path, json={"digest": form["digest"], "expires_at": None})).json()
    assert back == expected | {"digest": created["digest"], "expires_at": None, "version": 3}


@pytest.mark.parametrize(
    "form,pointer",
    [
        ({}, ""),
        ({"name": None}, "/name"),
        ({"filter": None}, "/filter"),
        ({"url": "ftp://example.org"}, "/url"),
        ({"state": "expired"}, "/state"),
        ({"ordering": "time"}, "/ordering"),
        ({"format": "xml"}, "/format"),
        ({"secret": "x"}, "/secret"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
        ({"digest": {}}, "/digest"),
        ({"digest": {"every_minutes": 5, "daily_at": "08:00"}}, "/digest"),
        ({"digest": {"every_minutes": 0}}, "/digest/every_minutes"),
        ({"digest": {"daily_at": "24:00"}}, "/digest/daily_at"),
        ({"digest": {"daily_at": "08:00", "time_zone": "Mars/Olympus"}}, "/digest/time_zone"),
        ({"quiet_hours": {"from": "1:00", "until": "02:00", "time_zone": "UTC"}}, "/quiet_hours/from"),
        ({"quiet_hours": {"from": "01:00", "until": "01:00", "time_zone": "UTC"}}, "/quiet_hours"),
        ({"quiet_hours": {"from": "01:00", "until": "02:00", "time_zone": "UTC", "days": []}}, "/quiet_hours/days"),
    ],
)
async def test_a_bad_change_is_refused_with_the_place(form: Any, pointer: str, api_only: Service) -> None:
    created = await api_only.api.post("/v1/subscriptions", json={"name": "n", "url": URL})
    answer = await api_only.api.patch(created.headers["location"], json=form)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"].rstrip("/") for error in answer.json()["errors"]]
    assert (await api_only.get(created.headers["location"]))["version"] == 1


async def test_a_new_url_gets_what_the_old_one_did_not_take(service: Service, receiver: Receiver) -> None:
    old, new = receiver.inbox("old", status(503)), receiver.inbox("new")
    created = await service.subscribe(old.url)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.publish(lane_changed("DE", 1), lane_changed("DE", 2))
    await old.wait_for(1)
    assert (await service.api.patch(path, json={"url": new.url})).status_code == 200
    await new.wait_for(2)
    await service.wait_for_states("delivered", "delivered")
    assert [g.event["data"]["sequence"] for g in new.got] == [1, 2]


async def test_without_an_endpoint_nothing_is_sent_and_all_is_kept(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    created = await service.subscribe(inbox.url)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.api.patch(path, json={"state": "paused"})
    await service.publish(lane_changed("DE", 1))
    await service.wait_for_states("due")
    await service.api.patch(path, json={"url": None, "state": "active"})
    await service.publish(lane_changed("DE", 2))
    kept, _ = await service.wait_for_states("kept", "kept")
    assert (await service.api.post(f"/v1/deliveries/{kept['delivery_id']}/retry")).status_code == 409
    await service.api.patch(path, json={"url": inbox.url})
    await service.publish(lane_changed("DE", 3))
    await service.wait_for_states("kept", "kept", "delivered")
    assert [g.event["data"]["sequence"] for g in inbox.got] == [3]


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (30.0, 60.0)}])
async def test_a_subscription_without_order_waits_for_nothing(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=status(503))
    created = await service.subscribe(inbox.url)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.publish(lane_changed("DE", 1))
    await service.wait_for_states("waiting")
    await service.api.patch(path, json={"ordering": "none"})
    await service.publish(lane_changed("DE", 2), lane_changed("DE", 3))
    await service.wait_for_states("waiting", "waiting", "waiting")
    assert sorted(inbox.ids) == [f"dysprosium-magnets/CN/DE:{n}" for n in (1, 2, 3)]


async def test_no_alert_after_its_expiry_is_for_a_subscription_and_it_may_be_extended(api_only: Service) -> None:
    engine = api_only.app.state.engine
    created = await api_only.api.post(
        "/v1/subscriptions", json={"name": "n", "url": None, "filter": {"origins": ["CN"]}}
    )
    path, subscription_id = created.headers["location"], created.json()["subscription_id"]
    at = datetime.now(UTC) + timedelta(hours=1)
    await api_only.api.patch(path, json={"expires_at": at.isoformat()})
    before, after = alert(), alert()._replace(happened_at=at)
    await recorded(engine, before, after, alert()._replace(happened_at=at - timedelta(microseconds=1)))
    assert len(await deliveries(engine, subscription_id)) == 2
    await api_only.sql(
        "UPDATE alerts.subscription SET expires_at = clock_timestamp() WHERE subscription_id = :id RETURNING 1",
        id=subscription_id,
    )
    shown = await api_only.get(path)
    assert shown["state"] == "expired"
    assert shown["state_reason"].startswith("no alert after 20")
    await recorded(engine, alert())
    assert len(await deliveries(engine, subscription_id)) == 2
    extended = await api_only.api.patch(path, json={"expires_at": at.isoformat()})
    assert extended.json()["state"] == "active"
    await recorded(engine, alert())
    assert [row.sequence for row in await deliveries(engine, subscription_id)] == [1, 2, 3]


async def test_a_condition_that_fails_lets_the_alert_through_and_is_told(api_only: Service) -> None:
    engine = api_only.app.state.engine
    wanted = {"destinations": ["DE"], "condition": "has(alert.state) && 1 / alert.severity_rank > 0"}
    created = await api_only.api.post("/v1/subscriptions", json={"name": "n", "url": None, "filter": wanted})
    path, mine = created.headers["location"], created.json()["subscription_id"]
    assert created.json()["filter"]["condition"] == wanted["condition"]
    bodies = [lane_changed("DE", 500, severity="notice"), lane_changed("DE", 501, severity="info")]
    await recorded(engine, *as_recorded(*bodies, lane_changed("DE", 502, severity="critical")))
    rows = await deliveries(engine, mine)
    assert [row.note for row in rows] == [None, "the filter's condition failed: division by zero"]
    shown = await api_only.get(path)
    assert shown["condition_failure"] == "division by zero"
    assert shown["condition_failed_at"]
    listed = await api_only.deliveries(subscription_id=mine)
    assert [delivery["note"] for delivery in listed] == [row.note for row in rows]
    changed = await api_only.api.patch(path, json={"filter": {"destinations": ["DE"]}})
    assert changed.json()["condition_failure"] is None
    refused = await api_only.api.patch(path, json={"filter": {"condition": "true &&"}})
    assert refused.json()["errors"] == [
        {"pointer": "/filter/condition", "detail": "line 1, column 8: the condition ends too soon"}
    ]
