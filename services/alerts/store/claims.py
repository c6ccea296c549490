"""Claims endpoints for a worker and hands it what they are due.

A claim is a queue's `worker_id`. It lasts as long as the worker shows that it is alive, so that one
row is kept fresh and not one for each claim. Queues whose row is locked are skipped: whoever holds
the lock wakes the senders at its commit.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.breaker import Health
from services.alerts.domain.delivery import Step, after, before
from services.alerts.domain.doubts import Doubt
from services.alerts.domain.pace import Pace
from services.alerts.domain.pings import ESCALATION_SOURCE, TEST_SOURCE
from services.alerts.domain.wishes import Format
from services.alerts.store import health
from services.alerts.store.secrets import SIGNING


class Endpoint(NamedTuple):
    """Where a subscription's alerts go, and how it fares."""

    subscription_id: UUID
    url: str
    signing: str
    """What signs for it, in JSON and sealed."""
    last_accepted_at: datetime | None
    health: Health = Health()
    pace: Pace = Pace()
    format: Format = "cloudevents"
    last_known: int = 0
    """Up to this number all that was recorded for it is in hand, or is still to be looked for."""


class Due(NamedTuple):
    """A delivery to be sent."""

    subscription_id: UUID
    delivery_id: UUID
    order_key: str | None
    step: int
    attempts: int
    planned_at: datetime | None
    first_attempt_at: datetime | None
    created_at: datetime
    kind: str
    body: bytes
    recovery_id: UUID | None = None
    is_behind: bool = False
    """Recovered, and to be sent after all that is not."""
    sequence: int | None = None
    """Its number in the subscription; a digest has none."""
    is_test: bool = False
    has_been_accepted: bool = False
    happened_at: datetime | None = None
    accepted_at: datetime | None = None
    decided_at: datetime | None = None
    escalated_from: str | None = None
    """The delivery that nobody acknowledged."""


class Claim(NamedTuple):
    """Endpoints newly or again in hand, and what to send to them."""

    endpoints: list[Endpoint]
    deliveries: list[Due]
    is_more: bool = False
    """Whether there is reason to look again once what is in hand has become less."""

    def without(self, subscription_ids: Collection[UUID]) -> Self:
        """Return the claim without some endpoints."""
        return self._replace(
            endpoints=[e for e in self.endpoints if e.subscription_id not in subscription_ids],
            deliveries=[d for d in self.deliveries if d.subscription_id not in subscription_ids],
        )


class Room(NamedTuple):
    """How much more a worker can take."""

    healthy: int
    failing: int
    window: int
    """Deliveries of one endpoint."""


class Times(NamedTuple):
    """How long to wait, in seconds."""

    nudge_after_s: float = 300.0
    """Since its last try, before a delivery that waits gets an extra one."""
    order_hold_s: float = 86400.0
    """Before the next of a lane is tried in place of the first, while the endpoint takes nothing."""


# Three searches, each served by its own partial index. Endpoints that failed last are counted apart,
# so that any number of dead ones leaves room for the others. One that rests is not even looked at.
_MAY_AT = "greatest(due_at, rests_until, paced_until)"
_CLAIM = text(f"""
WITH mine AS (
    SELECT subscription_id FROM alerts.queue
    WHERE subscription_id = ANY (CAST(:thirsty AS uuid[])) AND worker_id = :worker AND is_open
        AND due_at <= clock_timestamp() AND (rests_until IS NULL OR rests_until <= clock_timestamp())
    FOR UPDATE SKIP LOCKED
), healthy AS (
    SELECT subscription_id FROM alerts.queue
    WHERE is_open AND worker_id IS NULL AND failing_since IS NULL AND due_at IS NOT NULL
        AND {_MAY_AT} <= clock_timestamp()
    ORDER BY {_MAY_AT} LIMIT :healthy FOR UPDATE SKIP LOCKED
), failing AS (
    SELECT subscription_id FROM alerts.queue
    WHERE is_open AND worker_id IS NULL AND failing_since IS NOT NULL AND due_at IS NOT NULL
        AND {_MAY_AT} <= clock_timestamp()
    ORDER BY {_MAY_AT} LIMIT :failing FOR UPDATE SKIP LOCKED
)
UPDATE alerts.queue q SET worker_id = CASE WHEN s.url IS NOT NULL THEN CAST(:worker AS uuid) END,
    due_at = CASE WHEN s.url IS NOT NULL THEN q.due_at END
FROM (TABLE mine UNION ALL TABLE healthy UNION ALL TABLE failing) c, alerts.subscription s
WHERE q.subscription_id = c.subscription_id AND s.subscription_id = q.subscription_id
RETURNING q.subscription_id, s.url, CAST({SIGNING} AS text) AS signing, q.last_accepted_at, {health.COLUMNS},
    q.max_per_second, q.max_in_flight, q.paced_until, s.format, q.last_sequence,
    EXISTS (SELECT FROM alerts.delivery d WHERE d.subscription_id = q.subscription_id AND d.state = 'waiting'
        AND d.due_at <= clock_timestamp()) AS has_come_due""")

