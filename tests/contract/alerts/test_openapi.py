"""The service's OpenAPI document, and the headers that it promises."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.alerts.delivery.sender import headers
from services.alerts.domain.signing import Signer, Until
from services.alerts.main import build
from services.alerts.settings import AlertsSettings
from services.alerts.store.claims import Due

SIGNER = Signer((Until(b"k" * 32),))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build(AlertsSettings()).openapi()


def test_the_routes_are_these(document: dict[str, Any]) -> None:
    routes = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert {route for route in routes if " /v1/" in route} == {
        "POST /v1/subscriptions",
        "GET /v1/subscriptions",
        "GET /v1/subscriptions/{subscription_id}",
        "PATCH /v1/subscriptions/{subscription_id}",
        "DELETE /v1/subscriptions/{subscription_id}",
        "POST /v1/subscriptions/{subscription_id}/ping",
        "POST /v1/subscriptions/{subscription_id}/verify",
        "POST /v1/subscriptions/preview",
        "GET /v1/subscriptions/{subscription_id}/alerts",
        "GET /v1/subscriptions/{subscription_id}/stream",
        "POST /v1/subscriptions/{subscription_id}/recoveries",
        "GET /v1/subscriptions/{subscription_id}/recoveries",
        "GET /v1/subscriptions/{subscription_id}/recoveries/{recovery_id}",
        "PATCH /v1/subscriptions/{subscription_id}/recoveries/{recovery_id}",
        "POST /v1/subscriptions/{subscription_id}/secret/rotate",
        "GET /v1/subscriptions/{subscription_id}/signature",
        "PUT /v1/subscriptions/{subscription_id}/signature",
        "GET /v1/signing-keys",
        "POST /v1/signing-keys/rotate",
        "GET /v1/jwks/{tenant}",
        "GET /v1/jwks/{tenant}/evidence",
        "GET /v1/subscriptions/{subscription_id}/service-level",
        "GET /v1/subscriptions/{subscription_id}/evidence",
        *(f"{method} /v1/subscriptions/{{subscription_id}}/escalation" for method in ("PUT", "GET", "DELETE")),
        "GET /v1/subscriptions/{subscription_id}/unacknowledged",
        "POST /v1/deliveries/{delivery_id}/acknowledge",
        "GET /v1/deliveries",
        "GET /v1/deliveries/{delivery_id}",
        "POST /v1/deliveries/{delivery_id}/retry",
        "GET /v1/alerts",
        "GET /v1/alerts/{alert_no}",
        "GET /v1/lanes",
        "GET /v1/lanes/{lane_id}",
        "GET /v1/audit",
    }


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path}"


def test_the_headers_of_a_delivery_are_those_of_the_document(document: dict[str, Any]) -> None:
    said = {p["name"] for p in document["webhooks"]["alert"]["post"]["parameters"]}
    due = Due(
        *(UUID(int=1), UUID(int=2), None, 0, 3, None, None, datetime.now(UTC), "k", b"{}", UUID(int=3)),
        sequence=7,
        is_test=True,
        escalated_from=str(UUID(int=4)),
    )
    sent = headers(SIGNER, due, datetime.now(UTC))
    assert said == {name for name in sent if name.startswith(("webhook-", "lanewatch-"))}
    assert sent["lanewatch-attempt"] == "4"
    assert sent["lanewatch-sequence"] == "7"
    assert list(document["webhooks"]["alert"]["post"]["requestBody"]["content"]) == [sent["content-type"]]


def test_the_schedule_in_the_settings_is_the_recommended_one() -> None:
    assert AlertsSettings().retry_policy().delays_s == (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
