"""Acknowledging alerts, and who is told when nobody does."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from services.alerts.api.forms import Name
from services.alerts.api.pages import Cursor, Limit, Page, page_of, place_of
from services.alerts.api.subscriptions import missing, own_subscription, tenant_of
from services.alerts.store import escalations, reads, subscriptions
from services.alerts.store.escalations import Rule
from shared.database import transaction
from shared.errors import CallerError
from shared.events import Severity

DAY_S = 86_400

router = APIRouter(tags=["escalation"])


class EscalationForm(BaseModel):
    """When and whereto an alert goes that nobody has acknowledged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_s: Annotated[float, Field(gt=0, le=30 * DAY_S)]
    """Seconds after the endpoint first accepted it; while it has not, after it was to be sent: quiet hours and digests
    come first, and what is only kept to be pulled does not go on."""
    to: UUID
    """Another subscription of yours; its filter does not matter."""
    min_severity: Severity = "critical"

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """Return what is shown of a rule."""
        return cls(after_s=rule.after_s, to=rule.to_id, min_severity=rule.min_severity)


class AcknowledgeForm(BaseModel):
    """Who has taken notice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    who: Name
    note: Annotated[str | None, Field(max_length=2000, pattern=r"^[^\x00]*$")] = None


class Acknowledgement(BaseModel):
    """Who took notice first, and when."""

    delivery_id: UUID
    who: str
    note: str | None
    acknowledged_at: datetime


class Awaited(BaseModel):
    """A delivery that nobody has acknowledged."""

    delivery_id: UUID
    alert_no: int
    kind: str
    severity: Severity
    lane: str | None
    created_at: datetime
    first_accepted_at: datetime | None
    escalates_at: datetime | None
    """When it goes to the second subscription; null when it has, and for what is only kept to be pulled."""
    escalated_at: datetime | None
    failure: str | None
    """Why nobody was told there: that subscription is deleted, expired, or paused and sends it when it is resumed."""


@router.put("/v1/subscriptions/{subscription_id}/escalation")
async def put(request: Request, subscription_id: UUID, form: EscalationForm) -> EscalationForm:
    """Have alerts acknowledged, and told to a second subscription when nobody does in time."""
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        other = await subscriptions.get(connection, tenant_of(request), form.to)
        if other is None or form.to == subscription_id:
            raise CallerError.of_field("/to", "must be another subscription of yours")
        await escalations.put(connection, Rule(subscription_id, form.to, form.after_s, form.min_severity))
    return form


@router.get("/v1/subscriptions/{subscription_id}/escalation")
async def show(request: Request, subscription_id: UUID) -> EscalationForm:
    """Show whereto unacknowledged alerts of a subscription go."""
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        rule = await escalations.get(connection, subscription_id)
    if rule is None:
        raise missing("escalation")
    return EscalationForm.of(rule)


@router.delete("/v1/subscriptions/{subscription_id}/escalation", status_code=204)
async def remove(request: Request, subscription_id: UUID) -> None:
    """Stop waiting for acknowledgements."""
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        if not await escalations.remove(connection, subscription_id):
            raise missing("escalation")


@router.get("/v1/subscriptions/{subscription_id}/unacknowledged")
async def unacknowledged(
    request: Request, subscription_id: UUID, limit: Limit = 100, cursor: Cursor = None
) -> Page[Awaited]:
    """List what waits for an acknowledgement, the newest first; also what was told to a second subscription since."""
    before = place_of(cursor, UUID)
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        rows = await escalations.awaited(connection, subscription_id, limit + 1, before)
    return page_of([Awaited.model_validate(dict(row)) for row in rows], limit, lambda a: a.delivery_id)


@router.post("/v1/deliveries/{delivery_id}/acknowledge")
async def acknowledge(request: Request, delivery_id: UUID, form: AcknowledgeForm) -> Acknowledgement:
    """Say that somebody has taken notice; the first one stands, and is shown to those after him.

    What a second subscription was told is acknowledged by either delivery.
    """
    async with transaction(request.app.state.engine) as connection:
        if await reads.delivery(connection, tenant_of(request), delivery_id) is None:
            raise missing("delivery")
        row = await escalations.acknowledge(connection, delivery_id, form.who, form.note)
    return Acknowledgement.model_validate(dict(row))
