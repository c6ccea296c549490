"""Decides for whom new alerts are, and when each is to be told: what the index cannot say is asked here."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.conditions import Answer, ask
from services.alerts.domain.delivery import State
from services.alerts.domain.facts import AlertFacts
from services.alerts.domain.timing import AtOnce, Gather, Timing, when
from services.alerts.store import matching, weighing
from services.alerts.store.handover import Offer
from services.alerts.store.intake import NewAlert, Numbered
from services.alerts.store.matching import Recorded, Weighed
from services.alerts.store.weighing import Candidate
from shared.cloudevents import read_alert
from shared.events import FOR_EVERYONE

WITHOUT_BREATH_S = 0.05
"""To compile one condition that is not kept takes about as long."""


async def match(connection: AsyncConnection, alerts: Sequence[Numbered], offer: Offer | None = None) -> Recorded:
    """Record a delivery for each alert and subscription that it concerns; return what is handed to whom offers.

    Other senders hear of the rest at the commit.

    It comes last in its transaction, because it takes locks that senders want.
    """
    found = await weighing.candidates(connection, alerts)

    async def breathe() -> None:
        # The server ends a transaction in which nothing is said for long, and requests wait for their answers here.
        await connection.execute(text("SELECT 1"))

    weighed, failures = await weigh_all(found, dict(alerts), datetime.now(UTC), breathe)
    recorded = await matching.deliver(connection, alerts, weighed, offer)
    if failures:
        await weighing.note_failures(connection, failures)
    return recorded


async def weigh_all(
    found: Sequence[Candidate], alerts: Mapping[int, NewAlert], now: datetime, breathe: Callable[[], Awaitable[None]]
) -> tuple[list[Weighed], dict[UUID, str]]:
    """Return the deliveries of what candidates want, and how conditions failed; in between it lets others `breathe`."""
    weighed: list[Weighed] = []
    failures: dict[UUID, str] = {}
    facts: dict[int, AlertFacts] = {}
    since = time.monotonic()
    for each in found:
        if time.monotonic() - since > WITHOUT_BREATH_S:
            await breathe()
            since = time.monotonic()
        alert = alerts[each.alert_no]
        answer = Answer(is_wanted=True)
        # What is for everyone asks for no goods and no lane, and so for no condition of them.
        if each.condition is not None and alert.kind not in FOR_EVERYONE:
            if each.alert_no not in facts:
                facts[each.alert_no] = AlertFacts(read_alert(alert.body))
            answer = ask(each.condition, facts[each.alert_no])
        if answer.is_wanted:
            weighed.append(weigh(each, alert, answer.failure, now))
        if answer.failure is not None:
            failures[each.subscription_id] = answer.failure
    return weighed, failures


def weigh(candidate: Candidate, alert: NewAlert, failure: str | None, now: datetime) -> Weighed:
    """Return the delivery of an alert that a subscription wants: when it is to be told."""
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
    note = None if failure is None else f"the filter's condition failed: {failure}"
    return Weighed(candidate.subscription_id, candidate.alert_no, state.value, candidate.order_key, until, note)
