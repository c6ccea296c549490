"""What was recorded and sent: deliveries with their attempts, alerts, lanes, counts."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import RowMapping

from services.alerts.api.forms import Alert, Attempt, Delivery, DeliveryState, DeliveryWithLog, Lane
from services.alerts.api.pages import Cursor, Limit, Page, page_of, place_of
from services.alerts.api.subscriptions import missing, tenant_of
from services.alerts.store import reads, requests
from shared.database import transaction
from shared.errors import CallerError
from shared.openapi import problem

router = APIRouter(prefix="/v1")

Text = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Path(ge=0, lt=2**63)]


@router.get("/deliveries", tags=["deliveries"])
async def deliveries(
    request: Request,
    subscription_id: UUID | None = None,
    state: DeliveryState | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Delivery]:
    """List deliveries, the newest first."""
    before = place_of(cursor, UUID)
    async with transaction(request.app.state.engine) as connection:
        rows = await reads.deliveries(
            connection, tenant_of(request), limit + 1, before, subscription_id=subscription_id, state=state
        )
    return page_of([Delivery.model_validate(dict(row)) for row in rows], limit, lambda d: d.delivery_id)


@router.get("/deliveries/{delivery_id}", tags=["deliveries"])
async def delivery(request: Request, delivery_id: UUID) -> DeliveryWithLog:
    """Show one delivery with every attempt."""
    async with transaction(request.app.state.engine) as connection:
        row = await reads.delivery(connection, tenant_of(request), delivery_id)
        log = await reads.attempts(connection, delivery_id) if row is not None else []
    if row is None:
        raise missing("delivery")
    return DeliveryWithLog(**row, log=[Attempt.model_validate(dict(attempt)) for attempt in log])


@router.post(
    "/deliveries/{delivery_id}/retry",
    status_code=202,
    tags=["deliveries"],
    responses={409: problem("It was cancelled with its subscription, or there is no endpoint.")},
)
async def retry(request: Request, delivery_id: UUID) -> Delivery:
    """Send a delivery now, delivered or not, under the same `webhook-id`."""
    async with transaction(request.app.state.engine) as connection:
        found = await reads.delivery(connection, tenant_of(request), delivery_id)
        if found is None:
            raise missing("delivery")
        if why := await requests.redeliver(connection, delivery_id, found["subscription_id"]):
            raise CallerError(409, why)
        row = await reads.delivery(connection, tenant_of(request), delivery_id)
    if row is None:
        raise missing("delivery")
    return Delivery.model_validate(dict(row))


def _alert(row: RowMapping) -> Alert:
    event = msgspec.json.decode(row["body"])
    return Alert(alert_no=row["alert_no"], recorded_at=row["recorded_at"], lane=row["lane"], event=event)


@router.get("/alerts", tags=["alerts"])
async def alerts(
    request: Request, kind: Text = None, lane: Text = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[Alert]:
    """List alerts, the newest first."""
    before = place_of(cursor, _number)
    async with transaction(request.app.state.engine) as connection:
        rows = await reads.alerts(connection, tenant_of(request), limit + 1, before, kind=kind, lane=lane)
    return page_of([_alert(row) for row in rows], limit, lambda a: a.alert_no)


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError(text)
    return number


@router.get("/alerts/{alert_no}", tags=["alerts"])
async def alert(request: Request, alert_no: Number) -> Alert:
    """Show one alert."""
    async with transaction(request.app.state.engine) as connection:
        row = await reads.alert(connection, tenant_of(request), alert_no)
    if row is None:
        raise missing("alert")
    return _alert(row)


@router.get("/lanes", tags=["lanes"])
async def lanes(
    request: Request,
    commodity_group: Text = None,
    origin: Text = None,
    destination: Text = None,
    state: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Lane]:
    """List lanes with the state of their last change."""
    after = place_of(cursor, str)
    fields = {"commodity_group": commodity_group, "origin": origin, "destination": destination, "state": state}
    async with transaction(request.app.state.engine) as connection:
        rows = await reads.lanes(connection, limit + 1, after, fields)
    return page_of([Lane.model_validate(dict(row)) for row in rows], limit, lambda lane: lane.lane_id)


@router.get("/lanes/{lane_id:path}", tags=["lanes"])
async def lane(request: Request, lane_id: Annotated[str, Path(max_length=256, pattern=r"^[^\x00]+$")]) -> Lane:
    """Show one lane."""
    async with transaction(request.app.state.engine) as connection:
        row = await reads.lane(connection, lane_id)
    if row is None:
        raise missing("lane")
    return Lane.model_validate(dict(row))


@router.get("/audit", tags=["audit"])
async def audit(request: Request) -> dict[str, Any]:
    """Count what was read, recorded and sent, in one snapshot."""
    async with transaction(request.app.state.engine) as connection:
        return await reads.audit(connection, request.app.state.settings.topic_decisions)
