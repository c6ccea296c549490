"""The handshake: nothing is sent to an endpoint that has not shown that it wants it."""

import json
from typing import Any

import pytest
from aiohttp import web

from services.alerts.domain.asking import of_handshake
from services.alerts.store import asking
from shared.database import transaction
from tests.integration.alerts.receiver import Behaviour, Got, Inbox, Receiver, accept, status
from tests.integration.alerts.service import Service, lane_changed


def is_question(got: Got) -> bool:
    return bool(got.event["type"] == "lanewatch.endpoint.verification")


def echoing(said: Behaviour) -> Behaviour:
    """Answer the handshake as told, and take alerts."""

    async def answer(got: Got, request: web.Request) -> web.StreamResponse:
        return await (said if is_question(got) else accept)(got, request)

    return answer


async def as_text(got: Got, _: web.Request) -> web.StreamResponse:
    return web.Response(text=got.event["data"]["challenge"] + "\n")


async def as_json(got: Got, _: web.Request) -> web.StreamResponse:
    return web.json_response({"challenge": got.event["data"]["challenge"]}, status=201)


async def as_it_came(got: Got, _: web.Request) -> web.StreamResponse:
    return web.Response(body=got.body, content_type="application/json")


async def with_failure(got: Got, _: web.Request) -> web.StreamResponse:
    return web.Response(text=got.event["data"]["challenge"], status=500)


async def elsewhere(got: Got, _: web.Request) -> web.StreamResponse:
    return web.Response(text=got.event["data"]["challenge"], status=307, headers={"location": "/other"})


@pytest.fixture
def alerts_settings() -> dict[str, Any]:
    return {"alerts_verify_endpoints": True}


