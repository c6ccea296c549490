"""Puts alerts that were gathered into one: a CloudEvent that carries each as it would have come by itself."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.alerts.domain.filters import DIGEST, SEVERITIES, rank
from shared.cloudevents import JSON, Event
from shared.events import EVERYWHERE, AlertsGathered, Gathered, Scope, Severity

SOURCE = "/lanewatch/alerts"


class Item(NamedTuple):
    """An alert that was gathered: its webhook id, its number, its severity and its CloudEvent."""

    delivery_id: UUID
    sequence: int
    severity: Severity
    body: bytes


def digest_of(subscription_id: UUID, items: Sequence[Item], now: datetime) -> Event[AlertsGathered]:
    """Return the digest of one subscription's alerts, in their order; its id follows from the first and the last."""
    found = tuple(
        Gathered(sequence=item.sequence, webhook_id=str(item.delivery_id), event=msgspec.Raw(item.body))
        for item in items
    )
    return Event(
        specversion="1.0",
        id=f"digest-{items[0].delivery_id}-{items[-1].delivery_id}",
        source=SOURCE,
        type=DIGEST,
        time=now,
        datacontenttype=JSON,
        data=AlertsGathered(
            scope=Scope(commodity_groups=(), origin=EVERYWHERE, destinations=(EVERYWHERE,)),
            severity=max((item.severity for item in items), key=rank),
            headline=headline([item.severity for item in items]),
            subscription_id=str(subscription_id),
            alerts=found,
        ),
    )


def headline(severities: Sequence[Severity]) -> str:
    """Return how many alerts there are, and how severe."""
    counts = Counter(severities)
    total = "1 alert" if len(severities) == 1 else f"{len(severities)} alerts"
    parts = [f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES) if counts[severity]]
    return f"{total}: {', '.join(parts)}"
