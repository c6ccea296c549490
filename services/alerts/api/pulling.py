"""A subscription's alerts without an open port: by a cursor, waiting for the next, or as a stream."""

import time
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from services.alerts.api.pages import Limit
from services.alerts.api.streaming import AlertStream
from services.alerts.api.subscriptions import own_subscription, tenant_of
from services.alerts.feed import Feed
from services.alerts.store import pulls
from services.alerts.store.pulls import Pulled
from shared.database import transaction
from shared.errors import CallerError
from shared.identity import caller_of
from shared.openapi import problem
from shared.preferences import preferences, wait_s
from shared.waiting import wait

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])

After = Annotated[int, Query(ge=0, lt=2**63, description="The number of the last alert that you have")]
Prefer = Annotated[
    str | None, Header(description="`wait=N`: where there is none yet, wait up to N seconds, 30 at most")
]
LastEventId = Annotated[str | None, Header(description="The `id` of the last event that you have")]
MOST_DIGITS = 18


class PulledAlert(BaseModel):
    """An alert, as it is sent to endpoints: `webhook_id` is the same, and so is `event`."""

    sequence: int
    webhook_id: UUID
    event: dict[str, Any]


class PulledAlerts(BaseModel):
    """Alerts in the order of their numbers; `next` is to be asked for as `after`."""

    items: list[PulledAlert]
    next: int


class _Item(msgspec.Struct):
    sequence: int
    webhook_id: str
    event: msgspec.Raw


class _Page(msgspec.Struct):
    items: list[_Item]
    next: int


TOO_MANY: dict[int | str, dict[str, Any]] = {
    429: problem("The tenant has too many streams and waiting requests."),
    503: problem("A dependency is away, or there are too many streams and waiting requests."),
}


@router.get("/{subscription_id}/alerts", response_model=PulledAlerts, responses=TOO_MANY)
async def alerts(
    request: Request, subscription_id: UUID, after: After = 0, limit: Limit = 100, prefer: Prefer = None
) -> Response:
    """Return a subscription's alerts after a number, whatever became of them: sent, waiting, gathered or kept.

    A number that is seen has none missing below it. `Prefer: wait=…` waits for the first that is not there yet.
    """
    found = await _after(request, subscription_id, after, limit)
    wished_s = wait_s(preferences([prefer])) if prefer else 0
    if not found and wished_s:
        feed: Feed = request.app.state.feed
        with feed.watching(subscription_id, after, tenant_of(request)) as watcher:
            await wait(watcher.news, wished_s)
        found = await _after(request, subscription_id, after, limit)
    page = _Page(
        [_Item(each.sequence, str(each.delivery_id), msgspec.Raw(each.body)) for each in found],
        found[-1].sequence if found else after,
    )
    headers = {"preference-applied": f"wait={wished_s}"} if wished_s else {}
    return Response(msgspec.json.encode(page), headers=headers, media_type="application/json")


async def _after(request: Request, subscription_id: UUID, number: int, limit: int) -> list[Pulled]:
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        return await pulls.after(connection, subscription_id, number, limit)


@router.get(
    "/{subscription_id}/stream",
    response_class=Response,
    responses={
        200: {
            "description": "Events without an end.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **TOO_MANY,
    },
)
async def stream(
    request: Request, subscription_id: UUID, after: After | None = None, last_event_id: LastEventId = None
) -> Response:
    """Stream a subscription's alerts as Server-Sent Events: `id` is the number, `event` the kind, `data` as pulled.

    It begins after `Last-Event-ID`, else after `after`, else with what comes next, and ends with the token.
    """
    async with transaction(request.app.state.engine) as connection:
        await own_subscription(connection, request, subscription_id)
        last = (await pulls.last_of(connection, [subscription_id])).get(subscription_id, 0)
    if request.app.state.feed.is_leaving:
        raise CallerError(503, "The service is about to stop", headers={"retry-after": "5"})
    named = last_event_id or ""
    is_number = named.isascii() and named.isdigit() and len(named) <= MOST_DIGITS
    begin = int(named) if is_number else last if after is None else after
    until = caller_of(request).until
    ends_at = None if until is None else time.monotonic() + until - time.time()
    return AlertStream(request.app, tenant_of(request), subscription_id, begin, ends_at)
