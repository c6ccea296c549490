"""The handshake with an endpoint."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.alerts.api.subscription_forms import SubscriptionOut
from services.alerts.api.subscriptions import own_subscription, show, tenant_of
from services.alerts.calling.handshaking import Handshake
from services.alerts.domain.asking import of_handshake
from services.alerts.domain.urls import read_url
from services.alerts.store import asking, secrets, verification
from shared.database import transaction
from shared.errors import CallerError, RetryableError
from shared.openapi import problem

router = APIRouter(tags=["subscriptions"])
APART = timedelta(seconds=5)
"""Between two questions of one subscription; how many there are to a host is bounded in `domain.asking`."""


@router.post(
    "/v1/subscriptions/{subscription_id}/verify",
    responses={
        409: problem("The endpoint did not pass, and why; or there is none."),
        429: problem("It was asked just now, its host or for your tenant too often, or too many are under way."),
    },
)
async def verify(request: Request, subscription_id: UUID, response: Response) -> SubscriptionOut:
    """Ask the endpoint to echo a challenge, and begin to send to it if it was paused for want of that.

    It gets one signed request, an event of type `lanewatch.endpoint.verification` with the header
    `lanewatch-verification`, and is to answer 2xx with `data.challenge` as its body, as text or in JSON as `challenge`.
    A subscription may ask once in five seconds, a tenant one host 12 times in a minute; to a host, and of a tenant,
    there are 60 in a minute.
    """
    handshake: Handshake | None = request.app.state.handshake
    if handshake is None:
        raise RetryableError("The service has only just been started")
    tenant, engine = tenant_of(request), request.app.state.engine
    async with transaction(engine) as connection:
        found = await own_subscription(connection, request, subscription_id)
        if found.url is None:
            raise CallerError(409, "The subscription has no endpoint", detail="Its alerts are pulled or streamed.")
        if not await verification.may_ask(connection, subscription_id, APART):
            wait_s = int(APART.total_seconds())
            raise CallerError(429, "The endpoint was asked just now", headers={"retry-after": str(wait_s)})
        host = read_url(found.url).host
        if wait := await asking.count(connection, of_handshake(tenant, host)):
            raise CallerError(429, "Handshakes are asked for too often", headers={"retry-after": str(wait)})
        signing = await secrets.signing_of(connection, subscription_id)
    # Nothing is held meanwhile: the endpoint may take as long as a delivery may.
    with request.app.state.handshakes.taken(tenant):
        fault = await handshake.fault_of(found, found.url, signing)
    if fault:
        raise CallerError(409, "The endpoint did not pass", detail=fault)
    async with transaction(engine) as connection:
        has_passed = await verification.note_passed(connection, subscription_id, found.url)
    if not has_passed:
        raise CallerError(409, "The subscription was changed meanwhile", detail="Ask again.")
    return await show(request, subscription_id, response)
