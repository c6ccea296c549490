"""Every route of every service asks for a token, believes only good ones, and tells nothing to those without."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from services.alerts.api.access import ACCESS as ALERTS
from services.ingest.api.access import ACCESS as INGEST
from services.licensing.api.access import ACCESS as LICENSING
from shared.examples import trade_event
from shared.identity.access import SCOPES
from tests.support.certificates import shown, unsound, write_clients
from tests.support.fresh import fresh
from tests.support.plain import PLAIN
from tests.support.running import running
from tests.support.senders import KEYS, hooked, notified, secret, write_senders
from tests.support.tokens import bearer, forged, token, write_keys

ACCESS = {"ingest": INGEST, "licensing": LICENSING, "alerts": ALERTS}
OPEN_ROUTES = {
    *((service, "get", path) for service in ACCESS for path in ("/health/live", "/health/ready", "/health/startup")),
    *((service, "get", "/metrics") for service in ACCESS),
    ("ingest", "options", "/v1/events"),
    ("ingest", "options", "/v1/epcis/capture"),
    ("ingest", "options", "/v1/files"),
    ("ingest", "head", "/v1/callbacks/{sender}"),
    ("alerts", "get", "/v1/jwks/{tenant}"),
    ("alerts", "get", "/v1/jwks/{tenant}/evidence"),
    ("alerts", "get", "/.well-known/jwks.json"),
}
SIGNED = ("ingest", "post", "/v1/callbacks/{sender}")
"""Asks for a signature of the body instead of a token."""
FILLINGS = {"subscription_id": str(uuid4()), "delivery_id": str(uuid4()), "alert_no": "1", "tenant": "default"}


@dataclass(frozen=True)
class Route:
    """One method at one path of one service, and the scope that the table says."""

    service: str
    method: str
    path: str
    scope: str

    @property
    def filled(self) -> str:
        """The path with something in the place of each name."""
        parts = [FILLINGS.get(part[1:-1], "X") if part.startswith("{") else part for part in self.path.split("/")]
        return "/".join(parts)


@dataclass
class Services:
    """All three, running, and their routes."""

    clients: dict[str, httpx.AsyncClient]
    routes: list[Route]
    logs: Path

    async def ask(self, route: Route, headers: Any = None) -> httpx.Response:
        return await self.clients[route.service].request(route.method, route.filled, headers=headers)


@pytest.fixture(scope="module")
async def services(backbone: StackConfig, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Services]:
    keys = write_keys(tmp_path_factory.mktemp("keys"))
    senders = write_senders(tmp_path_factory.mktemp("senders"))
    allowed = write_clients(tmp_path_factory.mktemp("clients"))
    async with AsyncExitStack() as stack:
        config = await stack.enter_async_context(fresh(backbone))
        await create_topics(config.bootstrap, config.topics)
        clients: dict[str, httpx.AsyncClient] = {}
        routes: list[Route] = []
        for name, access in ACCESS.items():
            environment = {"LANEWATCH_AUTH_KEYS_FILE": str(keys), "LANEWATCH_CLOCK": "replay"}
            environment["LANEWATCH_INGEST_SENDERS_FILE"] = str(senders)
            environment |= {"LANEWATCH_AUTH_CLIENTS_FILE": str(allowed), "LANEWATCH_AUTH_PROXIES": "127.0.0.1"}
            program = await stack.enter_async_context(running(config, name, **environment))
            client = httpx.AsyncClient(base_url=program.url, timeout=20, verify=PLAIN)
            clients[name] = await stack.enter_async_context(client)
            document = (await client.get("/openapi.json")).json()
            for path, item in document["paths"].items():
                routes += [Route(name, method, path, access.scope_of(method.upper(), path)) for method in item]
        yield Services(clients, routes, config.log_dir)


def guarded(services: Services) -> list[Route]:
    others = {*OPEN_ROUTES, SIGNED}
    return [route for route in services.routes if (route.service, route.method, route.path) not in others]


async def test_every_route_needs_a_scope_that_is_documented(services: Services) -> None:
    assert len(guarded(services)) > 40
    assert {route for route in guarded(services) if route.scope not in SCOPES} == set()
    assert {route.scope for route in guarded(services)} == set(SCOPES)


async def test_without_a_token_every_route_refuses(services: Services) -> None:
    for route in guarded(services):
        answer = await services.ask(route)
        assert answer.status_code == 401, route
        assert answer.headers["www-authenticate"] == 'Bearer realm="lanewatch"'
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"  # Nobody reads what is still to come of a body.


@pytest.mark.parametrize("fault", forged("x"))
async def test_a_token_that_is_not_to_be_believed_opens_no_route(services: Services, fault: str) -> None:
    for route in guarded(services):
        answer = await services.ask(route, bearer(forged(route.scope)[fault]))
        assert answer.status_code == 401, route
        assert 'error="invalid_token"' in answer.headers["www-authenticate"], route


@pytest.mark.parametrize(
    "headers",
    [[("authorization", "Basic eDp5")], [("authorization", "Bearer")], "twice"],
    ids=["basic", "bare", "twice"],
)
async def test_an_authorization_that_cannot_be_read_opens_no_route(services: Services, headers: Any) -> None:
    for route in guarded(services):
        sent = [next(iter(bearer(token(route.scope)).items()))] * 2 if headers == "twice" else headers
        answer = await services.ask(route, sent)
        assert (answer.status_code, 'error="invalid_request"' in answer.headers["www-authenticate"]) == (401, True)


async def test_all_other_scopes_together_open_no_route(services: Services) -> None:
    for route in guarded(services):
        others = " ".join(scope for scope in SCOPES if scope != route.scope)
        answer = await services.ask(route, bearer(token(others)))
        assert answer.status_code == 403, route
        assert f'error="insufficient_scope", scope="{route.scope}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("kid", ["ed", "ec"])
async def test_a_good_token_opens_every_route_of_its_scope(services: Services, kid: str) -> None:
    for route in guarded(services):
        answer = await services.ask(route, bearer(token(route.scope, kid=kid)))
        assert answer.status_code not in (401, 403), (route, answer.text)
        assert answer.status_code < 500, (route, answer.text)


@pytest.mark.parametrize("fault", unsound())
async def test_a_certificate_that_is_not_to_be_believed_opens_no_route(services: Services, fault: str) -> None:
    for route in guarded(services):
        answer = await services.ask(route, [("client-cert", value) for value in unsound()[fault]])
        assert answer.status_code == 401, route
        if route.method != "head":
            assert answer.json()["title"] == "The client certificate is not accepted", route


async def test_a_certificate_opens_the_routes_of_its_scopes_alone(services: Services) -> None:
    reader, everything = shown("reader"), shown("everything")
    for route in guarded(services):
        allowed = await services.ask(route, everything)
        assert allowed.status_code not in (401, 403) and allowed.status_code < 500, (route, allowed.text)  # noqa: PT018
        refused = await services.ask(route, reader)
        assert (refused.status_code == 403) == (route.scope != "lanes:read"), route
        # A token says who it is, where there is one.
        token_first = await services.ask(route, {**everything, **bearer("garbage")})
        assert token_first.status_code == 401, route


async def test_a_certificate_is_bound_to_its_sources(services: Services) -> None:
    ingest = services.clients["ingest"]
    for source, status in (("/plant-1/erp", 202), ("/plant-2/erp", 403)):
        body = {**trade_event("trade.quota.closed"), "source": source}
        headers = {**shown("plant-1"), "content-type": "application/cloudevents+json"}
        assert (await ingest.post("/v1/events", json=body, headers=headers)).status_code == status


async def test_what_watches_a_service_needs_no_token(services: Services) -> None:
    for route in services.routes:
        if (route.service, route.method, route.path) in OPEN_ROUTES:
            assert (await services.ask(route)).status_code in (200, 204), route


async def test_nothing_is_told_of_what_exists(services: Services) -> None:
    """Routes and things that there are, and those that there are not, answer alike."""
    writer = bearer(token("subscriptions:write subscriptions:read"))
    made = await services.clients["alerts"].post(
        "/v1/subscriptions", json={"name": "n", "url": "https://example.org/", "filter": {}}, headers=writer
    )
    there = f"/v1/subscriptions/{made.json()['subscription_id']}"
    for headers in (None, bearer("garbage"), bearer(token("lanes:read"))):
        known, unknown = [
            await services.clients["alerts"].get(path, headers=headers)
            for path in (there, f"/v1/subscriptions/{uuid4()}")
        ]
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    for service, client in services.clients.items():
        answer = await client.get("/v1/no-such-route")
        assert answer.status_code == 401, service


async def test_another_tenant_finds_nothing(services: Services) -> None:
    client = services.clients["alerts"]
    scope = "subscriptions:read subscriptions:write lanes:read"
    ours, theirs = (bearer(token(scope, tenant=tenant)) for tenant in ("ours", "theirs"))
    made = await client.post(
        "/v1/subscriptions", json={"name": "secret plan", "url": "https://example.org/", "filter": {}}, headers=ours
    )
    path = f"/v1/subscriptions/{made.json()['subscription_id']}"
    delivery = (await client.post(f"{path}/ping", headers=ours)).json()["delivery_id"]
    retry = f"/v1/deliveries/{delivery}/retry"
    for method, asked, body in (
        ("GET", path, None),
        ("PATCH", path, {"state": "paused"}),
        ("POST", f"{path}/ping", None),
        ("GET", f"/v1/deliveries/{delivery}", None),
        ("POST", retry, None),
        ("DELETE", path, None),
    ):
        answer = await client.request(method, asked, json=body, headers=theirs)
        never = asked.replace(path.rsplit("/", 1)[1], str(uuid4())).replace(delivery, str(uuid4()))
        nothing = await client.request(method, never, json=body, headers=theirs)
        assert (answer.status_code, answer.content) == (404, nothing.content), (method, asked)
    assert (await client.get(path, headers=ours)).json()["state"] == "active"
    for listed in ("/v1/subscriptions", "/v1/deliveries", "/v1/alerts?kind=lanewatch.test.ping"):
        assert (await client.get(listed, headers=theirs)).json()["items"] == [], listed
        assert (await client.get(listed, headers=ours)).json()["items"] != [], listed


async def test_idempotency_keys_are_each_tenants_own(services: Services) -> None:
    ids = set()
    for tenant in ("one", "two"):
        answer = await services.clients["alerts"].post(
            "/v1/subscriptions",
            json={"name": tenant, "url": "https://example.org/", "filter": {}},
            headers={**bearer(token("subscriptions:write", tenant=tenant)), "idempotency-key": "same"},
        )
        assert answer.status_code == 201
        ids.add(answer.json()["subscription_id"])
    assert len(ids) == 2


async def test_a_token_speaks_only_for_its_sources(services: Services) -> None:
    ingest = services.clients["ingest"]
    own = bearer(token("events:write events:read", sources=["/erp/acme/"]))
    mine = {**trade_event("trade.quota.closed"), "source": "/erp/acme/plant-1"}
    other = {**mine, "source": "/erp/other"}
    structured = {**own, "content-type": "application/cloudevents+json"}
    assert (await ingest.post("/v1/events", json=mine, headers=structured)).status_code == 202
    answer = await ingest.post("/v1/events", json=other, headers=structured)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (403, "/source")
    batch = {**own, "content-type": "application/cloudevents-batch+json"}
    answer = await ingest.post("/v1/events", json=[mine, other], headers=batch)
    assert [result["status"] for result in answer.json()["results"]] == [202, 403]
    lines = "".join(f"{json.dumps(event)}\n" for event in (mine, other))
    answer = await ingest.post("/v1/events", content=lines, headers={**own, "content-type": "application/x-ndjson"})
    assert [json.loads(line).get("status") for line in answer.text.splitlines()] == [202, 403, None]
    licensing = services.clients["licensing"]
    assert (await licensing.get("/v1/events?source=/erp/other&id=1", headers=own)).status_code == 403
    assert (await licensing.get("/v1/events?source=/erp/acme/x&id=1", headers=own)).status_code == 200


async def test_no_token_stands_in_a_log(services: Services) -> None:
    sent = token("lanes:read events:write subscriptions:write")
    for route in guarded(services):
        await services.ask(route, bearer(sent))
        await services.ask(route, bearer(sent + "x"))
    logs = b"".join(file.read_bytes() for file in services.logs.glob("*.log"))
    assert b"LANEWATCH" in logs.upper()
    assert sent.split(".")[2].encode() not in logs


async def test_what_an_adapter_makes_is_of_the_callers_own_source(services: Services) -> None:
    ingest = services.clients["ingest"]
    folder = Path(__file__).parents[2] / "contract" / "ingest" / "examples" / "epcis"
    sent = {**bearer(token("events:write", sources=["/erp/"])), "content-type": "application/json"}
    answer = await ingest.post("/v1/epcis/capture", content=(folder / "object-events.json").read_bytes(), headers=sent)
    assert (answer.status_code, answer.json()["success"]) == (202, True), answer.text


BODY = json.dumps({**trade_event("trade.quota.closed"), "source": "/hooks/plant-1"}).encode()
FORGED = {
    "no signature": {},
    "a token instead": bearer(token("events:write")),
    "a stranger's": hooked(BODY, "stranger"),
    "another sender's": hooked(BODY, "carrier"),
    "of another body": hooked(BODY + b" "),
    "an hour old": hooked(BODY, late_s=3600),
    "an hour early": hooked(BODY, late_s=-3600),
    "by the other scheme": notified(BODY, "hooks"),
    "of another id": {**hooked(BODY), "webhook-id": "m-2"},
    "of another time": {**hooked(BODY), "webhook-timestamp": hooked(BODY, late_s=9)["webhook-timestamp"]},
    "empty": {**hooked(BODY), "webhook-signature": ""},
    "not base64": {**hooked(BODY), "webhook-signature": "v1,***"},
}


@pytest.mark.parametrize("fault", FORGED)
async def test_a_signature_that_is_not_the_senders_opens_no_door_and_tells_of_none(
    services: Services, fault: str
) -> None:
    answers = []
    for sender in ("hooks", "nobody"):
        headers = {"content-type": "application/json", **FORGED[fault]}
        path = f"/v1/callbacks/{sender}"
        answer = await services.clients["ingest"].post(path, content=BODY, headers=headers)
        assert (answer.status_code, answer.json()["title"]) == (401, "The signature is not accepted")
        assert answer.headers["www-authenticate"] == 'Signature realm="lanewatch"'
        assert answer.json()["errors"][0]["header"] in ("notification-signature", *hooked(BODY))
        answers.append(answer.content)
    assert answers[0] == answers[1]


async def test_a_good_signature_opens_its_own_door_alone(services: Services) -> None:
    client = services.clients["ingest"]
    for name, status in {"carrier": 401, "hooks": 202, "epcis": 401}.items():
        answer = await client.post(f"/v1/callbacks/{name}", content=BODY, headers=hooked(BODY))
        assert answer.status_code == status, name
    for path in ("/v1/events", "/v1/dcsa/v2/events", "/v1/mappings/x"):
        assert (await client.post(path, content=BODY, headers=hooked(BODY))).status_code == 401


async def test_no_secret_and_no_signature_stands_in_a_log(services: Services) -> None:
    for headers in (hooked(BODY), hooked(BODY, "stranger"), notified(BODY)):
        await services.clients["ingest"].post("/v1/callbacks/hooks", content=BODY, headers=headers)
    logs = b"".join(file.read_bytes() for file in services.logs.glob("*.log"))
    assert b"LANEWATCH" in logs.upper()
    for name, key in KEYS.items():
        assert key not in logs
        assert secret(name, is_hook=False).encode() not in logs
    for headers in (hooked(BODY), notified(BODY)):
        assert headers.get("webhook-signature", headers.get("notification-signature", "")).encode() not in logs