async def verify(service: Service, created: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    path = f"/v1/subscriptions/{created['subscription_id']}/verify"
    # As if the pause between two questions were over.
    await service.sql("UPDATE alerts.subscription SET verification_asked_at = NULL RETURNING 1")
    answer = await service.api.post(path)
    return answer.status_code, answer.json()


async def patch(service: Service, created: dict[str, Any], **form: Any) -> tuple[int, dict[str, Any]]:
    answer = await service.api.patch(f"/v1/subscriptions/{created['subscription_id']}", json=form)
    return answer.status_code, answer.json()


def alerts_of(inbox: Inbox) -> list[bytes]:
    return [got.body for got in inbox.got if not is_question(got)]


async def test_what_was_matched_before_the_handshake_is_sent_after_it(service: Service, receiver: Receiver) -> None:
    strict, free = receiver.inbox("strict", echoing(as_text)), receiver.inbox("free", echoing(as_json))
    created = await service.subscribe(strict.url)
    assert (created["state"], created["verified_at"]) == ("paused", None)
    assert "verify" in created["state_reason"]
    assert (await verify(service, await service.subscribe(free.url)))[0] == 200
    await service.publish(lane_changed("DE"))
    await free.wait_for(2)
    assert strict.got == []
    code, shown = await verify(service, created)
    assert (code, shown["state"], shown["state_reason"]) == (200, "active", None)
    assert shown["verified_at"]
    await strict.wait_for(2)
    question = strict.got[0]
    assert question.headers["lanewatch-verification"] == "true"
    assert question.verify(created["secret"])["data"]["subscription_id"] == created["subscription_id"]
    assert alerts_of(strict) == [lane_changed("DE")]


@pytest.mark.parametrize(
    "said, why",
    [
        (accept, "without the challenge"),
        (as_it_came, "without the challenge"),
        (with_failure, "status 500"),
        (elsewhere, "status 307"),
        (status(410), "status 410"),
    ],
    ids=["taken", "sent back as it came", "failing", "redirected", "gone"],
)
async def test_an_answer_that_does_not_pass_leaves_it_paused(
    service: Service, receiver: Receiver, said: Behaviour, why: str
) -> None:
    inbox = receiver.inbox("hook", said)
    created = await service.subscribe(inbox.url)
    code, told = await verify(service, created)
    assert code == 409
    assert why in told["detail"]
    code, told = await patch(service, created, state="active")
    assert (code, told["title"]) == (409, "The subscription cannot be resumed")
    found = await service.get(f"/v1/subscriptions/{created['subscription_id']}")
    assert (found["state"], found["verified_at"]) == ("paused", None)
    assert all(is_question(got) for got in inbox.got)


async def test_another_url_has_to_answer_for_itself(service: Service, receiver: Receiver) -> None:
    first, second = receiver.inbox("first", echoing(as_text)), receiver.inbox("second", echoing(as_text))
    created = await service.subscribe(first.url)
    await verify(service, created)
    code, changed = await patch(service, created, name="Renamed")
    assert (code, changed["state"]) == (200, "active")
    assert changed["verified_at"]
    code, changed = await patch(service, created, url=second.url)
    assert (code, changed["state"], changed["verified_at"]) == (200, "paused", None)
    await service.publish(lane_changed("DE"))
    await service.wait_for_states("due", subscription_id=created["subscription_id"])
    assert second.got == []
    assert (await verify(service, created))[0] == 200
    await second.wait_for(2)
    assert alerts_of(second) == [lane_changed("DE")]
    assert alerts_of(first) == []


async def test_a_subscription_that_somebody_paused_stays_so(service: Service, receiver: Receiver) -> None:
    created = await service.subscribe(receiver.inbox("hook", echoing(as_text)).url)
    await verify(service, created)
    await patch(service, created, state="paused")
    code, shown = await verify(service, created)
    assert (code, shown["state"]) == (200, "paused")
    assert (await patch(service, created, state="active"))[0] == 200


async def test_a_channels_webhook_is_not_asked_for_what_it_cannot_answer(service: Service) -> None:
    form = {"name": "people", "url": "https://hooks.slack.com/services/T0/B0/x", "format": "slack"}
    created = (await service.api.post("/v1/subscriptions", json=form)).json()
    assert created["state"] == "active"
    code, changed = await patch(service, created, format="cloudevents")
    assert (code, changed["state"]) == (200, "paused")


@pytest.mark.parametrize("paused_by, then", [(None, "active"), ("somebody", "paused")])
async def test_one_that_has_expired_is_no_way_around_the_handshake(
    service: Service, receiver: Receiver, paused_by: str | None, then: str
) -> None:
    form = {"name": "people", "url": "https://hooks.slack.com/services/T0/B0/x", "format": "slack"}
    created = (await service.api.post("/v1/subscriptions", json=form)).json()
    if paused_by:
        await patch(service, created, state="paused")
    await service.sql("UPDATE alerts.subscription SET expires_at = now() - interval '1 second' RETURNING 1")
    inbox = receiver.inbox("hook", echoing(as_text))
    wanted = {"url": inbox.url, "format": "cloudevents", "expires_at": None}
    code, changed = await patch(service, created, **wanted)
    assert (code, changed["state"], changed["verified_at"]) == (200, "paused", None)
    assert (await service.api.post(f"/v1/subscriptions/{created['subscription_id']}/ping")).status_code == 409
    code, shown = await verify(service, created)
    assert (code, shown["state"]) == (200, then), "what somebody paused, no handshake resumes"


async def test_an_endpoint_is_not_flooded_with_questions(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox("hook", status(500))
    created = await service.subscribe(inbox.url)
    assert (await verify(service, created))[0] == 409
    again = await service.api.post(f"/v1/subscriptions/{created['subscription_id']}/verify")
    assert (again.status_code, again.headers["retry-after"]) == (429, "5")
    assert len(inbox.got) == 1
    assert json.loads(inbox.got[0].body)["source"] == "/lanewatch/alerts/verification"


async def test_a_host_is_not_flooded_by_many_subscriptions(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox("hook", status(500))
    paths = [f"/v1/subscriptions/{(await service.subscribe(inbox.url))['subscription_id']}/verify" for _ in range(14)]
    said = [await service.api.post(path) for path in paths]
    assert [answer.status_code for answer in said] == [409] * 12 + [429] * 2
    assert 0 < int(said[-1].headers["retry-after"]) <= 60
    assert len(inbox.got) == 12
    await service.sql("UPDATE alerts.asked SET began = began - interval '1 minute' RETURNING 1")
    again = await service.api.post(paths[-1])
    assert again.status_code == 409, "one that was refused does not count as asked"


async def test_there_are_so_many_tests_and_no_more(api_only: Service) -> None:
    created = await api_only.subscribe("http://127.0.0.1:9999/")
    path = f"/v1/subscriptions/{created['subscription_id']}/ping"

    async def ping() -> tuple[int, str]:
        answer = await api_only.api.post(path)
        return answer.status_code, answer.json().get("title", "")

    assert {await ping() for _ in range(20)} == {(202, "")}
    assert await ping() == (429, "20 tests are still to be delivered")
    await api_only.sql("UPDATE alerts.delivery SET state = 'delivered' RETURNING 1")
    assert {await ping() for _ in range(10)} == {(202, "")}
    assert await ping() == (429, "Tests are sent too often")


async def test_one_tenant_keeps_no_other_from_a_host(api_only: Service) -> None:
    async def ask(tenant: str, host: str) -> bool:
        async with transaction(api_only.app.state.engine) as connection:
            return not await asking.count(connection, of_handshake(tenant, host))

    assert sum([await ask("greedy", "shared.example") for _ in range(80)]) == 12
    assert await ask("other", "shared.example") is False, "what was not rolled back counts"
    await api_only.sql("DELETE FROM alerts.asked RETURNING 1")
    assert sum([await ask(f"tenant {n}", "shared.example") for n in range(70)]) == 60
    assert sum([await ask("wide", f"{n}.example") for n in range(70)]) == 60
