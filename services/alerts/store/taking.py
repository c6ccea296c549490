"""Takes a batch of alerts in by one call of the database, which does what `intake` and `matching` do by many.

What the call does stands in the migration that makes it. It refuses a batch that is not plain.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg

from services.alerts.store import DUE_CHANNEL, NEWS_CHANNEL, handover, matching
from services.alerts.store.handover import Offer
from services.alerts.store.intake import LaneRow, NewAlert, columns, newest
from services.alerts.store.matching import Recorded
from shared.consumption import Advance, OffsetsMovedError
from shared.events import FOR_EVERYONE

_PARAMETERS = 40
_CALL = f"SELECT * FROM alerts.take_in({', '.join(f'${n}' for n in range(1, _PARAMETERS + 1))})"
_MOVED = "LW001"
_NOT_PLAIN = {"LW002", "LW003"}
"""A subscription has to be asked more than the index knows; an alert was there."""
_ALERT = ("source", "id", "kind", "severity", "lane", "happened_at", "body", "accepted_at", "decided_at")
_FACTS = ("patterns", "are_default", "ranks", "exporters")
_LANE = LaneRow._fields[:12]


async def take_in(
    connection: "asyncpg.Connection[asyncpg.Record]",
    topic: str,
    advance: Advance,
    alerts: Sequence[NewAlert],
    lanes: Sequence[LaneRow],
    offer: Offer | None,
) -> Recorded | None:
    """Record alerts, lanes, deliveries and offsets; return None, with nothing changed, when the batch is not plain.

    Raises OffsetsMovedError unless the stored offsets are the expected ones.
    """
    if any(alert.kind in FOR_EVERYONE for alert in alerts):
        return None
    try:
        rows = await connection.fetch(_CALL, *_arguments(topic, advance, alerts, lanes, offer))
    except asyncpg.PostgresError as error:
        if error.sqlstate == _MOVED:
            raise OffsetsMovedError(topic) from error
        if error.sqlstate in _NOT_PLAIN:
            return None
        raise
    handed = [
        handover.handed(row, [alerts[place - 1] for place in row["places"]])
        for row in rows
        if row["subscription_id"] is not None
    ]
    return Recorded(handed, any(row["is_more"] for row in rows))


def _arguments(
    topic: str, advance: Advance, alerts: Sequence[NewAlert], lanes: Sequence[LaneRow], offer: Offer | None
) -> list[Any]:
    facts = matching.facts(alerts)
    places = {(alert.source, alert.id): place for place, alert in enumerate(alerts, 1)}
    states = [(places[lane.source, lane.id], *lane[: len(_LANE)]) for lane in newest(lanes)]
    sender = handover.values(offer)
    return [
        topic,
        list(advance),
        *columns([*advance.values()], ("expected", "next")).values(),
        *columns([[getattr(alert, name) for name in _ALERT] for alert in alerts], _ALERT).values(),
        *(facts[name] for name in _FACTS),
        *matching.keys(alerts).values(),
        *columns(states, ("says", *_LANE)).values(),
        *(sender[name] for name in ("worker", "room", "window", "own")),
        DUE_CHANNEL,
        NEWS_CHANNEL,
    ]
