"""An endpoint that fails again and again is left alone; nothing of it is lost, out of order or given up."""

from itertools import pairwise
from typing import Any

import pytest

from tests.integration.alerts.receiver import Receiver, accept, status
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.test_lane_order import accepted_ids, refusing
from tests.integration.alerts.waiting import eventually

LANES = ("DE", "FR", "JP")
QUICK = {"alerts_retry_delays_s": (0.05, 0.05), "alerts_breaker_failures": 3, "alerts_nudge_after_s": 0.0}
RESTS = {"alerts_breaker_rest_s": 0.25, "alerts_breaker_rest_max_s": 0.25}
FOR_LONG = {"alerts_breaker_rest_s": 60.0, "alerts_breaker_rest_max_s": 60.0}


async def endpoint(service: Service, subscription: dict[str, Any]) -> dict[str, Any]:
    shown = await service.get(f"/v1/subscriptions/{subscription['subscription_id']}")
    found: dict[str, Any] = shown["endpoint"]
    return found


async def until_state(service: Service, subscription: dict[str, Any], *states: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def is_so() -> bool:
        found.update(await endpoint(service, subscription))
        return found["state"] in states

    await eventually(is_so, 15, lambda: str(found))
    return found


@pytest.mark.parametrize("alerts_settings", [QUICK | RESTS])
async def test_an_outage_longer_than_all_tries_loses_nothing_and_keeps_order(
    service: Service, receiver: Receiver
) -> None:
    inbox = receiver.inbox(behaviour=status(503))
    created = await service.subscribe(inbox.url)
    await service.publish(*(lane_changed(to, 1) for to in LANES))
    await until_state(service, created, "open")
    before = len(inbox.got)
    for sequence in range(2, 7):
        await service.publish(*(lane_changed(to, sequence) for to in LANES))
    # The schedule alone would have given up after two tries more.
    await inbox.wait_for(before + 6)
    inbox.behaviour = accept
    await service.wait_for_states(*["delivered"] * 18)
    for to in LANES:
        mine = [g for g in inbox.got if g.event["data"]["lane_id"].endswith(to)]
        assert accepted_ids(mine) == [f"dysprosium-magnets/CN/{to}:{n}" for n in range(1, 7)]
    attempts = await service.sql("SELECT started_at, duration_ms, status FROM alerts.attempt ORDER BY started_at")
    failed = [a.started_at for a in attempts if a.status == 503]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(failed[before - 1 :])]
    assert min(gaps[1:]) >= 0.2, "while it is open, one request a rest and no more"


@pytest.mark.parametrize("alerts_settings", [QUICK | FOR_LONG])
async def test_the_api_tells_how_an_endpoint_fares(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=status(503))
    created = await service.subscribe(inbox.url)
    assert (created["endpoint"]["state"], created["endpoint"]["failing_since"]) == ("closed", None)
    await service.publish(*(lane_changed(to) for to in LANES))
    found = await until_state(service, created, "open")
    assert (found["last_error"], found["tries_since"], found["open_deliveries"]) == ("status 503", 3, 3)
    assert found["failing_since"] < found["next_try_at"]
    assert (await service.get("/v1/subscriptions"))["items"][0]["endpoint"] == found
    inbox.behaviour = accept
    await service.publish(lane_changed("US"))
    await service.wait_for_states("waiting", "waiting", "waiting", "due")
    # Somebody wants to know: the rest is over, and with the first acceptance all goes out.
    ping = await service.api.post(f"/v1/subscriptions/{created['subscription_id']}/ping")
    assert ping.status_code == 202
    await service.wait_for_states(*["delivered"] * 5)
    found = await until_state(service, created, "closed")
    assert (found["failing_since"], found["next_try_at"], found["last_error"]) == (None, None, None)
    assert found["open_deliveries"] == 0


@pytest.mark.parametrize(
    "alerts_settings",
    [QUICK | RESTS | {"alerts_retry_delays_s": (0.05,) * 20, "alerts_order_hold_s": 0.6}],
)
async def test_one_alert_that_the_endpoint_cannot_digest_does_not_stop_its_lane_for_ever(
    service: Service, receiver: Receiver
) -> None:
    inbox = receiver.inbox(behaviour=refusing("dysprosium-magnets/CN/DE:1"))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE", 1), lane_changed("DE", 2), lane_changed("DE", 3))
    await eventually(lambda: {"dysprosium-magnets/CN/DE:2", "dysprosium-magnets/CN/DE:3"} <= set(inbox.ids))


@pytest.mark.parametrize(
    "alerts_settings",
    [QUICK | RESTS | {"alerts_disable_after_s": 0.4, "alerts_disable_tries": 5}],
)
async def test_an_endpoint_that_took_nothing_for_long_is_disabled_and_goes_on_where_it_was(
    service: Service, receiver: Receiver
) -> None:
    inbox = receiver.inbox(behaviour=status(503))
    created = await service.subscribe(inbox.url)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.publish(*(lane_changed("DE", n) for n in (1, 2)), *(lane_changed(to) for to in ("FR", "JP")))

    async def is_disabled() -> bool:
        return bool((await service.get(path))["state"] == "disabled")

    await eventually(is_disabled)
    assert "took nothing since" in (await service.get(path))["state_reason"]
    await service.publish(lane_changed("DE", 3))
    await eventually(lambda: _count(service, 5))
    got = len(inbox.got)
    inbox.behaviour = accept
    assert (await service.get("/v1/deliveries", state="delivered"))["items"] == []
    assert len(inbox.got) == got
    assert (await service.api.patch(path, json={"state": "active"})).json()["state"] == "active"
    await service.wait_for_states(*["delivered"] * 5)
    germany = [g for g in inbox.got if g.event["data"]["lane_id"].endswith("DE")]
    assert accepted_ids(germany) == [f"dysprosium-magnets/CN/DE:{n}" for n in (1, 2, 3)]


async def _count(service: Service, count: int) -> bool:
    return len(await service.deliveries()) == count
