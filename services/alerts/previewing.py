"""Tries a filter on what was recorded: which alerts of the last days it would have let through. Work is bounded."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.domain.conditions import ask
from services.alerts.domain.facts import AlertFacts
from services.alerts.domain.filters import OF_ONE, Filter, matches
from services.alerts.store import reads
from services.alerts.store.reads import Past
from shared.cloudevents import read_alert
from shared.database import transaction
from shared.errors import PermanentError
from shared.events import FOR_EVERYONE, EndpointNoticed, Severity

MOST_ALERTS = 50_000
MOST_S = 3.0
AT_ONCE = 250
"""So many are read and asked before anything else has its turn."""
EXAMPLES = 5
UNRESTRICTED: dict[str, Any] = {
    "commodity_groups": (),
    "origins": (),
    "destinations": (),
    "exporters": (),
    "condition": None,
}


@dataclass
class Preview:
    """What a filter would have let through."""

    since: datetime
    """From then on all was looked at; later than was asked for where it was cut."""
    is_cut: bool = False
    looked_at: int = 0
    counts: Counter[tuple[str, Severity]] = field(default_factory=Counter)
    examples: list[tuple[int, Any]] = field(default_factory=list)
    """The latest, by their numbers."""
    failures: Counter[str] = field(default_factory=Counter)
    """How the condition failed, where it did: these are let through."""


async def preview(
    engine: AsyncEngine, tenant: str, wanted: Filter, since: datetime, *, most: int = MOST_ALERTS
) -> Preview:
    """Return what a filter would have let through since a time, the latest first; it says where it had to stop."""
    found, before, began = Preview(since), 2**63 - 1, time.monotonic()
    while True:
        async with transaction(engine) as connection:
            past = await reads.past(connection, tenant, before, AT_ONCE, wanted)
        for each in past:
            if each.recorded_at < since:
                return found
            look(found, wanted, each)
        if len(past) < AT_ONCE:
            return found
        if found.looked_at >= most or time.monotonic() - began > MOST_S:
            found.is_cut, found.since = True, past[-1].recorded_at
            return found
        before = past[-1].alert_no
        await asyncio.sleep(0)


def look(found: Preview, wanted: Filter, past: Past) -> None:
    """Count an alert if the filter lets it through."""
    found.looked_at += 1
    try:
        event = read_alert(past.body)
    except PermanentError:  # A contract that is not ours any more.
        return
    # A notice of an endpoint asks for its kind and severity alone.
    asked = replace(wanted, **UNRESTRICTED) if event.type in EndpointNoticed.TYPES else wanted
    if event.type in OF_ONE or not matches(asked, event.type, event.data.severity, event.data.scope):
        return
    if asked.condition is not None and event.type not in FOR_EVERYONE:
        answer = ask(asked.condition, AlertFacts(event))
        if not answer.is_wanted:
            return
        if answer.failure is not None:
            found.failures[answer.failure] += 1
    found.counts[event.type, event.data.severity] += 1
    if len(found.examples) < EXAMPLES:
        found.examples.append((past.alert_no, msgspec.json.decode(past.body)))
