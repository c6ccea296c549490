"""What nobody acknowledges in time is told to a second subscription, once, whatever process looks."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.alerts.background.escalator import Escalator
from services.alerts.background.releaser import Releaser
from services.alerts.store import SCHEMA, VERSIONS, escalations
from shared.database import make_engine, transaction, upgrade_schema
from tests.integration.alerts.matched import as_recorded, deliveries, recorded
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


NOW = datetime.now(UTC)
QUIET = {
    "from": f"{NOW - timedelta(hours=2):%H:%M}",
    "until": f"{NOW + timedelta(hours=2):%H:%M}",
    "time_zone": "UTC",
    "breaks_through": None,
}


async def escalating_at_once(service: Service, after_s: float = 1e-6, **more: Any) -> tuple[dict[str, Any], str, str]:
    """Return a subscription whose alerts go on at once, the goods that it asks for, and the second subscription."""
    group = uuid4().hex
    form = {"name": "n", "url": "http://127.0.0.1:9999/", "filter": {"commodity_groups": [group]}}
    second = (await service.api.post("/v1/subscriptions", json=form | {"filter": {"origins": ["ZZ"]}})).json()
    created: dict[str, Any] = (await service.api.post("/v1/subscriptions", json=form | more)).json()
    rule = {"after_s": after_s, "to": second["subscription_id"], "min_severity": "warning"}
    assert (await service.api.put(path(created, "escalation"), json=rule)).status_code == 200
    return created, group, second["subscription_id"]


async def turn(service: Service) -> int:
    return await Escalator(service.app.state.engine, 1, lambda: None).turn()


async def release(service: Service) -> None:
    """Let what waits to be told be told now."""
    await service.sql("UPDATE alerts.delivery SET due_at = now() WHERE state IN ('resting', 'gathered') RETURNING 1")
    await service.sql("UPDATE alerts.queue SET release_at = now() WHERE release_at IS NOT NULL RETURNING 1")
    await Releaser(service.app.state.engine, lambda: None).release()


async def test_what_rests_is_told_to_nobody_else_before_it_was_to_be_sent(api_only: Service) -> None:
    created, group, second = await escalating_at_once(api_only, 3600, quiet_hours=QUIET)
    await recorded(api_only.app.state.engine, *as_recorded(lane_changed("DE", group=group)))
    await api_only.sql("UPDATE alerts.escalation SET created_at = created_at - interval '2 hours' RETURNING 1")
    await api_only.sql("UPDATE alerts.delivery SET created_at = created_at - interval '2 hours' RETURNING 1")
    assert await turn(api_only) == 0
    (waiting,) = await awaited(api_only, created, 1)
    await release(api_only)
    assert await turn(api_only) == 0, "an hour from now on"
    (released,) = await awaited(api_only, created, 1)
    assert waiting["escalates_at"] > released["escalates_at"] > waiting["created_at"]
    await api_only.sql("UPDATE alerts.delivery SET released_at = now() - interval '2 hours' RETURNING 1")
    assert await turn(api_only) == 1
    assert len(await deliveries(api_only.app.state.engine, second)) == 1


async def test_a_digest_is_waited_for_in_place_of_what_it_carries(api_only: Service) -> None:
    created, group, second = await escalating_at_once(api_only, digest={"every_minutes": 1440})
    bodies = [lane_changed(to, group=group, severity="warning") for to in ("DE", "FR")]
    await recorded(api_only.app.state.engine, *as_recorded(*bodies))
    assert await turn(api_only) == 0, "what is gathered was not told to the first"
    await awaited(api_only, created, 2)
    await release(api_only)
    assert await turn(api_only) == 1
    assert [row.kind for row in await deliveries(api_only.app.state.engine, second)] == ["lanewatch.digest"]
    (digest,) = await awaited(api_only, created, 1)
    assert digest["kind"] == "lanewatch.digest"


async def test_what_is_only_kept_is_told_to_nobody_else(api_only: Service) -> None:
    created, group, _ = await escalating_at_once(api_only)
    await recorded(api_only.app.state.engine, *as_recorded(lane_changed("DE", group=group)))
    await api_only.sql("UPDATE alerts.escalation SET after_s = 3600 RETURNING 1")
    await turn(api_only)
    await awaited(api_only, created, 1)
    await api_only.api.patch(f"/v1/subscriptions/{created['subscription_id']}", json={"url": None})
    await api_only.sql("UPDATE alerts.escalation SET after_s = 1e-6 RETURNING 1")
    await recorded(api_only.app.state.engine, *as_recorded(lane_changed("FR", group=group)))
    assert await turn(api_only) == 0


@pytest.mark.parametrize(
    "state, failure, sent",
    [("paused", "is paused; it is sent", 1), ("disabled", "is disabled; it is sent", 1), ("expired", "has expired", 0)],
)
async def test_a_second_subscription_that_gets_nothing_is_named(
    api_only: Service, state: str, failure: str, sent: int
) -> None:
    created, group, second = await escalating_at_once(api_only)
    if state == "expired":
        set_it = "UPDATE alerts.subscription SET expires_at = now() WHERE subscription_id = :id RETURNING :state"
    else:
        set_it = "UPDATE alerts.subscription SET state = :state WHERE subscription_id = :id RETURNING :state"
    await api_only.sql(set_it, id=UUID(second), state=state)
    await recorded(api_only.app.state.engine, *as_recorded(lane_changed("DE", group=group)))
    assert await turn(api_only) == 1
    (told,) = await awaited(api_only, created, 1)
    assert failure in told["failure"]
    assert len(await deliveries(api_only.app.state.engine, second)) == sent


async def test_of_a_deleted_subscription_nothing_goes_on(api_only: Service) -> None:
    created, group, second = await escalating_at_once(api_only, 3600)
    await recorded(api_only.app.state.engine, *as_recorded(lane_changed("DE", group=group)))
    await turn(api_only)
    await awaited(api_only, created, 1)
    assert (await api_only.api.delete(f"/v1/subscriptions/{created['subscription_id']}")).status_code == 204
    left = """SELECT (SELECT count(*) FROM alerts.awaited WHERE subscription_id = :id)
        + (SELECT count(*) FROM alerts.escalation WHERE subscription_id = :id)"""
    assert await api_only.sql(left, id=UUID(created["subscription_id"])) == [(0,)]
    assert await deliveries(api_only.app.state.engine, second) == []


async def test_what_was_acknowledged_while_it_was_noted_is_told_to_nobody_else(api_only: Service) -> None:
    created, group, _ = await escalating_at_once(api_only, 3600)
    await recorded(api_only.app.state.engine, *as_recorded(lane_changed("DE", group=group)))
    await turn(api_only)
    (waiting,) = await awaited(api_only, created, 1)
    # As if both had been at it: the note of what is awaited came last.
    noted = "INSERT INTO alerts.acknowledgement (delivery_id, who) VALUES (:id, 'Anna') RETURNING 1"
    await api_only.sql(noted, id=UUID(waiting["delivery_id"]))
    await api_only.sql("UPDATE alerts.escalation SET after_s = 1e-6 RETURNING 1")
    assert await turn(api_only) == 0
    await awaited(api_only, created, 0)


async def test_a_look_ends_though_more_came_than_it_takes_at_once(database_url: str) -> None:
    engine = make_engine(database_url, "tests")
    await upgrade_schema(engine, SCHEMA, VERSIONS)
    many = """INSERT INTO alerts.alert (source, id, kind, severity, happened_at, body)
        SELECT '/many', CAST(n AS text), 'lanewatch.lane.changed', 'critical', now(), ''
        FROM generate_series(1, 5001) n"""
    place = "SELECT looked_no, (SELECT max(alert_no) FROM alerts.alert) AS last FROM alerts.escalation_place"
    async with transaction(engine) as connection:
        await connection.execute(text(many))
        assert await escalations.look(connection) is None, "there is no escalation, so nothing to look for"
        await connection.execute(
            text("""WITH made AS (INSERT INTO alerts.subscription (name, filter, exporters, kinds, min_severity)
                SELECT 'n', '{}', '{}', '{}', 0 FROM generate_series(1, 2) RETURNING subscription_id)
                INSERT INTO alerts.escalation (subscription_id, to_id, after_s, min_severity)
                SELECT CAST(min(CAST(subscription_id AS text)) AS uuid),
                    CAST(max(CAST(subscription_id AS text)) AS uuid), 60, 0 FROM made""")
        )
    async with asyncio.timeout(10):
        assert await Escalator(engine, 1.0, lambda: None).turn() == 0
    async with transaction(engine) as connection:
        row = (await connection.execute(text(place))).one()
    assert row.looked_no < row.last, "what has just come is looked at again, for numbers are given before their commit"
    await engine.dispose()
