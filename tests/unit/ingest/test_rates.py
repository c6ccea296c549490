"""Each client has its own budgets; what passes them is refused with the reason, and nothing else is."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from services.ingest.api.rates import Rates, key_of
from services.ingest.domain.budgets import Policy
from services.ingest.main import front
from services.ingest.settings import IngestSettings
from shared.examples import trade_event
from shared.identity import EVERYBODY, Caller
from tests.support.senders import hooked, write_senders
from tests.support.tokens import bearer, token, write_keys

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
QUOTA = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def client(address: str = "192.0.2.1", **settings: Any) -> httpx.AsyncClient:
    # A service that is not started has no Kafka: what is charged is charged before that.
    transport = httpx.ASGITransport(front(IngestSettings(**settings)), client=(address, 4000))
    return httpx.AsyncClient(transport=transport, base_url="http://ingest")


async def test_a_request_too_many_is_refused_and_told_when_to_come_back() -> None:
    async with client(ingest_rate_requests=2) as ingest:
        answers = [await ingest.post("/v1/events", content=b"{", headers=STRUCTURED) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert [answer.headers["ratelimit"] for answer in answers] == [
        '"requests";r=1;t=30',
        '"requests";r=0;t=30',
        '"requests";r=0;t=30',
    ]
    last = answers[-1]
    assert last.headers["ratelimit-policy"] == '"requests";q=2;qu="requests";w=60'
    assert (last.headers["content-type"], last.headers["retry-after"]) == ("application/problem+json", "30")
    assert last.json() == {
        "type": QUOTA,
        "title": "The quota is used up",
        "status": 429,
        "detail": "At most 2 requests in 60 s; come back in 30 s.",
        "violated-policies": ["requests"],
        "retry_after_s": 30,
    }


async def test_without_limits_nothing_is_told() -> None:
    async with client() as ingest:
        answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED)
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


async def test_a_batch_costs_as_many_events_as_it_holds() -> None:
    batch = json.dumps([trade_event("trade.quota.closed")] * 150)
    async with client(ingest_rate_events=200, ingest_max_batch_items=200) as ingest:
        first = await ingest.post("/v1/events", content=batch, headers=BATCH)
        second = await ingest.post("/v1/events", content=batch, headers=BATCH)
        third = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED)
    assert (first.status_code, first.headers["ratelimit"]) == (503, '"events";r=50;t=1')
    assert (second.status_code, second.headers["ratelimit"]) == (429, '"events";r=50;t=1')
    assert (second.json()["violated-policies"], second.headers["retry-after"]) == (["events"], "30")
    assert third.headers["ratelimit"] == '"events";r=49;t=1'


@pytest.mark.parametrize(
    "path,kind",
    [("/v1/dcsa/v3/events", "feedbackElements"), ("/v1/epcis/capture", "type"), ("/v1/licence-usage", "type")],
)
async def test_a_foreign_message_is_refused_in_its_own_form(path: str, kind: str) -> None:
    async with client(ingest_rate_events=200, ingest_max_batch_items=200) as ingest:
        spent = await ingest.post("/v1/events", content=json.dumps([1] * 200), headers=BATCH)
        assert spent.headers["ratelimit"].startswith('"events";r=0')
        answer = await ingest.post(path, content=_message(path), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1"), answer.text
    assert kind in answer.json()
    assert "come back in 1 s" in answer.text


def _message(path: str) -> bytes:
    examples = Path(__file__).parents[2] / "contract" / "ingest" / "examples"
    name = {"/v1/dcsa/v3/events": "dcsa", "/v1/epcis/capture": "epcis/object-events.json"}.get(path)
    if name == "dcsa":
        from tests.unit.ingest.formats.dcsa.test_version3 import event  # noqa: PLC0415

        return json.dumps({"events": [event()]}).encode()
    return (examples / (name or "usage/licence-insert.json")).read_bytes()


async def test_clients_are_told_apart_by_tenant_and_subject(tmp_path: Path) -> None:
    keys = write_keys(tmp_path)
    async with client(ingest_rate_requests=1, auth_keys_file=keys) as ingest:

        async def status(**claims: Any) -> int:
            headers = STRUCTURED | bearer(token("events:write", **claims))
            return (await ingest.post("/v1/events", content=b"{", headers=headers)).status_code

        assert [await status(sub="a"), await status(sub="a", jti="2")] == [400, 429]
        assert [await status(sub="b"), await status(sub="a", tenant="t2")] == [400, 400]
        # Who is not let in is charged nothing, and is told nothing of anybody's budget.
        answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED)
        assert (answer.status_code, "ratelimit" in answer.headers) == (401, False)
        # All other routes count to the same budget.
        other = await ingest.get("/v1/epcis/capture/x", headers=bearer(token("events:write", sub="b")))
        assert (other.status_code, other.headers["ratelimit"]) == (429, '"requests";r=0;t=60')


async def test_senders_that_sign_have_a_budget_each(tmp_path: Path) -> None:
    body = json.dumps({**trade_event("trade.quota.closed"), "source": "/hooks/plant-1"}).encode()
    senders = write_senders(tmp_path)
    async with client(ingest_rate_requests=1, ingest_senders_file=senders) as ingest:

        async def post(**headers: str) -> httpx.Response:
            sent = {"content-type": "application/json", **headers}
            return await ingest.post("/v1/callbacks/hooks", content=body, headers=sent)

        assert [(await post()).status_code for _ in range(3)] == [401, 401, 401]
        first, second = await post(**hooked(body)), await post(**hooked(body))
    assert (first.status_code, second.status_code) == (503, 429)
    assert second.headers["ratelimit"] == '"requests";r=0;t=60'


async def test_what_watches_the_service_is_never_refused() -> None:
    async with client(ingest_rate_requests=1) as ingest:
        assert {(await ingest.get("/health/live")).status_code for _ in range(3)} == {200}
        assert {(await ingest.options("/v1/events")).status_code for _ in range(3)} == {200}


async def test_behind_a_proxy_here_clients_are_told_apart_by_the_address_that_it_tells() -> None:
    async with client("127.0.0.1", ingest_rate_requests=1) as ingest:
        for address, status in (("192.0.2.1", 400), ("192.0.2.2", 400), ("192.0.2.1", 429)):
            answer = await ingest.post("/v1/events", content=b"{", headers=STRUCTURED | {"x-forwarded-for": address})
            assert answer.status_code == status, address


@pytest.mark.parametrize(
    "address,key",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("", ""),
    ],
)
def test_of_ipv6_a_network_is_one_client(address: str, key: str) -> None:
    assert key_of(EVERYBODY, (address, 1)) == ("", key)
    assert key_of(Caller("s", "t", frozenset()), (address, 1)) == ("t", "s")


def test_no_more_clients_are_remembered_than_may_be() -> None:
    rates = Rates(Policy("requests", "requests", 1, 60), None, max_clients=2, clock=lambda: 1000.0)
    taken = [rates.of(("", name)).begin() is None for name in "abacab"]
    # c took the place of b, which was not seen for longest.
    assert taken == [True, True, False, True, False, True]


def test_a_quota_that_a_batch_never_fits_into_is_refused() -> None:
    with pytest.raises(ValidationError, match="LANEWATCH_INGEST_RATE_EVENTS must be 0, or at least 1000"):
        IngestSettings(ingest_rate_events=999)
