"""Test alerts: a ping, or an example of any kind."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.alerts.api.subscriptions import own_subscription, tenant_of
from services.alerts.domain.asking import OPEN_TESTS, of_test
from services.alerts.domain.filters import PING
from services.alerts.domain.pings import EXAMPLES, specimen
from services.alerts.domain.urls import read_url
from services.alerts.store import asking, requests
from services.alerts.store.intake import NewAlert
from shared.cloudevents import write
from shared.database import transaction
from shared.errors import CallerError
from shared.openapi import problem

router = APIRouter(tags=["subscriptions"])
MINUTE_S = 60


def _kind(value: str) -> str:
    if value != PING and value not in EXAMPLES:
        raise ValueError("must be an alert's type, such as lanewatch.lane.changed")
    return value


class PingForm(BaseModel):
    """What is to be sent as a test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[str, Field(max_length=128), AfterValidator(_kind)] = PING
    """An alert's type: an example of it is sent. Left out: a plain ping."""


class PingOut(BaseModel):
    """Where to see what became of a test alert."""

    delivery_id: UUID


def _too_many(title: str, wait_s: int) -> CallerError:
    return CallerError(429, title, headers={"retry-after": str(wait_s)})


@router.post(
    "/v1/subscriptions/{subscription_id}/ping",
    status_code=202,
    responses={
        409: problem("It is paused."),
        429: problem("There are too many tests: in a minute, or that are still to be delivered."),
    },
)
async def ping(request: Request, subscription_id: UUID, form: PingForm | None = None) -> PingOut:
    """Send a test alert, signed and retried like any other, whatever the filter says.

    Its source is `/lanewatch/alerts/test`, its headline begins with "Test:", and it comes with the header
    `lanewatch-test`. In a minute there are 30 of a subscription and 120 of a tenant, to one host 60, and of a
    subscription 20 may be still to be delivered.
    """
    async with transaction(request.app.state.engine) as connection:
        tenant = tenant_of(request)
        found = await own_subscription(connection, request, subscription_id)
        if found.state != "active":
            raise CallerError(409, f"The subscription is {found.state}; resume it first")
        if await asking.open_tests(connection, subscription_id) >= OPEN_TESTS:
            raise _too_many(f"{OPEN_TESTS} tests are still to be delivered", MINUTE_S)
        host = None if found.url is None else read_url(found.url).host
        if wait_s := await asking.count(connection, of_test(tenant, host, subscription_id)):
            raise _too_many("Tests are sent too often", wait_s)
        kind, now = (form or PingForm()).kind, datetime.now(UTC)
        event = specimen(kind, str(uuid4()), now, name=found.name, subscription_id=str(subscription_id))
        data = event.data
        body = write(event)
        alert = NewAlert(event.source, event.id, kind, data.severity, None, now, body, data.scope, tenant=tenant)
        delivery_id = await requests.deliver_to(connection, found, alert)
    return PingOut(delivery_id=delivery_id)
