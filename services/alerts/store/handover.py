"""Hands deliveries to the sender of the process that records them, so that nothing has to be looked up again.

It is done under the queue's lock, and only where nothing else of the endpoint's is to be sent by anybody: the
endpoint is well and free, or in the sender's own hands. The sender must take what it was handed, or say that it did not
(`claims.doubt`): until its lease ends nobody else looks.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.alerts.domain.pace import Pace
from services.alerts.domain.pings import ESCALATION_SOURCE, TEST_SOURCE
from services.alerts.store import health
from services.alerts.store.claims import Due, Endpoint
from services.alerts.store.intake import NewAlert
from services.alerts.store.secrets import SIGNING


class Offer(NamedTuple):
    """What a sender can take."""

    worker: UUID
    room: int
    """Endpoints that are free."""
    window: int
    """Deliveries of one endpoint."""
    own: tuple[UUID, ...]
    """Endpoints in its hands that can have more."""
    as_of: float = 0.0
    """When it was made, by the sender's monotonic clock."""


class Handed(NamedTuple):
    """Deliveries of an endpoint that a sender has in hand from the commit on."""

    endpoint: Endpoint
    deliveries: list[Due]
    was_free: bool


IS_CLEAR = """q.is_open AND q.due_at IS NULL AND q.breaker = 'closed' AND q.failing_since IS NULL
        AND q.rests_until IS NULL AND q.max_per_second IS NULL AND CASE WHEN q.worker_id IS NULL THEN true
        ELSE q.worker_id = :worker AND q.subscription_id = ANY (CAST(:own AS uuid[])) END"""
"""Whether nothing else is to be sent to the endpoint of the queue `q`, and the sender may have it."""

HANDED = f"""told AS (
    SELECT *, coalesce(may, false) AND CAST(:worker AS uuid) IS NOT NULL AND (NOT is_free OR place <= :room)
        AS is_handed
    FROM (
        SELECT *, row_number() OVER (PARTITION BY may AND is_free) AS place FROM (
            SELECT subscription_id, max(sequence) AS last_known, bool_or(state = 'due') AS is_due,
                min(due_at) AS release_at, bool_or(is_free) AS is_free,
                bool_and(is_clear AND state = 'due') AND count(*) <= :window AS may,
                array_agg(delivery_id ORDER BY alert_no) AS ids, array_agg(alert_no ORDER BY alert_no) AS numbers,
                array_agg(sequence ORDER BY alert_no) AS sequences,
                array_agg(order_key ORDER BY alert_no) AS order_keys,
                array_agg(created_at ORDER BY alert_no) AS times
            FROM numbered GROUP BY subscription_id
        ) t
    ) t
), woken AS (
    UPDATE alerts.queue q SET last_sequence = t.last_known, release_at = least(q.release_at, t.release_at),
        due_at = CASE WHEN t.is_due AND NOT t.is_handed THEN least(q.due_at, now()) ELSE q.due_at END,
        worker_id = CASE WHEN t.is_handed THEN CAST(:worker AS uuid) ELSE q.worker_id END
    FROM told t WHERE q.subscription_id = t.subscription_id
    RETURNING t.*, q.last_accepted_at, q.max_in_flight, {health.COLUMNS}
)
SELECT (SELECT pg_notify(:news, '') FROM told LIMIT 1) AS news, n.is_more,
    (SELECT pg_notify(:channel, '') WHERE n.is_more) AS due, g.*
FROM (SELECT EXISTS (SELECT FROM told WHERE is_due AND NOT is_handed) AS is_more) n LEFT JOIN (
    SELECT w.*, s.url, s.format, CAST({SIGNING} AS text) AS signing
    FROM woken w JOIN alerts.subscription s USING (subscription_id) WHERE w.is_handed
) g ON true"""
"""Wakes the queues of `numbered` deliveries, and returns what is handed over: endpoints, each with its deliveries."""


def values(offer: Offer | None) -> dict[str, Any]:
    """Return what the statement asks of a sender; where there is none, nothing is handed over."""
    if offer is None:
        return {"worker": None, "room": 0, "window": 0, "own": []}
    return {"worker": offer.worker, "room": offer.room, "window": offer.window, "own": list(offer.own)}


def handed(row: health.Row, alerts: Sequence[NewAlert]) -> Handed:
    """Return an endpoint that was handed over, with its deliveries of these alerts."""
    who = row["subscription_id"], row["url"], row["signing"], row["last_accepted_at"]
    its = health.health_of(row)
    pace = Pace(max_in_flight=row["max_in_flight"])
    endpoint = Endpoint(*who, health=its, pace=pace, format=row["format"], last_known=row["last_known"])
    places = zip(row["ids"], row["sequences"], row["order_keys"], row["times"], alerts, strict=True)
    deliveries = [
        _due(row["subscription_id"], delivery_id, order_key, sequence, created_at, alert)
        for delivery_id, sequence, order_key, created_at, alert in places
    ]
    return Handed(endpoint, deliveries, row["is_free"])


def _due(
    subscription_id: UUID, delivery_id: UUID, order_key: str | None, sequence: int, created_at: Any, alert: NewAlert
) -> Due:
    return Due(
        subscription_id,
        delivery_id,
        order_key,
        step=0,
        attempts=0,
        planned_at=None,
        first_attempt_at=None,
        created_at=created_at,
        kind=alert.kind,
        body=alert.body,
        sequence=sequence,
        is_test=alert.source == TEST_SOURCE,
        happened_at=alert.happened_at,
        accepted_at=alert.accepted_at,
        decided_at=alert.decided_at,
        escalated_from=alert.id if alert.source == ESCALATION_SOURCE else None,
    )
