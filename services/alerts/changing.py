"""Changes a subscription: exactly from one alert on, and not over somebody else's change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import State
from services.alerts.domain.filters import SEVERITIES
from services.alerts.domain.handshake import AWAITED, is_exempt
from services.alerts.domain.pace import Pace
from services.alerts.domain.timing import AtOnce, Gather, Timing, when
from services.alerts.store import changes, health, subscriptions
from services.alerts.store.leftovers import Held
from services.alerts.store.subscriptions import Subscription
from shared.events import Severity

PACE = frozenset({"max_per_second", "max_in_flight"})


class Overtaken(Exception):
    """Somebody else has changed the subscription meanwhile."""


class Unverified(Exception):
    """It cannot be resumed before its endpoint has answered the handshake."""


async def change(
    connection: AsyncConnection,
    tenant: str,
    subscription_id: UUID,
    wanted: Mapping[str, Any],
    *,
    versions: frozenset[int] | None,
    now: datetime,
    must_verify: bool = False,
) -> Subscription | None:
    """Change these fields for every alert that is matched from now on; None when there is no such subscription.

    Raises Overtaken unless it has one of the `versions`; Unverified where endpoints `must_verify` and this one is
    to be resumed before it has. With a new one it is paused until then.
    """
    if not await changes.lock(connection, subscription_id):
        return None
    found = await subscriptions.get(connection, tenant, subscription_id)
    if found is None:
        return None
    if versions is not None and found.version not in versions:
        raise Overtaken
    fields = dict(wanted)
    state = fields.pop("state", None)
    pace = {name: fields.pop(name) for name in PACE & fields.keys()}
    changed = found._replace(**fields)
    reason = None
    if must_verify and awaits_handshake(found, changed):
        if state == "active":
            raise Unverified
        if found.set_state == "active" and (found.url, found.format) != (changed.url, changed.format):
            state, reason = "paused", AWAITED
    await changes.store(connection, found, changed, state, reason)
    if pace:
        fares = (await health.shown(connection, [subscription_id]))[subscription_id]
        now_is = {name: getattr(fares, name) for name in PACE}
        await health.set_pace(connection, subscription_id, Pace(**now_is | pace))
    if (found.digest, found.quiet_hours) != (changed.digest, changed.quiet_hours):
        timing = Timing(changed.digest, changed.quiet_hours)
        await changes.hold(connection, subscription_id, [held(timing, severity, now) for severity in SEVERITIES])
    return await subscriptions.get(connection, tenant, subscription_id)


def awaits_handshake(before: Subscription, after: Subscription) -> bool:
    """Return whether the endpoint of a changed subscription is one that has yet to answer the handshake."""
    if after.url is None or is_exempt(after.url, after.format):
        return False
    return before.verified_at is None or before.url != after.url


def held(timing: Timing, severity: Severity, now: datetime) -> Held:
    """Return what becomes of alerts of a severity that wait to be told, when what they wait for has changed."""
    told = when(timing, severity, now)
    if isinstance(told, AtOnce):
        return Held(severity, State.DUE.value, None)
    state = State.GATHERED if isinstance(told, Gather) else State.RESTING
    return Held(severity, state.value, told.until)
