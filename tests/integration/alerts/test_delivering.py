"""From the topic to a receiver: signed, once, in order, again when it fails."""

import pytest
from standardwebhooks import WebhookVerificationError

from tests.integration.alerts.receiver import Receiver
from tests.integration.alerts.service import Service, lane_changed


async def test_an_alert_reaches_a_matching_subscription_signed(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    created = await service.subscribe(inbox.url, origins=["CN"], destinations=["DE"])
    body = lane_changed("DE")
    await service.publish(body, lane_changed("FR"))
    (got,) = await inbox.wait_for(1)
    assert got.body == body
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.verify(created["secret"])["data"]["state"] == "restricted"
    (delivery,) = await service.wait_for_states("delivered")
    assert delivery["delivery_id"] == got.webhook_id


async def test_a_tampered_body_is_refused_by_the_official_library(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    created = await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    (got,) = await inbox.wait_for(1)
    with pytest.raises(WebhookVerificationError):
        type(got)(got.headers, got.body.replace(b"restricted", b"flowing"), got.at).verify(created["secret"])
