"""What a filter would have let through, before it is saved."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from services.alerts.api.forms import FilterForm, Form
from services.alerts.api.subscriptions import tenant_of
from services.alerts.previewing import preview
from shared.openapi import problem

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])


class PreviewForm(Form):
    """A filter, and how far to look back."""

    filter: FilterForm
    days: Annotated[int, Field(ge=1, le=90)] = 7


class KindCount(BaseModel):
    """How many alerts of a kind and severity there were."""

    kind: str
    severity: str
    count: int


class Example(BaseModel):
    """One of the latest; `event` is the body that would have been sent."""

    alert_no: int
    event: dict[str, Any]


class PreviewOut(BaseModel):
    """What the filter would have let through."""

    since: datetime
    """From then on all was looked at."""
    is_cut: bool
    """Whether there was more in the days than one request looks at: then `since` is later than was asked for."""
    looked_at: int
    total: int
    counts: list[KindCount]
    examples: list[Example]
    condition_failures: dict[str, int]
    """How the condition failed, and on how many; these are let through."""


@router.post(
    "/preview",
    responses={
        429: problem("The tenant has two previews under way."),
        503: problem("A dependency is away, or too many previews wait for their turn."),
    },
)
async def try_filter(request: Request, form: PreviewForm) -> PreviewOut:
    """Try a filter on the alerts of the last days; nothing is saved or sent. One is tried at a time."""
    since = datetime.now(UTC) - timedelta(days=form.days)
    tenant, turns = tenant_of(request), request.app.state.previews
    async with turns.turn(tenant):
        found = await preview(request.app.state.engine, tenant, form.filter.filter(), since)
    return PreviewOut(
        since=found.since,
        is_cut=found.is_cut,
        looked_at=found.looked_at,
        total=found.counts.total(),
        counts=[
            KindCount(kind=kind, severity=severity, count=count)
            for (kind, severity), count in sorted(found.counts.items(), key=lambda item: (-item[1], item[0]))
        ],
        examples=[Example(alert_no=number, event=event) for number, event in found.examples],
        condition_failures=dict(found.failures.most_common(20)),
    )
