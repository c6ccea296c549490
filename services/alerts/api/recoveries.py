"""Recoveries: make past deliveries of a subscription once more."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, computed_field, model_validator
from sqlalchemy import RowMapping

from services.alerts.api.pages import Cursor, Limit, Page, page_of, place_of
from services.alerts.api.subscriptions import missing, own_subscription
from services.alerts.domain.recovery import What
from services.alerts.store import recoveries
from services.alerts.store.recoveries import NewRecovery
from services.alerts.store.requests import NO_ENDPOINT, has_endpoint
from services.alerts.store.subscriptions import lock_queue
from shared.database import transaction
from shared.errors import CallerError
from shared.openapi import problem

router = APIRouter(prefix="/v1/subscriptions/{subscription_id}/recoveries", tags=["recoveries"])


class RecoveryForm(BaseModel):
    """Which past deliveries are to be made once more: since a time, or after the last one that was received."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: AwareDatetime | None = None
    """Alerts that were recorded then or later."""
    after: UUID | None = None
    """A delivery (a `webhook-id`): alerts after its own."""
    until: AwareDatetime | None = None
    """Alerts that were recorded before then; left out: all that are there when the recovery is asked for."""
    what: What = "undelivered"
    """`undelivered`: what was given up, what waits for its next try, and what was only kept while there was no
    endpoint; `all`: what was delivered too."""
    in_order: bool = False
    """Of each lane one after the other, in the order of the alerts."""

    @model_validator(mode="after")
    def _begins_somewhere(self) -> Self:
        if (self.since is None) == (self.after is None):
            raise ValueError("needs either since or after")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("until must be later than since")
        return self


class RecoveryChange(BaseModel):
    """What may be changed of a recovery."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal["stopped"]


class RecoveryOut(BaseModel):
    """A recovery and how far it has come."""

    recovery_id: UUID
    subscription_id: UUID
    what: What
    in_order: bool
    since: datetime | None
    until: datetime | None
    state: Literal["counting", "running", "done", "stopped"]
    """`done`: each was delivered, or given up after its whole schedule."""
    total: int
    """To be made; grows while it counts."""
    taken: int
    """Handed to the queue so far."""
    delivered: int
    """Of them, accepted by the endpoint."""
    failed: int
    """Of them, given up."""
    created_at: datetime
    finished_at: datetime | None

    @computed_field
    def done(self) -> int:
        """Return how many are settled."""
        return self.delivered + self.failed


def _shown(row: RowMapping | None) -> RecoveryOut:
    if row is None:
        raise missing("recovery")
    return RecoveryOut.model_validate(dict(row))


@router.post(
    "",
    status_code=202,
    responses={409: problem("Another recovery of the subscription goes on, or there is no endpoint.")},
)
async def create(request: Request, subscription_id: UUID, form: RecoveryForm, response: Response) -> RecoveryOut:
    """Make past deliveries once more, under the same `webhook-id`, behind the first attempts of new alerts.

    There is no limit on their number. It goes on in the background, whatever process ends; ask for its progress
    at the address in `location`. Test pings are not repeated.
    """
    new = NewRecovery(subscription_id, form.what, form.in_order, form.since, form.until, form.after)
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        await lock_queue(connection, subscription_id)
        if not await has_endpoint(connection, subscription_id):
            raise CallerError(409, NO_ENDPOINT)
        after_no = await recoveries.number_after(connection, new)
        if after_no is None:
            raise CallerError.of_field("/after", "must be a delivery of this subscription")
        created = await recoveries.create(connection, new, after_no)
        if created is None:
            raise CallerError(409, "Another recovery of the subscription goes on; stop it first")
        row = await recoveries.get(connection, subscription_id, created)
    response.headers["location"] = f"/v1/subscriptions/{subscription_id}/recoveries/{created}"
    return _shown(row)


@router.get("")
async def list_all(
    request: Request, subscription_id: UUID, limit: Limit = 100, cursor: Cursor = None
) -> Page[RecoveryOut]:
    """List a subscription's recoveries, the newest first."""
    before = place_of(cursor, UUID)
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        rows = await recoveries.page(connection, subscription_id, limit + 1, before)
    return page_of([_shown(row) for row in rows], limit, lambda recovery: recovery.recovery_id)


@router.get("/{recovery_id}")
async def show(request: Request, subscription_id: UUID, recovery_id: UUID) -> RecoveryOut:
    """Show how far a recovery has come."""
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        return _shown(await recoveries.get(connection, subscription_id, recovery_id))


@router.patch("/{recovery_id}")
async def change(request: Request, subscription_id: UUID, recovery_id: UUID, form: RecoveryChange) -> RecoveryOut:
    """Stop a recovery; what it has handed to the queue, at most a thousand, still goes out."""
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        _shown(await recoveries.get(connection, subscription_id, recovery_id))
        if form.state == "stopped":
            await recoveries.stop(connection, recovery_id)
        return _shown(await recoveries.get(connection, subscription_id, recovery_id))
