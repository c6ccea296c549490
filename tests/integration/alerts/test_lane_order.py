"""Alerts of a lane arrive in order, whatever the endpoint does; what waits does not hold others for ever."""

import asyncio
import random

import pytest
from aiohttp import web

from tests.integration.alerts.receiver import Behaviour, Got, Receiver, accept, hang, status
from tests.integration.alerts.service import Service, decided, lane_changed
from tests.integration.alerts.waiting import eventually


def flapping(seed: int) -> Behaviour:
    """Refuse every other request or so, now sooner, now later."""
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose

    async def answer(got: Got, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(chance.random() * 0.03)
        return await (accept if chance.random() < 0.5 else status(503))(got, request)

    return answer


def refusing(alert_id: str, code: int = 500) -> Behaviour:
    """Refuse one alert and accept all others."""

    async def answer(got: Got, request: web.Request) -> web.StreamResponse:
        return await (status(code) if got.event["id"] == alert_id else accept)(got, request)

    return answer


def accepted_ids(got: list[Got]) -> list[str]:
    """Return the alerts by their last arrival: the one that was accepted."""
    last = {g.event["id"]: place for place, g in enumerate(got)}
    return sorted(last, key=last.__getitem__)


@pytest.mark.parametrize(
    "alerts_settings",
    # Short retries, extra tries at any occasion and a small window: whatever can meet does meet.
    [{"alerts_retry_delays_s": (0.05,) * 30, "alerts_nudge_after_s": 0.0, "alerts_window": 4}],
)
@pytest.mark.parametrize("seed", [7, 11])
async def test_a_lane_stays_in_order_at_a_flapping_endpoint(service: Service, receiver: Receiver, seed: int) -> None:
    inbox = receiver.inbox(behaviour=flapping(seed))
    await service.subscribe(inbox.url)
    lanes = ("DE", "FR", "JP")
    for sequence in range(1, 9):
        await service.publish(*(lane_changed(to, sequence) for to in lanes))
    await service.wait_for_states(*["delivered"] * 24, deadline_s=30)
    assert len(inbox.got) > 30
    for to in lanes:
        mine = [g for g in inbox.got if g.event["data"]["lane_id"].endswith(to)]
        assert accepted_ids(mine) == [f"dysprosium-magnets/CN/{to}:{n}" for n in range(1, 9)]
        sequences = [g.event["data"]["sequence"] for g in mine]
        assert sequences == sorted(sequences), "a later one was sent before an earlier one was accepted"


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (30.0, 60.0)}])
async def test_what_waits_holds_its_lane_and_no_other(service: Service, receiver: Receiver) -> None:
    blocked = lane_changed("DE", 1)
    inbox = receiver.inbox(behaviour=refusing("dysprosium-magnets/CN/DE:1"))
    await service.subscribe(inbox.url)
    await service.publish(blocked)
    await service.wait_for_states("waiting")
    await service.publish(lane_changed("DE", 2), decided("DE"), lane_changed("FR", 1))
    await service.wait_for_states("waiting", "queued", "queued", "delivered")
    assert inbox.ids == ["dysprosium-magnets/CN/DE:1", "dysprosium-magnets/CN/FR:1"]


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (30.0, 60.0)}])
async def test_what_comes_while_the_first_is_tried_again_goes_behind_what_is_queued(
    service: Service, receiver: Receiver
) -> None:
    may_answer = asyncio.Event()

    async def wait_then_accept(got: Got, request: web.Request) -> web.StreamResponse:
        await may_answer.wait()
        return await accept(got, request)

    inbox = receiver.inbox(behaviour=status(503))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE", 1))
    (first,) = await service.wait_for_states("waiting")
    await service.publish(lane_changed("DE", 2), lane_changed("DE", 3))
    await service.wait_for_states("waiting", "queued", "queued")
    inbox.behaviour = wait_then_accept
    await service.api.post(f"/v1/deliveries/{first['delivery_id']}/retry")
    await inbox.wait_for(2)
    await service.publish(lane_changed("DE", 4))
    await service.wait_for_states("due", "queued", "queued", "queued")
    may_answer.set()
    await service.wait_for_states(*["delivered"] * 4)
    assert [g.event["data"]["sequence"] for g in inbox.got] == [1, 1, 2, 3, 4]


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (30.0,) * 3, "alerts_nudge_after_s": 0.0}])
async def test_a_new_alert_of_the_lane_brings_on_the_one_that_waits(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=status(503))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE", 1))
    await service.wait_for_states("waiting")
    inbox.behaviour = accept
    await service.publish(lane_changed("DE", 2))
    await service.wait_for_states("delivered", "delivered")
    assert accepted_ids(inbox.got)[-2:] == ["dysprosium-magnets/CN/DE:1", "dysprosium-magnets/CN/DE:2"]


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (30.0,), "alerts_nudge_after_s": 0.0}])
async def test_an_extra_try_does_not_use_up_the_schedule(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=status(503))
    await service.subscribe(inbox.url)
    for sequence in range(1, 6):
        await service.publish(lane_changed("DE", sequence))
        await inbox.wait_for(sequence)
        await service.wait_for_states("waiting", *["queued"] * (sequence - 1))
    assert {g.event["data"]["sequence"] for g in inbox.got} == {1}


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (30.0,) * 3, "alerts_nudge_after_s": 0.0}])
async def test_an_endpoint_that_takes_alerts_again_gets_what_waits_for_it(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=status(503))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE"), lane_changed("FR"), lane_changed("JP"))
    await service.wait_for_states("waiting", "waiting", "waiting")
    inbox.behaviour = accept
    await service.publish(lane_changed("US"))
    await service.wait_for_states(*["delivered"] * 4)


@pytest.mark.parametrize(
    "alerts_settings", [{"alerts_retry_delays_s": (0.2, 30.0), "alerts_order_hold_refused_s": 5.0}]
)
async def test_an_alert_that_only_itself_is_refused_is_passed_after_a_while(
    service: Service, receiver: Receiver
) -> None:
    inbox = receiver.inbox(behaviour=refusing("dysprosium-magnets/CN/DE:1", 422))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE", 1), lane_changed("DE", 2), lane_changed("DE", 3))
    await service.wait_for_states("waiting", "delivered", "delivered")
    assert inbox.ids == [f"dysprosium-magnets/CN/DE:{n}" for n in (1, 1, 2, 3)]


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (0.05,)}])
async def test_the_lane_goes_on_when_one_is_given_up(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=refusing("dysprosium-magnets/CN/DE:1"))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE", 1), lane_changed("DE", 2))
    await service.wait_for_states("exhausted", "delivered")
    assert inbox.ids == [f"dysprosium-magnets/CN/DE:{n}" for n in (1, 1, 2)]


async def test_one_lane_under_way_does_not_stop_another(service: Service, receiver: Receiver) -> None:
    async def hang_on_germany(got: Got, request: web.Request) -> web.StreamResponse:
        return await (hang if got.event["data"]["lane_id"].endswith("DE") else accept)(got, request)

    inbox = receiver.inbox(behaviour=hang_on_germany)
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE", 1), lane_changed("DE", 2), lane_changed("FR", 1))
    await eventually(lambda: "dysprosium-magnets/CN/FR:1" in inbox.ids, 5)
    await service.wait_for_states("due", "due", "delivered")
    assert "dysprosium-magnets/CN/DE:2" not in inbox.ids
