"""The service level: how long it took that a subscriber was told."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from services.alerts.api.subscriptions import own_subscription
from services.alerts.domain.service_level import Summary
from services.alerts.store import service_level
from shared.database import transaction

router = APIRouter(tags=["service level"])


class Bucket(BaseModel):
    """How many took no longer than so many seconds."""

    le_s: float
    count: int


class Times(BaseModel):
    """Seconds up to the first successful delivery; nothing is known of none."""

    count: int
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    max_s: float | None
    within_target: float | None
    """The share that took no longer than the target."""
    buckets: list[Bucket]
    """A histogram: each bucket counts those below, too, as Prometheus does."""


class ServiceLevelOut(BaseModel):
    """How long it took, of what was to be delivered in the last days.

    Tests and repetitions do not count, nor what was only kept to be pulled. What waits for quiet hours or a digest
    counts with that time; what a digest carries was told with it.
    """

    subscription_id: UUID
    days: float
    target_s: float
    deliveries: int
    delivered: int
    """Of them, once at least."""
    since_occurrence: Times
    """Since it happened in the world: the alert's own time."""
    since_acceptance: Times
    """Since the ingest had what caused it; for what falls due by the clock, since the tick."""
    since_decision: Times
    """Since it was on record that it is to be told."""


@router.get("/v1/subscriptions/{subscription_id}/service-level")
async def show(
    request: Request,
    subscription_id: UUID,
    days: Annotated[float, Query(gt=0, le=366)] = 7,
    target_s: Annotated[float, Query(gt=0, le=31_622_400, description="What counts as in time")] = 60,
) -> ServiceLevelOut:
    """Show how long alerts of the last days took to their first successful delivery."""
    since = datetime.now(UTC) - timedelta(days=days)
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        found = await service_level.level(connection, subscription_id, since, target_s)
    times = {f"since_{name}": _times(its) for name, its in found.since.items()}
    return ServiceLevelOut(
        subscription_id=subscription_id,
        days=days,
        target_s=target_s,
        deliveries=found.deliveries,
        delivered=found.delivered,
        **times,
    )


def _times(summary: Summary) -> Times:
    buckets = [Bucket(le_s=bound_s, count=count) for bound_s, count in summary.buckets]
    return Times(**vars(summary) | {"buckets": buckets})
