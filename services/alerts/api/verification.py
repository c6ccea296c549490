"""The handshake with an endpoint."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.alerts.api.subscription_forms import SubscriptionOut
from services.alerts.api.subscriptions import missing, show, tenant_of
from services.alerts.handshaking import Handshake
from services.alerts.store import secrets, subscriptions, verification
from shared.database import transaction
from shared.errors import CallerError, RetryableError
from shared.openapi import problem

router = APIRouter(tags=["subscriptions"])
APART = timedelta(seconds=5)
"""Between two questions to one endpoint, so that nobody is flooded with them."""


@router.post(
    "/v1/subscriptions/{subscription_id}/verify",
    responses={
        409: problem("The endpoint did not pass, and why; or there is none."),
        429: problem("It was asked just now."),
    },
)
async def verify(request: Request, subscription_id: UUID, response: Response) -> SubscriptionOut:
    """Ask the endpoint to echo a challenge, and begin to send to it if it was paused for want of that.

    It gets one signed request, an event of type `lanewatch.endpoint.verification` with the header
    `lanewatch-verification`, and is to answer 2xx with `data.challenge` as its body, as text or in JSON as `challenge`.
    """
    handshake: Handshake | None = request.app.state.handshake
    if handshake is None:
        raise RetryableError("The service has only just been started")
    tenant, engine = tenant_of(request), request.app.state.engine
    async with transaction(engine) as connection:
        found = await subscriptions.get(connection, tenant, subscription_id)
        if found is None:
            raise missing("subscription")
        if found.url is None:
            raise CallerError(409, "The subscription has no endpoint", detail="Its alerts are pulled or streamed.")
        if not await verification.may_ask(connection, subscription_id, APART):
            wait_s = int(APART.total_seconds())
            raise CallerError(429, "The endpoint was asked just now", headers={"retry-after": str(wait_s)})
        signing = await secrets.signing_of(connection, subscription_id)
    # Nothing is held meanwhile: the endpoint may take as long as a delivery may.
    if fault := await handshake.fault_of(found, found.url, signing):
        raise CallerError(409, "The endpoint did not pass", detail=fault)
    async with transaction(engine) as connection:
        has_passed = await verification.note_passed(connection, subscription_id, found.url)
    if not has_passed:
        raise CallerError(409, "The subscription was changed meanwhile", detail="Ask again.")
    return await show(request, subscription_id, response)
