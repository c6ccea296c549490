"""Decides for whom new alerts are, and when each is to be told: what the index cannot say is asked here."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import State
from services.alerts.domain.timing import AtOnce, Gather, Timing, when
from services.alerts.store import matching, weighing
from services.alerts.store.intake import NewAlert, Numbered
from services.alerts.store.matching import Weighed
from services.alerts.store.weighing import Candidate


async def match(connection: AsyncConnection, alerts: Sequence[Numbered]) -> None:
    """Record a delivery for each alert and subscription that it concerns; senders hear of it at the commit.

    It comes last in its transaction, because it takes locks that senders want.
    """
    found = await weighing.candidates(connection, alerts)
    weighed: list[Weighed] = []
    if found:
        known, now = dict(alerts), datetime.now(UTC)
        weighed = [weigh(each, known[each.alert_no], now) for each in found]
    await matching.deliver(connection, alerts, weighed)


def weigh(candidate: Candidate, alert: NewAlert, now: datetime) -> Weighed:
    """Return the delivery of an alert to a subscription whose filter finds it."""
    told = when(Timing(candidate.digest, candidate.quiet_hours), alert.severity, now)
    if not candidate.has_endpoint:
        state, until = State.KEPT, None
    elif isinstance(told, AtOnce) and candidate.release_at is not None and candidate.release_at <= now:
        # What has waited goes first: it is let go within a second, and this with it.
        state, until = State.RESTING, now
    elif isinstance(told, AtOnce):
        state, until = State.DUE, None
    else:
        state, until = State.GATHERED if isinstance(told, Gather) else State.RESTING, told.until
    return Weighed(candidate.subscription_id, candidate.alert_no, state.value, candidate.order_key, until, None)