_COME_DUE = text("""
UPDATE alerts.delivery SET state = :due
WHERE subscription_id = ANY (CAST(:ids AS uuid[])) AND state = 'waiting' AND due_at <= clock_timestamp()""")

# First attempts and others take turns, so that neither starves the other. Held is what comes behind one that
# waits or is tried again, and behind one that was queued before it: the first may be settled while the second
# is still in the queue.
_DUE = """
        SELECT *, row_number() OVER (ORDER BY alert_no) AS turn FROM alerts.delivery d
        WHERE d.subscription_id = c.subscription_id AND d.state = 'due' AND {which}
            AND d.delivery_id <> ALL (CAST(:in_hand AS uuid[]))
        ORDER BY d.alert_no LIMIT :window"""
_FETCH = text(f"""
WITH next_look AS (
    UPDATE alerts.queue q SET due_at = (SELECT min(due_at) FROM alerts.delivery d
        WHERE d.subscription_id = q.subscription_id AND d.state = 'waiting')
    WHERE q.subscription_id = ANY (CAST(:ids AS uuid[]))
)
SELECT d.subscription_id, d.delivery_id, d.order_key, d.step, d.attempts, d.due_at AS planned_at,
    d.first_attempt_at, d.created_at, a.kind, a.body, d.recovery_id, d.is_behind, d.sequence,
    a.source = '{TEST_SOURCE}' AS is_test, d.first_accepted_at IS NOT NULL AS has_been_accepted, a.happened_at,
    a.accepted_at, a.decided_at, CASE WHEN a.source = '{ESCALATION_SOURCE}' THEN a.id END AS escalated_from,
    d.order_key IS NOT NULL AND d.delivery_id <> ALL (CAST(:probes AS uuid[])) AND (
        EXISTS (SELECT FROM alerts.delivery w WHERE w.subscription_id = d.subscription_id
            AND w.order_key = d.order_key AND w.state = 'waiting')
        OR EXISTS (SELECT FROM alerts.delivery w WHERE w.subscription_id = d.subscription_id
            AND w.order_key = d.order_key AND w.state = 'queued' AND w.alert_no < d.alert_no)
        OR d.attempts = 0 AND NOT d.is_behind AND EXISTS (SELECT FROM alerts.delivery w
            WHERE w.subscription_id = d.subscription_id AND w.order_key = d.order_key AND w.state = 'due'
            AND w.attempts > 0 AND NOT w.is_behind AND w.alert_no < d.alert_no)
    ) AS is_held
FROM unnest(CAST(:ids AS uuid[])) AS c(subscription_id)
CROSS JOIN LATERAL (
    SELECT * FROM (({_DUE.format(which="d.attempts = 0 AND NOT d.is_behind")})
        UNION ALL ({_DUE.format(which="d.attempts > 0 AND NOT d.is_behind")})
        UNION ALL ({_DUE.format(which="d.is_behind AND d.recovery_id IS NOT NULL")})) d
    ORDER BY d.is_behind, d.turn, d.attempts = 0 LIMIT :window
) d
JOIN alerts.alert a USING (alert_no)
ORDER BY d.subscription_id, d.is_behind, d.turn, d.attempts = 0""")

# A new alert behind one that waits is reason enough to try that one again, unless that was just done.
# Its planned time stays, so that the extra try takes nothing from its schedule.
_HOLD_BACK = text("""
WITH held AS (
    UPDATE alerts.delivery SET state = :queued
    WHERE delivery_id = ANY (CAST(:held AS uuid[])) AND state = ANY (CAST(:holdable AS text[]))
    RETURNING subscription_id, order_key
)
UPDATE alerts.delivery w SET state = :due
FROM (SELECT DISTINCT subscription_id, order_key FROM held) h
WHERE w.subscription_id = h.subscription_id AND w.order_key = h.order_key AND w.state = 'waiting'
    AND w.last_attempt_at < clock_timestamp() - make_interval(secs => :nudge_after_s)
RETURNING w.subscription_id""")

