"""Subscriptions: create, list, show, change, delete.

A secret is shown in the answer that creates a subscription and never again; it is stored sealed, and written to no log.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.api.pages import Cursor, Limit, Page, page_of, place_of
from services.alerts.api.subscription_forms import SubscriptionChange, SubscriptionForm, SubscriptionOut
from services.alerts.api.versions import IfMatch, etag, versions_of
from services.alerts.changing import Overtaken, Unverified
from services.alerts.changing import change as change_exactly
from services.alerts.domain.handshake import AWAITED, is_exempt
from services.alerts.domain.pace import Pace
from services.alerts.domain.urls import Reach, read_url
from services.alerts.signing import keeping
from services.alerts.store import health, subscriptions
from services.alerts.store.health import Shown
from services.alerts.store.subscriptions import NewSubscription, Subscription
from shared.database import transaction
from shared.errors import CallerError
from shared.identity import caller_of
from shared.openapi import problem

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="The same key gives the same subscription, once"),
]


def tenant_of(request: Request) -> str:
    """Return whose subscriptions a request is about."""
    return caller_of(request).tenant


async def own_subscription(connection: AsyncConnection, request: Request, subscription_id: UUID) -> Subscription:
    """Return a subscription of the caller's tenant. Raises CallerError when there is no such."""
    found = await subscriptions.get(connection, tenant_of(request), subscription_id)
    if found is None:
        raise missing("subscription")
    return found


def missing(what: str) -> CallerError:
    """Return the answer for something that is not there."""
    return CallerError(404, f"There is no such {what}")


TOO_MANY = "The tenant has as many subscriptions, or as long conditions, as one may have."


@router.post(
    "",
    status_code=201,
    responses={409: problem(f"What was created under the key was deleted meanwhile. {TOO_MANY}")},
)
async def create(
    request: Request, form: SubscriptionForm, response: Response, idempotency_key: IdempotencyKey = None
) -> SubscriptionOut:
    """Create a subscription; it gets every matching alert that is recorded from now on. Shows the secret, once."""
    if form.url is not None:
        check_reach(request, form.url)
    secret = None
    seal = hashlib.sha256(form.model_dump_json().encode()).digest() if idempotency_key else None
    new = NewSubscription(
        form.name,
        form.url,
        form.filter.filter(),
        idempotency_key,
        seal,
        tenant_of(request),
        form.signature,
        format=form.format,
        ordering=form.ordering,
        expires_at=form.expires_at,
        digest=None if form.digest is None else form.digest.digest(),
        quiet_hours=None if form.quiet_hours is None else form.quiet_hours.quiet_hours(),
        awaits=_awaits(request, form),
    )
    async with transaction(request.app.state.engine) as connection:
        created = await subscriptions.create(connection, new)
        if created is not None:
            await _check_load(connection, request)
        if created is not None and form.pace() != Pace():
            await health.set_pace(connection, created.subscription_id, form.pace())
        known = None
        if created is not None:
            keys = (request.app.state.vault, created.subscription_id, new.tenant)
            secret = await keeping.equip(connection, *keys, form.signature, form.secret)
        if created is None and idempotency_key is not None:
            known = await subscriptions.by_idempotency_key(connection, new.tenant, idempotency_key)
        fares = await _fares(connection, created or known)
    if created is None:
        created = _same(known, seal)
        response.status_code = 200
    response.headers["location"] = f"/v1/subscriptions/{created.subscription_id}"
    response.headers["etag"] = etag(created)
    return SubscriptionOut.of(created, fares[created.subscription_id], secret)


def _awaits(request: Request, form: SubscriptionForm) -> str | None:
    must_verify = request.app.state.settings.alerts_verify_endpoints
    return AWAITED if must_verify and form.url is not None and not is_exempt(form.url, form.format) else None


async def _check_load(connection: AsyncConnection, request: Request) -> None:
    """Raise CallerError when a tenant has more than one may have; the others' alerts wait while its are matched."""
    settings = request.app.state.settings
    load = await subscriptions.load_of(connection, tenant_of(request))
    if load.subscriptions > (most := settings.alerts_subscriptions_per_tenant):
        raise CallerError(409, "The tenant has too many subscriptions", detail=f"It may have {most}; delete some first")
    if load.condition_chars > (most := settings.alerts_condition_chars_per_tenant):
        why = f"All its conditions together may have {most} characters and would have {load.condition_chars}"
        raise CallerError(409, "The tenant's conditions are too long", detail=why)


