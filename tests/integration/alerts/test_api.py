"""What people and systems ask of the service over HTTP."""

from typing import Any

import pytest

from tests.integration.alerts.receiver import Receiver, accept, status
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.waiting import eventually

URL = "https://example.org/hook"
MANY = [f"{a}{b}" for a in "ABCDEFGHIJKLMN" for b in "ABCDEFGHIJKLMN"]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published in the standard


async def test_a_secret_is_shown_once_and_may_be_given(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    made = await service.subscribe(URL)
    given = (await service.api.post("/v1/subscriptions", json={"name": "n", "url": URL, "secret": SECRET})).json()
    assert len(made["secret"]) == len("whsec_") + 44
    assert given["secret"] == SECRET
    listed = (await service.get("/v1/subscriptions"))["items"]
    assert [s["subscription_id"] for s in listed] == [given["subscription_id"], made["subscription_id"]]
    shown = await service.get(f"/v1/subscriptions/{given['subscription_id']}")
    assert [s["secret"] for s in (*listed, shown)] == [None, None, None]
    assert SECRET not in caplog.text
    assert made["secret"] not in caplog.text


async def test_the_same_idempotency_key_gives_the_same_subscription(service: Service) -> None:
    form = {"name": "n", "url": URL, "filter": {"origins": ["CN"]}}
    headers = {"idempotency-key": "key-1"}
    first = await service.api.post("/v1/subscriptions", json=form, headers=headers)
    again = await service.api.post("/v1/subscriptions", json=form, headers=headers)
    other = await service.api.post("/v1/subscriptions", json=form | {"name": "m"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert again.json() == first.json() | {"secret": None}
    assert again.headers["location"] == f"/v1/subscriptions/{first.json()['subscription_id']}"
    assert other.json()["errors"][0]["pointer"] == "/header/idempotency-key"
    assert len((await service.get("/v1/subscriptions"))["items"]) == 1


@pytest.mark.parametrize(
    "form,pointer",
    [
        ({"url": URL}, "/name"),
        ({"name": "", "url": URL}, "/name"),
        ({"name": "a\nb", "url": URL}, "/name"),
        ({"name": "n"}, "/url"),
        ({"name": "n", "url": "ftp://example.org"}, "/url"),
        ({"name": "n", "url": "https://"}, "/url"),
        ({"name": "n", "url": "example.org/hook"}, "/url"),
        ({"name": "n", "url": "https://user:pass@example.org"}, "/url"),
        ({"name": "n", "url": "https://example.org/a b"}, "/url"),
        ({"name": "n", "url": "https://example.org:99999/"}, "/url"),
        ({"name": "n", "url": "https://[::1/"}, "/url"),
        ({"name": "n", "url": "https://example.org/#part"}, "/url"),
        ({"name": "n", "url": URL, "secret": "short"}, "/secret"),
        ({"name": "n", "url": URL, "secret": "whsec_c2hvcnQ="}, "/secret"),
        ({"name": "n", "url": URL, "colour": "red"}, "/colour"),
        ({"name": "n", "url": URL, "filter": {"origin": ["CN"]}}, "/filter/origin"),
        ({"name": "n", "url": URL, "filter": {"origins": "CN"}}, "/filter/origins"),
        ({"name": "n", "url": URL, "filter": {"origins": ["China"]}}, "/filter/origins/0"),
        ({"name": "n", "url": URL, "filter": {"destinations": ["DE", "*"]}}, "/filter/destinations/1"),
        ({"name": "n", "url": URL, "filter": {"commodity_groups": ["*"]}}, "/filter/commodity_groups/0"),
        ({"name": "n", "url": URL, "filter": {"kinds": ["lanewatch.lane.chnaged"]}}, "/filter/kinds/0"),
        ({"name": "n", "url": URL, "filter": {"kinds": ["lanewatch.lane*"]}}, "/filter/kinds/0"),
        ({"name": "n", "url": URL, "filter": {"kinds": ["lanewatch.test.ping"]}}, "/filter/kinds/0"),
        ({"name": "n", "url": URL, "filter": {"min_severity": "grave"}}, "/filter/min_severity"),
        ({"name": "n", "url": URL, "filter": {"condition": "alert.sevirity == 'x'"}}, "/filter/condition"),
        ({"name": "n", "url": URL, "filter": {"condition": "alert.headline == '\0'"}}, "/filter/condition"),
        (
            {
                "name": "n",
                "url": URL,
                "filter": {"commodity_groups": [f"g{n}" for n in range(200)], "origins": MANY, "destinations": MANY},
            },
            "/filter",
        ),
        ([], ""),
    ],
)
async def test_a_bad_subscription_is_refused_with_the_place(form: Any, pointer: str, api_only: Service) -> None:
    answer = await api_only.api.post("/v1/subscriptions", json=form)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"].rstrip("/") for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    "path,pointer",
    [
        ("/v1/subscriptions?limit=0", "/query/limit"),
        ("/v1/subscriptions?cursor=nonsense", "/query/cursor"),
        ("/v1/subscriptions?cursor=%00", "/query/cursor"),
        ("/v1/subscriptions/7", "/path/subscription_id"),
        ("/v1/deliveries?state=lost", "/query/state"),
        ("/v1/deliveries?subscription_id=x", "/query/subscription_id"),
        ("/v1/alerts?cursor=LTE", "/query/cursor"),
        ("/v1/alerts/-1", "/path/alert_no"),
        ("/v1/alerts/99999999999999999999", "/path/alert_no"),
        ("/v1/lanes?state=%00", "/query/state"),
    ],
)
async def test_a_bad_question_is_refused_with_the_place(path: str, pointer: str, api_only: Service) -> None:
    answer = await api_only.api.get(path)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


MISSING = "0197e000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "method,path",
    [
        ("GET", f"/v1/subscriptions/{MISSING}"),
        ("DELETE", f"/v1/subscriptions/{MISSING}"),
        ("POST", f"/v1/subscriptions/{MISSING}/ping"),
        ("GET", f"/v1/deliveries/{MISSING}"),
        ("POST", f"/v1/deliveries/{MISSING}/retry"),
        ("GET", "/v1/alerts/0"),
        ("GET", "/v1/lanes/no/such/lane"),
    ],
)
async def test_what_is_not_there_is_said_to_be_missing(method: str, path: str, api_only: Service) -> None:
    answer = await api_only.api.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_lists_come_in_pages(service: Service, receiver: Receiver) -> None:
    for number in range(5):
        await service.subscribe(receiver.inbox(f"s{number}").url, name=f"name {number}")
    await service.publish(*(lane_changed(to) for to in ("AA", "BB", "CC", "DD", "EE")))
    await service.wait_for_states(*["delivered"] * 25)
    for path, count, key in (
        ("/v1/subscriptions", 5, "subscription_id"),
        ("/v1/deliveries", 25, "delivery_id"),
        ("/v1/alerts", 5, "alert_no"),
        ("/v1/lanes", 5, "lane_id"),
    ):
        whole = (await service.get(path, limit=500))["items"]
        assert len(whole) == count
        parts: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await service.get(path, limit=2, **cursor)
            parts += page["items"]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert parts == whole
        assert [item[key] for item in whole] == sorted((item[key] for item in whole), reverse=path != "/v1/lanes")
    assert [a["lane"] for a in (await service.get("/v1/alerts", lane="dysprosium-magnets/CN/CC"))["items"]] == [
        "dysprosium-magnets/CN/CC"
    ]
    assert (await service.get("/v1/alerts", kind="lanewatch.quota.opened"))["items"] == []


@pytest.mark.parametrize("alerts_settings", [{"alerts_retry_delays_s": (30.0,)}])
async def test_deleting_cancels_what_is_still_to_be_sent(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox(behaviour=status(500))
    created = await service.subscribe(inbox.url)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    await service.publish(lane_changed("DE"))
    await inbox.wait_for(1)
    assert (await service.api.delete(path)).status_code == 204
    await service.publish(lane_changed("FR"))

    async def is_read() -> bool:
        return bool((await service.get("/v1/audit"))["records_read"] == 2)

    await eventually(is_read)
    (delivery,) = await service.wait_for_states("cancelled")
    inbox.behaviour = accept
    assert (await service.api.get(path)).status_code == 404
    assert (await service.get("/v1/subscriptions"))["items"] == []
    assert (await service.api.post(f"/v1/deliveries/{delivery['delivery_id']}/retry")).status_code == 409
    assert await service.sql("SELECT * FROM alerts.secret") == []


async def test_what_is_matched_while_paused_is_sent_after_it_is_resumed(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    created = await service.subscribe(inbox.url)
    path = f"/v1/subscriptions/{created['subscription_id']}"
    assert (await service.api.patch(path, json={"state": "paused"})).json()["state"] == "paused"
    await service.publish(lane_changed("DE", 1), lane_changed("DE", 2))
    await service.wait_for_states("due", "due")
    assert inbox.got == []
    await service.api.patch(path, json={"state": "active"})
    await service.wait_for_states("delivered", "delivered")
    assert [g.event["data"]["sequence"] for g in inbox.got] == [1, 2]


async def test_an_alert_is_shown_as_it_was_delivered(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    (got,) = await inbox.wait_for(1)
    (listed,) = (await service.get("/v1/alerts"))["items"]
    assert listed["event"] == got.event
    assert await service.get(f"/v1/alerts/{listed['alert_no']}") == listed


async def test_measures_are_published(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    await service.subscribe(inbox.url)
    await service.publish(lane_changed())
    await service.wait_for_states("delivered")
    page = (await service.api.get("/metrics")).text
    for name in ("attempts_total", "attempt_seconds", "delivery_seconds", "due", "waiting", "consumer_lag"):
        assert f"lanewatch_alerts_{name}" in page
