"""What is in a process's hands when a subscription changes: only what is under way still goes out as it was."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.integration.alerts.receiver import Got, Inbox, Receiver, accept
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.waiting import eventually

COUNT = 24
ANSWER_S = 0.05
BODIES = [lane_changed("DE", number) for number in range(COUNT)]

Change = Callable[[Service, dict[str, Any]], Awaitable[Any]]


async def slowly(got: Got, request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(ANSWER_S)
    return await accept(got, request)


def patching(**form: Any) -> Change:
    async def change(service: Service, subscription: dict[str, Any]) -> None:
        answer = await service.api.patch(f"/v1/subscriptions/{subscription['subscription_id']}", json=form)
        assert answer.status_code == 200, answer.text

    return change


async def deleting(service: Service, subscription: dict[str, Any]) -> None:
    answer = await service.api.delete(f"/v1/subscriptions/{subscription['subscription_id']}")
    assert answer.status_code == 204


async def busy(service: Service, receiver: Receiver) -> tuple[Inbox, dict[str, Any]]:
    """Return an endpoint that has taken a few of one lane's alerts, while the process has the others in hand."""
    inbox = receiver.inbox("busy", slowly)
    subscription = await service.subscribe(inbox.url)
    await service.publish(*BODIES)
    await inbox.wait_for(3)
    return inbox, subscription


async def arrive_no_more(inbox: Inbox) -> None:
    before = len(inbox.got)
    await asyncio.sleep(8 * ANSWER_S)  # nothing can be waited for where nothing is to come
    assert len(inbox.got) <= before + 1, "more went out than was under way"


@pytest.mark.parametrize(
    "change", [patching(state="paused"), patching(url=None), deleting], ids=["paused", "without endpoint", "deleted"]
)
async def test_nothing_more_is_sent(service: Service, receiver: Receiver, change: Change) -> None:
    inbox, subscription = await busy(service, receiver)
    await change(service, subscription)
    await arrive_no_more(inbox)


async def test_after_a_pause_the_rest_comes_in_order_and_once(service: Service, receiver: Receiver) -> None:
    inbox, subscription = await busy(service, receiver)
    for state in ("paused", "active", "paused", "active"):
        await patching(state=state)(service, subscription)
    await inbox.wait_for(COUNT)
    await service.wait_for_states(*["delivered"] * COUNT, subscription_id=subscription["subscription_id"])
    assert [got.body for got in inbox.got] == BODIES


async def test_a_secret_that_is_known_to_others_signs_nothing_more(service: Service, receiver: Receiver) -> None:
    inbox, subscription = await busy(service, receiver)
    path = f"/v1/subscriptions/{subscription['subscription_id']}/secret/rotate"
    new = (await service.api.post(path, json={"overlap_s": 0})).json()["secret"]
    under_way = len(inbox.got) + 1
    await inbox.wait_for(COUNT)
    for got in inbox.got[under_way:]:
        Webhook(new).verify(got.body, got.headers)
        with pytest.raises(WebhookVerificationError):
            got.verify(subscription["secret"])
    assert [got.body for got in inbox.got] == BODIES


async def test_another_url_gets_the_rest_in_order(service: Service, receiver: Receiver) -> None:
    old, subscription = await busy(service, receiver)
    new = receiver.inbox("new")
    await patching(url=new.url)(service, subscription)
    await arrive_no_more(old)
    await service.wait_for_states(*["delivered"] * COUNT, subscription_id=subscription["subscription_id"])
    assert [got.body for got in (*old.got, *new.got)] == BODIES


@pytest.mark.parametrize("status", [410, 500])
async def test_what_the_old_url_answers_says_nothing_of_the_new_one(
    service: Service, receiver: Receiver, status: int
) -> None:
    may_answer = asyncio.Event()

    async def late(_: Got, __: web.Request) -> web.StreamResponse:
        await may_answer.wait()
        return web.Response(status=status)

    old, new = receiver.inbox("old", late), receiver.inbox("new")
    subscription = await service.subscribe(old.url)
    await service.publish(*BODIES[:4])
    await old.wait_for(1)
    await patching(url=new.url)(service, subscription)
    may_answer.set()
    await service.wait_for_states(*["delivered"] * 4, subscription_id=subscription["subscription_id"])
    assert [got.body for got in new.got] == BODIES[:4]
    shown = await service.get(f"/v1/subscriptions/{subscription['subscription_id']}")
    assert (shown["state"], shown["endpoint"]["failing_since"]) == ("active", None)


async def test_an_endpoint_that_was_taken_away_and_given_back_is_sent_to(service: Service, receiver: Receiver) -> None:
    inbox, subscription = await busy(service, receiver)
    await patching(url=None)(service, subscription)
    await patching(url=inbox.url)(service, subscription)
    more = [lane_changed("FR", number) for number in range(3)]
    await service.publish(*more)

    async def has_come() -> bool:
        return [got.body for got in inbox.got if got.body in more] == more

    await eventually(has_come)