def check_reach(request: Request, url: str) -> None:
    """Raise CallerError when it is plain from a URL alone that it will not be delivered to."""
    reach: Reach = request.app.state.settings.reach()
    if why := reach.refusal_of(read_url(url)):
        raise CallerError.of_field("/url", why)


def _same(known: Subscription | None, seal: bytes | None) -> Subscription:
    if known is None:
        raise CallerError(409, "The subscription under this Idempotency-Key was deleted meanwhile; send it again")
    if known.idempotency_hash != seal:
        raise CallerError.of_field("/header/idempotency-key", "was used for a different subscription")
    return known


@router.get("")
async def list_all(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Page[SubscriptionOut]:
    """List subscriptions, the newest first."""
    before = place_of(cursor, UUID)
    async with transaction(request.app.state.engine) as connection:
        found = await subscriptions.page(connection, tenant_of(request), limit + 1, before)
        fares = await _fares(connection, *found)
    shown = [SubscriptionOut.of(s, fares[s.subscription_id]) for s in found if s.subscription_id in fares]
    return page_of(shown, limit, lambda s: s.subscription_id)


@router.get("/{subscription_id}")
async def show(request: Request, subscription_id: UUID, response: Response) -> SubscriptionOut:
    """Show one subscription."""
    async with transaction(request.app.state.engine) as connection:
        found = await subscriptions.get(connection, tenant_of(request), subscription_id)
        fares = await _fares(connection, found)
    return _shown(found, fares, response)


async def _fares(connection: AsyncConnection, *found: Subscription | None) -> dict[UUID, Shown]:
    return await health.shown(connection, [s.subscription_id for s in found if s is not None])


def _shown(found: Subscription | None, fares: Mapping[UUID, Shown], response: Response) -> SubscriptionOut:
    if found is None or found.subscription_id not in fares:
        raise missing("subscription")
    response.headers["etag"] = etag(found)
    return SubscriptionOut.of(found, fares[found.subscription_id])


@router.patch(
    "/{subscription_id}",
    responses={
        409: problem(f"Its endpoint has not answered the handshake, so it cannot be resumed. {TOO_MANY}"),
        412: problem("It was changed meanwhile: ask for it again."),
    },
)
async def change(
    request: Request, subscription_id: UUID, form: SubscriptionChange, response: Response, if_match: IfMatch = None
) -> SubscriptionOut:
    """Change what is named, for every alert that is recorded from now on; `If-Match` guards another's change.

    What is matched while it is paused is sent after it is resumed. A new `url` or `format` counts for what is still
    to be sent, too; without `url` nothing more is sent, and all can be pulled.
    """
    if form.url is not None:
        check_reach(request, form.url)
    wanted, tenant = form.wanted(), tenant_of(request)
    must_verify = request.app.state.settings.alerts_verify_endpoints
    guards: dict[str, Any] = {"versions": versions_of(if_match), "must_verify": must_verify}
    try:
        async with transaction(request.app.state.engine) as connection:
            now = datetime.now(UTC)
            found = await change_exactly(connection, tenant, subscription_id, wanted, now=now, **guards)
            if found is not None and found.filter.condition and "filter" in wanted:
                await _check_load(connection, request)
            fares = await _fares(connection, found)
    except Overtaken as error:
        raise CallerError(412, "The subscription was changed meanwhile; ask for it again") from error
    except Unverified as error:
        raise CallerError(409, "The subscription cannot be resumed", detail=AWAITED) from error
    return _shown(found, fares, response)


@router.delete("/{subscription_id}", status_code=204)
async def delete(request: Request, subscription_id: UUID) -> None:
    """Delete a subscription and cancel what is still to be sent; past deliveries stay readable."""
    async with transaction(request.app.state.engine) as connection:
        is_own = await subscriptions.get(connection, tenant_of(request), subscription_id) is not None
        is_deleted = is_own and await subscriptions.delete(connection, subscription_id)
    if not is_deleted:
        raise missing("subscription")