_LOOK_AGAIN = text("""
UPDATE alerts.queue SET due_at = clock_timestamp() WHERE subscription_id = ANY (CAST(:ids AS uuid[]))""")
_DOUBT = text("""
WITH locked AS (
    SELECT subscription_id FROM alerts.queue
    WHERE subscription_id = ANY (CAST(:ids AS uuid[])) OR (:is_all AND worker_id = :worker)
    ORDER BY subscription_id FOR UPDATE
)
UPDATE alerts.queue q SET due_at = clock_timestamp(), worker_id = CASE
    WHEN q.worker_id = :worker AND q.subscription_id <> ALL (CAST(:held AS uuid[])) THEN NULL ELSE q.worker_id END
FROM locked l WHERE q.subscription_id = l.subscription_id""")


async def doubt(connection: AsyncConnection, worker: UUID, what: Doubt, held: Collection[UUID]) -> None:
    """Let endpoints be looked at again, for it is not known what of theirs a worker has in hand.

    Those that are not among the `held` it has not taken: they are free.
    """
    values = {"worker": worker, "ids": list(what.ids), "is_all": what.is_all, "held": list(held)}
    await connection.execute(_DOUBT, values)


async def claim(
    connection: AsyncConnection,
    worker: UUID,
    room: Room,
    *,
    thirsty: Sequence[UUID],
    in_hand: Callable[[Sequence[UUID]], Sequence[UUID]],
    times: Times,
) -> Claim:
    """Claim endpoints with something due, and what is new for the worker's own `thirsty` ones.

    Returns what may be sent, in the order in which it must be: nothing of what is `in_hand` of
    these endpoints, and nothing of a lane in which an earlier one waits.
    """
    found = await connection.execute(
        _CLAIM,
        {"worker": worker, "thirsty": list(thirsty), "healthy": room.healthy, "failing": room.failing},
    )
    # One that leads nowhere has nothing to be sent, and is not looked at again before it does.
    claimed = [row for row in found.mappings() if row["url"] is not None]
    if not claimed:
        return Claim([], [])
    endpoints = [_endpoint(row) for row in claimed]
    ids = [endpoint.subscription_id for endpoint in endpoints]
    probed = {e.subscription_id for e in endpoints if e.health.is_probed} - set(thirsty)
    if come_due := {row["subscription_id"] for row in claimed if row["has_come_due"]} - probed:
        await connection.execute(_COME_DUE, {"ids": list(come_due), "due": after(Step.COME_DUE)})
    probes = await health.pass_over(connection, sorted(probed), times.order_hold_s) if probed else []
    deliveries, is_more = await _fetch(connection, ids, room.window, in_hand(ids), times, probes)
    if idle := probed - {d.subscription_id for d in deliveries}:
        probes = await health.bring_on(connection, sorted(idle))
        deliveries += (await _fetch(connection, sorted(idle), room.window, [], times, probes))[0]
    return Claim(endpoints, deliveries, is_more)


def _endpoint(row: RowMapping) -> Endpoint:
    pace = Pace(row["max_per_second"], row["max_in_flight"], row["paced_until"])
    who = row["subscription_id"], row["url"], row["signing"], row["last_accepted_at"]
    its = health.health_of(row)
    return Endpoint(*who, health=its, pace=pace, format=row["format"], last_known=row["last_sequence"])


async def _fetch(
    connection: AsyncConnection,
    ids: Sequence[UUID],
    window: int,
    in_hand: Sequence[UUID],
    times: Times,
    probes: Sequence[UUID] = (),
) -> tuple[list[Due], bool]:
    """Return what may be sent to endpoints, and queue what may not; and whether there may be more."""
    values = {"ids": list(ids), "in_hand": list(in_hand), "window": window, "probes": list(probes)}
    rows = (await connection.execute(_FETCH, values)).all()
    counts = Counter(row.subscription_id for row in rows)
    again = {subscription_id for subscription_id, count in counts.items() if count >= window}
    if held := [row.delivery_id for row in rows if row.is_held]:
        again |= await _hold_back(connection, held, times.nudge_after_s)
    if again:
        await connection.execute(_LOOK_AGAIN, {"ids": list(again)})
    return [Due(*row[:-1]) for row in rows if not row.is_held], bool(again)


async def _hold_back(connection: AsyncConnection, held: Sequence[UUID], nudge_after_s: float) -> set[UUID]:
    """Queue what is held; return the endpoints where this brought on the one that waits."""
    values = {
        "held": list(held),
        "queued": after(Step.HOLD_BACK),
        "holdable": before(Step.HOLD_BACK),
        "due": after(Step.COME_DUE),
        "nudge_after_s": nudge_after_s,
    }
    return {row.subscription_id for row in await connection.execute(_HOLD_BACK, values)}
