"""From the topic to a receiver: signed, once, again when it fails, with a log of every attempt."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from tests.integration.alerts.receiver import Got, Receiver, accept, first, hang, status
from tests.integration.alerts.service import Service, decided, lane_changed
from tests.integration.alerts.waiting import eventually


async def test_an_alert_reaches_a_matching_subscription_signed(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    created = await service.subscribe(inbox.url, origins=["CN"], destinations=["DE"])
    body = lane_changed("DE")
    await service.publish(lane_changed("FR"), body)
    (got,) = await inbox.wait_for(1)
    assert got.body == body
    assert got.verify(created["secret"])["data"]["state"] == "restricted"
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.headers["user-agent"] == "lanewatch-alerts/1"
    assert got.attempt == 1
    (delivery,) = await service.wait_for_states("delivered")
    assert delivery["delivery_id"] == got.webhook_id
    with pytest.raises(WebhookVerificationError):
        replace(got, body=body.replace(b"restricted", b"flowing")).verify(created["secret"])
    with pytest.raises(WebhookVerificationError):
        replace(got, headers=got.headers | {"webhook-id": "other"}).verify(created["secret"])


async def test_each_subscription_gets_what_its_filter_says(service: Service, receiver: Receiver) -> None:
    wanted: dict[str, dict[str, Any]] = {
        "all": {},
        "germany": {"destinations": ["DE"]},
        "grave": {"min_severity": "critical"},
        "lanes": {"kinds": ["lanewatch.lane.*"]},
        "every-parcel": {"kinds": ["lanewatch.decision.permitted"], "exporters": ["acme"]},
    }
    inboxes = {name: receiver.inbox(name) for name in wanted}
    for name, filter_ in wanted.items():
        await service.subscribe(inboxes[name].url, **filter_)
    changed, held = lane_changed("DE"), decided("FR", outcome="held")
    acme, other = (decided("DE", outcome="permitted", exporter=name) for name in ("acme", "other"))
    await service.publish(changed, held, acme, other)
    await inboxes["all"].wait_for(2)
    await service.wait_for_states(*["delivered"] * 6)
    bodies = {name: {got.body for got in inbox.got} for name, inbox in inboxes.items()}
    assert bodies == {
        "all": {changed, held},
        "germany": {changed},
        "grave": {changed},
        "lanes": {changed},
        "every-parcel": {acme},
    }


async def test_a_failed_delivery_is_tried_again_with_the_same_id_and_logged(
    service: Service, receiver: Receiver
) -> None:
    inbox = receiver.inbox(behaviour=first(500, 2))
    created = await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    got = await inbox.wait_for(3)
    (delivery,) = await service.wait_for_states("delivered")
    assert [g.attempt for g in got] == [1, 2, 3]
    assert {g.webhook_id for g in got} == {delivery["delivery_id"]}
    for each in got:
        each.verify(created["secret"])
    shown = await service.get(f"/v1/deliveries/{delivery['delivery_id']}")
    assert shown["attempts"] == 3
    assert [(a["number"], a["status"], a["response_excerpt"]) for a in shown["log"]] == [
        (1, 500, "status 500"),
        (2, 500, "status 500"),
        (3, 204, None),
    ]
    assert all(a["duration_ms"] > 0 and a["error"] is None for a in shown["log"])


async def test_a_delivery_is_given_up_at_the_end_of_its_schedule_and_sent_again_on_request(
    service: Service, receiver: Receiver
) -> None:
    inbox = receiver.inbox(behaviour=status(500))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    (delivery,) = await service.wait_for_states("exhausted")
    assert len(inbox.got) == delivery["attempts"] == 4
    assert await service.deliveries(state="exhausted") == [delivery]
    inbox.behaviour = accept
    answer = await service.api.post(f"/v1/deliveries/{delivery['delivery_id']}/retry")
    assert answer.status_code == 202
    await service.wait_for_states("delivered")
    assert inbox.got[-1].webhook_id == delivery["delivery_id"]
    await service.api.post(f"/v1/deliveries/{delivery['delivery_id']}/retry")
    await inbox.wait_for(6)
    await service.wait_for_states("delivered")


async def test_retry_after_is_honoured_for_the_whole_endpoint(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=first(429, 1, retry_after="2"))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed("DE"))
    await inbox.wait_for(1)
    await service.wait_for_states("waiting")
    await service.publish(lane_changed("FR"))
    got = await inbox.wait_for(3)
    assert 1.5 < min(g.at for g in got[1:]) - got[0].at < 4


async def test_410_stops_all_sending_until_the_subscription_is_resumed(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=status(410))
    created = await service.subscribe(inbox.url)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.publish(lane_changed("DE"))

    async def is_disabled() -> bool:
        return bool((await service.get(path))["state"] == "disabled")

    await eventually(is_disabled)
    assert "410" in (await service.get(path))["state_reason"]
    await service.publish(lane_changed("FR"))
    await service.wait_for_states("due", "due")
    assert (await service.api.post(f"{path}/ping")).status_code == 409
    assert len(inbox.got) == 1
    inbox.behaviour = accept
    assert (await service.api.patch(path, json={"state": "active"})).json()["state"] == "active"
    await service.wait_for_states("delivered", "delivered")
    assert [g.attempt for g in inbox.got] == [1, 2, 1]


async def test_redirects_are_not_followed(service: Service, receiver: Receiver) -> None:
    target = receiver.inbox("target")
    inbox = receiver.inbox(behaviour=first(307, 1, location=target.url))
    await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    await inbox.wait_for(2)
    assert target.got == []


async def endless(_: Got, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"\x00x" * 8192)
        await asyncio.sleep(0)


async def break_off(_: Got, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": "1000"})
    await response.prepare(request)
    await response.write(b"some")
    assert request.transport is not None
    request.transport.abort()
    return response


async def test_an_endless_answer_is_cut(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=endless)
    await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    (delivery,) = await service.wait_for_states("delivered")
    (attempt,) = (await service.get(f"/v1/deliveries/{delivery['delivery_id']}"))["log"]
    assert len(attempt["response_excerpt"]) == 1024


async def test_an_answer_that_breaks_off_is_no_acceptance(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=break_off)
    await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    await inbox.wait_for(1)
    inbox.behaviour = accept
    (delivery,) = await service.wait_for_states("delivered")
    log = (await service.get(f"/v1/deliveries/{delivery['delivery_id']}"))["log"]
    assert "broke off" in log[0]["error"]
    assert len(inbox.got) == len(log) >= 2


async def test_a_refused_connection_is_logged_with_its_cause(service: Service, receiver: Receiver) -> None:
    await service.subscribe("http://127.0.0.1:2/nobody")
    await service.publish(lane_changed())
    (delivery,) = await service.wait_for_states("exhausted")
    log = (await service.get(f"/v1/deliveries/{delivery['delivery_id']}"))["log"]
    said = "no connection to 127.0.0.1, port 2: Connection refused"
    assert [(a["status"], a["error"]) for a in log] == [(None, said)] * 4


async def test_hanging_endpoints_delay_no_other(service: Service, receiver: Receiver) -> None:
    for number in range(5):
        await service.subscribe(receiver.inbox(f"hangs-{number}", hang).url)
    well = receiver.inbox("well")
    await service.subscribe(well.url)
    loop = asyncio.get_running_loop()
    for number in range(30):
        started = loop.time()
        await service.publish(lane_changed(sequence=number, destination=f"{chr(65 + number % 26)}X"))
        await well.wait_for(number + 1, 3)
        assert loop.time() - started < 2
    assert len(receiver.inboxes["hangs-0"].got) <= 8


async def test_a_ping_goes_the_same_way(service: Service, receiver: Receiver) -> None:
    inbox, other = receiver.inbox(behaviour=first(500, 1)), receiver.inbox("other")
    created = await service.subscribe(inbox.url, kinds=["lanewatch.quota.*"])
    await service.subscribe(other.url)
    answer = await service.api.post(f"/v1/subscriptions/{created['subscription_id']}/ping")
    assert answer.status_code == 202
    got = (await inbox.wait_for(2))[1]
    event = got.verify(created["secret"])
    assert event["type"] == "lanewatch.test.ping"
    assert event["data"]["subscription_id"] == created["subscription_id"]
    assert got.webhook_id == answer.json()["delivery_id"]
    await service.wait_for_states("delivered")
    assert other.got == []


@pytest.mark.parametrize("alerts_settings", [{"alerts_attempt_timeout_s": 0.3}])
async def test_an_endpoint_that_is_too_slow_is_tried_again(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=hang)
    await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    await inbox.wait_for(1)
    inbox.behaviour = accept
    (delivery,) = await service.wait_for_states("delivered")
    log = (await service.get(f"/v1/deliveries/{delivery['delivery_id']}"))["log"]
    assert log[0]["error"] == "no answer within 0.3 s"
